/**
 * One model on the stage and one panel beside it: choose settings, upload, watch, see the result. The panel shows one
 * phase at a time, and every phase is entered by one method.
 *
 *     start -> ready -> uploading -> running -> done
 *                ^          |           |        |
 *                +----------+-- failed -+--------+
 *
 * #/ is start and ready, #/jobs/ID everything after the upload, #/jobs/ID/again is ready for what the server has already.
 */
import { announce } from "../announce.ts";
import { cancelJob, getJob, getModel, getReport, rerunJob, retryJob, type Job } from "../api.ts";
import { ApiFailure } from "../api/request.ts";
import { DEFAULTS, type Settings } from "../api/settings.ts";
import { upload } from "../api/upload.ts";
import { make } from "../dom.ts";
import { fileButton, type OnFiles, type Picked } from "../files/drop.ts";
import { fetchSample } from "../api/sample.ts";
import { preview, select, type Model, type Selection } from "../files/selection.ts";
import { formatBytes, formatReduction } from "../format.ts";
import type { Page, Shell } from "../page.ts";
import { dead } from "../problems.ts";
import { readRoute, writeRoute, type Route } from "../route.ts";
import { text, type Problem } from "../strings.ts";
import { Frame } from "../views/frame.ts";
import { problemView, type Action } from "../views/problem.ts";
import { ProgressView } from "../views/progress.ts";
import { resultBytes, resultView } from "../views/result.ts";
import { selectionView } from "../views/selection.ts";
import { SettingsForm } from "../views/settings.ts";
import type { Stage } from "../views/stage.ts";
import { startView } from "../views/start.ts";
import { understandView } from "../views/understand/understand.ts";
import { watch } from "../watch.ts";

/** The model on the stage: from this disk, or from the server. */
interface Source {
  name: string;
  bytes: number;
  /** What it is on this disk; null if it came from the server. */
  model: Model | null;
  /** The job that works on it, once there is one. */
  job: string | null;
}

/** The view for one model. It stays for the life of the page, and keeps what was chosen while another view is shown. */
export class Workbench implements Page {
  readonly element: HTMLElement;
  private readonly frame: Frame;
  private readonly stage: Stage;
  private selection: Selection | null = null;
  private source: Source | null = null;
  /** The bytes of the model on the stage; null where they cannot be had. */
  private original: Promise<Blob | null> = Promise.resolve(null);
  private settings: Settings = DEFAULTS;
  /** The progress of an upload whose job has just been accepted. */
  private arrived: { job: Job; view: ProgressView } | null = null;
  /** Ends what belongs to the model before: another one is shown. */
  private opening = new AbortController();
  /** Ends what belongs to the phase before: an upload, a job that is watched. */
  private running = new AbortController();

  constructor(
    private readonly shell: Shell,
    private readonly onFiles: OnFiles,
  ) {
    this.frame = new Frame(shell, onFiles);
    this.element = this.frame.element;
    this.stage = this.frame.stage;
  }

  enter(route: Route): void {
    this.frame.setNotices([]);
    if (route.page === "job") void this.showJob(route.id);
    else if (route.page === "again") void this.showAgain(route.id);
    else if (this.selection) this.showReady(this.selection);
    else this.showStart();
  }

  leave(): void {
    this.running.abort();
    this.clearStage();
    this.source = null;
    this.element.replaceChildren();
  }

  /** Takes files from the disk; what is plainly no model is refused at once. */
  async open(files: Picked[]): Promise<void> {
    const { selection, problems } = await select(files);
    this.frame.setNotices(problems.map((problem) => problemView(problem)));
    if (selection) {
      this.selection = selection;
      this.source = null;
      this.showReady(selection);
    } else if (!this.frame.hasNotices) this.showStart();
    this.frame.scrollToNotices();
  }

  private showStart(): void {
    this.begin();
    this.clearStage();
    this.frame.showStart(startView(this.onFiles, () => void this.openSample()));
  }

  private async openSample(): Promise<void> {
    const signal = this.begin();
    await this.guard(signal, async () => this.open([await fetchSample(signal)]));
  }

