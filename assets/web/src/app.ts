/**
 * The page's one state: which file, which phase, which job. Every phase is entered by one method here, and the views
 * only draw and report back.
 *
 *     start -> ready -> uploading -> running -> done
 *                ^          |           |        |
 *                +----------+-- failed -+--------+
 *
 * The job's id is in the address (see route.ts), so a reload comes back to the same place.
 */
import { announce } from "./announce.ts";
import { ApiFailure, cancelJob, getJob, getModel, getReport, submit, type Job, type Settings } from "./api.ts";
import { byId, make } from "./dom.ts";
import { acceptDrops, fileButton } from "./drop.ts";
import { formatBytes, formatExactBytes, formatReduction } from "./format.ts";
import { refuse } from "./glb.ts";
import { dead } from "./problems.ts";
import { readRoute, writeRoute } from "./route.ts";
import { text, type Problem } from "./strings.ts";
import { languagePicker } from "./views/languages.ts";
import { problemView } from "./views/problem.ts";
import { ProgressView } from "./views/progress.ts";
import { resultBytes, resultView } from "./views/result.ts";
import { settingsView } from "./views/settings.ts";
import { Stage } from "./views/stage.ts";
import { startView } from "./views/start.ts";
import { understandView } from "./views/understand/understand.ts";
import { watch } from "./watch.ts";

type Phase = "start" | "ready" | "uploading" | "running" | "done" | "failed";

/** The model that everything is about: from this disk, or from the server after a reload. */
interface Source {
  name: string;
  blob: Blob;
}

/** The page. */
export class App {
  private readonly root = byId("app");
  private readonly stage = new Stage();
  private readonly panel = make("div", { className: "panel-body" });
  private readonly fileHead = make("div", { className: "file-head" });
  private readonly notices = make("div", { className: "notices" });
  /** What is known of a result, below model and panel. */
  private readonly below = make("div", { className: "below" });
  private readonly openFiles = (files: File[]): void => void this.open(files);
  private source: Source | null = null;
  private settings: Settings = {
    preset: "balanced",
    target: "web",
    effort: "normal",
    geometry: "auto",
    simplify: "auto",
    animation: "auto",
    nodes: "auto",
  };
  /** Ends what belongs to the model before: a new file was opened. */
  private opening = new AbortController();
  /** Ends what belongs to the phase before: an upload, a job that is watched. */
  private running = new AbortController();

  /** Shows the page, and the job that its address names. */
  start(): void {
    acceptDrops(this.openFiles);
    const another = fileButton(text.actions.another, "quiet small", this.openFiles);
    byId("actions").append(another, languagePicker(() => location.reload()));
    window.addEventListener("hashchange", () => void this.followAddress());
    if (jobInAddress()) void this.followAddress();
    else this.showStart();
  }

  private async followAddress(): Promise<void> {
    const id = jobInAddress();
    if (id) await this.restore(id);
  }

  /** Takes a file from the disk, unless it is plainly not a .glb. */
  private async open(files: File[]): Promise<void> {
    const file = files.find(({ name }) => /\.glb$/i.test(name)) ?? files[0];
    if (!file) return;
    const problem = await refuse(file, file.name);
    this.notices.replaceChildren(...(problem ? [problemView(problem)] : []));
    if (problem) return this.notices.scrollIntoView({ block: "nearest" });
    if (files.length > 1) this.notify(text.severalFiles(file.name));
    this.setSource(file.name, file);
    this.showReady();
  }

  private showStart(): void {
    this.root.replaceChildren(this.notices, startView(this.openFiles));
    this.enter("start");
  }

  /** Makes a model the one that everything is about, and shows it. */
  private setSource(name: string, blob: Blob): void {
    this.source = { name, blob };
    this.opening.abort();
    this.opening = new AbortController();
    this.stage.clear("result");
    void this.stage.show("original", blob, this.opening.signal);
  }

  private showReady(): void {
    forgetJob();
    this.stage.clear("result");
    this.showPanel("ready", settingsView(this.settings, (settings) => void this.optimize(settings)));
  }

  /** Sends the file and follows its job to the end. */
  private async optimize(settings: Settings): Promise<void> {
    const source = this.source;
    if (!source) return;
    this.settings = settings;
    const view = new ProgressView(() => void this.stop());
    const signal = this.showPanel("uploading", view.element);
    view.setSent(0, source.blob.size);
    await this.guard(signal, async () => {
      const job = await submit(source, settings, (sent) => view.setSent(sent, source.blob.size), signal);
      rememberJob(job.id);
      await this.follow(job, view);
    });
  }

