/** The two parts of a .glb, and the pieces of its binary part. Bytes stay in the Blob; only the JSON is read. */

/** A file's JSON as it is written. */
export type Json = Record<string, unknown>;

/** What a .glb holds. */
export interface Glb {
  json: Json;
  bin: Blob;
}

/** A range of the binary part, in bytes. */
export interface Range {
  offset: number;
  length: number;
}

const HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;

/** Cuts a .glb apart. Throws when it is none. */
export async function openGlb(blob: Blob): Promise<Glb> {
  const first = new DataView(await blob.slice(0, HEADER_BYTES + CHUNK_HEADER_BYTES).arrayBuffer());
  const jsonBytes = first.getUint32(HEADER_BYTES, true);
  const jsonAt = HEADER_BYTES + CHUNK_HEADER_BYTES;
  const json = JSON.parse(await blob.slice(jsonAt, jsonAt + jsonBytes).text()) as Json;
  const at = jsonAt + jsonBytes;
  if (at + CHUNK_HEADER_BYTES > blob.size) return { json, bin: new Blob() };
  const binBytes = new DataView(await blob.slice(at, at + 4).arrayBuffer()).getUint32(0, true);
  return { json, bin: blob.slice(at + CHUNK_HEADER_BYTES, at + CHUNK_HEADER_BYTES + binBytes) };
}

/** A list of the file; empty where there is none. */
export function listOf(json: Json, name: string): Json[] {
  const list = json[name];
  return Array.isArray(list) ? (list as Json[]) : [];
}

/** What is stored of a buffer view: the compressed range where it is compressed. `undefined` outside of the binary part. */
export function storedRange(view: Json): (Range & { of: Json }) | undefined {
  const extensions = (view["extensions"] ?? {}) as Record<string, Json | undefined>;
  const of = extensions["EXT_meshopt_compression"] ?? extensions["KHR_meshopt_compression"] ?? view;
  if (of["buffer"] !== 0) return undefined;
  return { of, offset: Number(of["byteOffset"] ?? 0), length: Number(of["byteLength"] ?? 0) };
}

/** The file of image number `index`, or null where it is not inside. */
export function imageFile({ json, bin }: Glb, index: number, mime: string): Blob | null {
  const image = listOf(json, "images")[index];
  const view = listOf(json, "bufferViews")[Number(image?.["bufferView"] ?? -1)];
  const range = view && storedRange(view);
  return range ? bin.slice(range.offset, range.offset + range.length, mime) : null;
}
