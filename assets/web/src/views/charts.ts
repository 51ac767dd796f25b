/** Counts as columns: a small SVG for the eye and the same as a table for everybody else. */
import { make, table } from "../dom.ts";
import { formatCount } from "../format.ts";
import { text } from "../strings.ts";

/** One column: parts of it from the bottom up, each with the name of its colour. */
export interface Column {
  label: string;
  parts: { kind: string; count: number }[];
}

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const STEP = 10;
/** Share of a step that a column fills. */
const FILLED = 0.72;

/** A chart with its heading. `kinds` names the parts, in the order in which they are stacked. */
export function chart(heading: string, columns: Column[], kinds: Record<string, string>): HTMLElement {
  const most = Math.max(1, ...columns.map(sum));
  const names = Object.entries(kinds);
  const rows = columns.map((column) => [column.label, ...names.map(([kind]) => formatCount(countOf(column, kind)))]);
  return make(
    "figure",
    { className: "chart" },
    make("figcaption", {}, make("h2", {}, heading), names.length > 1 && legend(names)),
    make("p", { className: "chart-most", ariaHidden: "true" }, formatCount(most)),
    make("div", { className: "chart-area" }, drawing(columns, most)),
    make("div", { className: "chart-ends", ariaHidden: "true" }, make("span", {}, columns[0]?.label ?? ""), make("span", {}, columns.at(-1)?.label ?? "")),
    make("details", {}, make("summary", {}, text.dashboard.asTable), make("div", { className: "scroll", tabIndex: 0 }, table(heading, [heading, ...names.map(([, name]) => name)], rows))),
  );
}

function drawing(columns: Column[], most: number): SVGSVGElement {
  const svg = svgElement("svg", { viewBox: `0 0 ${Math.max(columns.length, 1) * STEP} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "chart-drawing" });
  columns.forEach((column, index) => {
    let top = HEIGHT;
    for (const { kind, count } of column.parts) {
      const height = (count / most) * HEIGHT;
      top -= height;
      const bar = svgElement("rect", { x: index * STEP + (STEP * (1 - FILLED)) / 2, y: top, width: STEP * FILLED, height, "data-kind": kind });
      bar.append(titleOf(`${column.label}: ${formatCount(count)}`));
      svg.append(bar);
    }
  });
  return svg;
}

function titleOf(words: string): SVGElement {
  const title = svgElement("title", {});
  title.textContent = words;
  return title;
}

function legend(names: [string, string][]): HTMLElement {
  return make("ul", { className: "legend" }, ...names.map(([kind, name]) => make("li", {}, make("i", { className: "swatch", dataset: { kind } }), name)));
}

function sum(column: Column): number {
  return column.parts.reduce((total, { count }) => total + count, 0);
}

function countOf(column: Column, kind: string): number {
  return column.parts.find((part) => part.kind === kind)?.count ?? 0;
}

function svgElement<K extends keyof SVGElementTagNameMap>(name: K, attributes: Record<string, string | number>): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
