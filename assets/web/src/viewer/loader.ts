/**
 * Turns the bytes of a .glb into a three.js scene. The decoders (Draco, Basis, meshopt) are files of this page, work in
 * workers, and are fetched only when a model needs them. They are shared, because each keeps its workers.
 */
import type { WebGLRenderer } from "three";
import { DRACOLoader } from "three/addons/loaders/DRACOLoader.js";
import { GLTFLoader, type GLTF } from "three/addons/loaders/GLTFLoader.js";
import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";

/** More would be idle: a model waits for its images longer than for its vertices. */
const MESHOPT_WORKERS = 2;

/** Reads models for one renderer. */
export class Loader {
  private readonly gltf: GLTFLoader;

  /** `renderer` is asked which compressed texture formats the GPU knows. */
  constructor(renderer: WebGLRenderer) {
    MeshoptDecoder.useWorkers?.(MESHOPT_WORKERS);
    this.gltf = new GLTFLoader()
      .setDRACOLoader(new DRACOLoader())
      .setKTX2Loader(new KTX2Loader().detectSupport(renderer))
      .setMeshoptDecoder(MeshoptDecoder);
  }

  /** Reads a model. */
  async load(blob: Blob): Promise<GLTF> {
    return this.gltf.parseAsync(await blob.arrayBuffer(), "");
  }
}
