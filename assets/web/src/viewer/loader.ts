/**
 * Turns the bytes of a .glb into a three.js scene. The decoders (Draco, Basis, meshopt) are files of this page, work in
 * workers, and are fetched only when a model needs them. They are shared, because each keeps its workers.
 */
import type { WebGLRenderer } from "three";
import { DRACOLoader } from "three/addons/loaders/DRACOLoader.js";
import { GLTFLoader, type GLTF } from "three/addons/loaders/GLTFLoader.js";
import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";

import { caughtUp } from "./fence.ts";

/** More would be idle: a model waits for its images longer than for its vertices. */
const MESHOPT_WORKERS = 2;

/** Reads models for one renderer. */
export class Loader {
  private gltf: Promise<GLTFLoader> | null = null;

  /** `renderer` is asked which compressed texture formats the GPU knows. */
  constructor(private readonly renderer: WebGLRenderer) {}

  /** Reads a model. */
  async load(blob: Blob): Promise<GLTF> {
    const bytes = await blob.arrayBuffer();
    // Made only now: with the renderer, it would hold up the page for longer.
    this.gltf ??= this.make();
    return (await this.gltf).parseAsync(bytes, "");
  }

  private async make(): Promise<GLTFLoader> {
    // Asked what it knows, the GPU first does all that it was told before, and the page would wait.
    await caughtUp(this.renderer);
    MeshoptDecoder.useWorkers?.(MESHOPT_WORKERS);
    return new GLTFLoader()
      .setDRACOLoader(new DRACOLoader())
      .setKTX2Loader(new KTX2Loader().detectSupport(this.renderer))
      .setMeshoptDecoder(MeshoptDecoder);
  }
}
