/** Where the bytes of both files are: a map of each, both on one scale, and a table whose last row is the file size. */
import type { Inventory } from "../api.ts";
import { make } from "../dom.ts";
import { formatBytes, formatExactBytes } from "../format.ts";
import { lookUp, text } from "../strings.ts";
import { categories, partsOf, type Item, type Part } from "./understand/parts.ts";
import { treemap, type Rect } from "./understand/treemap.ts";

const WHOLE: Rect = { x: 0, y: 0, width: 1, height: 1 };
/** The shape of a map, width by height, as in the style sheet: rectangles are square for the eye, not in numbers. */
const SHAPE = 1.6;
/** Rectangles that are smaller have no room for words; in parts of the map's width and height. */
const LEAST_WIDTH = 0.1;
const LEAST_HEIGHT = 0.09;

/** The content of the section. Every byte of both files is in it once. */
export function bytesView(before: Inventory, after: Inventory): HTMLElement[] {
  const keys = categories(before, after);
  const scale = Math.max(before.bytes, after.bytes, 1);
  return [
    make("div", { className: "maps" }, map(text.understand.before, before), map(text.understand.after, after)),
    make("h4", {}, text.understand.sameScale),
    make(
      "div",
      { className: "bars", ariaHidden: "true" },
      ...bar(text.understand.before, keys, before, scale),
      ...bar(text.understand.after, keys, after, scale),
    ),
    table(keys, before, after),
  ];
}

function map(role: string, file: Inventory): HTMLElement {
  const parts = partsOf(file);
  const places = treemap(parts.map(({ bytes }) => bytes), { ...WHOLE, width: SHAPE });
  const cells = parts.flatMap((part, index) => cellsOf(part, places[index] ?? WHOLE));
  const size = formatBytes(file.bytes);
  return make(
    "figure",
    { className: "map" },
    make("figcaption", {}, make("strong", {}, role), ` ${size}`),
    make("div", { className: "map-area", role: "img", ariaLabel: text.understand.mapOf(role, size) }, ...cells),
  );
}

function cellsOf(part: Part, place: Rect): HTMLElement[] {
  const items: Item[] = part.items.length > 0 ? part.items : [{ name: partName(part.key), index: -1, bytes: part.bytes }];
  const rects = treemap(items.map(({ bytes }) => bytes), place);
  return items.map((item, index) => {
    const name = part.items.length > 0 ? itemName(part.key, item) : partName(part.key);
    const rect = rects[index] ?? place;
    const isLarge = rect.width / SHAPE > LEAST_WIDTH && rect.height > LEAST_HEIGHT;
    const label = isLarge && make("span", {}, make("b", {}, name), ` ${formatBytes(item.bytes)}`);
    const cell = make("div", { className: "map-cell", dataset: { part: part.key }, title: `${partName(part.key)}, ${name}: ${formatBytes(item.bytes)}` }, label);
    Object.assign(cell.style, {
      left: `${(rect.x / SHAPE) * 100}%`,
      top: `${rect.y * 100}%`,
      width: `${(rect.width / SHAPE) * 100}%`,
      height: `${rect.height * 100}%`,
    });
    return cell;
  });
}

/** What an item of a part is called. */
function itemName(key: string, { name, index }: Item): string {
  if (index < 0) return text.understand.others;
  if (name) return name;
  const kinds = { images: "image", vertices: "mesh", animations: "animation" } as const;
  const kind = lookUp<"image" | "mesh" | "animation">(kinds, key);
  return kind ? text.understand.numbered[kind](index) : partName(key);
}

function partName(key: string): string {
  return key === "vertices" ? text.understand.meshData : byteName(key);
}

function byteName(key: string): string {
  return lookUp<string>(text.byteParts, key) ?? key;
}

function bar(label: string, keys: string[], file: Inventory, scale: number): HTMLElement[] {
  const segments = keys.map((key) => {
    const bytes = file.bytes_by[key] ?? 0;
    const segment = make("i", { dataset: { part: key }, title: `${byteName(key)}: ${formatBytes(bytes)}` });
    segment.style.width = `${(bytes / scale) * 100}%`;
    return segment;
  });
  return [make("span", { className: "bar-label" }, label), make("div", { className: "bar-track" }, ...segments)];
}

function table(keys: string[], before: Inventory, after: Inventory): HTMLElement {
  const rows = keys.map((key) => row(swatched(key), size(before.bytes_by[key] ?? 0), size(after.bytes_by[key] ?? 0), "td"));
  const total = row(text.understand.total, size(before.bytes), size(after.bytes), "td");
  return make(
    "table",
    { className: "figures", dataset: { role: "bytes" } },
    make("thead", {}, row(text.understand.part, text.understand.before, text.understand.after, "th")),
    make("tbody", {}, ...rows),
    make("tfoot", {}, total),
  );
}

function swatched(key: string): HTMLElement {
  return make("span", {}, make("i", { className: "swatch", dataset: { part: key } }), byteName(key));
}

function size(bytes: number): HTMLElement {
  return make("span", { title: formatExactBytes(bytes), dataset: { bytes: String(bytes) } }, bytes === 0 ? "–" : formatBytes(bytes));
}

function row(name: string | Node, before: string | Node, after: string | Node, cell: "th" | "td"): HTMLElement {
  const head = make("th", { scope: cell === "th" ? "col" : "row" }, name);
  const options = cell === "th" ? { scope: "col" } : {};
  return make("tr", {}, head, make(cell, options, before), make(cell, options, after));
}
