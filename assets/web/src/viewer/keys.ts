/** Turning and zooming by keyboard, for a focused canvas. The mouse and fingers are the business of OrbitControls. */
import { Spherical, Vector3 } from "three";

import type { Viewpoint } from "./viewpoint.ts";

const STEP = Math.PI / 24;
const ZOOM = 1.12;

const TURNS: Record<string, [theta: number, phi: number, zoom: number]> = {
  ArrowLeft: [-STEP, 0, 1],
  ArrowRight: [STEP, 0, 1],
  ArrowUp: [0, -STEP, 1],
  ArrowDown: [0, STEP, 1],
  "+": [0, 0, 1 / ZOOM],
  "=": [0, 0, 1 / ZOOM],
  "-": [0, 0, ZOOM],
};

/** Lets arrows and +/- move the camera; `reset` is called on 0. */
export function acceptKeys(canvas: HTMLCanvasElement, viewpoint: Viewpoint, reset: () => void): void {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = TURNS[event.key];
    if (!turn && event.key !== "0") return;
    event.preventDefault();
    if (!turn) return reset();
    move(viewpoint, turn);
  });
}

function move(viewpoint: Viewpoint, [theta, phi, zoom]: [number, number, number]): void {
  const { camera, controls } = viewpoint;
  const offset = new Vector3().subVectors(camera.position, controls.target);
  const place = new Spherical().setFromVector3(offset);
  place.theta += theta;
  place.phi += phi;
  place.radius = Math.min(Math.max(place.radius * zoom, controls.minDistance), controls.maxDistance);
  camera.position.setFromSpherical(place.makeSafe()).add(controls.target);
  viewpoint.moved = true;
  controls.update();
}
