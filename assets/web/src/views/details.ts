/** What was done: each pass or why it declined, where the time went, warnings, what is gone. */
import type { PassReport, Report } from "../api.ts";
import { make } from "../dom.ts";
import { formatByteChange, formatSeconds, formatSentence } from "../format.ts";
import { stageName, text } from "../strings.ts";

/** Every pass in run order: first those that did something, then why the others did nothing. */
export function passesView(report: Report): HTMLElement[] {
  const list = (passes: PassReport[]): HTMLElement => make("ol", { className: "passes" }, ...passes.map(passItem));
  const changed = report.passes.filter((pass) => pass.changed);
  const idle = report.passes.filter((pass) => !pass.changed);
  const summary = make("summary", {}, text.understand.idlePasses(idle.length));
  return [
    ...(changed.length > 0 ? [list(changed)] : []),
    // Where nothing at all was changed, the reasons are what there is to read.
    ...(idle.length > 0 ? [make("details", { open: changed.length === 0 }, summary, list(idle))] : []),
  ];
}

/** Warnings, and what did not survive; the second is said also when it is nothing. */
export function notesView(report: Report): HTMLElement {
  return make(
    "div",
    { className: "notices-list" },
    report.warnings.length > 0 && noteList(text.understand.warnings, report.warnings),
    report.dropped.length > 0 && noteList(text.understand.dropped, report.dropped),
    report.dropped.length === 0 && make("p", { className: "hint" }, text.understand.nothingDropped),
  );
}

/** How long each stage took, as measured; they add up. Empty where nobody measured. */
export function timesView(report: Report): HTMLElement {
  const stages = report.stages ?? [];
  const total = report.seconds ?? stages.reduce((sum, { seconds }) => sum + seconds, 0);
  if (stages.length === 0 || total <= 0) return make("div", {});
  const rows = [...stages]
    .sort((a, b) => b.seconds - a.seconds)
    .map(({ name, seconds }) => {
      const bar = make("span", { className: "error-bar" }, formatSeconds(seconds));
      bar.style.setProperty("--share", `${(seconds / total) * 100}%`);
      return make("tr", {}, make("th", { scope: "row" }, stageName(name)), make("td", {}, bar));
    });
  const foot = make("tfoot", {}, make("tr", {}, make("th", { scope: "row" }, text.understand.inAll), make("td", {}, formatSeconds(total))));
  const table = make("table", { className: "figures" }, make("caption", { className: "visually-hidden" }, text.understand.stages), make("tbody", {}, ...rows), foot);
  return make("details", {}, make("summary", {}, `${text.understand.stages}: ${formatSeconds(total)}`), table);
}

function passItem(pass: PassReport): HTMLElement {
  const change = pass.changed ? formatByteChange(pass.bytes_before, pass.bytes_after) : text.understand.unchangedPass;
  const time = pass.seconds === undefined ? null : make("span", { className: "pass-time" }, formatSeconds(pass.seconds));
  return make(
    "li",
    { className: pass.bytes_after < pass.bytes_before ? "" : "is-unchanged" },
    make("div", { className: "pass-head" }, make("span", { className: "pass-name" }, stageName(pass.name)), time, make("span", { className: "pass-change" }, change)),
    ...pass.notes.map((note) => make("p", {}, formatSentence(note))),
  );
}

function noteList(heading: string, notes: string[]): HTMLElement {
  return make("div", {}, make("h4", {}, heading), make("ul", { className: "notes" }, ...notes.map((note) => make("li", {}, formatSentence(note)))));
}
