/**
 * Small pictures of a file's images, decoded from its own bytes by the browser, and KTX2 by the decoder of the 3D view. A few
 * at a time and only when they are looked at: large images take a moment, and none of them may hold up the page.
 */
import { imageFile, openGlb, type Glb } from "./container.ts";

/** Pixels of the longer side. */
export const THUMBNAIL_SIDE = 128;

/** The images of one file. */
export class Thumbnails {
  private glb: Promise<Glb> | null = null;
  private readonly made = new Map<number, Promise<ImageData | null>>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly file: Promise<Blob | null>) {}

  /** Image number `index`; null where it cannot be decoded. */
  get(index: number, mime: string): Promise<ImageData | null> {
    const known = this.made.get(index);
    if (known) return known;
    // One after the other: each may be many megabytes once decoded.
    const picture = this.turn.then(() => this.decode(index, mime)).catch(() => null);
    this.turn = picture;
    this.made.set(index, picture);
    return picture;
  }

  private async decode(index: number, mime: string): Promise<ImageData | null> {
    const blob = await this.file;
    if (!blob) return null;
    this.glb ??= openGlb(blob);
    const file = imageFile(await this.glb, index, mime);
    if (!file) return null;
    if (mime === "image/ktx2") {
      const { readKtx2 } = await import("../../viewer/ktx2.ts");
      return readKtx2(await file.arrayBuffer(), THUMBNAIL_SIDE);
    }
    const options = { resizeWidth: THUMBNAIL_SIDE, resizeHeight: THUMBNAIL_SIDE, resizeQuality: "medium", premultiplyAlpha: "none", colorSpaceConversion: "none" } as const;
    const bitmap = await createImageBitmap(file, options);
    const canvas = new OffscreenCanvas(THUMBNAIL_SIDE, THUMBNAIL_SIDE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context?.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context?.getImageData(0, 0, THUMBNAIL_SIDE, THUMBNAIL_SIDE) ?? null;
  }
}

/** How far two pictures of the same size are apart: root mean square over red, green and blue, 0 to 255. */
export function apart(a: ImageData, b: ImageData): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    for (let channel = 0; channel < 3; channel += 1) sum += ((a.data[i + channel] ?? 0) - (b.data[i + channel] ?? 0)) ** 2;
  }
  return Math.sqrt(sum / (a.data.length * 0.75));
}