  /** Lets the person choose the settings for what was chosen. */
  private showReady(selection: Selection): void {
    const [first] = selection.models;
    if (!first) return this.showStart();
    if (!selection.models.some((model) => model === this.source?.model)) void this.showLocal(first);
    this.stage.clear("result");
    const form = new SettingsForm(this.settings, namesOf(selection), (settings) => void this.send(selection, settings));
    const list = selection.models.length > 1 ? selectionView(selection, first, (model) => void this.showLocal(model)) : null;
    const title = selection.models.length > 1 ? text.batch.count(selection.models.length) : first.name;
    this.showPanel("ready", title, selection.bytes, make("div", { className: "stack" }, list, form.element));
  }

  /** Shows a model straight from the disk. */
  private async showLocal(model: Model): Promise<void> {
    const signal = this.takeSource({ name: model.name, bytes: model.bytes, model, job: null });
    this.original = preview(model);
    const blob = await this.original;
    if (signal.aborted) return;
    if (blob) await this.stage.show("original", blob, signal);
    else this.frame.notify(text.batch.shownLater(model.name));
  }

  /** Sends what was chosen, and goes on to its job or batch. */
  private async send(selection: Selection, settings: Settings): Promise<void> {
    this.settings = settings;
    const view = new ProgressView(() => this.showReady(selection));
    const title = this.source?.name ?? "";
    const signal = this.showPanel("uploading", title, selection.bytes, view.element);
    view.setSent(0, selection.bytes);
    await this.guard(signal, async () => {
      const accepted = await upload(selection, settings, (sent) => view.setSent(sent, selection.bytes), signal);
      if (signal.aborted) return;
      if ("batch" in accepted) return this.shell.go({ page: "batch", id: accepted.batch.id });
      if (this.source) this.source.job = accepted.job.id;
      this.arrived = { job: accepted.job, view };
      this.shell.go({ page: "job", id: accepted.job.id });
    });
  }

  /** A job at whatever point it is: just accepted, after a reload, or by its link on another device. */
  private async showJob(id: string): Promise<void> {
    const arrived = this.arrived?.job.id === id ? this.arrived : null;
    this.arrived = null;
    const signal = this.begin();
    this.forgetOther(id);
    if (!arrived) this.frame.showWaiting();
    await this.guard(signal, async () => {
      const job = arrived?.job ?? (await getJob(id, signal));
      this.settings = job.settings;
      if (!this.source) void this.showRemote(job);
      await this.follow(job, arrived?.view ?? new ProgressView(() => void this.cancel(id)), signal);
    });
  }

  /** Shows the original of a job, from the server; the panel does not wait for it. */
  private async showRemote(job: Job): Promise<void> {
    const signal = this.takeSource({ name: job.input_name, bytes: job.input_bytes, model: null, job: job.id });
    if (job.files_gone) return;
    try {
      const arriving = getModel(job.id, "original", signal);
      this.original = arriving.catch(() => null);
      await this.stage.show("original", await arriving, signal);
    } catch (error) {
      if (!signal.aborted) this.frame.notify(String((error as Error).message));
    }
  }

  /** Settings for a model that the server has already. */
  private async showAgain(id: string): Promise<void> {
    const signal = this.begin();
    this.forgetOther(id);
    if (!this.source) this.frame.showWaiting();
    await this.guard(signal, async () => {
      const job = await getJob(id, signal);
      if (!this.source) void this.showRemote(job);
      this.stage.clear("result");
      const form = new SettingsForm(job.settings, { name: job.input_name, parts: [] }, (settings) => void this.rerun(job, settings));
      this.showPanel("ready", job.input_name, job.input_bytes, make("div", { className: "stack" }, form.element));
    });
  }

  private async rerun(job: Job, settings: Settings): Promise<void> {
    await this.guard(this.begin(), async () => {
      const next = await rerunJob(job.id, settings, this.running.signal);
      if (this.source?.job === job.id) this.source.job = next.id;
      this.shell.go({ page: "job", id: next.id });
    });
  }

  private async cancel(id: string): Promise<void> {
    await cancelJob(id).catch((error: Error) => this.frame.notify(text.notCancelled(error.message)));
  }

  private async follow(job: Job, view: ProgressView, outer: AbortSignal): Promise<void> {
    if (outer.aborted) return;
    view.stopsJob(() => void this.cancel(job.id));
    this.stage.clear("result");
    const signal = this.showPanel("running", job.input_name, job.input_bytes, view.element, job);
    await this.guard(signal, async () => {
      const listener = { onJob: (now: Job) => view.setJob(now), onSilence: (silent: boolean) => view.setSilent(silent) };
      const ended = await watch(job, listener, signal);
      if (ended.state === "completed") await this.finish(ended, signal);
      else this.failJob(ended);
    });
  }

