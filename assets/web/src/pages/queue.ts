/** All jobs: which wait, run, or ended how; stop, repeat, forget them; hold the queue back. For administrators. */
import { cancelJob, deleteJob, retryJob, type Job } from "../api.ts";
import { getHealth, listJobs, setPaused, type Health, type JobList } from "../api/admin.ts";
import { button, make, redraw, table } from "../dom.ts";
import { formatBytes, formatCount, formatTime } from "../format.ts";
import type { Shell } from "../page.ts";
import { text } from "../strings.ts";
import { jobLink, jobOutput, jobSaving, jobState } from "../views/job.ts";
import { hasEnded } from "../watch.ts";
import { AdminPage } from "./admin.ts";

const PAGE_LENGTH = 25;
/** How many dead jobs are queued again with one press. */
const MOST_AT_ONCE = 500;
const STATES = ["queued", "running", "completed", "dead", "cancelled"] as const;

interface Seen {
  list: JobList;
  health: Health;
}

/** The view of the queue. */
export class QueuePage extends AdminPage<Seen> {
  private state = "";
  /** Where the pages began that were turned; the last one is shown. */
  private trail: string[] = [""];

  constructor(shell: Shell) {
    super(shell, "queue", text.nav.queue);
  }

  protected async load(signal: AbortSignal): Promise<Seen> {
    const [list, health] = await Promise.all([listJobs(this.state, this.trail.at(-1) ?? "", PAGE_LENGTH, signal), getHealth(signal)]);
    // Of the server's health only what is shown: the rest changes with every look.
    return { list, health: { paused: health.paused, queue: health.queue } as Health };
  }

  protected draw({ list, health }: Seen): void {
    redraw(this.body, this.head(health), this.filters(health), this.rows(list.jobs), this.pager(list));
  }

  private head({ paused, queue }: Health): HTMLElement {
    const dead = queue?.dead ?? 0;
    return make(
      "header",
      { className: "board-head" },
      make("div", {}, make("h1", { tabIndex: -1 }, text.nav.queue), paused && make("p", { className: "is-warning" }, text.queue.paused)),
      make(
        "div",
        { className: "board-actions" },
        button(paused ? text.queue.resume : text.queue.pause, "quiet", () => void this.attempt(() => setPaused(!paused)), "pause"),
        dead > 0 && button(text.queue.requeue(dead), "quiet", () => void this.attempt(() => this.requeueDead()), "requeue"),
        this.logOutButton(),
      ),
    );
  }

  private filters({ queue }: Health): HTMLElement {
    const chip = (state: (typeof STATES)[number] | ""): HTMLElement => {
      const label = state === "" ? text.queue.all : text.states[state];
      const count = state === "" || !queue ? "" : formatCount(queue[state]);
      const made = button(`${label} ${count}`.trim(), "chip", () => this.choose(state), `filter-${state}`);
      made.ariaPressed = String(this.state === state);
      return made;
    };
    return make("div", { className: "filters", role: "group", ariaLabel: text.queue.filter }, chip(""), ...STATES.map(chip));
  }

  private rows(jobs: Job[]): HTMLElement {
    if (jobs.length === 0) return make("p", { className: "empty" }, text.queue.empty);
    const heads = [text.batch.file, text.batch.state, text.batch.before, text.batch.after, text.batch.saved, text.queue.accepted, text.batch.actions];
    const rows = jobs.map((job) => [
      jobLink(job),
      jobState(job),
      formatBytes(job.input_bytes),
      jobOutput(job),
      jobSaving(job),
      formatTime(job.created_at),
      this.actions(job),
    ]);
    return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: text.nav.queue }, table(text.nav.queue, heads, rows, "figures jobs"));
  }

  private actions(job: Job): HTMLElement {
    const act = (label: string, key: string, work: () => Promise<void>): HTMLElement => {
      const made = button(label, "quiet small", () => void this.attempt(work), `${key}-${job.id}`);
      made.ariaLabel = `${label}: ${job.input_name}`;
      return made;
    };
    const again = (job.state === "dead" || job.state === "cancelled") && !job.files_gone;
    return make(
      "div",
      { className: "row-actions" },
      !hasEnded(job) && act(text.actions.cancelShort, "cancel", () => cancelJob(job.id)),
      again && act(text.actions.retry, "retry", () => retryJob(job.id)),
      hasEnded(job) && act(text.actions.forget, "forget", () => deleteJob(job.id)),
    );
  }

  private pager({ next }: JobList): HTMLElement {
    const newer = button(text.queue.newer, "quiet small", () => this.turn(-1, ""), "newer");
    const older = button(text.queue.older, "quiet small", () => this.turn(+1, next ?? ""), "older");
    newer.disabled = this.trail.length === 1;
    older.disabled = next === null;
    return make("nav", { className: "pager", ariaLabel: text.queue.pages }, newer, make("span", { className: "hint" }, text.queue.page(this.trail.length)), older);
  }

  private choose(state: string): void {
    this.state = state;
    this.trail = [""];
    this.refresh();
  }

  private turn(step: number, next: string): void {
    if (step > 0) this.trail.push(next);
    else this.trail.pop();
    this.refresh();
  }

  private async requeueDead(): Promise<void> {
    const { jobs } = await listJobs("dead", "", MOST_AT_ONCE);
    for (const job of jobs) if (!job.files_gone) await retryJob(job.id);
  }
}
