/** What can be traded for what: size and error of every result that was made on the way, as a picture and as a table. */
import type { Report } from "../../api.ts";
import { make } from "../../dom.ts";
import { formatBytes } from "../../format.ts";
import { text } from "../../strings.ts";

interface Tried {
  bytes: number;
  error: number;
}

const WIDTH = 320;
const HEIGHT = 200;
const EDGE = { left: 44, right: 14, top: 12, bottom: 30 };

/** The chart; nothing where fewer than two results could be compared. */
export function curveView(report: Report): HTMLElement[] {
  const tried = (report.curve ?? []).filter((one): one is Tried => one.error !== null);
  if (tried.length < 2) return [];
  const isKept = (one: Tried): boolean => report.outcome === "optimized" && one.bytes === report.after.bytes;
  const rows = tried.map((one, index) =>
    make("tr", {}, make("th", { scope: "row" }, String(index + 1), isKept(one) && ` (${text.understand.kept})`), make("td", {}, formatBytes(one.bytes)), make("td", {}, one.error.toFixed(4))),
  );
  const heads = [text.understand.tried, text.understand.size, text.understand.error].map((head) => make("th", { scope: "col" }, head));
  return [
    make(
      "figure",
      { className: "curve" },
      make("figcaption", {}, make("h4", {}, text.understand.curve)),
      chart(tried, isKept),
      make("p", { className: "hint" }, text.understand.curveAlt),
      make("table", { className: "figures" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)),
    ),
  ];
}

function chart(tried: Tried[], isKept: (one: Tried) => boolean): HTMLElement {
  const most = { bytes: Math.max(...tried.map(({ bytes }) => bytes)) * 1.05, error: Math.max(...tried.map(({ error }) => error), 1e-4) * 1.1 };
  const x = (bytes: number): number => EDGE.left + (bytes / most.bytes) * (WIDTH - EDGE.left - EDGE.right);
  const y = (error: number): number => HEIGHT - EDGE.bottom - (error / most.error) * (HEIGHT - EDGE.top - EDGE.bottom);
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": text.understand.curveAlt });
  svg.append(
    draw("line", { x1: EDGE.left, y1: y(0), x2: WIDTH - EDGE.right, y2: y(0), class: "axis" }),
    draw("line", { x1: EDGE.left, y1: EDGE.top, x2: EDGE.left, y2: y(0), class: "axis" }),
    label("0", EDGE.left - 6, y(0) + 4, "end"),
    label(most.error.toFixed(3), EDGE.left - 6, EDGE.top + 8, "end"),
    label(formatBytes(most.bytes), WIDTH - EDGE.right, HEIGHT - 10, "end"),
    label(text.understand.size, EDGE.left, HEIGHT - 10, "start"),
    ...tried.map((one) => draw("circle", { cx: x(one.bytes), cy: y(one.error), r: isKept(one) ? 6 : 4, class: isKept(one) ? "kept" : "" })),
  );
  return make("div", {}, svg);
}

function label(words: string, x: number, y: number, anchor: string): SVGElement {
  const element = draw("text", { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

function draw(tag: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
