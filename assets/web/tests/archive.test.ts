/** A .glb taken apart into files; see ../src/views/understand/archive.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { separate } from "../src/views/understand/archive.ts";
import { imageFile, listOf, openGlb, type Json } from "../src/views/understand/container.ts";

/** A .glb of this JSON and these bytes. */
function glb(json: Json, bin: Uint8Array<ArrayBuffer>): Blob {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const padded = text.length + (-text.length & 3);
  const head = new DataView(new ArrayBuffer(20));
  [0x46546c67, 2, 28 + padded + bin.length, padded, 0x4e4f534a].forEach((word, index) => head.setUint32(index * 4, word, true));
  const binHead = new DataView(new ArrayBuffer(8));
  binHead.setUint32(0, bin.length, true);
  binHead.setUint32(4, 0x004e4942, true);
  return new Blob([head, text, " ".repeat(padded - text.length), binHead, bin]);
}

const BIN = new Uint8Array([1, 2, 3, 4, 9, 9, 9, 9, 9, 0, 0, 0, 5, 6, 7, 8]);
const JSON_WITH_IMAGE: Json = {
  asset: { version: "2.0" },
  buffers: [{ byteLength: 16 }],
  bufferViews: [{ buffer: 0, byteLength: 4 }, { buffer: 0, byteOffset: 4, byteLength: 5 }, { buffer: 0, byteOffset: 12, byteLength: 4 }],
  accessors: [{ bufferView: 0 }, { bufferView: 2, sparse: { indices: { bufferView: 2 } } }],
  images: [{ bufferView: 1, mimeType: "image/png" }],
};

const bytes = async (blob: Blob): Promise<number[]> => [...new Uint8Array(await blob.arrayBuffer())];

test("images become files, and what is left moves together", async () => {
  const source = await openGlb(glb(JSON_WITH_IMAGE, BIN));
  assert.deepEqual(await bytes(imageFile(source, 0, "image/png") ?? new Blob()), [9, 9, 9, 9, 9]);
  const [gltf, bin, image] = separate(source, "model");
  assert.deepEqual([gltf?.name, bin?.name, image?.name], ["model.gltf", "model.bin", "image-0.png"]);
  assert.deepEqual(await bytes(image?.data ?? new Blob()), [9, 9, 9, 9, 9]);
  assert.deepEqual(await bytes(bin?.data ?? new Blob()), [1, 2, 3, 4, 5, 6, 7, 8]);
  const json = JSON.parse((await gltf?.data.text()) ?? "") as Json;
  assert.deepEqual(json["images"], [{ mimeType: "image/png", uri: "image-0.png" }]);
  assert.deepEqual(json["buffers"], [{ byteLength: 8, uri: "model.bin" }]);
  assert.deepEqual(listOf(json, "bufferViews").map((view) => view["byteOffset"]), [0, 4]);
  assert.deepEqual(json["accessors"], [{ bufferView: 0 }, { bufferView: 1, sparse: { indices: { bufferView: 1 } } }]);
});

test("compressed views are moved by their stored range, and the fallback buffer stays", async () => {
  const meshopt = { buffer: 0, byteOffset: 12, byteLength: 4, count: 1, byteStride: 4 };
  const source = await openGlb(
    glb({ buffers: [{ byteLength: 16 }, { byteLength: 400 }], bufferViews: [{ buffer: 1, byteLength: 400, extensions: { EXT_meshopt_compression: meshopt } }] }, BIN),
  );
  const [gltf, bin] = separate(source, "model");
  assert.deepEqual(await bytes(bin?.data ?? new Blob()), [5, 6, 7, 8]);
  const json = JSON.parse((await gltf?.data.text()) ?? "") as Json;
  assert.deepEqual(listOf(json, "buffers"), [{ byteLength: 4, uri: "model.bin" }, { byteLength: 400 }]);
  const [view] = listOf(json, "bufferViews");
  assert.equal(((view?.["extensions"] as Record<string, Json>)["EXT_meshopt_compression"] as Json)["byteOffset"], 0);
});

test("an image that something else uses too keeps its place in the binary file", async () => {
  const source = await openGlb(glb({ ...JSON_WITH_IMAGE, accessors: [{ bufferView: 1 }] }, BIN));
  const [gltf] = separate(source, "model");
  const json = JSON.parse((await gltf?.data.text()) ?? "") as Json;
  assert.equal(listOf(json, "bufferViews").length, 3);
});
