/** Asks the GPU for a context that nobody draws to, and says when it has answered; see awake.ts. */
try {
  new OffscreenCanvas(1, 1).getContext("webgl2");
} finally {
  postMessage(null);
}
