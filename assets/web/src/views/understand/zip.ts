/** Files as one zip archive. Stored, not compressed: what is in a model is compressed already. Loaded on demand. */
import { Zip, ZipDeflate, ZipPassThrough } from "fflate";

import type { Entry } from "./archive.ts";

/** Bytes that are put in before the page gets its turn. */
const SLICE = 2 ** 20;

/** The archive. */
export async function zipped(entries: readonly Entry[]): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const done = new Promise<void>((resolve, reject) => {
    const zip = new Zip((error, piece, last) => {
      if (error) return reject(error);
      pieces.push(piece as Uint8Array<ArrayBuffer>);
      if (last) resolve();
    });
    addAll(zip, entries).catch(reject);
  });
  await done;
  return new Blob(pieces, { type: "application/zip" });
}

async function addAll(zip: Zip, entries: readonly Entry[]): Promise<void> {
  for (const { name, data } of entries) {
    const isText = name.endsWith(".gltf");
    const file = isText ? new ZipDeflate(name, { level: 6 }) : new ZipPassThrough(name);
    // The same model gives the same archive.
    file.mtime = new Date(1980, 0, 1);
    zip.add(file);
    for (let at = 0; at < data.size || at === 0; at += SLICE) {
      const slice = new Uint8Array(await data.slice(at, at + SLICE).arrayBuffer());
      file.push(slice, at + SLICE >= data.size);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  zip.end();
}
