/** Where both models are drawn, and the report as a table; see ../src/viewer/arrangement.ts and report-files.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Report } from "../src/api.ts";
import { arrange } from "../src/viewer/arrangement.ts";
import { asCsv, asHtml } from "../src/views/understand/report-files.ts";

test("a split cuts at its place, and both models have the whole view", () => {
  const [original, result] = arrange({ kind: "split", at: 0.25 }, ["original", "result"], 400, 300);
  assert.deepEqual([original?.width, result?.width], [400, 400]);
  assert.deepEqual([original?.cut, result?.cut], [{ x: 0, width: 100 }, { x: 100, width: 300 }]);
});

test("side by side is one above the other where there is no room", () => {
  const [left, right] = arrange({ kind: "side" }, ["original", "result"], 801, 300);
  assert.deepEqual([left?.x, left?.width, right?.x, right?.width], [0, 400, 401, 400]);
  const [above, below] = arrange({ kind: "side" }, ["original", "result"], 300, 801);
  assert.deepEqual([above?.y, above?.height, below?.y], [401, 400, 0]);
});

test("a model that is alone has all of the view", () => {
  assert.deepEqual(arrange({ kind: "side" }, ["result"], 10, 10).map(({ role, width }) => [role, width]), [["result", 10]]);
  assert.equal(arrange({ kind: "flip", shown: "result" }, ["original", "result"], 10, 10)[0]?.role, "result");
});

const INVENTORY = { bytes: 10, bytes_by: { images: 10 }, gpu_texture_bytes: 4, images: [], mesh_entries: [], animation_entries: [], extensions_used: [], extensions_required: [] };
const REPORT = {
  version: "1",
  settings: { preset: "balanced", target: "web" },
  input_hash: "aa",
  output_hash: "bb",
  outcome: "optimized",
  before: { ...INVENTORY, images: [{ name: '=cmd("x"),1', mime: "image/png", width: 1, height: 1, bytes: 10, gpu_bytes: 4, slots: ["a", "b"] }] },
  after: INVENTORY,
  attempts: 1,
  comparison: null,
  passes: [{ name: "<script>", changed: true, bytes_before: 10, bytes_after: 9, notes: [] }],
  warnings: [],
  dropped: [],
} as unknown as Report;

test("names from a file become no formula of a spreadsheet and no markup of a page", () => {
  const csv = asCsv(REPORT);
  assert.match(csv, /^table,item,figure,before,after\r\n/);
  assert.match(csv, /image,"'=cmd\(""x""\),1",bytes,10,/);
  const html = asHtml("<b>.glb", REPORT, null);
  assert.ok(html.includes("&lt;script&gt;") && !html.includes("<script>") && !html.includes("<b>.glb"));
});
