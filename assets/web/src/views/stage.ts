/**
 * The 3D part of the page: two labelled panes and their few controls. Fetches the viewer (three.js) when the first model
 * is to be shown; says so in words when a model or a browser cannot be shown.
 */
import { announce } from "../announce.ts";
import { make } from "../dom.ts";
import { formatBytes, formatExactBytes } from "../format.ts";
import { text } from "../strings.ts";
import type { Comparison, Role } from "../viewer/comparison.ts";

interface PaneView {
  element: HTMLElement;
  canvas: HTMLCanvasElement;
  size: HTMLElement;
  note: HTMLElement;
}

/** The stage. `element` is put on the page once and stays. */
export class Stage {
  readonly element: HTMLElement;
  private readonly panes: Record<Role, PaneView> = { original: paneView("original"), result: paneView("result") };
  private readonly reset = make("button", { type: "button", className: "chip" }, text.stage.reset);
  private readonly toggle = make("button", { type: "button", className: "chip", hidden: true }, text.stage.play);
  private readonly clips = make("select", { className: "chip", hidden: true, ariaLabel: text.stage.clip });
  private comparison: Promise<Comparison> | null = null;
  private playing = false;

  constructor() {
    this.panes.result.element.hidden = true;
    this.element = make(
      "section",
      { className: "stage", ariaLabel: text.stage.region },
      make("div", { className: "panes" }, this.panes.original.element, this.panes.result.element),
      make("div", { className: "tools" }, this.clips, this.toggle, this.reset),
    );
    this.reset.onclick = () => void this.viewer().then((viewer) => viewer.reset());
    this.toggle.onclick = () => this.setPlaying(!this.playing);
    this.clips.onchange = () => this.setPlaying(true);
  }

  /** Shows a model of `blob.size` bytes in its pane. Never throws: what cannot be shown is explained in the pane. */
  async show(role: Role, blob: Blob, signal: AbortSignal): Promise<void> {
    const pane = this.panes[role];
    pane.element.hidden = false;
    pane.size.textContent = formatBytes(blob.size);
    pane.size.title = formatExactBytes(blob.size);
    setState(pane, "loading", text.stage.loading);
    try {
      const viewer = await this.viewer();
      const model = await viewer.show(role, blob, signal);
      setState(pane, "ready", model.extent.isEmpty() ? text.stage.nothingVisible : "");
      if (role === "original") this.offerClips(model.clips.map((clip) => clip.name), viewer.mayAutoplay);
    } catch (error) {
      if (signal.aborted) return;
      setState(pane, "error", reason(error));
      announce(pane.note.textContent ?? "");
    }
  }

  /** Empties a pane; that of the result disappears. */
  clear(role: Role): void {
    setState(this.panes[role], "empty", "");
    if (role === "result") this.panes.result.element.hidden = true;
    else this.offerClips([], false);
    void this.comparison?.then((viewer) => viewer.clear(role));
  }

  private viewer(): Promise<Comparison> {
    this.comparison ??= import("../viewer/comparison.ts").then(
      ({ Comparison }) => new Comparison({ original: this.panes.original.canvas, result: this.panes.result.canvas }),
    );
    // A viewer that could not be fetched is fetched again with the next model.
    this.comparison.catch(() => (this.comparison = null));
    return this.comparison;
  }

  private offerClips(names: string[], autoplay: boolean): void {
    this.toggle.hidden = names.length === 0;
    this.clips.hidden = names.length < 2;
    this.clips.replaceChildren(
      ...names.map((name, index) => make("option", { value: String(index) }, name || text.stage.clipName(index))),
    );
    this.setPlaying(autoplay && names.length > 0);
  }

  private setPlaying(playing: boolean): void {
    this.playing = playing;
    this.toggle.textContent = playing ? text.stage.pause : text.stage.play;
    const clip = Math.max(this.clips.selectedIndex, 0);
    void this.comparison?.then((viewer) => (playing ? viewer.play(clip) : viewer.pause()));
  }
}

function paneView(role: Role): PaneView {
  const label = text.stage[role];
  const canvas = make("canvas", {
    tabIndex: 0,
    dataset: { role, state: "empty" },
    role: "img",
    ariaLabel: text.stage.canvas(label),
  });
  const size = make("span", { className: "pane-size" });
  const note = make("p", { className: "pane-note", hidden: true });
  const caption = make("figcaption", {}, make("span", { className: "pane-name" }, label), size);
  const element = make("figure", { className: "pane", dataset: { pane: role } }, canvas, caption, note);
  return { element, canvas, size, note };
}

function setState(pane: PaneView, state: "empty" | "loading" | "ready" | "error", note: string): void {
  pane.canvas.dataset["state"] = state;
  pane.note.textContent = note;
  pane.note.hidden = note === "";
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /webgl/i.test(message) ? text.stage.noWebGl : text.stage.notShown(message);
}
