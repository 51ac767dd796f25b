/** The figures that count, large: what the result has, and what the original had. */
import type { Inventory } from "../../api.ts";
import { make } from "../../dom.ts";
import { formatBytes, formatCount, formatReduction } from "../../format.ts";
import { text } from "../../strings.ts";

const SIZES = ["bytes", "gpu"] as const;
const COUNTS = ["triangles", "vertices", "primitives", "materials", "textures", "keyframes"] as const;

/** The tiles; counts that are zero in both files are left out. */
export function overview(before: Inventory, after: Inventory): HTMLElement {
  const size = (name: (typeof SIZES)[number], file: Inventory): number => (name === "bytes" ? file.bytes : file.gpu_texture_bytes);
  const count = (name: (typeof COUNTS)[number], file: Inventory): number => Number(file[name] ?? 0);
  const tiles = [
    ...SIZES.map((name) => tile(text.understand.tiles[name], size(name, before), size(name, after), formatBytes)),
    ...COUNTS.map((name) => tile(text.understand.tiles[name], count(name, before), count(name, after), formatCount)),
  ];
  return make("dl", { className: "tiles" }, ...tiles);
}

function tile(label: string, before: number, after: number, format: (value: number) => string): HTMLElement | null {
  if (before === 0 && after === 0) return null;
  const less = after < before ? `−${formatReduction(before, after)}` : "";
  const was = before === after ? text.understand.unchanged : text.understand.was(format(before));
  return make(
    "div",
    { className: "tile" },
    make("dt", {}, label),
    make("dd", {}, make("strong", {}, format(after)), make("span", {}, was), less !== "" && make("b", {}, less)),
  );
}
