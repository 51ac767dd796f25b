/** The controls below the 3D view. They only report; what they mean is the business of the stage. */
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";
import type { View } from "../../viewer/comparison.ts";
import type { Lighting } from "../../viewer/lighting.ts";
import type { Role } from "../../viewer/arrangement.ts";

export type Kind = "split" | "side" | "flip";

/** What a person can ask of the view. */
export interface Wishes {
  arrange(kind: Kind): void;
  flip(): void;
  look(view: View): void;
  light(lighting: Lighting): void;
  wear(variant: number | null): void;
  play(clip: number): void;
  pause(): void;
  seek(clip: number, part: number): void;
  worst(): void;
  reset(): void;
  fullScreen(): void;
}

const SURFACES: View[] = ["shaded", "wireframe", "normals", "checker"];
const CHANNELS: View[] = ["base", "red", "green", "blue", "alpha", "metal", "rough", "occlusion", "emissive", "normalMap"];
const LIGHTS: Lighting[] = ["studio", "soft", "sun", "dark"];
const STEPS = 1000;

/** The row of controls. */
export class Tools {
  readonly element: HTMLElement;
  private readonly arrangements: HTMLElement;
  private readonly flip = button("", "flip");
  private readonly views: HTMLSelectElement;
  private readonly heat = make("optgroup", { label: text.compare.viewGroups.difference }, option("heat", text.compare.views.heat));
  private readonly variants = make("select", { dataset: { tool: "variant" } });
  private readonly clips = make("select", { dataset: { tool: "clip" } });
  private readonly time = make("input", { type: "range", min: "0", max: String(STEPS), value: "0", ariaLabel: text.compare.time, dataset: { tool: "time" } });
  private readonly toggle = button(text.compare.play, "play");
  private readonly animation: HTMLElement;
  private readonly variant: HTMLElement;
  private readonly worst = button(text.compare.worst, "worst");
  private playing = false;

  constructor(private readonly wishes: Wishes) {
    this.arrangements = arrangementChoice((kind) => wishes.arrange(kind));
    this.views = viewChoice((view) => wishes.look(view));
    const lights = make("select", { dataset: { tool: "light" } }, ...LIGHTS.map((name) => option(name, text.compare.lights[name])));
    lights.onchange = () => wishes.light(lights.value as Lighting);
    this.variants.onchange = () => wishes.wear(this.variants.value === "" ? null : Number(this.variants.value));
    this.variant = labelled(text.compare.variant, this.variants);
    this.clips.onchange = () => this.setPlaying(true);
    this.toggle.onclick = () => this.setPlaying(!this.playing);
    this.time.oninput = () => this.seek();
    this.animation = make("div", { className: "tool-group" }, this.toggle, this.time, labelled(text.compare.clip, this.clips));
    this.flip.onclick = () => wishes.flip();
    this.flip.title = text.compare.flipHint;
    this.worst.onclick = () => wishes.worst();
    const reset = button(text.compare.reset, "reset");
    reset.onclick = () => wishes.reset();
    this.element = make(
      "div",
      { className: "tools", role: "group", ariaLabel: text.compare.tools },
      this.arrangements,
      this.flip,
      labelled(text.compare.view, this.views),
      labelled(text.compare.light, lights),
      this.variant,
      this.animation,
      this.worst,
      reset,
      fullScreenButton(wishes),
    );
    this.offerVariants([]);
    this.offerClips([], false);
    this.offerWorst(null);
    this.setBoth(false, "split", "result");
  }

  /** What only two models can do is offered only then. `shown` is the one that A/B shows. */
  setBoth(both: boolean, kind: Kind, shown: Role): void {
    this.arrangements.hidden = !both;
    this.flip.hidden = !both || kind !== "flip";
    this.flip.textContent = text.compare.flipTo[shown === "original" ? "result" : "original"];
    if (both) this.views.append(this.heat);
    else this.heat.remove();
  }

