/** Bundles the tests of the page's pure parts for `node --test`: Node 20 cannot read TypeScript by itself. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    ssr: true,
    outDir: "node_modules/.tests",
    emptyOutDir: true,
    rolldownOptions: { input: ["tests/format.test.ts", "tests/glb.test.ts", "tests/route.test.ts", "tests/strings.test.ts"] },
  },
});
