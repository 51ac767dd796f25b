/**
 * Both models as one view: one canvas, one camera, the same light, the same moment of the same animation, the same variant.
 * Draws only while something moves. Loaded lazily, because three.js comes with it. Knows nothing of jobs; see
 * ../views/stage.ts.
 */
import { Color, NeutralToneMapping, Scene, Vector2, WebGLRenderer, type Light } from "three";

import type { Standpoint } from "../api.ts";
import { arrange, type Arrangement, type Role } from "./arrangement.ts";
import { Heat } from "./heat.ts";
import { Lights, type Lighting } from "./lighting.ts";
import { Loader } from "./loader.ts";
import { Model } from "./model.ts";
import { Modes, type Mode } from "./modes.ts";
import { Player } from "./player.ts";
import { warmUp } from "./warm.ts";
import { Viewpoint } from "./viewpoint.ts";

/** Pixels per CSS pixel at most; above two the eye gains nothing and the GPU pays. */
const MAX_PIXEL_RATIO = 2;

/** What the view shows beside the models themselves. */
export type View = Mode | "heat";

/** Whom the comparison tells what happens to it. */
export interface Watcher {
  /** The browser took the GPU away (true), or gave it back. */
  onLost(lost: boolean): void;
  /** The animation has come to this part of its duration, 0 to 1. */
  onTime(part: number): void;
}

/** One of the two models in its own scene. */
interface Side {
  scene: Scene;
  model: Model | null;
  lamps: Light[];
}

/** The linked view. */
export class Comparison {
  readonly player = new Player(() => this.request());
  private readonly renderer: WebGLRenderer;
  private readonly loader: Loader;
  private readonly lights: Lights;
  private readonly heat: Heat;
  private readonly modes = new Modes();
  private readonly viewpoint: Viewpoint;
  private readonly sides: Record<Role, Side> = { original: side(), result: side() };
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  private arrangement: Arrangement = { kind: "split", at: 0.5 };
  private view: View = "shaded";
  private lighting: Lighting = "studio";
  /** Until there is light, nothing is shown. */
  private readonly lit: Promise<void>;
  private variant: number | null = null;
  private frameRequest = 0;

  /** Throws when the browser has no WebGL 2. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly watcher: Watcher,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true });
    this.renderer.toneMapping = NeutralToneMapping;
    // Drawing says itself what it clears: the two halves of the canvas are drawn one after the other.
    this.renderer.autoClear = false;
    this.loader = new Loader(this.renderer);
    this.lights = new Lights(this.renderer);
    this.heat = new Heat(this.renderer);
    this.viewpoint = new Viewpoint(canvas, this.calm, () => this.request(), () => this.reset());
    canvas.addEventListener("webglcontextlost", () => watcher.onLost(true));
    canvas.addEventListener("webglcontextrestored", () => {
      watcher.onLost(false);
      this.request();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.look(this.view));
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.lit = this.setLighting("studio");
    this.look("shaded");
  }

  /** Shows a model. Throws when it cannot be read. */
  async show(role: Role, blob: Blob, signal: AbortSignal): Promise<Model> {
    this.clear(role);
    const [gltf] = await Promise.all([this.loader.load(blob), this.lit]);
    const model = new Model(gltf);
    if (!signal.aborted) await this.enter(role, model, signal);
    if (signal.aborted) {
      if (this.sides[role].model !== model) model.dispose();
      throw signal.reason;
    }
    if (role === "original" || !this.viewpoint.moved) this.reset();
    this.request();
    return model;
  }

  /** Takes a model away and gives its memory back. */
  clear(role: Role): void {
    const { model, scene } = this.sides[role];
    if (role === "original") this.player.pause();
    if (!model) return;
    this.sides[role].model = null;
    scene.remove(model.scene);
    model.dispose();
    this.renderer.renderLists.dispose();
    this.request();
  }

  /** Whether an animation may start by itself. */
  get mayAutoplay(): boolean {
    return !this.calm;
  }

  /** Looks at the whole model again. */
  reset(): void {
    const box = this.extent();
    if (box) this.viewpoint.frame(box);
    this.request();
  }

  /** Puts the models beside each other, over each other, or in turns. */
  arrange(arrangement: Arrangement): void {
    const changed = arrangement.kind !== this.arrangement.kind;
    this.arrangement = arrangement;
    if (changed) this.resize();
    this.request();
  }

