/** What came of a job, in short: how much smaller, the downloads, and whether it fits where it is to go. */
import { jobUrl, type Job, type Report } from "../api.ts";
import { make } from "../dom.ts";
import { downloadName, formatBytes, formatExactBytes, formatReduction } from "../format.ts";
import { lookUp, text, type Choice } from "../strings.ts";
import { judge, places, recommended, worst } from "./understand/budgets.ts";
import { downloadsView } from "./understand/downloads.ts";

/** A completed job. `report` is a sentence where it could not be read: the download works all the same. */
export function resultView(job: Job, report: Report | string, result: Blob, onAgain: () => void): HTMLElement {
  const again = make("button", { type: "button", className: "button quiet wide" }, text.actions.again);
  again.onclick = onAgain;
  return make("section", { className: "result" }, summary(job, report), download(job), again, ...facts(job, report, result));
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

function facts(job: Job, report: Report | string, result: Blob): HTMLElement[] {
  if (typeof report === "string") return [make("p", { className: "hint is-warning" }, `${text.result.noReport} ${report}`)];
  return [downloadsView(job, report, result), ...looks(report), fits(report)];
}

/** How alike both look, in one sentence. */
function looks(report: Report): HTMLElement[] {
  const comparison = report.comparison;
  if (!comparison || report.outcome === "kept_original") return [];
  return [make("p", { className: "looks" }, make("strong", {}, comparison.mean.toFixed(3)), make("span", {}, text.result.looks))];
}

/** Where the result may go, in lights; the report says why. */
function fits(report: Report): HTMLElement {
  const lights = places.map((place) => {
    const light = worst(judge(report.after, recommended[place]));
    const lamp = make("span", { className: "light", role: "img", ariaLabel: text.understand.verdict[light] });
    return make("li", { dataset: { light } }, lamp, text.understand.place[place]);
  });
  return make("ul", { className: "fits" }, ...lights);
}

function labelOf(choices: Record<string, Choice>, value: string): string {
  return lookUp(choices, value)?.label ?? value;
}
