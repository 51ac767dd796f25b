/** One canvas with one model on it: renderer, light, camera and controls. It draws only when it is told to. */
import { Color, NeutralToneMapping, PerspectiveCamera, PMREMGenerator, Scene, Vector3, WebGLRenderer, type Box3 } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";

import { loadModel } from "./loader.ts";
import { Model } from "./model.ts";

/** Pixels per CSS pixel at most; above two the eye gains nothing and the GPU pays. */
const MAX_PIXEL_RATIO = 2;
const FIELD_OF_VIEW = 35;
/** Slightly from the right and above, as products are photographed. */
const DIRECTION = [0.55, 0.35, 1] as const;
/** Room around a framed model, as a share of its distance. */
const MARGIN = 1.12;

/** A view of one model. */
export class Pane {
  readonly camera = new PerspectiveCamera(FIELD_OF_VIEW, 1);
  readonly controls: OrbitControls;
  /** Whether what is on the canvas is out of date. */
  stale = false;
  model: Model | null = null;
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();

  /** Throws when the browser has no WebGL 2. */
  constructor(readonly canvas: HTMLCanvasElement) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true });
    this.renderer.toneMapping = NeutralToneMapping;
    const generator = new PMREMGenerator(this.renderer);
    const room = new RoomEnvironment();
    this.scene.environment = generator.fromScene(room, 0.04).texture;
    room.dispose();
    generator.dispose();
    this.controls = new OrbitControls(this.camera, canvas);
    // One finger up or down scrolls the page, also where it begins on the model; sideways it turns the model.
    canvas.style.touchAction = "pan-y";
    this.adoptColours();
  }

  /** Replaces the model. Leaves the pane empty when the new one cannot be read. */
  async load(blob: Blob, signal: AbortSignal): Promise<Model> {
    this.clear();
    const model = new Model(await loadModel(blob, this.renderer));
    if (signal.aborted) {
      model.dispose();
      throw signal.reason;
    }
    this.clear();
    this.model = model;
    this.scene.add(model.scene);
    this.stale = true;
    return model;
  }

  /** Takes the model away and gives its GPU memory back. */
  clear(): void {
    if (!this.model) return;
    this.scene.remove(this.model.scene);
    this.model.dispose();
    this.model = null;
    this.renderer.renderLists.dispose();
    this.stale = true;
  }

  /** Takes the background from the canvas's style sheet, which knows the colour scheme. */
  adoptColours(): void {
    this.scene.background = new Color(getComputedStyle(this.canvas).backgroundColor);
    this.stale = true;
  }

  /** Follows the size of the canvas on the page. */
  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, MAX_PIXEL_RATIO));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.stale = true;
  }

  /** Places the camera so that `box` fills the pane. */
  frame(box: Box3): void {
    const centre = box.getCenter(new Vector3());
    const away = new Vector3(...DIRECTION).normalize();
    this.camera.position.copy(centre).add(away);
    this.camera.lookAt(centre);
    const radius = box.getSize(new Vector3()).length() / 2 || 1;
    const distance = this.fittingDistance(box, centre) * MARGIN || radius;
    this.camera.position.copy(centre).addScaledVector(away, distance);
    this.camera.near = radius / 100;
    this.camera.far = (distance + radius) * 20;
    this.camera.updateProjectionMatrix();
    this.controls.target.copy(centre);
    this.controls.minDistance = radius / 20;
    this.controls.maxDistance = (distance + radius) * 8;
    this.stale = true;
  }

  /** How far from `centre`, along the present direction, every corner of `box` is inside the pane. */
  private fittingDistance(box: Box3, centre: Vector3): number {
    const slope = Math.tan(((FIELD_OF_VIEW / 2) * Math.PI) / 180);
    const turn = this.camera.quaternion.clone().invert();
    const distances = corners(box).map((corner) => {
      const { x, y, z } = corner.sub(centre).applyQuaternion(turn);
      return z + Math.max(Math.abs(y) / slope, Math.abs(x) / (slope * this.camera.aspect));
    });
    return Math.max(...distances);
  }

  /** Looks from where `other` looks. */
  lookLike(other: Pane): void {
    this.camera.position.copy(other.camera.position);
    this.camera.quaternion.copy(other.camera.quaternion);
    this.camera.near = other.camera.near;
    this.camera.far = other.camera.far;
    this.camera.updateProjectionMatrix();
    this.controls.target.copy(other.controls.target);
    this.controls.minDistance = other.controls.minDistance;
    this.controls.maxDistance = other.controls.maxDistance;
    this.stale = true;
  }

  /** Draws the model as it is now. */
  draw(): void {
    this.stale = false;
    if (this.canvas.clientWidth > 0) this.renderer.render(this.scene, this.camera);
  }
}

function corners({ min, max }: Box3): Vector3[] {
  const ends = [min, max];
  return ends.flatMap(({ x }) => ends.flatMap(({ y }) => ends.map(({ z }) => new Vector3(x, y, z))));
}
