/**
 * What was chosen: which of the files are models, which belong to one, and how all of it is sent. Reads only what it has
 * to: the head of a .glb, the JSON of a .gltf. The server looks at everything again.
 */
import { text, type Problem } from "../strings.ts";
import type { Picked } from "./drop.ts";
import { refuse } from "./glb.ts";
import { packGltf, readReferences, resolve } from "./gltf.ts";

/** One model, or an archive that may hold several. */
export interface Model {
  kind: "glb" | "gltf" | "zip";
  path: string;
  /** Its name without folders. */
  name: string;
  file: File;
  /** Bytes of it with everything that it refers to. */
  bytes: number;
  /** What a .gltf refers to and was chosen with it. */
  parts: Picked[];
}

/** Everything that is to be optimized with one press of the button. */
export interface Selection {
  models: Model[];
  /** The sum of what will be sent, each file once. */
  bytes: number;
}

/** Finds the models in a list of files. What cannot be one is said in `problems`, in the order of the files. */
export async function select(files: Picked[]): Promise<{ selection: Selection | null; problems: Problem[] }> {
  const models: Model[] = [];
  const problems: Problem[] = [];
  const byPath = new Map(files.map((picked) => [picked.path, picked]));
  const candidates = files.filter(({ path }) => kindOf(path) !== null);
  // A single file is judged by its content: its name may be anything.
  for (const picked of candidates.length > 0 || files.length !== 1 ? candidates : files) {
    const found = await read(picked, byPath);
    if ("title" in found) problems.push(found);
    else models.push(found);
  }
  if (models.length === 0 && problems.length === 0) problems.push(text.problems.noModel(files.length));
  return { selection: models.length > 0 ? { models, bytes: bytesOf(models) } : null, problems };
}

/** The files of a selection as they are sent, each once. */
export function filesOf(models: Model[]): Picked[] {
  const all = models.flatMap(({ path, file, parts }) => [{ path, file }, ...parts]);
  return [...new Map(all.map((picked) => [picked.path, picked])).values()];
}

/** The model as one .glb that can be shown before it was sent; null for an archive, or where parts are missing. */
export async function preview(model: Model): Promise<Blob | null> {
  if (model.kind === "zip") return null;
  return model.kind === "glb" ? model.file : packGltf(model);
}

function kindOf(path: string): Model["kind"] | null {
  if (/\.(glb|vrm)$/i.test(path)) return "glb";
  if (/\.gltf$/i.test(path)) return "gltf";
  return /\.zip$/i.test(path) ? "zip" : null;
}

async function read({ path, file }: Picked, byPath: Map<string, Picked>): Promise<Model | Problem> {
  const kind = kindOf(path) ?? "glb";
  const model: Model = { kind, path, name: path.split("/").pop() ?? path, file, bytes: file.size, parts: [] };
  if (kind === "zip") return file.size === 0 ? text.problems.empty(model.name) : model;
  if (kind === "glb") return (await refuse(file, model.name)) ?? model;
  const references = await readReferences(file);
  if (references === null) return text.problems.brokenGltf(model.name);
  const wanted = references.map((uri) => resolve(path, uri));
  const missing = references.filter((_, index) => !byPath.has(wanted[index] ?? ""));
  if (missing.length > 0) return text.problems.missingParts(model.name, missing);
  model.parts = wanted.flatMap((wantedPath) => byPath.get(wantedPath) ?? []);
  model.bytes = bytesOf([model]);
  return model;
}

function bytesOf(models: Model[]): number {
  return filesOf(models).reduce((sum, { file }) => sum + file.size, 0);
}
