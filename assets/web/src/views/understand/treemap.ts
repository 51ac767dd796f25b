/** Rectangles whose areas are as numbers are (squarified treemap, Bruls, Huizing and van Wijk 2000). Pure. */

/** A rectangle in parts of the whole, 0 to 1. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Divides `within` by weights, largest first; each rectangle is as square as it can be. */
export function treemap(weights: readonly number[], within: Rect): Rect[] {
  const rects: Rect[] = [];
  let free = within;
  let rest = weights.reduce((sum, weight) => sum + weight, 0);
  for (let from = 0; from < weights.length; ) {
    const scale = rest > 0 ? (free.width * free.height) / rest : 0;
    const row = bestRow(weights.slice(from), Math.min(free.width, free.height), scale);
    const sum = row.reduce((total, weight) => total + weight, 0);
    rects.push(...place(row, sum, free, scale));
    free = remaining(free, sum * scale);
    rest -= sum;
    from += row.length;
  }
  return rects;
}

/** As many of the first weights as make the worst shape of their row better. */
function bestRow(weights: readonly number[], side: number, scale: number): number[] {
  let row: number[] = [];
  let worst = Infinity;
  for (const weight of weights) {
    const next = worstShape([...row, weight], side, scale);
    if (row.length > 0 && next > worst) break;
    row = [...row, weight];
    worst = next;
  }
  return row;
}

function worstShape(row: readonly number[], side: number, scale: number): number {
  const thickness = (row.reduce((sum, weight) => sum + weight, 0) * scale) / side;
  const shapes = row.map((weight) => {
    const length = (weight * scale) / thickness;
    return Math.max(length / thickness, thickness / length);
  });
  return Math.max(...shapes);
}

function place(row: readonly number[], sum: number, free: Rect, scale: number): Rect[] {
  const isWide = free.width >= free.height;
  const side = isWide ? free.height : free.width;
  const thickness = side > 0 ? (sum * scale) / side : 0;
  let at = 0;
  return row.map((weight) => {
    const length = sum > 0 ? (weight / sum) * side : 0;
    const rect = isWide
      ? { x: free.x, y: free.y + at, width: thickness, height: length }
      : { x: free.x + at, y: free.y, width: length, height: thickness };
    at += length;
    return rect;
  });
}

function remaining(free: Rect, area: number): Rect {
  if (free.width >= free.height) {
    const taken = free.height > 0 ? area / free.height : 0;
    return { ...free, x: free.x + taken, width: Math.max(free.width - taken, 0) };
  }
  const taken = free.width > 0 ? area / free.width : 0;
  return { ...free, y: free.y + taken, height: Math.max(free.height - taken, 0) };
}
