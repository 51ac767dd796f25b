/** A loaded model: its scene, its extent, its animations, and the GPU memory that it must give back. */
import { AnimationMixer, Box3, Material, Mesh, SkinnedMesh, Texture, type AnimationClip, type Object3D } from "three";
import type { GLTF } from "three/addons/loaders/GLTFLoader.js";

/** One model on one pane. */
export class Model {
  readonly scene: Object3D;
  readonly clips: readonly AnimationClip[];
  /** A box around everything visible, in its first pose; empty when there is nothing. */
  readonly extent: Box3;
  private readonly mixer: AnimationMixer;
  private playing: AnimationClip | null = null;

  constructor(gltf: GLTF) {
    this.scene = gltf.scene;
    this.clips = gltf.animations;
    this.mixer = new AnimationMixer(this.scene);
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

  /** Frees geometries, materials, textures and their decoded images. */
  dispose(): void {
    this.mixer.stopAllAction();
    this.mixer.uncacheRoot(this.scene);
    this.scene.traverse((object) => {
      if (object instanceof SkinnedMesh) object.skeleton.dispose();
      // Points and lines have the same two fields as meshes.
      const { geometry, material } = object as Partial<Mesh>;
      geometry?.dispose();
      for (const one of material ? [material].flat() : []) disposeMaterial(one);
    });
  }
}

function disposeMaterial(material: Material): void {
  for (const value of Object.values(material)) {
    if (!(value instanceof Texture)) continue;
    if (value.image instanceof ImageBitmap) value.image.close();
    value.dispose();
  }
  material.dispose();
}
