/** Where on the canvas each model is drawn. Pure; knows neither WebGL nor the page. */

/** Which of the two models. */
export type Role = "original" | "result";

/** How the two are shown: over each other with a split at a part of the width, beside each other, or one at a time. */
export type Arrangement = { kind: "split"; at: number } | { kind: "side" } | { kind: "flip"; shown: Role };

/** A place for a model, in CSS pixels with y upwards, and the part of it that is seen. */
export interface Place {
  role: Role;
  x: number;
  y: number;
  width: number;
  height: number;
  cut: { x: number; width: number };
}

/** The line between two models that stand beside each other, in pixels. */
const GAP = 1;

/** The places of the models that are there. A model that is alone has all of the canvas. */
export function arrange(arrangement: Arrangement, shown: readonly Role[], width: number, height: number): Place[] {
  const whole = (role: Role, from = 0, to = width): Place => ({ role, x: 0, y: 0, width, height, cut: { x: from, width: Math.max(to - from, 0) } });
  const [only] = shown;
  if (only !== undefined && shown.length === 1) return [whole(only)];
  if (only === undefined) return [whole("original")];
  switch (arrangement.kind) {
    case "split": {
      const split = Math.round(arrangement.at * width);
      return [whole("original", 0, split), whole("result", split)];
    }
    case "flip":
      return [whole(arrangement.shown)];
    case "side":
      return isUpright(width, height) ? above(width, height) : beside(width, height);
  }
}

/** Whether two models stand one above the other, because there is no room for them beside each other. */
export function isUpright(width: number, height: number): boolean {
  return width < height;
}

function beside(width: number, height: number): Place[] {
  const half = Math.floor((width - GAP) / 2);
  const place = (role: Role, x: number): Place => ({ role, x, y: 0, width: half, height, cut: { x, width: half } });
  return [place("original", 0), place("result", width - half)];
}

function above(width: number, height: number): Place[] {
  const half = Math.floor((height - GAP) / 2);
  const place = (role: Role, y: number): Place => ({ role, x: 0, y, width, height: half, cut: { x: 0, width } });
  return [place("original", height - half), place("result", 0)];
}