  /** Ends the upload or the job, and goes back to the settings. */
  private async stop(): Promise<void> {
    const id = jobInAddress();
    this.showReady();
    if (!id) return;
    await cancelJob(id, this.opening.signal).catch((error: Error) => this.notify(text.notCancelled(error.message)));
  }

  /** Comes back to a job by its id, with its original from the server. */
  private async restore(id: string): Promise<void> {
    const view = new ProgressView(() => void this.stop());
    const signal = this.begin();
    this.root.replaceChildren(make("div", { className: "alone" }, make("p", { role: "status" }, text.progress.restoring)));
    this.enter("running");
    await this.guard(signal, async () => {
      const job = await getJob(id, signal);
      this.settings = job.settings;
      this.setSource(job.input_name, await getModel(id, "original", signal));
      await this.follow(job, view);
    });
  }

  private async follow(job: Job, view: ProgressView): Promise<void> {
    const signal = this.showPanel("running", view.element);
    await this.guard(signal, async () => {
      const listener = { onJob: (now: Job) => view.setJob(now), onSilence: (silent: boolean) => view.setSilent(silent) };
      const ended = await watch(job, listener, signal);
      if (ended.state === "completed") await this.finish(ended, signal);
      else this.fail(problemOf(ended));
    });
  }

  private async finish(job: Job, signal: AbortSignal): Promise<void> {
    const [blob, report] = await Promise.all([
      getModel(job.id, "result", signal),
      getReport(job.id, signal).catch((error: unknown) => (signal.aborted ? Promise.reject(error) : String(error))),
    ]);
    const size = resultBytes(job);
    const shown = this.showPanel("done", resultView(job, report, blob, () => this.showReady()));
    if (typeof report !== "string" && this.source) {
      const models = { original: this.source.blob, result: blob };
      this.below.replaceChildren(understandView(job, report, models, (view) => this.stage.goTo(view)));
    }
    this.stage.setJob(job, typeof report === "string" ? null : report);
    announce(text.result.announce(formatReduction(job.input_bytes, size), formatBytes(size)));
    await this.stage.show("result", blob, shown);
  }

  private fail(problem: Problem): void {
    const actions = [fileButton(text.actions.another, this.source ? "quiet" : "primary", this.openFiles)];
    if (this.source) {
      const retry = make("button", { type: "button", className: "button primary" }, text.actions.retry);
      retry.onclick = () => this.showReady();
      actions.unshift(retry);
    }
    const view = problemView(problem, ...actions);
    if (this.source) this.showPanel("failed", view);
    else {
      this.begin();
      this.root.replaceChildren(make("div", { className: "alone" }, view));
      this.enter("failed");
    }
  }

  /** Runs `work`; a failure becomes the failed phase, unless the person has gone on to something else. */
  private async guard(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      this.fail(error instanceof ApiFailure ? error.problem : text.problems.unexpected(String(error)));
    }
  }

  /** Ends what was running; what is started now ends with the signal that is returned. */
  private begin(): AbortSignal {
    this.running.abort();
    this.running = new AbortController();
    return this.running.signal;
  }

  private showPanel(phase: Phase, view: HTMLElement): AbortSignal {
    const signal = this.begin();
    this.showFileHead();
    this.panel.replaceChildren(view);
    this.below.replaceChildren();
    if (!this.stage.element.isConnected) {
      const aside = make("div", { className: "panel" }, this.fileHead, this.notices, this.panel);
      this.root.replaceChildren(this.stage.element, aside, this.below);
    }
    this.enter(phase);
    view.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    return signal;
  }

  private notify(sentence: string): void {
    this.notices.append(make("p", { className: "notice", role: "status" }, sentence));
  }

  private showFileHead(): void {
    const { name = "", blob } = this.source ?? {};
    const bytes = blob?.size ?? 0;
    this.fileHead.replaceChildren(
      make("h1", { className: "file-name", title: name }, name),
      make("p", { className: "file-size", title: formatExactBytes(bytes) }, formatBytes(bytes)),
    );
  }

  private enter(phase: Phase): void {
    document.body.dataset["phase"] = phase;
    const name = this.source?.name;
    document.title = phase === "start" || !name ? "GLB Optimizer" : `${name} · GLB Optimizer`;
  }
}

function jobInAddress(): string | null {
  const route = readRoute(location.hash);
  return route.page === "job" ? route.id : null;
}

function rememberJob(id: string): void {
  // replaceState, not location.hash: our own change must not look like the person's.
  history.replaceState(null, "", writeRoute({ page: "job", id }));
}

function forgetJob(): void {
  history.replaceState(null, "", location.pathname + location.search);
}

function problemOf(job: Job): Problem {
  if (job.state === "cancelled") return text.problems.cancelled();
  return dead(job.error?.message ?? "", job.error?.code ?? "internal");
}
