/**
 * Brings a model to the GPU in small pieces before it is drawn for the first time. Drawn at once, a file of 90 MB would hold up
 * the page for as long as all its images and vertices need.
 */
import { Mesh, MeshBasicMaterial, PerspectiveCamera, Scene, WebGLRenderTarget, type BufferGeometry, type WebGLRenderer } from "three";

import { caughtUp } from "./fence.ts";
import type { Model } from "./model.ts";

/** Time after which the page gets its turn, in milliseconds. */
const SLICE_MS = 40;

/** Uploads images, then vertices, then lets the programs be made. Ends early when `signal` aborts. */
export async function warmUp(renderer: WebGLRenderer, scene: Scene, model: Model, signal: AbortSignal): Promise<void> {
  for (const texture of model.textures()) {
    if (signal.aborted) return;
    renderer.initTexture(texture);
    await caughtUp(renderer);
  }
  const pause = pacer();
  const uploader = new Uploader(renderer);
  for (const { geometry } of model.meshes) {
    if (signal.aborted) break;
    uploader.upload(geometry);
    await pause();
  }
  uploader.dispose();
  if (signal.aborted) return;
  renderer.compile(model.scene, uploader.camera, scene);
  await caughtUp(renderer);
}

/** Uploads geometries by drawing one triangle of each where nobody sees it. */
class Uploader {
  readonly camera = new PerspectiveCamera();
  private readonly target = new WebGLRenderTarget(1, 1);
  private readonly scene = new Scene();
  private readonly material = new MeshBasicMaterial();

  constructor(private readonly renderer: WebGLRenderer) {}

  upload(geometry: BufferGeometry): void {
    const { start, count } = geometry.drawRange;
    const mesh = new Mesh(geometry, this.material);
    mesh.frustumCulled = false;
    geometry.setDrawRange(0, 3);
    this.scene.add(mesh);
    this.renderer.setRenderTarget(this.target);
    this.renderer.render(this.scene, this.camera);
    this.renderer.setRenderTarget(null);
    this.scene.remove(mesh);
    geometry.setDrawRange(start, count);
  }

  dispose(): void {
    this.target.dispose();
    this.material.dispose();
  }
}

/** Lets the page have its turn once the time is used up. */
function pacer(): () => Promise<void> {
  let started = performance.now();
  return async () => {
    if (performance.now() - started < SLICE_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    started = performance.now();
  };
}
