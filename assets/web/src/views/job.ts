/** Parts of a row that is about a job: its state in words and colour, its progress, what came of it. */
import type { Job } from "../api.ts";
import { make } from "../dom.ts";
import { formatBytes, formatPercent, formatReduction } from "../format.ts";
import { writeRoute } from "../route.ts";
import { stageName, text } from "../strings.ts";

/** The name of a job's file, leading to the job. */
export function jobLink(job: Job): HTMLElement {
  return make("a", { href: writeRoute({ page: "job", id: job.id }), className: "job-name", title: job.input_name, dataset: { key: `open-${job.id}` } }, job.input_name);
}

/** Its state; of a running one the stage and the percentage, of a queued one the place, of a dead one the reason. */
export function jobState(job: Job): HTMLElement {
  const badge = make("span", { className: "badge", dataset: { state: job.state } }, text.states[job.state]);
  if (job.state === "running") {
    const bar = make("progress", { max: 100, value: job.percent ?? 0, ariaLabel: text.states.running });
    return make("div", { className: "job-state" }, badge, bar, make("small", {}, `${formatPercent(job.percent ?? 0)} · ${stageName(job.stage)}`));
  }
  return make("div", { className: "job-state" }, badge, detailOf(job) !== "" && make("small", {}, detailOf(job)));
}

/** How much smaller it became; empty while there is no result. */
export function jobSaving(job: Job): string {
  return job.output_bytes === null ? "" : formatReduction(job.input_bytes, job.output_bytes);
}

/** The size of its result; a dash while there is none. */
export function jobOutput(job: Job): string {
  return job.output_bytes === null ? "–" : formatBytes(job.output_bytes);
}

function detailOf(job: Job): string {
  if (job.state === "queued" && job.position !== null) return text.progress.place(job.position);
  if (job.state === "dead") return job.error?.message ?? "";
  return job.cached ? text.states.cached : "";
}