  /** Shows surfaces as they are, or something about them. */
  look(view: View): void {
    this.view = view;
    if (view !== "heat") this.heat.free();
    const style = getComputedStyle(this.canvas);
    const ground = style.backgroundColor;
    this.modes.choose(view === "heat" ? "shaded" : view, style.color, ground);
    for (const { scene, model } of this.both()) {
      scene.background = new Color(ground);
      if (model) this.modes.dress(model);
    }
    this.request();
  }

  /** Changes the light. */
  async setLighting(lighting: Lighting): Promise<void> {
    this.lighting = lighting;
    const { environment, lamps } = await this.lights.get(lighting);
    // Another one may have been chosen meanwhile.
    if (lighting !== this.lighting) return;
    for (const side of this.both()) {
      side.scene.environment = environment;
      side.scene.remove(...side.lamps);
      side.lamps = lamps();
      if (side.lamps.length > 0) side.scene.add(...side.lamps);
    }
    this.request();
  }

  /** Lets both models wear a variant, or none. */
  async setVariant(variant: number | null): Promise<void> {
    this.variant = variant;
    await Promise.all(this.both().map((side) => side.model && this.wear(side.model)));
    this.request();
  }

  /** Looks as the proof did: from the same place, at the same moment, in the same variant. */
  async lookFrom(standpoint: Standpoint): Promise<void> {
    if (standpoint.moment) this.player.hold(...standpoint.moment);
    if (standpoint.variant !== this.variant) await this.setVariant(standpoint.variant);
    const box = this.extent();
    if (box) this.viewpoint.lookFrom(standpoint, box);
    this.request();
  }

  private async enter(role: Role, model: Model, signal: AbortSignal): Promise<void> {
    await this.wear(model);
    await warmUp(this.renderer, this.sides[role].scene, model, signal);
    if (signal.aborted) return;
    this.sides[role].model = model;
    this.sides[role].scene.add(model.scene);
    if (role === "original") this.player.setClips(model.clips);
    this.resize();
  }

  private async wear(model: Model): Promise<void> {
    await model.wear(this.variant);
    this.modes.dress(model);
  }

  /** Both sides are framed on the original, so that a result of another size or place shows as such. */
  private extent() {
    const extent = (this.sides.original.model ?? this.sides.result.model)?.extent;
    return extent?.isEmpty() ? undefined : extent;
  }

  private both(): Side[] {
    return [this.sides.original, this.sides.result];
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, MAX_PIXEL_RATIO));
    this.renderer.setSize(width, height, false);
    const [first] = this.places();
    this.viewpoint.setAspect(first ? first.width / first.height : width / height);
    if (!this.viewpoint.moved) this.reset();
    // At once: a canvas that was resized is empty until it is drawn on.
    this.draw();
  }

  private request(): void {
    this.frameRequest ||= requestAnimationFrame((now) => this.frame(now));
  }

  private frame(now: number): void {
    this.frameRequest = 0;
    // Damping goes on after the hand has let go: while it does, this reports a change, which asks for the next frame.
    this.viewpoint.controls.update();
    if (this.player.advance(now)) {
      this.watcher.onTime(this.player.part);
      this.request();
    }
    this.draw();
  }

  private draw(): void {
    const { clip, seconds } = this.player;
    for (const { model } of this.both()) model?.pose(clip, seconds);
    const { original, result } = this.sides;
    this.renderer.setScissorTest(false);
    if (this.view === "heat" && original.model && result.model) {
      this.renderer.setViewport(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
      this.heat.draw(() => this.drawSide(original), () => this.drawSide(result));
      return;
    }
    for (const { role, x, y, width, height, cut } of this.places()) {
      this.renderer.setViewport(x, y, width, height);
      this.renderer.setScissor(cut.x, y, cut.width, height);
      this.renderer.setScissorTest(true);
      this.drawSide(this.sides[role]);
    }
  }

  private drawSide({ scene }: Side): void {
    this.renderer.clear();
    this.modes.draw(scene, () => this.renderer.render(scene, this.viewpoint.camera));
  }

  /** Where on the canvas each model is drawn. */
  private places() {
    const size = this.renderer.getSize(new Vector2());
    const shown = (["original", "result"] as const).filter((role) => this.sides[role].model !== null);
    return arrange(this.view === "heat" ? { kind: "flip", shown: "original" } : this.arrangement, shown, size.x, size.y);
  }
}

function side(): Side {
  return { scene: new Scene(), model: null, lamps: [] };
}
