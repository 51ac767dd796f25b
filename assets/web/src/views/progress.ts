/**
 * How far the upload and the job are. Shows only what was reported: no bar that moves by itself, and no time left before
 * enough was measured to tell.
 */
import { announce } from "../announce.ts";
import type { Job } from "../api.ts";
import { make } from "../dom.ts";
import { Pace } from "../eta.ts";
import { formatPercent } from "../format.ts";
import { stageName, text } from "../strings.ts";
import { copyButton } from "./copy.ts";

/** How often the time left is told again while nothing else happens, in milliseconds. */
const TICK_MS = 1000;

/** The two steps that a person waits for. */
export class ProgressView {
  readonly element: HTMLElement;
  private readonly upload = new Step(text.progress.upload);
  private readonly optimize = new Step(text.progress.optimize);
  private readonly hint = make("p", { className: "hint" });
  private readonly stop = make("button", { type: "button", className: "button quiet wide" }, text.actions.stopUpload);
  private readonly link = make("div", { className: "link-row", hidden: true }, copyButton(text.actions.copyLink, () => location.href));
  private furthest = 0;

  /** `onStop` is called when the person does not want the upload any more. */
  constructor(onStop: () => void) {
    this.stop.onclick = onStop;
    this.optimize.set(0, text.progress.waiting);
    this.element = make(
      "section",
      { className: "progress" },
      make("h2", { tabIndex: -1 }, text.progress.heading),
      this.upload.element,
      this.optimize.element,
      this.hint,
      this.link,
      this.stop,
    );
  }

  /** From now on it is the job that can be stopped. */
  stopsJob(onStop: () => void): void {
    this.stop.onclick = onStop;
    this.stop.textContent = text.actions.cancel;
    this.link.hidden = false;
  }

  /** `sent` of `total` bytes have left this machine. */
  setSent(sent: number, total: number): void {
    const percent = total > 0 ? (sent / total) * 100 : 100;
    const words = sent >= total ? text.progress.arriving : text.progress.sent(sent, total);
    this.upload.set(percent, words);
    announce(text.progress.announce(text.progress.upload, Math.floor(percent / 25) * 25));
  }

  /** The job as last heard of. Its percentage never falls here, unless it was started again. */
  setJob(job: Job): void {
    this.hint.textContent = text.progress.safe;
    this.upload.finish(text.progress.allSent(job.input_bytes));
    const queued = job.state === "queued";
    const again = job.attempt > 1 ? ` (${text.progress.attempt(job.attempt)})` : "";
    const words = (queued ? inLine(job) : stageName(job.stage)) + again;
    this.furthest = queued ? 0 : Math.max(this.furthest, job.percent ?? 0);
    this.optimize.set(this.furthest, words, queued);
    announce(text.progress.announce(words, Math.floor(this.furthest / 25) * 25));
  }

  /** The server does not answer (or does again). */
  setSilent(silent: boolean): void {
    this.hint.textContent = silent ? text.progress.lost : text.progress.safe;
    this.hint.classList.toggle("is-warning", silent);
  }
}

/** Where a queued job stands, as far as the server says. */
function inLine(job: Job): string {
  if (!job.position) return text.progress.queued;
  const seconds = job.wait_seconds;
  return seconds === null ? text.progress.place(job.position) : text.progress.placeAndTime(job.position, Math.ceil(seconds));
}

class Step {
  readonly element: HTMLElement;
  private readonly bar = make("progress", { max: 100, value: 0 });
  private readonly percent = make("output", { className: "step-percent" });
  private readonly words = make("p", { className: "step-words" });
  private readonly left = make("p", { className: "step-left" });
  private readonly pace = new Pace();
  private timer = 0;

  constructor(name: string) {
    this.bar.ariaLabel = name;
    this.element = make(
      "div",
      { className: "step" },
      make("div", { className: "step-head" }, make("h3", {}, name), this.percent),
      this.bar,
      make("div", { className: "step-foot" }, this.words, this.left),
    );
  }

  /** Where it is; `waits` when nothing is done yet that a time could be told from. */
  set(percent: number, words: string, waits = percent === 0): void {
    this.bar.value = percent;
    this.percent.textContent = formatPercent(percent);
    this.words.textContent = words;
    this.element.classList.toggle("is-idle", percent === 0);
    clearInterval(this.timer);
    if (!waits) this.pace.note(percent, performance.now() / 1000);
    this.tell(waits || percent >= 100);
    if (!waits && percent < 100) this.timer = window.setInterval(() => this.tell(!this.element.isConnected), TICK_MS);
  }

  finish(words: string): void {
    this.set(100, words);
    this.element.classList.add("is-finished");
  }

  private tell(nothing: boolean): void {
    if (nothing) clearInterval(this.timer);
    const left = nothing ? null : this.pace.left(performance.now() / 1000);
    this.left.textContent = nothing ? "" : left === null ? text.progress.estimating : text.progress.left(Math.ceil(left));
  }
}
