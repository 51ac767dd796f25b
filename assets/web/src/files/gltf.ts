/**
 * A .gltf and its files: what it refers to, and all of it as one .glb for the eye. The copy is only shown; what is sent are
 * the files themselves, which the server packs by rules of its own.
 */
import type { Picked } from "./drop.ts";

const MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const BIN_CHUNK = 0x004e4942;

interface Resource {
  uri?: string;
  bufferView?: number;
  byteLength?: number;
}

interface Gltf {
  buffers?: Resource[];
  images?: (Resource & { mimeType?: string })[];
  bufferViews?: { buffer: number; byteOffset?: number; byteLength: number }[];
}

/** The files beside it that a .gltf names, without those that it holds itself; null when it is no JSON. */
export async function readReferences(file: Blob): Promise<string[] | null> {
  const gltf = await parse(file);
  if (!gltf) return null;
  const uris = [...list(gltf.buffers), ...list(gltf.images)].map(({ uri }) => uri);
  return [...new Set(uris.filter((uri): uri is string => typeof uri === "string" && !uri.startsWith("data:")))];
}

/** The path that a .gltf at `base` means by `uri`. */
export function resolve(base: string, uri: string): string {
  const parts = base.split("/").slice(0, -1);
  for (const step of decode(uri).split(/[?#]/)[0]?.split("/") ?? []) {
    if (step === "..") parts.pop();
    else if (step !== "." && step !== "") parts.push(step);
  }
  return parts.join("/");
}

/** The .gltf with its files as one .glb; null when something is missing or is not as it should be. */
export async function packGltf(model: { path: string; file: Blob; parts: Picked[] }): Promise<Blob | null> {
  const gltf = await parse(model.file);
  if (!gltf) return null;
  const files = new Map(model.parts.map(({ path, file }) => [path, file]));
  const bin = new Bin();
  const views = (gltf.bufferViews ??= []);
  const starts: number[] = [];
  for (const buffer of list(gltf.buffers)) {
    const blob = await fetchResource(buffer.uri, model.path, files);
    if (!blob) return null;
    starts.push(bin.add(blob));
  }
  for (const view of views) {
    view.byteOffset = (view.byteOffset ?? 0) + (starts[view.buffer] ?? 0);
    view.buffer = 0;
  }
  for (const image of list(gltf.images)) {
    if (image.uri === undefined) continue;
    const blob = await fetchResource(image.uri, model.path, files);
    if (!blob) return null;
    image.mimeType ??= mimeType(image.uri);
    delete image.uri;
    image.bufferView = views.push({ buffer: 0, byteOffset: bin.add(blob), byteLength: blob.size }) - 1;
  }
  gltf.buffers = [{ byteLength: bin.bytes }];
  return assemble(gltf, bin);
}

/** The binary chunk in the making: files behind one another, each at a multiple of four. */
class Bin {
  bytes = 0;
  readonly parts: BlobPart[] = [];

  /** Appends a file and says where it begins. */
  add(blob: Blob): number {
    const start = this.bytes;
    const padding = -blob.size & 3;
    this.parts.push(blob, new Uint8Array(padding));
    this.bytes += blob.size + padding;
    return start;
  }
}

function assemble(gltf: Gltf, bin: Bin): Blob {
  const json = new TextEncoder().encode(JSON.stringify(gltf));
  const spaces = new Uint8Array(-json.length & 3).fill(0x20);
  const jsonBytes = json.length + spaces.length;
  const head = words(MAGIC, 2, 28 + jsonBytes + bin.bytes, jsonBytes, JSON_CHUNK);
  return new Blob([head, json, spaces, words(bin.bytes, BIN_CHUNK), ...bin.parts]);
}

function words(...values: number[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, index) => view.setUint32(index * 4, value, true));
  return view.buffer;
}

async function fetchResource(uri: string | undefined, base: string, files: Map<string, Blob>): Promise<Blob | null> {
  if (uri === undefined) return null;
  return uri.startsWith("data:") ? decodeDataUri(uri) : (files.get(resolve(base, uri)) ?? null);
}

/** By hand, because the page's security policy allows no fetch of data: addresses. */
function decodeDataUri(uri: string): Blob | null {
  const [head = "", body = ""] = uri.split(",", 2);
  try {
    const binary = head.endsWith(";base64") ? atob(body) : decodeURIComponent(body);
    return new Blob([Uint8Array.from(binary, (letter) => letter.charCodeAt(0))]);
  } catch {
    return null;
  }
}

function mimeType(uri: string): string {
  const named = /^data:([^;,]+)/.exec(uri)?.[1];
  const ending = uri.split(/[?#]/)[0]?.split(".").pop()?.toLowerCase() ?? "";
  return named ?? `image/${ending === "jpg" ? "jpeg" : ending}`;
}

async function parse(file: Blob): Promise<Gltf | null> {
  try {
    const parsed: unknown = JSON.parse(await file.text());
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Gltf) : null;
  } catch {
    return null;
  }
}

function list<T>(value: T[] | undefined): T[] {
  return Array.isArray(value) ? value : [];
}

function decode(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
