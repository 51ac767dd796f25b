/** Every texture of both files, with a picture of each, and how far the two pictures are apart. */
import type { ImageEntry, Report } from "../../api.ts";
import { make } from "../../dom.ts";
import { formatBytes } from "../../format.ts";
import { text } from "../../strings.ts";
import { change } from "./change.ts";
import { pair, type Pair } from "./pairs.ts";
import { sortableTable, type Column } from "./table.ts";
import { apart, type Thumbnails } from "./thumbnails.ts";

/** The pictures of both files. */
export interface Pictures {
  before: Thumbnails;
  after: Thumbnails;
}

type Row = Pair<ImageEntry>;

/** The table, largest first; nothing where there are none. */
export function texturesView(report: Report, pictures: Pictures): HTMLElement | null {
  const rows = pair(report.before.images, report.after.images);
  if (rows.length === 0) return null;
  const both = (row: Row, value: (image: ImageEntry) => string): HTMLElement => change(row.before && value(row.before.item), row.after && value(row.after.item));
  const now = (row: Row): ImageEntry | undefined => (row.after ?? row.before)?.item;
  const columns: Column<Row>[] = [
    { head: text.understand.name, cell: (row) => nameCell(row), value: nameOf },
    { head: text.understand.before, cell: (row) => thumbnail(pictures.before, row.before) },
    { head: text.understand.after, cell: (row) => thumbnail(pictures.after, row.after) },
    { head: text.understand.slot, cell: (row) => slotsOf(now(row)), value: (row) => slotsOf(now(row)) },
    { head: text.understand.format, cell: (row) => both(row, formatOf), value: (row) => formatOf(now(row)!) },
    { head: text.understand.pixels, cell: (row) => both(row, pixelsOf), value: (row) => now(row)!.width * now(row)!.height, isNumber: true },
    { head: text.understand.size, cell: (row) => both(row, ({ bytes }) => formatBytes(bytes)), value: (row) => now(row)!.bytes, isNumber: true },
    { head: text.understand.gpuBytes, cell: (row) => both(row, (image) => formatBytes(image.gpu_bytes)), value: (row) => now(row)!.gpu_bytes, isNumber: true },
    { head: text.understand.apart, hint: text.understand.apartHint, cell: (row) => difference(row, pictures), isNumber: true },
  ];
  return sortableTable(text.understand.textures, columns, rows, 6);
}

function nameOf(row: Row): string {
  const side = row.before ?? row.after;
  return side?.item.name || text.understand.numbered.image(side?.index ?? 0);
}

function nameCell(row: Row): HTMLElement {
  const note = row.after === null ? text.understand.gone : row.before === null ? text.understand.made : "";
  return make("span", {}, nameOf(row), note !== "" && make("small", {}, note));
}

/** `baseColorTexture` as "baseColor": the word Texture is in every one of them. */
function slotsOf(image: ImageEntry | undefined): string {
  return image?.slots.map((slot) => slot.replace(/Texture$/, "")).join(", ") || "–";
}

function formatOf({ mime }: ImageEntry): string {
  return mime.replace("image/", "").toUpperCase();
}

function pixelsOf({ width, height }: ImageEntry): string {
  return width > 0 ? `${width} × ${height}` : "–";
}

function thumbnail(of: Thumbnails, side: Row["before"]): HTMLElement {
  if (!side) return make("span", {}, "–");
  const canvas = make("canvas", { className: "thumbnail", role: "img", ariaLabel: side.item.name || text.understand.numbered.image(side.index) });
  whenSeen(canvas, async () => {
    const picture = await of.get(side.index, side.item.mime);
    if (!picture) return canvas.replaceWith(make("small", {}, text.understand.noPicture));
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d")?.putImageData(picture, 0, 0);
    canvas.dataset["state"] = "ready";
  });
  return canvas;
}

function difference(row: Row, pictures: Pictures): HTMLElement {
  const cell = make("span", {}, "…");
  const { before, after } = row;
  if (!before || !after) return make("span", {}, "–");
  whenSeen(cell, async () => {
    const [was, is] = await Promise.all([pictures.before.get(before.index, before.item.mime), pictures.after.get(after.index, after.item.mime)]);
    cell.textContent = was && is ? apart(was, is).toFixed(1) : "–";
  });
  return cell;
}

function whenSeen(element: Element, work: () => Promise<void>): void {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    void work();
  });
  observer.observe(element);
}
