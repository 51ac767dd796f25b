/** A .glb as a .gltf with its files beside it. Pure; nothing is decoded, and nothing but references is changed. */
import { listOf, storedRange, type Glb, type Json } from "./container.ts";

/** A file of the archive. */
export interface Entry {
  name: string;
  data: Blob;
}

const EXTENSIONS: Record<string, string> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/avif": "avif",
  "image/ktx2": "ktx2",
};

/** Members of this extension hold numbers of buffer views under other names: then images stay in the binary file. */
const NAMES_VIEWS = "EXT_structural_metadata";

/** The entries; `name` is that of the .gltf without its ending. */
export function separate(glb: Glb, name: string): Entry[] {
  const json = structuredClone(glb.json);
  const images = listOf(json, "extensionsUsed").includes(NAMES_VIEWS as never) ? [] : takeImages(json, glb.bin);
  const bin = packViews(json, glb.bin);
  const [buffer] = listOf(json, "buffers");
  if (buffer && buffer["uri"] === undefined) {
    buffer["uri"] = `${name}.bin`;
    buffer["byteLength"] = bin.size;
  }
  const text = new Blob([JSON.stringify(json)], { type: "model/gltf+json" });
  return [{ name: `${name}.gltf`, data: text }, ...(bin.size > 0 ? [{ name: `${name}.bin`, data: bin }] : []), ...images];
}

/** Gives every image inside a file of its own, and takes its buffer view out of the list. */
function takeImages(json: Json, bin: Blob): Entry[] {
  const views = listOf(json, "bufferViews");
  const taken = new Set<number>();
  const entries = listOf(json, "images").flatMap((image, index) => {
    const number = Number(image["bufferView"] ?? -1);
    const range = views[number] && storedRange(views[number]);
    if (!range) return [];
    const mime = String(image["mimeType"] ?? "");
    const name = `image-${index}.${EXTENSIONS[mime] ?? "bin"}`;
    delete image["bufferView"];
    image["uri"] = name;
    taken.add(number);
    return [{ name, data: bin.slice(range.offset, range.offset + range.length, mime) }];
  });
  renumber(json, views, taken);
  return entries;
}

/** Takes views out of the list, except those that something else uses, and changes all numbers of the others. */
function renumber(json: Json, views: Json[], taken: Set<number>): void {
  visitViews(json, (number) => {
    taken.delete(number);
    return number;
  });
  const numbers = views.map((_, index) => index - [...taken].filter((gone) => gone < index).length);
  visitViews(json, (number) => numbers[number] ?? number);
  if (views.length > 0) json["bufferViews"] = views.filter((_, index) => !taken.has(index));
}

/** Calls `change` for every number of a buffer view, wherever in the file it stands. */
function visitViews(value: unknown, change: (number: number) => number): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === "bufferView" && typeof member === "number") (value as Json)[key] = change(member);
    else visitViews(member, change);
  }
}

/** The binary part without what nothing points to; views are moved to where they are now. */
function packViews(json: Json, bin: Blob): Blob {
  const pieces: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  const moved = new Map<string, number>();
  let at = 0;
  for (const view of listOf(json, "bufferViews")) {
    const range = storedRange(view);
    if (!range) continue;
    const place = `${range.offset}+${range.length}`;
    const before = moved.get(place);
    if (before === undefined) {
      pieces.push(bin.slice(range.offset, range.offset + range.length), new Uint8Array(-range.length & 3));
      moved.set(place, at);
    }
    range.of["byteOffset"] = before ?? at;
    if (before === undefined) at += range.length + (-range.length & 3);
  }
  return new Blob(pieces);
}
