/**
 * When something will be done, from nothing but how it went so far. Pure. Says nothing until enough was measured: a wrong
 * time is worse than none.
 */

/** The least that must have been measured before a guess is made. */
const LEAST_SECONDS = 2;
const LEAST_PERCENT = 4;
/** How far back a pace is looked at: stages differ, and the latest tells most about the next. */
const WINDOW_SECONDS = 30;

/** Remembers how something went. */
export class Pace {
  private readonly seen: { seconds: number; percent: number }[] = [];

  /** It was so far at this moment. Going back begins anew. */
  note(percent: number, seconds: number): void {
    const last = this.seen.at(-1);
    if (last && percent < last.percent) this.seen.length = 0;
    if (!last || percent !== last.percent || this.seen.length === 0) this.seen.push({ seconds, percent });
    while (this.seen.length > 2 && seconds - (this.seen[1]?.seconds ?? seconds) > WINDOW_SECONDS) this.seen.shift();
  }

  /** Seconds until 100 percent, or null while nothing can be said. */
  left(seconds: number): number | null {
    const [first, last] = [this.seen[0], this.seen.at(-1)];
    if (!first || !last) return null;
    const [took, done] = [seconds - first.seconds, last.percent - first.percent];
    if (took < LEAST_SECONDS || done < LEAST_PERCENT) return null;
    return (took * (100 - last.percent)) / done;
  }
}
