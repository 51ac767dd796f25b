/** A few kinds of light, made by code: nothing is downloaded. Both models always stand in the same one. */
import { BackSide, BoxGeometry, BufferAttribute, Color, DirectionalLight, Mesh, MeshBasicMaterial, PerspectiveCamera, PMREMGenerator, Scene, SphereGeometry, type Light, type Texture, type WebGLRenderer } from "three";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";

import { caughtUp } from "./fence.ts";

/** The names of the lights, as the page offers them. */
export const lightings = ["studio", "soft", "sun", "dark"] as const;
export type Lighting = (typeof lightings)[number];

/** What a scene is lit by. */
export interface Lit {
  environment: Texture;
  /** Lights beside the surroundings; a new one for every scene that it is put into. */
  lamps: () => Light[];
}

/** Makes each light once. */
export class Lights {
  private readonly made = new Map<Lighting, Promise<Lit>>();

  constructor(private readonly renderer: WebGLRenderer) {}

  /** The light with this name. */
  get(name: Lighting): Promise<Lit> {
    const lit = this.made.get(name) ?? this.make(name);
    this.made.set(name, lit);
    return lit;
  }

  /** In steps: programs are made while the page goes on. */
  private async make(name: Lighting): Promise<Lit> {
    await caughtUp(this.renderer);
    const generator = new PMREMGenerator(this.renderer);
    const around = name === "studio" ? new RoomEnvironment() : surroundings[name]();
    generator.compileCubemapShader();
    this.renderer.compile(around, new PerspectiveCamera());
    await caughtUp(this.renderer);
    const { texture } = generator.fromScene(around, 0.04);
    await caughtUp(this.renderer);
    disposeScene(around);
    generator.dispose();
    return { environment: texture, lamps: () => (name === "sun" ? [sun()] : []) };
  }
}

const surroundings = {
  /** The same from everywhere, a little more from above: shows colours as they are. */
  soft: () => new Scene().add(dome(0xffffff, 0xd8d8d8, 1)),
  /** Blue above, earth below; the sun itself is a lamp, so that it is sharp. */
  sun: () => new Scene().add(dome(0x9cc4ff, 0x8a7f70, 1.1)),
  /** Two bright strips in the dark: shows edges, bumps and how rough things are. */
  dark: () => new Scene().add(dome(0x20242c, 0x101216, 1), strip(-6, 2, 1), strip(5, 3, -4)),
};

function dome(above: number, below: number, strength: number): Mesh {
  const geometry = new SphereGeometry(10, 32, 16);
  const position = geometry.getAttribute("position");
  const [high, low, mixed] = [new Color(above), new Color(below), new Color()];
  const colours = new Float32Array(position.count * 3);
  for (let i = 0; i < position.count; i += 1) {
    mixed.lerpColors(low, high, position.getY(i) / 20 + 0.5).multiplyScalar(strength).toArray(colours, i * 3);
  }
  geometry.setAttribute("color", new BufferAttribute(colours, 3));
  return new Mesh(geometry, new MeshBasicMaterial({ side: BackSide, vertexColors: true }));
}

function strip(x: number, y: number, z: number): Mesh {
  const light = new Mesh(new BoxGeometry(0.4, 6, 1.6), new MeshBasicMaterial({ color: new Color(1, 1, 1).multiplyScalar(24) }));
  light.position.set(x, y, z);
  light.lookAt(0, 0, 0);
  return light;
}

function sun(): Light {
  const light = new DirectionalLight(0xfff2dd, 3.4);
  light.position.set(0.6, 1, 0.5);
  return light;
}

function disposeScene(scene: Scene): void {
  scene.traverse((object) => {
    if (!(object instanceof Mesh)) return;
    (object.geometry as BoxGeometry).dispose();
    for (const material of [object.material as MeshBasicMaterial].flat()) material.dispose();
  });
}
