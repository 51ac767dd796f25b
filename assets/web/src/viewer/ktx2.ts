/** KTX2 images as pixels, for pictures outside of the 3D view. Decodes in a worker, to plain RGBA. */
import { CompressedTexture, type WebGLRenderer } from "three";
import { KTX2Loader } from "three/addons/loaders/KTX2Loader.js";

/** A renderer that knows no compressed format: everything becomes RGBA. */
const NOTHING_COMPRESSED = { extensions: { has: () => false } } as unknown as WebGLRenderer;

let loader: KTX2Loader | null = null;

/** A picture with `side` pixels a side, from the smallest mip level that has as many; null where it is not plain pixels. */
export async function readKtx2(file: ArrayBuffer, side: number): Promise<ImageData | null> {
  loader ??= new KTX2Loader().setWorkerLimit(1).detectSupport(NOTHING_COMPRESSED);
  const ready = loader;
  const texture = await new Promise<CompressedTexture>((resolve, reject) => ready.parse(file, resolve, reject));
  const levels = (texture.mipmaps ?? []) as { data: ArrayBufferView; width: number; height: number }[];
  const level = levels.filter(({ width, height }) => Math.max(width, height) >= side).at(-1) ?? levels[0];
  texture.dispose();
  if (!level || level.data.byteLength < level.width * level.height * 4) return null;
  const { buffer, byteOffset } = level.data;
  return resized(new Uint8ClampedArray(buffer as ArrayBuffer, byteOffset, level.width * level.height * 4), level.width, level.height, side);
}

/** The mean of the pixels that fall together, or the nearest one. */
function resized(pixels: Uint8ClampedArray, width: number, height: number, side: number): ImageData {
  const image = new ImageData(side, side);
  for (let y = 0; y < side; y += 1) {
    const rows = span(y, side, height);
    for (let x = 0; x < side; x += 1) image.data.set(mean(pixels, width, span(x, side, width), rows), (y * side + x) * 4);
  }
  return image;
}

function span(at: number, side: number, length: number): [number, number] {
  const from = Math.floor((at * length) / side);
  return [from, Math.max(Math.floor(((at + 1) * length) / side), from + 1)];
}

function mean(pixels: Uint8ClampedArray, width: number, [left, right]: [number, number], [top, bottom]: [number, number]): number[] {
  const sum = [0, 0, 0, 0];
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      for (let channel = 0; channel < 4; channel += 1) sum[channel]! += pixels[(y * width + x) * 4 + channel] ?? 0;
    }
  }
  const count = (right - left) * (bottom - top);
  return sum.map((value) => value / count);
}
