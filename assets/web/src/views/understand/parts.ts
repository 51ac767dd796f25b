/** Where every byte of a file is: the report's categories, and the largest items of each. Pure; sums exactly. */
import type { Inventory } from "../../api.ts";

/** A part of a file. Its items sum to its bytes; it has none where the report tells none apart. */
export interface Part {
  /** As in the report's `bytes_by`. */
  key: string;
  bytes: number;
  items: Item[];
}

/** A part of a part; `index` is -1 for what is left when the largest are taken away. */
export interface Item {
  name: string | null;
  index: number;
  bytes: number;
}

/** Items that are told apart in each part; the rest is one item. */
const MOST_ITEMS = 12;

/** The categories in drawing order, and where they come from. Names of newer servers come last, so that the sum stays exact. */
const ORDER = ["images", "vertices", "indices", "morph_targets", "animations", "skins", "extensions", "json", "container", "unused"];

/** The names of all categories that either file has bytes in, in drawing order. */
export function categories(before: Inventory, after: Inventory): string[] {
  const names = new Set([...ORDER, ...Object.keys(before.bytes_by), ...Object.keys(after.bytes_by)]);
  return [...names].filter((name) => (before.bytes_by[name] ?? 0) > 0 || (after.bytes_by[name] ?? 0) > 0);
}

/** The parts of a file for the picture: vertices, indices and morph targets together, mesh by mesh. */
export function partsOf(inventory: Inventory): Part[] {
  const by = inventory.bytes_by;
  const meshBytes = (by["vertices"] ?? 0) + (by["indices"] ?? 0) + (by["morph_targets"] ?? 0);
  const merged = new Map<string, number>();
  for (const [key, bytes] of Object.entries(by)) {
    if (key === "vertices") merged.set(key, meshBytes);
    else if (key !== "indices" && key !== "morph_targets") merged.set(key, bytes);
  }
  const lists: Record<string, readonly { name: string | null; bytes: number }[] | undefined> = {
    images: inventory.images,
    vertices: inventory.mesh_entries,
    animations: inventory.animation_entries,
  };
  return [...merged]
    .filter(([, bytes]) => bytes > 0)
    .map(([key, bytes]) => ({ key, bytes, items: itemsOf(lists[key] ?? [], bytes) }))
    .sort((a, b) => b.bytes - a.bytes);
}

/** The largest items, and what is left of `total`. Items that claim more than there is are not believed. */
function itemsOf(list: readonly { name: string | null; bytes: number }[], total: number): Item[] {
  if (list.length === 0) return [];
  const all = list.map(({ name, bytes }, index) => ({ name, index, bytes })).filter(({ bytes }) => bytes > 0);
  const largest = all.sort((a, b) => b.bytes - a.bytes).slice(0, MOST_ITEMS);
  const rest = total - largest.reduce((sum, { bytes }) => sum + bytes, 0);
  if (rest < 0) return [{ name: null, index: -1, bytes: total }];
  return rest > 0 ? [...largest, { name: null, index: -1, bytes: rest }] : largest;
}
