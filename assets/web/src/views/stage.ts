/**
 * The 3D part of the page: one view of both models and its controls. Fetches the viewer (three.js) when the first model is
 * to be shown. What a browser cannot show is said in words, and beside a result with the pictures of the proof.
 */
import { announce } from "../announce.ts";
import { jobUrl, type Job, type Report, type ViewError } from "../api.ts";
import { make } from "../dom.ts";
import { formatBytes, formatExactBytes } from "../format.ts";
import { text } from "../strings.ts";
import type { Role } from "../viewer/arrangement.ts";
import { gpuAwake } from "../viewer/awake.ts";
import type { Comparison } from "../viewer/comparison.ts";
import type { Model } from "../viewer/model.ts";
import { divider } from "./compare/divider.ts";
import { Tools, type Kind, type Wishes } from "./compare/tools.ts";

/** One model's label, and what is to be said of it in words. */
interface Pane {
  element: HTMLElement;
  size: HTMLElement;
  note: HTMLElement;
}

/** The stage. `element` is put on the page once and stays. */
export class Stage {
  readonly element: HTMLElement;
  private readonly canvas = make("canvas", { tabIndex: 0, role: "img", ariaLabel: text.compare.canvas });
  private readonly panes: Record<Role, Pane> = { original: pane("original"), result: pane("result") };
  private readonly proof = make("figure", { className: "proof", hidden: true });
  private readonly lost = make("p", { className: "stage-note", hidden: true }, text.compare.lost);
  private readonly frame: HTMLElement;
  private readonly tools: Tools;
  private comparison: Promise<Comparison> | null = null;
  private tasks = 0;
  private kind: Kind = "split";
  private split = 0.5;
  private shown: Role = "result";
  private worst: ViewError | null = null;
  private pictures: string | null = null;

  constructor() {
    this.frame = make("div", { className: "stage-view" });
    const line = divider(this.frame, (at) => {
      this.split = at;
      this.arrange();
    });
    this.frame.append(this.canvas, this.panes.original.element, this.panes.result.element, line, heatLegend(), this.lost, this.proof);
    this.tools = new Tools(this.wishes());
    this.element = make("section", { className: "stage", ariaLabel: text.compare.region }, this.frame, this.tools.element);
    this.element.addEventListener("keydown", (event) => this.acceptKey(event));
    this.update();
  }

  /** Shows a model of `blob.size` bytes. Never throws: what cannot be shown is explained. */
  async show(role: Role, blob: Blob, signal: AbortSignal): Promise<void> {
    const pane = this.panes[role];
    pane.size.textContent = formatBytes(blob.size);
    pane.size.title = formatExactBytes(blob.size);
    this.setState(role, "loading", text.compare.loading);
    try {
      const viewer = await this.viewer();
      const model = await viewer.show(role, blob, signal);
      this.setState(role, "ready", model.extent.isEmpty() ? text.compare.nothingVisible : "");
      if (role === "original") this.offer(model, viewer.mayAutoplay);
    } catch (error) {
      if (signal.aborted) return;
      this.setState(role, "error", reason(error));
      announce(pane.note.textContent ?? "");
    }
  }

  /** Tells the stage whose models it shows: it can go to the worst view, and show pictures where there is no WebGL. */
  setJob(job: Job, report: Report | null): void {
    const views = report?.outcome === "optimized" ? (report.comparison?.views ?? []) : [];
    this.worst = views.reduce<ViewError | null>((worst, view) => (view.error > (worst?.error ?? 0) ? view : worst), null);
    this.pictures = this.worst ? jobUrl(job.id, "worst-view") : null;
    this.tools.offerWorst(this.worst?.camera ? this.worst.name : null);
    this.update();
  }

  /** Looks from where a view of the proof looks, at the same moment and in the same variant. */
  goTo({ camera, name, object }: ViewError): void {
    if (!camera) return;
    this.tools.hold(camera.moment?.[0] ?? null, camera.moment?.[1] ?? 0, camera.variant);
    this.with((viewer) => viewer.lookFrom(camera));
    this.element.scrollIntoView({ block: "nearest" });
    announce(text.compare.atView(name, object ?? ""));
  }

  /** Takes a model away; with that of the result, all that compares. */
  clear(role: Role): void {
    this.setState(role, "empty", "");
    if (role === "result") {
      this.worst = null;
      this.pictures = null;
      this.tools.offerWorst(null);
      if (this.element.dataset["view"] === "heat") this.look("shaded");
    } else {
      this.tools.offerClips([], false);
      this.tools.offerVariants([]);
    }
    this.with((viewer) => viewer.clear(role));
  }

