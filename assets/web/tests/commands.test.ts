/** Settings as commands; see ../src/commands.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { changedSettings, cliCommand, curlCommand } from "../src/commands.ts";

const DEFAULTS = { preset: "balanced", target: "web", effort: "normal", max_error: null, lods: null };

test("only what differs from the defaults is said", () => {
  const settings = { preset: "maximum", target: "web", effort: "normal", max_error: null, lods: "" };
  assert.deepEqual(changedSettings(settings, DEFAULTS), { preset: "maximum" });
});

test("the command line gets flags, and names with spaces in quotes", () => {
  assert.equal(cliCommand("a chair's.glb", { max_error: "0.02" }), `glb-optimizer optimize 'a chair'\\''s.glb' --max-error 0.02`);
  assert.equal(cliCommand("*.glb", {}), "glb-optimizer optimize *.glb");
  assert.equal(cliCommand("a.glb", { lods: "2" }), "glb-optimizer optimize a.glb --lods 2 --lods-as msft-lod");
});

test("curl sends the file to this server", () => {
  assert.equal(
    curlCommand("a.glb", [], { preset: "high", target: "gpu" }, "http://127.0.0.1:5000"),
    "curl -sS --fail --data-binary @a.glb -o a-optimized.glb 'http://127.0.0.1:5000/api/v1/optimize?preset=high&target=gpu'",
  );
});

test("a .gltf goes with its files, under their paths", () => {
  assert.equal(
    curlCommand("kit/a.gltf", ["kit/a.bin"], {}, "http://x"),
    "curl -sS --fail -F 'file=@kit/a.gltf;filename=kit/a.gltf' -F 'file=@kit/a.bin;filename=kit/a.bin' -o kit/a-optimized.glb http://x/api/v1/optimize",
  );
});
