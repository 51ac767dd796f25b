/** Whether a file keeps within what a place allows, and which object is at fault where it does not. Pure. */
import type { Inventory } from "../../api.ts";

/** What is counted. Sizes in bytes, sides in pixels. */
export const measures = ["bytes", "gpu", "side", "triangles", "vertices", "primitives", "materials"] as const;
export type Measure = (typeof measures)[number];

/** The most that is allowed. What is not named is not limited. */
export type Limits = Partial<Record<Measure, number>>;

/** The places that have limits of their own. */
export const places = ["phone", "desktop", "quickLook", "sceneViewer"] as const;
export type Place = (typeof places)[number];

/**
 * Scene Viewer and Quick Look: the limits that Google (I/O 2019) and Apple (WWDC 2018) recommend. They publish none for web
 * pages: the numbers for phone and desktop are this program's own advice.
 */
export const recommended: Record<Place, Limits> = {
  phone: { bytes: 5e6, gpu: 128e6, side: 2048, triangles: 200_000, primitives: 100 },
  desktop: { bytes: 25e6, gpu: 512e6, side: 4096, triangles: 2_000_000, primitives: 500 },
  quickLook: { side: 2048, triangles: 100_000 },
  sceneViewer: { bytes: 10e6, side: 2048, vertices: 30_000, materials: 10 },
};

/** The share of a limit from which on it is nearly used up. */
const NEARLY = 0.8;

/** One measure against its limit. */
export interface Verdict {
  measure: Measure;
  value: number;
  limit: number;
  light: "green" | "amber" | "red";
  /** The object with the largest part in the value, where one has it. */
  culprit: Culprit | null;
}

/** An object of the file. */
export interface Culprit {
  kind: "image" | "mesh" | "animation";
  index: number;
  name: string | null;
  value: number;
}

/** Compares a file with limits, in the order of `measures`. */
export function judge(inventory: Inventory, limits: Limits): Verdict[] {
  return measures.flatMap((measure) => {
    const limit = limits[measure];
    if (limit === undefined) return [];
    const value = valueOf(inventory, measure);
    // Textures come in powers of two: one that has all the pixels it may have is as it should be.
    const nearly = measure === "side" ? limit : limit * NEARLY;
    const light = value > limit ? "red" : value > nearly ? "amber" : "green";
    return [{ measure, value, limit, light, culprit: culpritOf(inventory, measure) } as const];
  });
}

/** The worst of several lights; green where there is none. */
export function worst(verdicts: readonly Verdict[]): Verdict["light"] {
  if (verdicts.some(({ light }) => light === "red")) return "red";
  return verdicts.some(({ light }) => light === "amber") ? "amber" : "green";
}

function valueOf(inventory: Inventory, measure: Measure): number {
  switch (measure) {
    case "bytes":
      return inventory.bytes;
    case "gpu":
      return inventory.gpu_texture_bytes;
    case "side":
      return Math.max(0, ...inventory.images.map(({ width, height }) => Math.max(width, height)));
    default:
      return Number(inventory[measure] ?? 0);
  }
}

function culpritOf(inventory: Inventory, measure: Measure): Culprit | null {
  const images = (value: (image: Inventory["images"][number]) => number): Culprit[] =>
    inventory.images.map((image, index) => ({ kind: "image", index, name: image.name, value: value(image) }));
  const meshes = (value: (mesh: Inventory["mesh_entries"][number]) => number): Culprit[] =>
    (inventory.mesh_entries ?? []).map((mesh, index) => ({ kind: "mesh", index, name: mesh.name, value: value(mesh) }));
  const animations = (): Culprit[] =>
    (inventory.animation_entries ?? []).map(({ name, bytes }, index) => ({ kind: "animation", index, name, value: bytes }));
  switch (measure) {
    case "bytes":
      return largest([...images(({ bytes }) => bytes), ...meshes(({ bytes }) => bytes), ...animations()]);
    case "gpu":
      return largest(images((image) => image.gpu_bytes));
    case "side":
      return largest(images(({ width, height }) => Math.max(width, height)));
    case "triangles":
      return largest(meshes(({ triangles }) => triangles));
    case "vertices":
      return largest(meshes(({ vertices }) => vertices));
    case "primitives":
      return largest(meshes(({ primitives }) => primitives));
    case "materials":
      return null;
  }
}

function largest(culprits: readonly Culprit[]): Culprit | null {
  return culprits.reduce<Culprit | null>((found, one) => (one.value > (found?.value ?? 0) ? one : found), null);
}

const KEPT_AS = "budget";

/** The person's own limits, kept in this browser. */
export function ownLimits(): Limits {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS) ?? "{}") as Record<string, unknown>;
    return Object.fromEntries(measures.flatMap((name) => (typeof kept[name] === "number" && kept[name] > 0 ? [[name, kept[name]]] : [])));
  } catch {
    return {};
  }
}

/** Keeps them. */
export function keepLimits(limits: Limits): void {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(limits));
  } catch {
    // Storage is turned off: they hold until the page is left.
  }
}
