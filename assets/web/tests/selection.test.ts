/** What was chosen; see ../src/files/selection.ts and ../src/files/gltf.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { packGltf, resolve } from "../src/files/gltf.ts";
import { judgeHeader } from "../src/files/glb.ts";
import { filesOf, select } from "../src/files/selection.ts";
import type { Picked } from "../src/files/drop.ts";

function glb(): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(12));
  [0x46546c67, 2, 12].forEach((word, index) => view.setUint32(index * 4, word, true));
  return new Uint8Array(view.buffer);
}

function picked(path: string, content: BlobPart): Picked {
  return { path, file: new File([content], path.split("/").pop() ?? path) };
}

const CHAIR = JSON.stringify({
  asset: { version: "2.0" },
  buffers: [{ uri: "chair.bin", byteLength: 6 }],
  bufferViews: [{ buffer: 0, byteLength: 6 }],
  images: [{ uri: "../images/wood%20oak.png" }],
});

test("twenty files and a folder are twenty-one models", async () => {
  const files = Array.from({ length: 20 }, (_, index) => picked(`model-${index}.glb`, glb()));
  const folder = [picked("kit/chair/chair.gltf", CHAIR), picked("kit/chair/chair.bin", "123456"), picked("kit/images/wood oak.png", "png")];
  const notes = picked("kit/read me.txt", "nothing");
  const { selection, problems } = await select([...files, ...folder, notes]);
  assert.deepEqual(problems, []);
  assert.equal(selection?.models.length, 21);
  const sent = filesOf(selection?.models ?? []).map(({ path }) => path);
  assert.equal(sent.length, 23);
  assert.ok(sent.includes("kit/images/wood oak.png") && !sent.includes(notes.path));
});

test("a .gltf without its files is refused, and they are named", async () => {
  const { selection, problems } = await select([picked("chair.gltf", CHAIR)]);
  assert.equal(selection, null);
  assert.match(problems[0]?.detail ?? "", /chair\.bin, \.\.\/images\/wood%20oak\.png/);
});

test("one bad file does not keep the good ones away", async () => {
  const { selection, problems } = await select([picked("good.glb", glb()), picked("bad.glb", "photo, really")]);
  assert.equal(selection?.models.length, 1);
  assert.equal(problems.length, 1);
});

test("files without a model say so", async () => {
  const { problems } = await select([picked("a.png", "1"), picked("b.png", "2")]);
  assert.equal(problems.length, 1);
});

test("a .gltf is shown as a .glb that holds its files", async () => {
  const parts = [picked("kit/chair/chair.bin", "123456"), picked("kit/images/wood oak.png", "png")];
  const packed = await packGltf({ path: "kit/chair/chair.gltf", file: new Blob([CHAIR]), parts });
  assert.ok(packed);
  const bytes = await packed.arrayBuffer();
  assert.equal(judgeHeader(new DataView(bytes), bytes.byteLength, "chair.glb"), null);
  const jsonBytes = new DataView(bytes).getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(bytes.slice(20, 20 + jsonBytes))) as Record<string, unknown[]>;
  assert.deepEqual(json["buffers"], [{ byteLength: 12 }]);
  assert.deepEqual(json["images"], [{ mimeType: "image/png", bufferView: 1 }]);
  assert.deepEqual(json["bufferViews"]?.[1], { buffer: 0, byteOffset: 8, byteLength: 3 });
});

test("paths lead out of folders and back, and never above what was chosen", () => {
  assert.equal(resolve("a/b/c.gltf", "../d/e.bin?x=1"), "a/d/e.bin");
  assert.equal(resolve("c.gltf", "../../e.bin"), "e.bin");
});
