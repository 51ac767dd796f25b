/**
 * The ways of looking at a surface: as it is, its triangles, its normals, how its texture lies, or one channel of its
 * material. Each makes other materials for the time being; the model's own are never changed.
 */
import { DataTexture, DoubleSide, LinearMipmapLinearFilter, MeshBasicMaterial, MeshNormalMaterial, MeshStandardMaterial, RepeatWrapping, SRGBColorSpace, type Material, type Scene } from "three";

import { Channels, channels, type Channel } from "./channels.ts";
import type { Model } from "./model.ts";

/** Ways that look at the surface itself. */
export const surfaces = ["shaded", "wireframe", "normals", "checker"] as const;
/** All ways of looking at one model. */
export type Mode = (typeof surfaces)[number] | Channel;

const CHECKER_CELLS = 16;
const CHECKER_SIDE = 256;

/** Draws scenes in the chosen way. */
export class Modes {
  private layers: Material[] = [];
  private channel: Channels | null = null;

  /** Changes the way; everything that the one before made is freed. `ink` and `ground` are colours of the page. */
  choose(mode: Mode, ink: string, ground: string): void {
    this.dispose();
    if (isChannel(mode)) this.channel = new Channels(mode);
    else this.layers = layersOf(mode, ink, ground);
  }

  /** Puts a model into what it is to be seen in; to be called when either changes. */
  dress(model: Model): void {
    model.show((material) => this.channel?.of(material) ?? material);
  }

  /** Draws a scene, one layer over the other. */
  draw(scene: Scene, render: () => void): void {
    if (this.layers.length === 0) return render();
    const background = scene.background;
    for (const layer of this.layers) {
      scene.overrideMaterial = layer;
      render();
      scene.background = null;
    }
    scene.overrideMaterial = null;
    scene.background = background;
  }

  /** Frees its materials and textures. */
  dispose(): void {
    for (const layer of this.layers) {
      if (layer instanceof MeshStandardMaterial) layer.map?.dispose();
      layer.dispose();
    }
    this.layers = [];
    this.channel?.dispose();
    this.channel = null;
  }
}

function isChannel(mode: Mode): mode is Channel {
  return (channels as readonly string[]).includes(mode);
}

/** Materials for all surfaces at once, drawn one over the other. */
function layersOf(mode: Mode, ink: string, ground: string): Material[] {
  switch (mode) {
    case "wireframe":
      // The ground comes first and further back, so that lines behind a surface are hidden.
      return [
        new MeshBasicMaterial({ color: ground, side: DoubleSide, toneMapped: false, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 }),
        new MeshBasicMaterial({ color: ink, wireframe: true, toneMapped: false }),
      ];
    case "normals":
      return [new MeshNormalMaterial({ side: DoubleSide })];
    case "checker":
      return [new MeshStandardMaterial({ map: checker(), roughness: 0.8, side: DoubleSide })];
    default:
      return [];
  }
}

/** Light and dark squares whose colours tell the corner of the texture: stretched, mirrored and moved UVs all show. */
function checker(): DataTexture {
  const pixels = new Uint8Array(CHECKER_SIDE * CHECKER_SIDE * 4);
  const cell = CHECKER_SIDE / CHECKER_CELLS;
  for (let y = 0; y < CHECKER_SIDE; y += 1) {
    for (let x = 0; x < CHECKER_SIDE; x += 1) {
      const light = (Math.floor(x / cell) + Math.floor(y / cell)) % 2 === 0 ? 1 : 0.45;
      const [u, v] = [x / CHECKER_SIDE, y / CHECKER_SIDE];
      pixels.set([light * (70 + 185 * u), light * (70 + 185 * v), light * (255 - 150 * u), 255], (y * CHECKER_SIDE + x) * 4);
    }
  }
  const texture = new DataTexture(pixels, CHECKER_SIDE, CHECKER_SIDE);
  texture.colorSpace = SRGBColorSpace;
  texture.wrapS = texture.wrapT = RepeatWrapping;
  texture.minFilter = LinearMipmapLinearFilter;
  texture.generateMipmaps = true;
  texture.anisotropy = 8;
  texture.needsUpdate = true;
  return texture;
}
