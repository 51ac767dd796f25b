/** The figures of the report; see ../src/views/understand. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { ImageEntry, Inventory, MeshEntry } from "../src/api.ts";
import { judge, worst } from "../src/views/understand/budgets.ts";
import { codeFor, opens } from "../src/views/understand/loaders.ts";
import { pair } from "../src/views/understand/pairs.ts";
import { categories, partsOf } from "../src/views/understand/parts.ts";
import { order } from "../src/views/understand/table.ts";
import { treemap } from "../src/views/understand/treemap.ts";

const image = (name: string, bytes: number, side = 512): ImageEntry => ({ name, mime: "image/png", width: side, height: side, bytes, gpu_bytes: side * side * 4, slots: [] });
const mesh = (name: string, bytes: number, triangles = 10): MeshEntry => ({ name, primitives: 1, triangles, vertices: triangles, attributes: [], morph_targets: 0, bytes });

function inventory(images: ImageEntry[], meshes: MeshEntry[], by: Record<string, number>): Inventory {
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    bytes: sum(Object.values(by)),
    bytes_by: by,
    gpu_texture_bytes: sum(images.map(({ gpu_bytes }) => gpu_bytes)),
    images,
    mesh_entries: meshes,
    animation_entries: [],
    extensions_used: [],
    extensions_required: [],
    triangles: sum(meshes.map(({ triangles }) => triangles)),
    primitives: meshes.length,
  };
}

test("the parts of the map sum exactly to the file size, and their items to each part", () => {
  const many = Array.from({ length: 40 }, (_, index) => image(`i${index}`, 100 + index));
  const file = inventory(many, [mesh("a", 70)], { images: 5000, vertices: 60, indices: 10, morph_targets: 5, json: 300, container: 28, new_part: 7 });
  const parts = partsOf(file);
  assert.equal(parts.reduce((sum, { bytes }) => sum + bytes, 0), file.bytes);
  for (const { bytes, items } of parts.filter(({ items }) => items.length > 0)) assert.equal(items.reduce((sum, item) => sum + item.bytes, 0), bytes);
  assert.deepEqual(categories(file, file).slice(-1), ["new_part"]);
});

test("items that claim more than their part has are not believed", () => {
  const file = inventory([image("twice", 80), image("twice too", 80)], [], { images: 80 });
  assert.deepEqual(partsOf(file)[0]?.items, [{ name: null, index: -1, bytes: 80 }]);
});

test("rectangles have the areas of their numbers, and none lies outside", () => {
  const weights = [60, 30, 6, 3, 1];
  const rects = treemap(weights, { x: 0, y: 0, width: 1.6, height: 1 });
  rects.forEach(({ x, y, width, height }, index) => {
    assert.ok(Math.abs(width * height - ((weights[index] ?? 0) / 100) * 1.6) < 1e-9);
    assert.ok(x >= 0 && y >= 0 && x + width <= 1.6 + 1e-9 && y + height <= 1 + 1e-9);
  });
  assert.deepEqual(treemap([], { x: 0, y: 0, width: 1, height: 1 }), []);
});

test("a budget is green, nearly used up or broken, and names the object at fault", () => {
  const file = inventory([image("small", 10, 256), image("large", 900, 2048)], [mesh("body", 90, 85)], { images: 910, vertices: 90 });
  const verdicts = judge(file, { bytes: 950, side: 2048, triangles: 100, primitives: 10 });
  assert.deepEqual(verdicts.map(({ measure, light }) => [measure, light]), [["bytes", "red"], ["side", "green"], ["triangles", "amber"], ["primitives", "green"]]);
  assert.deepEqual(verdicts[0]?.culprit, { kind: "image", index: 1, name: "large", value: 900 });
  assert.equal(worst(verdicts), "red");
  assert.equal(worst([]), "green");
});

test("what opens a file follows from the extensions that it requires", () => {
  assert.deepEqual(opens("blender", []), { reads: "yes" });
  assert.deepEqual(opens("blender", ["EXT_texture_avif", "KHR_draco_mesh_compression"]), { reads: "no", extensions: ["EXT_texture_avif"] });
  assert.deepEqual(opens("three", ["EXT_meshopt_compression", "KHR_mesh_quantization"]), { reads: "setup", extensions: ["EXT_meshopt_compression"] });
  assert.deepEqual(opens("babylon", ["VENDOR_unheard_of"]), { reads: "no", extensions: ["VENDOR_unheard_of"] });
});

test("the lines of code set up the decoders that are needed, and no others", () => {
  const meshopt = codeFor("three", "a.glb", ["EXT_meshopt_compression"]) ?? "";
  assert.match(meshopt, /setMeshoptDecoder\(MeshoptDecoder\)/);
  assert.doesNotMatch(meshopt, /DRACOLoader|KTX2Loader/);
  assert.doesNotMatch(codeFor("three", "a.glb", []) ?? "", /Decoder|DRACO/);
  assert.match(codeFor("modelViewer", 'a"b.glb', []) ?? "", /src="a&quot;b.glb"/);
  assert.equal(codeFor("unreal", "a.glb", []), null);
});

test("items are paired by name, else by place, else not at all", () => {
  const names = (before: (string | null)[], after: (string | null)[]): (number | null)[][] =>
    pair(before.map((name) => ({ name })), after.map((name) => ({ name }))).map((one) => [one.before?.index ?? null, one.after?.index ?? null]);
  assert.deepEqual(names(["a", "b", "c"], ["c", "a"]), [[0, 1], [1, null], [2, 0]]);
  assert.deepEqual(names([null, "x", "x"], [null, "x", "x"]), [[0, 0], [1, 1], [2, 2]]);
  assert.deepEqual(names([null], []), [[0, null]]);
  assert.deepEqual(names([], ["made"]), [[null, 0]]);
});

test("rows are ordered by numbers as numbers and by words as people count", () => {
  assert.deepEqual(order([{ v: 9 }, { v: 100 }], ({ v }) => v, false), [{ v: 100 }, { v: 9 }]);
  assert.deepEqual(order(["Mesh 10", "Mesh 9"], (name) => name, true), ["Mesh 9", "Mesh 10"]);
});