  /** What is chosen where the page itself chooses. */
  setKind(kind: Kind): void {
    const input = this.arrangements.querySelector<HTMLInputElement>(`input[value=${kind}]`);
    if (input) input.checked = true;
  }

  /** Shows what is looked at. */
  setView(view: View): void {
    this.views.value = view;
  }

  /** Offers the clips by name. */
  offerClips(names: readonly string[], autoplay: boolean): void {
    this.animation.hidden = names.length === 0;
    this.clips.closest("label")!.hidden = names.length < 2;
    this.clips.replaceChildren(...names.map((name, index) => option(String(index), name || text.compare.clipName(index))));
    this.setTime(0);
    this.setPlaying(autoplay && names.length > 0);
  }

  /** Offers the variants by name, beside none. */
  offerVariants(names: readonly string[]): void {
    this.variant.hidden = names.length === 0;
    const options = names.map((name, index) => option(String(index), name || text.compare.variantName(index)));
    this.variants.replaceChildren(option("", text.compare.noVariant), ...options);
  }

  /** Offers to go to the view with this name. */
  offerWorst(view: string | null): void {
    this.worst.hidden = view === null;
    this.worst.title = text.compare.worstHint(view ?? "");
  }

  /** Shows a moment that was gone to, or to which the animation has come. */
  setTime(part: number): void {
    this.time.value = String(Math.round(part * STEPS));
  }

  /** Shows that another moment and variant are looked at. */
  hold(clip: number | null, part: number, variant: number | null): void {
    if (clip !== null) {
      this.clips.value = String(clip);
      this.markPlaying(false);
      this.setTime(part);
    }
    this.variants.value = variant === null ? "" : String(variant);
  }

  private seek(): void {
    this.markPlaying(false);
    this.wishes.seek(this.clip, Number(this.time.value) / STEPS);
  }

  private setPlaying(playing: boolean): void {
    this.markPlaying(playing);
    if (playing) this.wishes.play(this.clip);
    else this.wishes.pause();
  }

  private markPlaying(playing: boolean): void {
    this.playing = playing;
    this.toggle.textContent = playing ? text.compare.pause : text.compare.play;
  }

  private get clip(): number {
    return Math.max(this.clips.selectedIndex, 0);
  }
}

function arrangementChoice(onChoice: (kind: Kind) => void): HTMLElement {
  const kinds: Kind[] = ["split", "side", "flip"];
  const labels = kinds.map((kind) => {
    const input = make("input", { type: "radio", name: "arrangement", value: kind, checked: kind === "split" });
    input.onchange = () => onChoice(kind);
    return make("label", {}, input, make("span", {}, text.compare.arrangements[kind]));
  });
  return make("fieldset", { className: "segmented" }, make("legend", { className: "visually-hidden" }, text.compare.arrangement), ...labels);
}

function viewChoice(onChoice: (view: View) => void): HTMLSelectElement {
  const group = (label: string, views: View[]): HTMLElement => make("optgroup", { label }, ...views.map((view) => option(view, text.compare.views[view])));
  const { surface, channel } = text.compare.viewGroups;
  const select = make("select", { dataset: { tool: "view" } }, group(surface, SURFACES), group(channel, CHANNELS));
  select.onchange = () => onChoice(select.value as View);
  return select;
}

function fullScreenButton(wishes: Wishes): HTMLElement | null {
  if (!document.fullscreenEnabled) return null;
  const full = button(text.compare.fullScreen, "full-screen");
  full.onclick = () => wishes.fullScreen();
  return full;
}

function button(label: string, tool: string): HTMLButtonElement {
  return make("button", { type: "button", className: "chip", dataset: { tool } }, label);
}

function option(value: string, label: string): HTMLOptionElement {
  return make("option", { value }, label);
}

function labelled(label: string, control: HTMLElement): HTMLElement {
  return make("label", { className: "chip chip-select" }, make("span", {}, label), control);
}
