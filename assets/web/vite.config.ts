/**
 * How the page is built: into static files that the executable embeds (see build.rs at the top of the repository).
 * Nothing may be fetched from another origin, and nothing may need `unsafe-eval` or inline code.
 */
import { defineConfig } from "vite";

import { dropUnusedDecoders, transcoderWithoutEval } from "./build/decoders.ts";
import { gzipBeside } from "./build/gzip.ts";

const SERVER = process.env["GLB_OPTIMIZER_URL"] ?? "http://127.0.0.1:5000";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    // An inlined asset would be a data: URL, which the cache and the content security policy treat worse than a file.
    assetsInlineLimit: 0,
    // The viewer chunk is mostly three.js. It loads lazily, so its size does not delay the first paint.
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  plugins: [transcoderWithoutEval(), dropUnusedDecoders(), gzipBeside()],
  // `npm run dev` shows the page from here and the API from a running `glb-optimizer serve`.
  server: { proxy: Object.fromEntries(["/api", "/health", "/login", "/logout", "/sample.glb"].map((path) => [path, SERVER])) },
});
