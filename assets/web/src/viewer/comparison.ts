/**
 * The two panes as one view: the same camera, the same moment of the same animation, one loop that runs only while
 * something moves. Loaded lazily, because three.js comes with it. Knows nothing of jobs; see ../views/stage.ts.
 */
import type { Model } from "./model.ts";
import { acceptKeys } from "./keys.ts";
import { Pane } from "./pane.ts";

/** Which of the two models. */
export type Role = "original" | "result";

/** The linked view of an original and its result. */
export class Comparison {
  private readonly panes = new Map<Role, Pane>();
  /** The pane that was moved last; the other one follows it. */
  private leader: Pane | null = null;
  /** Whether the person has turned the view; until then it may be framed anew when the panes change their size. */
  private moved = false;
  private frameRequest = 0;
  private lastFrame = 0;
  private playing = false;
  private clip = 0;
  private seconds = 0;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly canvases: Record<Role, HTMLCanvasElement>) {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const pane of this.panes.values()) pane.adoptColours();
      this.request();
    });
  }

  /** Shows a model. Throws when the browser has no WebGL 2, or the model cannot be read. */
  async show(role: Role, blob: Blob, signal: AbortSignal): Promise<Model> {
    const pane = this.panes.get(role) ?? this.open(role);
    const model = await pane.load(blob, signal);
    pane.resize();
    if (role === "original") this.reset();
    else this.join(pane);
    model.pose(this.clip, this.seconds);
    pane.draw();
    this.request();
    return model;
  }

  /** Empties a pane. */
  clear(role: Role): void {
    this.panes.get(role)?.clear();
    if (role === "original") this.pause();
    this.request();
  }

  /** Looks at the whole model again. */
  reset(): void {
    this.moved = false;
    this.reframe();
  }

  /** Runs clip number `index` on both models, in step. */
  play(index: number): void {
    if (index !== this.clip) this.seconds = 0;
    this.clip = index;
    this.playing = true;
    this.lastFrame = 0;
    this.request();
  }

  /** Holds the animation where it is. */
  pause(): void {
    this.playing = false;
  }

  /** Whether an animation may start by itself. */
  get mayAutoplay(): boolean {
    return !this.calm.matches;
  }

  private open(role: Role): Pane {
    const pane = new Pane(this.canvases[role]);
    this.panes.set(role, pane);
    const lead = (): void => {
      this.leader = pane;
      this.moved = true;
    };
    pane.controls.enableDamping = this.mayAutoplay;
    pane.controls.addEventListener("start", lead);
    pane.controls.addEventListener("change", () => pane === this.leader && this.follow());
    acceptKeys(pane, lead, () => this.reset());
    new ResizeObserver(() => {
      pane.resize();
      if (!this.moved) this.reframe();
      this.request();
    }).observe(pane.canvas);
    return pane;
  }

  private join(pane: Pane): void {
    const original = this.panes.get("original");
    if (original?.model && this.moved) pane.lookLike(original);
    else this.reframe();
  }

  /** Frames both panes on the original, so that a result of another size or place shows as such. */
  private reframe(): void {
    const extent = (this.panes.get("original")?.model ?? this.panes.get("result")?.model)?.extent;
    if (!extent || extent.isEmpty()) return;
    for (const pane of this.panes.values()) pane.frame(extent);
    this.request();
  }

  private follow(): void {
    for (const pane of this.panes.values()) {
      if (this.leader && pane !== this.leader) pane.lookLike(this.leader);
      pane.stale = true;
    }
    this.request();
  }

  private request(): void {
    this.frameRequest ||= requestAnimationFrame((now) => this.frame(now));
  }

  private frame(now: number): void {
    this.frameRequest = 0;
    // Damping goes on after the hand has let go: while it does, this reports a change, which asks for the next frame.
    this.leader?.controls.update();
    if (this.playing) this.advance(now);
    for (const pane of this.panes.values()) {
      if (!pane.stale) continue;
      pane.model?.pose(this.clip, this.seconds);
      pane.draw();
    }
  }

  private advance(now: number): void {
    if (this.lastFrame > 0) this.seconds += (now - this.lastFrame) / 1000;
    this.lastFrame = now;
    for (const pane of this.panes.values()) pane.stale = true;
    this.request();
  }
}
