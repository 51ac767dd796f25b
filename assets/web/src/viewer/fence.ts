/** Waits for the GPU without holding up the page: asking it for an answer at once would. */
import type { WebGLRenderer } from "three";

/** How often is looked whether it is done, in milliseconds. */
const LOOK_MS = 8;

/** Resolves once the GPU has done everything that it was asked to. */
export async function caughtUp(renderer: WebGLRenderer): Promise<void> {
  const gl = renderer.getContext() as WebGL2RenderingContext;
  const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
  // None is made where the context is lost: then there is nothing to wait for.
  if (!fence) return;
  gl.flush();
  do await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  while (!gl.isContextLost() && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED);
  gl.deleteSync(fence);
}
