/**
 * What opens a file, from the extensions that it requires, and the lines of code that do it. Pure.
 *
 * What each program is known to read, November 2026: three.js r187, Babylon.js 8, model-viewer 4, Blender 5, Unity
 * glTFast 7, Unreal Engine 5. Only the first is tried here, by every model that the page shows.
 */

/** The programs. */
export const programs = ["three", "babylon", "modelViewer", "blender", "gltfast", "unreal"] as const;
export type Program = (typeof programs)[number];

/** Whether a program reads a file: at once, once something is set up for these extensions, or not because of these. */
export type Answer = { reads: "yes" } | { reads: "setup"; extensions: string[] } | { reads: "no"; extensions: string[] };

const DRACO = "KHR_draco_mesh_compression";
const MESHOPT = "EXT_meshopt_compression";
const NEW_MESHOPT = "KHR_meshopt_compression";
const BASIS = "KHR_texture_basisu";
const WEBP = "EXT_texture_webp";
const AVIF = "EXT_texture_avif";
const PLAIN = ["KHR_mesh_quantization", "KHR_texture_transform"];

const reads: Record<Program, { alone: string[]; setup: string[] }> = {
  three: { alone: [...PLAIN, WEBP, AVIF, "EXT_mesh_gpu_instancing"], setup: [DRACO, MESHOPT, NEW_MESHOPT, BASIS] },
  babylon: { alone: [...PLAIN, DRACO, MESHOPT, BASIS, WEBP, AVIF, "EXT_mesh_gpu_instancing"], setup: [] },
  modelViewer: { alone: [...PLAIN, DRACO, BASIS, WEBP, AVIF, "EXT_mesh_gpu_instancing"], setup: [MESHOPT, NEW_MESHOPT] },
  blender: { alone: [...PLAIN, DRACO, WEBP, "EXT_mesh_gpu_instancing"], setup: [] },
  gltfast: { alone: [...PLAIN, WEBP, "EXT_mesh_gpu_instancing"], setup: [DRACO, MESHOPT, BASIS] },
  unreal: { alone: [...PLAIN, DRACO], setup: [] },
};

/** Whether a program opens a file that requires these extensions. */
export function opens(program: Program, required: readonly string[]): Answer {
  const { alone, setup } = reads[program];
  const refused = required.filter((name) => !alone.includes(name) && !setup.includes(name));
  if (refused.length > 0) return { reads: "no", extensions: refused };
  const needed = required.filter((name) => setup.includes(name));
  return needed.length > 0 ? { reads: "setup", extensions: needed } : { reads: "yes" };
}

/** The lines that show a file in a web page; null for programs that are no library. */
export function codeFor(program: Program, file: string, required: readonly string[]): string | null {
  switch (program) {
    case "three":
      return three(file, required);
    case "babylon":
      return babylon(file);
    case "modelViewer":
      return modelViewer(file, required);
    default:
      return null;
  }
}

function three(file: string, required: readonly string[]): string {
  const needs = (...names: string[]): boolean => names.some((name) => required.includes(name));
  const parts = [
    { is: needs(DRACO), import: 'import { DRACOLoader } from "three/addons/loaders/DRACOLoader.js";', call: "loader.setDRACOLoader(new DRACOLoader());" },
    {
      is: needs(BASIS),
      import: 'import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";',
      call: "loader.setKTX2Loader(new KTX2Loader().detectSupport(renderer));",
    },
    {
      is: needs(MESHOPT, NEW_MESHOPT),
      import: 'import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";',
      call: "loader.setMeshoptDecoder(MeshoptDecoder);",
    },
  ].filter(({ is }) => is);
  return [
    'import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";',
    ...parts.map((part) => part.import),
    "",
    "const loader = new GLTFLoader();",
    ...parts.map((part) => part.call),
    `const gltf = await loader.loadAsync(${JSON.stringify(file)});`,
    "scene.add(gltf.scene);",
  ].join("\n");
}

function babylon(file: string): string {
  return [
    'import { AppendSceneAsync } from "@babylonjs/core/Loading/sceneLoader";',
    'import "@babylonjs/loaders/glTF/2.0";',
    "",
    `await AppendSceneAsync(${JSON.stringify(file)}, scene);`,
  ].join("\n");
}

function modelViewer(file: string, required: readonly string[]): string {
  const meshopt = required.includes(MESHOPT) || required.includes(NEW_MESHOPT);
  const source = file.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return [
    '<script type="module">',
    meshopt ? '  import { ModelViewerElement } from "@google/model-viewer";' : '  import "@google/model-viewer";',
    ...(meshopt ? ['  ModelViewerElement.meshoptDecoderLocation = "meshopt_decoder.js";'] : []),
    "</script>",
    "",
    `<model-viewer src="${source}" camera-controls></model-viewer>`,
  ].join("\n");
}