  private wishes(): Wishes {
    return {
      arrange: (kind) => {
        this.kind = kind;
        this.update();
      },
      flip: () => this.flip(),
      look: (view) => this.look(view),
      light: (lighting) => this.with((viewer) => viewer.setLighting(lighting)),
      wear: (variant) => this.with((viewer) => viewer.setVariant(variant)),
      play: (clip) => this.with((viewer) => viewer.player.play(clip)),
      pause: () => this.with((viewer) => viewer.player.pause()),
      seek: (clip, part) => this.with((viewer) => viewer.player.hold(clip, part)),
      worst: () => this.worst && this.goTo(this.worst),
      reset: () => this.with((viewer) => viewer.reset()),
      fullScreen: () => void (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen()),
    };
  }

  private look(view: Parameters<Wishes["look"]>[0]): void {
    this.element.dataset["view"] = view;
    this.tools.setView(view);
    this.with((viewer) => viewer.look(view));
  }

  private flip(): void {
    if (!this.isBoth()) return;
    this.shown = this.shown === "original" ? "result" : "original";
    this.kind = "flip";
    this.tools.setKind("flip");
    this.update();
    announce(text.compare[this.shown]);
  }

  private acceptKey(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLSelectElement;
    if (event.key.toLowerCase() !== "f" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.flip();
  }

  private isBoth(): boolean {
    return (["original", "result"] as const).every((role) => this.panes[role].element.dataset["state"] === "ready");
  }

  /** Brings the page in line with what is there and what was chosen. */
  private update(): void {
    const both = this.isBoth();
    const unseen = (["original", "result"] as const).find((role) => this.panes[role].element.dataset["state"] === "error");
    const failed = unseen !== undefined || !this.lost.hidden;
    this.element.dataset["arrangement"] = both ? this.kind : "single";
    this.element.dataset["shown"] = this.shown;
    this.tools.setBoth(both, this.kind, this.shown);
    this.tools.element.hidden = failed && !both;
    const why = unseen ? this.panes[unseen].note.textContent : this.lost.textContent;
    this.showProof(failed ? this.pictures : null, why ?? "");
    this.arrange();
  }

  private arrange(): void {
    const arrangements = { split: { kind: "split", at: this.split }, side: { kind: "side" }, flip: { kind: "flip", shown: this.shown } } as const;
    this.with((viewer) => viewer.arrange(arrangements[this.kind]));
  }

  private showProof(url: string | null, why: string): void {
    this.proof.hidden = url === null;
    if (url === null || this.proof.querySelector("img")?.src === url) return;
    const image = make("img", { src: url, alt: text.compare.proofAlt });
    image.onerror = () => (this.proof.hidden = true);
    this.proof.replaceChildren(image, make("figcaption", {}, make("p", {}, why), make("p", {}, text.compare.proof)));
  }

  private setLost(lost: boolean): void {
    this.lost.hidden = !lost;
    this.update();
  }

  private offer(model: Model, autoplay: boolean): void {
    this.tools.offerClips(model.clips.map((clip) => clip.name), autoplay);
    this.tools.offerVariants(model.variants.names);
  }

  private viewer(): Promise<Comparison> {
    this.comparison ??= Promise.all([import("../viewer/comparison.ts"), gpuAwake()]).then(([{ Comparison }]) => {
      const watcher = { onLost: (lost: boolean) => this.setLost(lost), onTime: (part: number) => this.tools.setTime(part) };
      const viewer = new Comparison(this.canvas, watcher);
      this.arrange();
      return viewer;
    });
    // A viewer that could not be fetched is fetched again with the next model.
    this.comparison.catch(() => (this.comparison = null));
    return this.comparison;
  }

  /** Does something with the viewer, if there is one. The stage is busy until it is done: a new light takes a moment. */
  private with(work: (viewer: Comparison) => unknown): void {
    if (!this.comparison) return;
    this.tasks += 1;
    this.element.ariaBusy = "true";
    const done = () => {
      this.tasks -= 1;
      if (this.tasks === 0) this.element.ariaBusy = "false";
    };
    this.comparison.then(work).catch((error: unknown) => announce(reason(error))).finally(done);
  }

  private setState(role: Role, state: "empty" | "loading" | "ready" | "error", note: string): void {
    const pane = this.panes[role];
    pane.element.dataset["state"] = state;
    pane.note.textContent = note;
    pane.note.hidden = note === "";
    this.update();
  }
}

function pane(role: Role): Pane {
  const size = make("span", { className: "pane-size" });
  const note = make("p", { className: "pane-note", hidden: true });
  const caption = make("p", { className: "pane-name" }, make("strong", {}, text.compare[role]), size);
  const element = make("div", { className: "pane", dataset: { role, state: "empty" } }, caption, note);
  return { element, size, note };
}

function heatLegend(): HTMLElement {
  return make(
    "p",
    { className: "heat-legend" },
    make("span", {}, text.compare.heatLegend),
    make("span", {}, text.compare.heatSame),
    make("i", {}),
    make("span", {}, text.compare.heatApart),
  );
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /webgl/i.test(message) ? text.compare.noWebGl : text.compare.notShown(message);
}
