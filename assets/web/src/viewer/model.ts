/** A loaded model: its scene, extent, animations and variants, and the GPU memory that it must give back. */
import { AnimationMixer, Box3, Material, Mesh, SkinnedMesh, Texture, type AnimationClip, type Object3D } from "three";
import type { GLTF } from "three/addons/loaders/GLTFLoader.js";

import { Variants } from "./variants.ts";

/** One model. */
export class Model {
  readonly scene: Object3D;
  readonly clips: readonly AnimationClip[];
  readonly variants: Variants;
  /** A box around everything visible, in its first pose; empty when there is nothing. */
  readonly extent: Box3;
  /** Everything that is drawn. Points and lines have the same two fields as meshes. */
  readonly meshes: readonly Mesh[];
  /** What each is made of, whatever it is shown in at the moment. */
  private readonly materials = new Map<Mesh, Material | Material[]>();
  private readonly mixer: AnimationMixer;
  private playing: AnimationClip | null = null;

  constructor(gltf: GLTF) {
    this.scene = gltf.scene;
    this.clips = gltf.animations;
    this.mixer = new AnimationMixer(this.scene);
    this.meshes = drawn(this.scene);
    for (const mesh of this.meshes) this.materials.set(mesh, mesh.material);
    this.variants = new Variants(gltf, this.meshes);
    this.pose(0, 0);
    this.scene.updateWorldMatrix(true, true);
    this.extent = new Box3().setFromObject(this.scene);
  }

  /** Puts the model into the pose that clip number `index` has at `seconds`. Without such a clip nothing changes. */
  pose(index: number, seconds: number): void {
    const clip = this.clips[index];
    if (!clip) return;
    if (clip !== this.playing) {
      this.mixer.stopAllAction();
      this.mixer.clipAction(clip).play();
      this.playing = clip;
    }
    this.mixer.setTime(clip.duration > 0 ? seconds % clip.duration : 0);
  }

  /** Wears a variant, or what it has without one (`null`). */
  async wear(variant: number | null): Promise<void> {
    for (const [mesh, material] of await this.variants.choose(variant)) this.materials.set(mesh, material);
  }

  /** Shows every surface in what `dress` makes of its material. */
  show(dress: (material: Material) => Material): void {
    for (const [mesh, material] of this.materials) {
      mesh.material = Array.isArray(material) ? material.map(dress) : dress(material);
    }
  }

  /** All textures of what it wears. */
  textures(): Texture[] {
    const materials = [...this.materials.values()].flat();
    return [...new Set(materials.flatMap((material) => texturesOf(material)))];
  }

  /** Frees geometries, materials, textures and their decoded images. */
  dispose(): void {
    this.mixer.stopAllAction();
    this.mixer.uncacheRoot(this.scene);
    for (const mesh of this.meshes) {
      if (mesh instanceof SkinnedMesh) mesh.skeleton.dispose();
      mesh.geometry.dispose();
    }
    for (const material of [...this.materials.values(), ...this.variants.materials()].flat()) disposeMaterial(material);
  }
}

function drawn(scene: Object3D): Mesh[] {
  const found: Mesh[] = [];
  scene.traverse((object) => {
    if ("geometry" in object && "material" in object) found.push(object as Mesh);
  });
  return found;
}

function texturesOf(material: Material): Texture[] {
  return Object.values(material).filter((value): value is Texture => value instanceof Texture);
}

function disposeMaterial(material: Material): void {
  for (const texture of texturesOf(material)) {
    if (texture.image instanceof ImageBitmap) texture.image.close();
    texture.dispose();
  }
  material.dispose();
}
