/** Asks again and again while somebody looks: not while the tab is hidden, and at once when it is seen again. */

/** Calls `look` until `signal` aborts; it answers with the milliseconds until the next time, and must not throw. */
export async function repeat(look: () => Promise<number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await rest(await look(), signal);
    await seen(signal);
  }
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function seen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!document.hidden || signal.aborted) return resolve();
    const stop = new AbortController();
    const done = (): void => {
      stop.abort();
      resolve();
    };
    signal.addEventListener("abort", done, { signal: stop.signal });
    document.addEventListener("visibilitychange", () => !document.hidden && done(), { signal: stop.signal });
  });
}
