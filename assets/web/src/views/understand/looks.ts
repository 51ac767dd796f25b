/** How different original and result look: the worst view in pictures, the error of each view, and what was tried for it. */
import { jobUrl, type Comparison, type Job, type Report, type ViewError } from "../../api.ts";
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";
import { curveView } from "./curve.ts";
import { sortableTable, type Column } from "./table.ts";

const error = (value: number): string => value.toFixed(3);

/** The content of the section; nothing where nothing was compared. `goTo` looks from where a view looks. */
export function looksView(job: Job, report: Report, goTo: (view: ViewError) => void): HTMLElement[] {
  const comparison = report.comparison;
  if (!comparison) return [];
  const { measured, attempts } = text.understand;
  return [
    make("p", {}, measured(error(comparison.mean), error(comparison.worst), error(comparison.close_worst)), report.attempts > 1 && ` ${attempts(report.attempts)}`),
    ...(report.outcome === "optimized" ? [worstView(job)] : []),
    make(
      "div",
      { className: "columns" },
      make("div", {}, make("h4", {}, text.understand.perView), viewTable(comparison, goTo)),
      ...curveView(report),
    ),
    ...(comparison.not_shown.length > 0 ? [notShown(comparison.not_shown)] : []),
  ];
}

/** Pictures of the view in which the result looks most different; none where they are not stored any more. */
function worstView(job: Job): HTMLElement {
  const image = make("img", { src: jobUrl(job.id, "worst-view"), alt: text.understand.worstViewAlt, loading: "lazy" });
  const figure = make("figure", { className: "worst-view" }, image, make("figcaption", { className: "hint" }, text.understand.worstView));
  image.onerror = () => figure.remove();
  return figure;
}

function viewTable(comparison: Comparison, goTo: (view: ViewError) => void): HTMLElement {
  const largest = Math.max(...comparison.views.map((view) => view.error), 1e-6);
  const columns: Column<ViewError>[] = [
    { head: text.understand.view, cell: (view) => viewName(view, goTo), value: (view) => view.name },
    { head: text.understand.error, cell: (view) => errorBar(view.error, largest), value: (view) => view.error, isNumber: true },
    { head: text.understand.outline, cell: (view) => `${(Math.floor(view.silhouette * 1000) / 10).toFixed(1)} %`, value: (view) => view.silhouette, isNumber: true },
    { head: text.understand.object, cell: (view) => view.object ?? "–", value: (view) => view.object ?? "" },
  ];
  return sortableTable(text.understand.perView, columns, comparison.views, 1);
}

function viewName(view: ViewError, goTo: (view: ViewError) => void): HTMLElement | string {
  if (!view.camera) return view.name;
  const button = make("button", { type: "button", className: "view-link", title: text.understand.goThere }, view.name);
  button.onclick = () => goTo(view);
  return button;
}

/** The number, with a bar behind it on the scale of the largest. */
function errorBar(value: number, largest: number): HTMLElement {
  const bar = make("span", { className: "error-bar" }, error(value));
  bar.style.setProperty("--share", `${(value / largest) * 100}%`);
  return bar;
}

function notShown(what: string[]): HTMLElement {
  return make("div", {}, make("h4", {}, text.understand.notShown), make("ul", { className: "notes" }, ...what.map((one) => make("li", {}, one))));
}
