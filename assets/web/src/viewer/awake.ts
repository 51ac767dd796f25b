/**
 * Waits for the GPU before the page asks it for a context: a GPU that still starts, or draws the page, makes whoever asks wait
 * for a tenth of a second and more. Asked by a worker, it is the worker that waits.
 */

/** A GPU that takes longer is not waited for, in milliseconds. */
const PATIENCE_MS = 2000;

/** Resolves once the GPU has made a context for a worker, or it is clear that it will not. */
export async function gpuAwake(): Promise<void> {
  const worker = new Worker(new URL("./awake.worker.ts", import.meta.url), { type: "module" });
  await new Promise<unknown>((resolve) => {
    worker.onmessage = resolve;
    worker.onerror = resolve;
    setTimeout(resolve, PATIENCE_MS);
  });
  worker.terminate();
}