  private async finish(job: Job, signal: AbortSignal): Promise<void> {
    const [blob, report] = await Promise.all([
      getModel(job.id, "result", signal),
      getReport(job.id, signal).catch((error: unknown) => (signal.aborted ? Promise.reject(error) : String(error))),
    ]);
    const size = resultBytes(job);
    const again = (): void => this.shell.go({ page: "again", id: job.id });
    const shown = this.showPanel("done", job.input_name, job.input_bytes, resultView(job, report, blob, again), job);
    this.stage.setJob(job, typeof report === "string" ? null : report);
    if (typeof report !== "string") {
      const models = { original: this.original, result: Promise.resolve(blob) };
      this.frame.showBelow(understandView(job, report, models, (view) => this.stage.goTo(view)));
    }
    announce(text.result.announce(formatReduction(job.input_bytes, size), formatBytes(size)));
    await this.stage.show("result", blob, shown);
  }

  /** A job that ended without a result can be queued again, or be run with other settings. */
  private failJob(job: Job): void {
    const cancelled = job.state === "cancelled";
    const problem = cancelled ? text.problems.cancelled() : dead(job.error?.message ?? "", job.error?.code ?? "internal");
    const details = cancelled ? "" : text.problems.details(job.id, job.error?.code ?? "internal", job.attempt);
    const retry: Action = { label: text.actions.retry, run: () => void this.retry(job.id) };
    const again: Action = { label: text.actions.again, run: () => this.shell.go({ page: "again", id: job.id }) };
    this.fail(problem, job.files_gone ? [] : [retry, again], details);
  }

  private async retry(id: string): Promise<void> {
    await this.guard(this.begin(), async () => {
      await retryJob(id);
      await this.showJob(id);
    });
  }

  /** Says what went wrong, in the panel if there is a model beside it. */
  private fail(problem: Problem, actions: Action[], details = ""): void {
    const another = fileButton(text.actions.another, actions.length > 0 ? "quiet" : "primary", this.onFiles);
    const view = problemView(problem, { actions, more: [another], details, alone: !this.source });
    if (this.source) return void this.showPanel("failed", this.source.name, this.source.bytes, view);
    this.begin();
    this.frame.showAlone("failed", problem.title, view);
  }

  /** Runs `work`; a failure becomes the failed phase, unless the person has gone on to something else. */
  private async guard(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      const failure = error instanceof ApiFailure ? error : null;
      const selection = this.selection;
      const again = (): void => this.enter(readRoute(location.hash));
      const hopeless = failure?.status === 404;
      const actions: Action[] = !hopeless && (selection || this.source) ? [{ label: text.actions.retry, run: again }] : [];
      this.fail(failure?.problem ?? text.problems.unexpected(String(error)), actions, failure?.code ?? "");
    }
  }

  /** Ends what was running; what is started now ends with the signal that is returned. */
  private begin(): AbortSignal {
    this.running.abort();
    this.running = new AbortController();
    return this.running.signal;
  }

  /** Makes a model the one that everything is about. What is loaded for it ends with the signal that is returned. */
  private takeSource(source: Source): AbortSignal {
    this.clearStage();
    this.original = Promise.resolve(null);
    this.source = source;
    return this.opening.signal;
  }

  /** Takes a model away that is not the one of this job. */
  private forgetOther(id: string): void {
    if (this.source?.job === id) return;
    this.clearStage();
    this.source = null;
  }

  private clearStage(): void {
    this.opening.abort();
    this.opening = new AbortController();
    this.stage.clear("original");
    this.stage.clear("result");
  }

  /** Enters a phase; what belongs to it ends with the signal that is returned. */
  private showPanel(phase: string, title: string, bytes: number, view: HTMLElement, job: Job | null = null): AbortSignal {
    const signal = this.begin();
    const batch = job?.batch ? writeRoute({ page: "batch", id: job.batch }) : null;
    this.frame.showPanel(phase, { title, bytes, batch }, view);
    return signal;
  }
}

/** The names that commands get: of the one model and its parts, or of all models. */
function namesOf({ models }: Selection): { name: string; parts: string[] } {
  const [model, ...more] = models;
  if (!model || more.length > 0) return { name: "*.glb", parts: [] };
  return { name: model.path, parts: model.parts.map(({ path }) => path) };
}
