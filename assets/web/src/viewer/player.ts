/** The one clock of both models: which clip, which moment, and whether it runs. */
import type { AnimationClip } from "three";

/** Plays clips. */
export class Player {
  /** Index of the clip. */
  clip = 0;
  /** Seconds since its beginning. */
  seconds = 0;
  private clips: readonly AnimationClip[] = [];
  private playing = false;
  private lastFrame = 0;

  /** `onChange` asks for a frame. */
  constructor(private readonly onChange: () => void) {}

  /** The clips of the original; the first one stands at its beginning. */
  setClips(clips: readonly AnimationClip[]): void {
    this.clips = clips;
    this.clip = 0;
    this.seconds = 0;
  }

  /** Runs clip number `index`. */
  play(index: number): void {
    if (index !== this.clip) this.seconds = 0;
    this.clip = index;
    this.playing = true;
    this.lastFrame = 0;
    this.onChange();
  }

  /** Holds the clip where it is. */
  pause(): void {
    this.playing = false;
    this.onChange();
  }

  /** Holds clip number `index` at a part of its duration, 0 to 1. */
  hold(index: number, part: number): void {
    this.playing = false;
    this.clip = index;
    // The very end would be the beginning of the next round.
    this.seconds = this.duration * Math.min(part, 0.9999);
    this.onChange();
  }

  /** Which part of the clip has passed, 0 to 1. */
  get part(): number {
    return this.duration > 0 ? (this.seconds % this.duration) / this.duration : 0;
  }

  /** Goes on to the time of a frame, in milliseconds; whether the clip runs. */
  advance(now: number): boolean {
    if (!this.playing) return false;
    if (this.lastFrame > 0) this.seconds += (now - this.lastFrame) / 1000;
    this.lastFrame = now;
    return true;
  }

  private get duration(): number {
    return this.clips[this.clip]?.duration ?? 0;
  }
}
