/** The first look at a file; see ../src/files/glb.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { judgeHeader, refuse } from "../src/files/glb.ts";

function header(magic: number, version: number, length: number): DataView {
  const view = new DataView(new ArrayBuffer(12));
  [magic, version, length].forEach((word, index) => view.setUint32(index * 4, word, true));
  return view;
}

const GLTF = 0x46546c67;

test("a glTF 2.0 header is let through", () => {
  assert.equal(judgeHeader(header(GLTF, 2, 1000), 1000, "a.glb"), null);
});

test("bytes after the declared end are the server's business", () => {
  assert.equal(judgeHeader(header(GLTF, 2, 1000), 1200, "a.glb"), null);
});

test("each wrong file is refused with its own words", () => {
  const title = (head: DataView, size: number, name: string): string | undefined => judgeHeader(head, size, name)?.title;
  assert.equal(title(header(0, 0, 0), 0, "a.glb"), "This file is empty");
  assert.equal(title(header(0x04034b50, 0, 0), 99, "a.glb"), "This is a zip archive");
  assert.equal(title(header(0xe0ffd8ff, 0, 0), 99, "photo.jpg"), "This is not a .glb file");
  assert.equal(title(header(GLTF, 1, 99), 99, "a.glb"), "This is glTF version 1");
  assert.equal(title(header(GLTF, 2, 2000), 1999, "a.glb"), "This file is cut off");
});

test("a file of four letters is cut off, not a crash", async () => {
  assert.equal((await refuse(new Blob(["glTF"]), "a.glb"))?.title, "This file is cut off");
  assert.equal((await refuse(new Blob(["gl"]), "a.glb"))?.title, "This is not a .glb file");
});
