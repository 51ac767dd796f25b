/** The rest of the report: counts before and after, what each pass did or why it declined, warnings, what is gone. */
import { jobUrl, type Inventory, type Job, type PassReport, type Report } from "../api.ts";
import { make } from "../dom.ts";
import { format, formatByteChange, formatBytes, formatCount, formatSeconds, formatSentence } from "../format.ts";
import { stageName, text } from "../strings.ts";

/** Counts of what both files hold; rows that are zero in both are left out. */
export function inventoryView(before: Inventory, after: Inventory): HTMLElement {
  const rows = Object.entries(text.inventoryFacts)
    .map(([key, label]) => [label, Number(before[key] ?? 0), Number(after[key] ?? 0)] as const)
    .filter(([, was, is]) => was > 0 || is > 0)
    .map(([label, was, is]) => factRow(label, formatCount(was), formatCount(is)));
  if (before.gpu_texture_bytes > 0 || after.gpu_texture_bytes > 0) {
    rows.push(factRow(text.inventoryLabels.gpu, formatBytes(before.gpu_texture_bytes), formatBytes(after.gpu_texture_bytes)));
  }
  return make(
    "section",
    {},
    make("h3", {}, text.result.facts),
    make("table", { className: "figures" }, factHead(), make("tbody", {}, ...rows)),
    extensions(after.extensions_required),
  );
}

/** How different original and result look, view by view. */
export function comparisonView(job: Job, report: Report): HTMLElement | undefined {
  const comparison = report.comparison;
  if (comparison === null || comparison === undefined) return undefined;
  const rows = comparison.views.map((view) => make("tr", {}, make("th", { scope: "row" }, view.name), make("td", {}, format(view.error, 3))));
  return make(
    "section",
    {},
    make("h3", {}, text.result.looks),
    make("p", {}, text.result.compared(format(comparison.mean, 3), format(comparison.close_worst, 3), report.attempts)),
    report.outcome === "optimized" && worstView(job),
    make("details", {}, make("summary", {}, text.result.views), make("table", { className: "figures" }, make("tbody", {}, ...rows))),
    comparison.not_shown.length > 0 && noteList(text.result.notShown, comparison.not_shown),
  );
}

/** Pictures of the view in which the result looks most different; none where they are not stored any more. */
function worstView(job: Job): HTMLElement {
  const image = make("img", { src: jobUrl(job.id, "worst-view"), alt: text.result.worstViewAlt, loading: "lazy" });
  const figure = make("figure", { className: "worst-view" }, image, make("figcaption", { className: "hint" }, text.result.worstView));
  image.onerror = () => figure.remove();
  return figure;
}

/** Every pass in run order. */
export function passesView(report: Report): HTMLElement {
  const heading = report.outcome === "optimized" ? text.result.passes : text.result.tried;
  return make(
    "section",
    {},
    make("h3", {}, heading),
    make("ol", { className: "passes" }, ...report.passes.map(passItem)),
  );
}

/** Warnings, and what did not survive; the second is said also when it is nothing. */
export function notesView(report: Report): HTMLElement {
  return make(
    "section",
    {},
    report.warnings.length > 0 && noteList(text.result.warnings, report.warnings),
    report.dropped.length > 0 && noteList(text.result.dropped, report.dropped),
    report.dropped.length === 0 && make("p", { className: "hint" }, text.result.nothingDropped),
  );
}

function factHead(): HTMLElement {
  const heads = [text.result.fact, text.result.original, text.result.result];
  return make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head))));
}

function factRow(label: string, before: string, after: string): HTMLElement {
  return make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, before), make("td", {}, after));
}

function extensions(required: string[]): HTMLElement {
  const names = required.length > 0 ? required.join(", ") : text.inventoryLabels.none;
  return make("p", { className: "hint" }, `${text.inventoryLabels.required}: ${names}`);
}

function passItem(pass: PassReport): HTMLElement {
  const change = pass.changed ? formatByteChange(pass.bytes_before, pass.bytes_after) : text.result.unchanged;
  const time = pass.seconds === undefined ? null : make("span", { className: "pass-time" }, formatSeconds(pass.seconds));
  return make(
    "li",
    { className: pass.bytes_after < pass.bytes_before ? "" : "is-unchanged" },
    make("div", { className: "pass-head" }, make("span", { className: "pass-name" }, stageName(pass.name)), time, make("span", { className: "pass-change" }, change)),
    ...pass.notes.map((note) => make("p", {}, formatSentence(note))),
  );
}

function noteList(heading: string, notes: string[]): HTMLElement {
  return make("div", {}, make("h3", {}, heading), make("ul", { className: "notes" }, ...notes.map((note) => make("li", {}, formatSentence(note)))));
}
