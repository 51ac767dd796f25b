/** Turning and zooming by keyboard, for a focused canvas. The mouse and fingers are the business of OrbitControls. */
import { Spherical, Vector3 } from "three";

import type { Pane } from "./pane.ts";

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

/** Lets arrows and +/- move the pane's camera; `reset` is called on 0. */
export function acceptKeys(pane: Pane, lead: () => void, reset: () => void): void {
  pane.canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = TURNS[event.key];
    if (!turn && event.key !== "0") return;
    event.preventDefault();
    if (!turn) return reset();
    lead();
    move(pane, turn);
  });
}

function move({ camera, controls }: Pane, [theta, phi, zoom]: [number, number, number]): void {
  const offset = new Vector3().subVectors(camera.position, controls.target);
  const place = new Spherical().setFromVector3(offset);
  place.theta += theta;
  place.phi += phi;
  place.radius = Math.min(Math.max(place.radius * zoom, controls.minDistance), controls.maxDistance);
  camera.position.setFromSpherical(place.makeSafe()).add(controls.target);
  controls.update();
}
