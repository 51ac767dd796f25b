/** Where the bytes of both files are: two bars on one scale, and the same as a table whose last row is the file size. */
import type { Inventory } from "../api.ts";
import { make } from "../dom.ts";
import { formatBytes, formatExactBytes } from "../format.ts";
import { text } from "../strings.ts";

interface Part {
  key: string;
  label: string;
  before: number;
  after: number;
}

/** The section. Every byte of both files is in it once. */
export function bytesView(before: Inventory, after: Inventory): HTMLElement {
  const parts = listParts(before.bytes_by, after.bytes_by);
  const scale = Math.max(before.bytes, after.bytes, 1);
  return make(
    "section",
    { className: "bytes" },
    make("h3", {}, text.result.bytes),
    make(
      "div",
      { className: "bars", ariaHidden: "true" },
      ...bar(text.result.original, parts, "before", scale),
      ...bar(text.result.result, parts, "after", scale),
    ),
    table(parts, before.bytes, after.bytes),
  );
}

/** Parts in drawing order; parts that this page has no name for come last, so that the sum stays exact. */
function listParts(before: Record<string, number>, after: Record<string, number>): Part[] {
  const names = new Map<string, string>(Object.entries(text.byteParts));
  for (const key of Object.keys({ ...before, ...after })) if (!names.has(key)) names.set(key, key);
  return [...names]
    .map(([key, label]) => ({ key, label, before: before[key] ?? 0, after: after[key] ?? 0 }))
    .filter((part) => part.before > 0 || part.after > 0);
}

function bar(label: string, parts: Part[], side: "before" | "after", scale: number): HTMLElement[] {
  const segments = parts.map((part) => {
    const segment = make("i", { dataset: { part: part.key }, title: `${part.label}: ${formatBytes(part[side])}` });
    segment.style.width = `${(part[side] / scale) * 100}%`;
    return segment;
  });
  return [make("span", { className: "bar-label" }, label), make("div", { className: "bar-track" }, ...segments)];
}

function table(parts: Part[], before: number, after: number): HTMLElement {
  return make(
    "table",
    { className: "figures" },
    make("thead", {}, row("th", text.result.part, text.result.original, text.result.result)),
    make("tbody", {}, ...parts.map((part) => partRow(part))),
    make("tfoot", {}, row("td", text.result.total, size(before), size(after))),
  );
}

function partRow(part: Part): HTMLElement {
  const name = make("span", {}, make("i", { className: "swatch", dataset: { part: part.key } }), part.label);
  return row("td", name, size(part.before), size(part.after));
}

function size(bytes: number): HTMLElement {
  return make("span", { title: formatExactBytes(bytes) }, bytes === 0 ? "–" : formatBytes(bytes));
}

function row(cell: "th" | "td", name: string | Node, before: string | Node, after: string | Node): HTMLElement {
  const head = make("th", { scope: cell === "th" ? "col" : "row" }, name);
  const options = cell === "th" ? { scope: "col" } : {};
  return make("tr", {}, head, make(cell, options, before), make(cell, options, after));
}
