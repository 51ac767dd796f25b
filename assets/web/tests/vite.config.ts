/** Bundles the tests of the page's pure parts for `node --test`: Node 20 cannot read TypeScript by itself. */
import { readdirSync } from "node:fs";
import { defineConfig } from "vite";

const tests = readdirSync("tests").filter((name) => name.endsWith(".test.ts"));

export default defineConfig({
  build: {
    ssr: true,
    outDir: "node_modules/.tests",
    emptyOutDir: true,
    rolldownOptions: { input: tests.map((name) => `tests/${name}`) },
  },
});
