/** Jobs that came together: totals, a row a job, all results as one archive. The address is all that it needs after a reload. */
import { announce } from "../announce.ts";
import { cancelJob, retryJob, type Job } from "../api.ts";
import { batchResultUrl, getBatch, type Batch } from "../api/batches.ts";
import { ApiFailure } from "../api/request.ts";
import { button, make, redraw, table } from "../dom.ts";
import { Pace } from "../eta.ts";
import { formatBytes, formatPercent, formatReduction } from "../format.ts";
import { repeat } from "../live.ts";
import type { Page, Shell } from "../page.ts";
import type { Route } from "../route.ts";
import { text } from "../strings.ts";
import { copyButton } from "../views/copy.ts";
import { jobLink, jobOutput, jobSaving, jobState } from "../views/job.ts";
import { problemView } from "../views/problem.ts";
import { hasEnded } from "../watch.ts";

const POLL_MS = 1000;
/** Nothing more will happen, unless somebody starts a job again. */
const ENDED_POLL_MS = 5000;

/** The view of one batch. */
export class BatchPage implements Page {
  readonly element = make("section", { className: "board" });
  private readonly running = new AbortController();
  private readonly pace = new Pace();
  private drawn = "";

  constructor(private readonly shell: Shell) {}

  enter(route: Route): void {
    if (route.page !== "batch") return;
    this.element.replaceChildren(make("p", { className: "hint", role: "status" }, text.progress.restoring));
    this.shell.show("waiting", text.batch.title);
    void repeat(() => this.look(route.id), this.running.signal);
  }

  leave(): void {
    this.running.abort();
  }

  private async look(id: string): Promise<number> {
    try {
      const batch = await getBatch(id, this.running.signal);
      this.draw(batch);
      return batch.ended ? ENDED_POLL_MS : POLL_MS;
    } catch (error) {
      if (!this.running.signal.aborted) this.fail(error);
      return ENDED_POLL_MS;
    }
  }

  private fail(error: unknown): void {
    if (!(error instanceof ApiFailure)) return this.shell.show("failed", text.batch.title);
    // The jobs are safe on the server: what is on the page stays, until there is an answer again.
    const passing = error.status === 0 || error.status >= 500;
    if (passing && this.drawn !== "") return announce(text.progress.lost);
    this.drawn = "";
    this.element.replaceChildren(problemView(error.problem, { alone: true }));
    this.shell.show("failed", text.batch.title);
  }

  private draw(batch: Batch): void {
    const now = JSON.stringify(batch);
    if (now === this.drawn) return;
    this.drawn = now;
    this.shell.show(batch.ended ? "done" : "running", text.batch.count(batch.totals.jobs));
    redraw(this.element, this.head(batch), this.rows(batch.jobs));
    announce(batch.ended ? text.batch.ended(batch.totals.completed, batch.totals.jobs) : text.batch.so(doneOf(batch), batch.totals.jobs));
  }

  private head(batch: Batch): HTMLElement {
    const { totals } = batch;
    const saved = totals.completed > 0 ? text.result.smaller(formatReduction(totals.completed_input_bytes, totals.output_bytes)) : "";
    const sizes = totals.completed > 0 ? `${formatBytes(totals.completed_input_bytes)} → ${formatBytes(totals.output_bytes)}` : formatBytes(totals.input_bytes);
    return make(
      "header",
      { className: "board-head" },
      make("div", {}, make("h1", { tabIndex: -1 }, text.batch.count(totals.jobs)), make("p", { className: "lead" }, saved ? `${saved} · ${sizes}` : sizes)),
      make("div", { className: "board-actions" }, ...this.actions(batch)),
      batch.ended ? make("p", { className: "hint" }, text.batch.ended(totals.completed, totals.jobs)) : this.progress(batch),
    );
  }

  private progress(batch: Batch): HTMLElement {
    const percent = percentOf(batch.jobs);
    const seconds = performance.now() / 1000;
    this.pace.note(percent, seconds);
    const left = this.pace.left(seconds);
    return make(
      "div",
      { className: "board-progress" },
      make("progress", { max: 100, value: percent, ariaLabel: text.batch.title }),
      make("p", { className: "hint" }, `${formatPercent(percent)} · ${text.batch.so(doneOf(batch), batch.totals.jobs)}`),
      make("p", { className: "hint" }, left === null ? text.progress.estimating : text.progress.left(Math.ceil(left))),
    );
  }

  private actions(batch: Batch): HTMLElement[] {
    const open = batch.jobs.filter((job) => !hasEnded(job));
    const failed = batch.jobs.filter((job) => job.state === "dead" && !job.files_gone);
    const download = make("a", { className: "button primary", href: batchResultUrl(batch.id), download: "optimized.zip", dataset: { role: "download-all", key: "download" } });
    download.append(text.batch.download(formatBytes(batch.totals.output_bytes)));
    return [
      ...(batch.ended && batch.totals.completed > 0 ? [download] : []),
      ...(open.length > 0 ? [button(text.batch.cancel(open.length), "quiet", () => void this.each(open, cancelJob), "cancel")] : []),
      ...(failed.length > 0 ? [button(text.batch.retry(failed.length), "quiet", () => void this.each(failed, retryJob), "retry")] : []),
      copyButton(text.actions.copyLink, () => location.href),
    ];
  }

  private rows(jobs: Job[]): HTMLElement {
    const heads = [text.batch.file, text.batch.state, text.batch.before, text.batch.after, text.batch.saved, text.batch.actions];
    const rows = jobs.map((job) => [jobLink(job), jobState(job), formatBytes(job.input_bytes), jobOutput(job), jobSaving(job), this.rowActions(job)]);
    return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: text.batch.title }, table(text.batch.title, heads, rows, "figures jobs"));
  }

  private rowActions(job: Job): HTMLElement | string {
    if (!hasEnded(job)) return button(text.actions.cancelShort, "quiet small", () => void this.each([job], cancelJob), `cancel-${job.id}`);
    if (job.state === "completed" || job.files_gone) return "";
    return button(text.actions.retry, "quiet small", () => void this.each([job], retryJob), `retry-${job.id}`);
  }

  /** One after the other; what a job refuses shows in its row. */
  private async each(jobs: Job[], change: (id: string) => Promise<void>): Promise<void> {
    for (const job of jobs) await change(job.id).catch((error: Error) => announce(error.message));
    await this.look(jobs[0]?.batch ?? "");
  }
}

function doneOf(batch: Batch): number {
  return batch.jobs.filter(hasEnded).length;
}

/** How far all of them are, by their sizes. */
function percentOf(jobs: Job[]): number {
  const bytes = jobs.reduce((sum, job) => sum + job.input_bytes, 0);
  const done = jobs.reduce((sum, job) => sum + job.input_bytes * (hasEnded(job) ? 100 : (job.percent ?? 0)), 0);
  return bytes > 0 ? done / bytes : 0;
}
