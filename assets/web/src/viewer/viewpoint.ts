/** From where both models are looked at: one camera, its controls, and the ways to place it. */
import { PerspectiveCamera, Vector3, type Box3 } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";

import type { Standpoint } from "../api.ts";
import { acceptKeys } from "./keys.ts";

const FIELD_OF_VIEW = 35;
/** Slightly from the right and above, as products are photographed. */
const DIRECTION = [0.55, 0.35, 1] as const;
/** Room around a framed model, as a share of its distance. */
const MARGIN = 1.12;

/** The camera. */
export class Viewpoint {
  readonly camera = new PerspectiveCamera(FIELD_OF_VIEW, 1);
  readonly controls: OrbitControls;
  /** Whether the person has turned the view; until then it may be framed anew when the page changes. */
  moved = false;

  /** `onChange` is called when the camera has moved, `onReset` when the person wants to see all again. */
  constructor(canvas: HTMLCanvasElement, isCalm: boolean, onChange: () => void, onReset: () => void) {
    this.controls = new OrbitControls(this.camera, canvas);
    // One finger up or down scrolls the page, also where it begins on the model; sideways it turns the model.
    canvas.style.touchAction = "pan-y";
    this.controls.enableDamping = !isCalm;
    this.controls.addEventListener("start", () => (this.moved = true));
    this.controls.addEventListener("change", onChange);
    acceptKeys(canvas, this, onReset);
  }

  /** Sets the shape of the picture, width by height. */
  setAspect(aspect: number): void {
    this.camera.aspect = aspect;
    this.camera.updateProjectionMatrix();
  }

  /** Places the camera so that `box` fills the picture. */
  frame(box: Box3): void {
    const centre = box.getCenter(new Vector3());
    const away = new Vector3(...DIRECTION).normalize();
    this.camera.position.copy(centre).add(away);
    this.camera.lookAt(centre);
    this.camera.zoom = 1;
    const radius = box.getSize(new Vector3()).length() / 2 || 1;
    const distance = this.fittingDistance(box, centre) * MARGIN || radius;
    this.camera.position.copy(centre).addScaledVector(away, distance);
    this.setReach(radius, distance);
    this.controls.target.copy(centre);
    this.controls.update();
    this.moved = false;
  }

  /** Looks as the proof did in one of its views. */
  lookFrom(standpoint: Standpoint, box: Box3): void {
    const radius = box.getSize(new Vector3()).length() / 2 || 1;
    this.camera.position.fromArray(standpoint.position);
    this.controls.target.fromArray(standpoint.target);
    // The proof's pictures are square: in a narrow one, the same must be seen from left to right.
    const slope = Math.tan((standpoint.field_of_view * Math.PI) / 360) / Math.min(this.camera.aspect, 1);
    this.camera.zoom = Math.tan((FIELD_OF_VIEW * Math.PI) / 360) / slope;
    this.setReach(radius, this.camera.position.distanceTo(this.controls.target));
    this.controls.update();
    this.moved = true;
  }

  private setReach(radius: number, distance: number): void {
    this.camera.near = Math.min(radius / 100, distance / 100);
    this.camera.far = (distance + radius) * 20;
    this.camera.updateProjectionMatrix();
    this.controls.minDistance = radius / 20;
    this.controls.maxDistance = (distance + radius) * 8;
  }

  /** How far from `centre`, along the present direction, every corner of `box` is in the picture. */
  private fittingDistance(box: Box3, centre: Vector3): number {
    const slope = Math.tan(((FIELD_OF_VIEW / 2) * Math.PI) / 180);
    const turn = this.camera.quaternion.clone().invert();
    const distances = corners(box).map((corner) => {
      const { x, y, z } = corner.sub(centre).applyQuaternion(turn);
      return z + Math.max(Math.abs(y) / slope, Math.abs(x) / (slope * this.camera.aspect));
    });
    return Math.max(...distances);
  }
}

function corners({ min, max }: Box3): Vector3[] {
  const ends = [min, max];
  return ends.flatMap(({ x }) => ends.flatMap(({ y }) => ends.map(({ z }) => new Vector3(x, y, z))));
}
