/** What came of a job: how much smaller, the download, and the report in words and figures. */
import { jobUrl, type Job, type Report } from "../api.ts";
import { make } from "../dom.ts";
import { downloadName, formatBytes, formatExactBytes, formatReduction } from "../format.ts";
import { lookUp, text, type Choice } from "../strings.ts";
import { bytesView } from "./bytes.ts";
import { comparisonView, inventoryView, notesView, passesView } from "./details.ts";

/** A completed job. `report` is a sentence where it could not be read: the download works all the same. */
export function resultView(job: Job, report: Report | string, onAgain: () => void): HTMLElement {
  const again = make("button", { type: "button", className: "button quiet wide" }, text.actions.again);
  again.onclick = onAgain;
  return make("section", { className: "result" }, summary(job, report), download(job), again, ...details(job, report));
}

/** The size of a job's result in bytes. */
export function resultBytes(job: Job): number {
  return job.output_bytes ?? job.input_bytes;
}

function summary(job: Job, report: Report | string): HTMLElement {
  const after = resultBytes(job);
  const outcome = typeof report === "string" ? "optimized" : report.outcome;
  const same = outcome === "optimized" ? undefined : text.result.same[outcome];
  const headline = same?.headline ?? text.result.smaller(formatReduction(job.input_bytes, after));
  return make(
    "header",
    { className: "summary" },
    make("h2", { tabIndex: -1 }, headline),
    same !== undefined && make("p", {}, same.why),
    make(
      "p",
      { className: "sizes" },
      make("span", { title: formatExactBytes(job.input_bytes) }, formatBytes(job.input_bytes)),
      make("span", { className: "arrow", ariaLabel: "to", role: "img" }, "→"),
      make("strong", { title: formatExactBytes(after) }, formatBytes(after)),
    ),
    make("p", { className: "hint" }, `${labelOf(text.choices.preset, job.settings.preset)} · ${labelOf(text.choices.target, job.settings.target)}`),
  );
}

function download(job: Job): HTMLElement {
  const link = make("a", { className: "button primary wide", href: jobUrl(job.id, "result"), download: downloadName(job.input_name) });
  link.dataset["role"] = "download";
  link.append(text.result.download(formatBytes(resultBytes(job))));
  return link;
}

function details(job: Job, report: Report | string): HTMLElement[] {
  if (typeof report === "string") return [make("p", { className: "hint is-warning" }, `${text.result.noReport} ${report}`)];
  const looks = comparisonView(job, report);
  return [
    bytesView(report.before, report.after),
    ...(looks ? [looks] : []),
    notesView(report),
    passesView(report),
    inventoryView(report.before, report.after),
  ];
}

function labelOf(choices: Record<string, Choice>, value: string): string {
  return lookUp(choices, value)?.label ?? value;
}
