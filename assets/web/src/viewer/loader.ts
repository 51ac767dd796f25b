/**
 * Turns the bytes of a .glb into a three.js scene. The decoders (Draco, Basis, meshopt) are files of this page; each is
 * fetched only when a model needs it. They are shared by all panes, because each keeps a pool of workers.
 */
import type { WebGLRenderer } from "three";
import { DRACOLoader } from "three/addons/loaders/DRACOLoader.js";
import { GLTFLoader, type GLTF } from "three/addons/loaders/GLTFLoader.js";
import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";

let shared: GLTFLoader | null = null;

/** Reads a model. `renderer` is asked once which compressed texture formats the GPU knows. */
export async function loadModel(blob: Blob, renderer: WebGLRenderer): Promise<GLTF> {
  shared ??= new GLTFLoader()
    .setDRACOLoader(new DRACOLoader())
    .setKTX2Loader(new KTX2Loader().detectSupport(renderer))
    .setMeshoptDecoder(MeshoptDecoder);
  return shared.parseAsync(await blob.arrayBuffer(), "");
}
