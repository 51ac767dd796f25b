/** How far the upload and the job are. Shows only what was reported: no estimate, no bar that moves by itself. */
import { announce } from "../announce.ts";
import type { Job } from "../api.ts";
import { make } from "../dom.ts";
import { formatPercent } from "../format.ts";
import { stageName, text } from "../strings.ts";

/** The two steps that a person waits for. */
export class ProgressView {
  readonly element: HTMLElement;
  private readonly upload = new Step(text.progress.upload);
  private readonly optimize = new Step(text.progress.optimize);
  private readonly hint = make("p", { className: "hint" });
  private readonly stop = make("button", { type: "button", className: "button quiet wide" }, text.actions.stopUpload);
  private furthest = 0;

  /** `onStop` is called when the person wants neither upload nor job any more. */
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
      this.stop,
    );
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
    this.stop.textContent = text.actions.cancel;
    this.hint.textContent = text.progress.safe;
    this.upload.finish(text.progress.allSent(job.input_bytes));
    const queued = job.state === "queued";
    const again = job.attempt > 1 ? ` (${text.progress.attempt(job.attempt)})` : "";
    const words = (queued ? text.progress.queued : stageName(job.stage)) + again;
    this.furthest = queued ? 0 : Math.max(this.furthest, job.percent ?? 0);
    this.optimize.set(this.furthest, words);
    announce(text.progress.announce(words, Math.floor(this.furthest / 25) * 25));
  }

  /** The server does not answer (or does again). */
  setSilent(silent: boolean): void {
    this.hint.textContent = silent ? text.progress.lost : text.progress.safe;
    this.hint.classList.toggle("is-warning", silent);
  }
}

class Step {
  readonly element: HTMLElement;
  private readonly bar = make("progress", { max: 100, value: 0 });
  private readonly percent = make("output", { className: "step-percent" });
  private readonly words = make("p", { className: "step-words" });

  constructor(name: string) {
    this.bar.ariaLabel = name;
    this.element = make(
      "div",
      { className: "step" },
      make("div", { className: "step-head" }, make("h3", {}, name), this.percent),
      this.bar,
      this.words,
    );
  }

  set(percent: number, words: string): void {
    this.bar.value = percent;
    this.percent.textContent = formatPercent(percent);
    this.words.textContent = words;
    this.element.classList.toggle("is-idle", percent === 0);
  }

  finish(words: string): void {
    this.set(100, words);
    this.element.classList.add("is-finished");
  }
}
