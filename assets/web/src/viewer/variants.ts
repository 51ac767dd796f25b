/**
 * Material variants (KHR_materials_variants), which three.js leaves to the page: their names, and which material each
 * mesh wears in one of them. Materials are made when a variant is first chosen.
 */
import type { Material, Mesh } from "three";
import type { GLTF, GLTFParser } from "three/addons/loaders/GLTFLoader.js";

const NAME = "KHR_materials_variants";

interface Mapping {
  material: number;
  variants: number[];
}

interface WithExtensions {
  gltfExtensions?: Record<string, { variants?: { name?: string }[]; mappings?: Mapping[] }>;
}

/** The variants of one model. */
export class Variants {
  readonly names: readonly string[];
  private readonly parser: GLTFParser;
  private readonly plain = new Map<Mesh, Material | Material[]>();
  private readonly made = new Set<Material>();

  constructor(gltf: GLTF, meshes: readonly Mesh[]) {
    this.parser = gltf.parser;
    const list = (gltf.userData as WithExtensions).gltfExtensions?.[NAME]?.variants ?? [];
    this.names = list.map((variant) => variant.name ?? "");
    for (const mesh of meshes) if (mappingsOf(mesh).length > 0) this.plain.set(mesh, mesh.material);
  }

  /** What the meshes wear in variant number `index`, or without one. */
  async choose(index: number | null): Promise<[Mesh, Material | Material[]][]> {
    return Promise.all([...this.plain.keys()].map(async (mesh) => [mesh, await this.material(mesh, index)] as [Mesh, Material]));
  }

  /** Every material that variants have made, for whoever frees them. */
  materials(): Iterable<Material> {
    return this.made;
  }

  private async material(mesh: Mesh, index: number | null): Promise<Material | Material[] | undefined> {
    const mapping = index === null ? undefined : mappingsOf(mesh).find(({ variants }) => variants.includes(index));
    if (!mapping) return this.plain.get(mesh);
    const shown = mesh.material;
    mesh.material = (await this.parser.getDependency("material", mapping.material)) as Material;
    // Vertex colours, missing normals and the like need a copy of the material; the parser knows which.
    this.parser.assignFinalMaterial(mesh);
    const material = mesh.material;
    mesh.material = shown;
    for (const one of [material].flat()) this.made.add(one);
    return material;
  }
}

function mappingsOf(mesh: Mesh): Mapping[] {
  return (mesh.userData as WithExtensions).gltfExtensions?.[NAME]?.mappings ?? [];
}
