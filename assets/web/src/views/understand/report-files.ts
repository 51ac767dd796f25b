/** A report as files that others read: a table for spreadsheets, and a page for people that needs nothing else. Pure. */
import type { Inventory, Report } from "../../api.ts";
import { formatBytes, formatCount, formatReduction, formatSeconds } from "../../format.ts";
import { stageName, text } from "../../strings.ts";

type Cell = string | number | null;

/** All figures as CSV (RFC 4180): one row each, told apart by their first column. */
export function asCsv(report: Report): string {
  const rows: Cell[][] = [["table", "item", "figure", "before", "after"], ...figures(report.before, report.after), ...items(report), ...passes(report), ...views(report)];
  return rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function figures(before: Inventory, after: Inventory): Cell[][] {
  const parts = [...new Set([...Object.keys(before.bytes_by), ...Object.keys(after.bytes_by)])];
  const counts = Object.keys(after).filter((key) => typeof after[key] === "number");
  return [
    ...counts.map((key) => ["file", "", key, before[key] as number, after[key] as number]),
    ...parts.map((key) => ["bytes", "", key, before.bytes_by[key] ?? 0, after.bytes_by[key] ?? 0]),
  ];
}

/** Each side as it is: which became which is a guess that a spreadsheet should not inherit. */
function items({ before, after }: Report): Cell[][] {
  const side = (file: Inventory, cells: (value: Cell) => [Cell, Cell]): Cell[][] => {
    const list = (table: string, entries: readonly object[] | undefined): Cell[][] =>
      (entries ?? []).flatMap((entry, index) =>
        Object.entries(entry)
          .filter(([key]) => key !== "name")
          .map(([key, value]) => [table, (entry as { name: string | null }).name ?? index, key, ...cells(Array.isArray(value) ? value.join(" ") : (value as Cell))]),
      );
    return [...list("image", file.images), ...list("mesh", file.mesh_entries), ...list("animation", file.animation_entries)];
  };
  return [...side(before, (value) => [value, ""]), ...side(after, (value) => ["", value])];
}

function passes(report: Report): Cell[][] {
  return report.passes.map((pass) => ["pass", pass.name, "bytes", pass.bytes_before, pass.bytes_after]);
}

function views(report: Report): Cell[][] {
  return (report.comparison?.views ?? []).map((view) => ["view", view.name, "error", 0, view.error]);
}

function csvCell(value: Cell): string {
  const words = value === null ? "" : String(value);
  // A name from a file must not become a formula of the spreadsheet.
  const harmless = typeof value === "string" && /^[=+\-@\t\r]/.test(words) ? `'${words}` : words;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

const STYLE = `
:root{color-scheme:light dark}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0}h2{margin:2rem 0 .5rem;font-size:1.15rem}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.3rem .5rem;border-bottom:1px solid #8885;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}th{font-weight:600}
td.words{text-align:left}img{width:100%}small,p.soft{color:#777}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}`;

/** One page with everything in it; `picture` is the worst view as a data URL, where there is one. */
export function asHtml(name: string, report: Report, picture: string | null): string {
  const said = text.understand;
  const { before, after } = report;
  const row = (cells: string[], tag = "td"): string => `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const table = (heads: string[], rows: string[][]): string => `<table><thead>${row(heads, "th")}</thead><tbody>${rows.map((cells) => row(cells)).join("")}</tbody></table>`;
  const section = (title: string, content: string): string => `<h2>${escaped(title)}</h2>${content}`;
  const list = (lines: string[]): string => `<ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul>`;
  const comparison = report.comparison;
  const entries = (file: Inventory): string[][] => file.images.map((image, index) => [image.name || said.numbered.image(index), image.slots.join(", "), image.mime, `${image.width} × ${image.height}`, formatBytes(image.bytes), formatBytes(image.gpu_bytes)]);
  const meshes = (after.mesh_entries ?? []).map((mesh, index) => [mesh.name || said.numbered.mesh(index), formatCount(mesh.triangles), formatCount(mesh.vertices), mesh.attributes.join(", "), formatBytes(mesh.bytes)]);
  const body = [
    `<h1>${escaped(said.htmlTitle(name))}</h1>`,
    `<p><strong>${escaped(formatBytes(before.bytes))} → ${escaped(formatBytes(after.bytes))}</strong> (−${escaped(formatReduction(before.bytes, after.bytes))})</p>`,
    `<p class="soft">${escaped(said.htmlMadeBy(report.version))} · ${escaped(Object.entries(report.settings).map(([key, value]) => `${key}: ${String(value)}`).join(", "))}</p>`,
    section(said.overview, table([said.part, said.before, said.after], overviewRows(before, after))),
    section(said.bytes, table([said.part, said.before, said.after], byteRows(before, after))),
    comparison ? section(said.looks, `<p>${escaped(said.measured(comparison.mean.toFixed(3), comparison.worst.toFixed(3), comparison.close_worst.toFixed(3)))}</p>`) : "",
    picture ? `<figure><img src="${escaped(picture)}" alt="${escaped(said.worstViewAlt)}"><figcaption><small>${escaped(said.worstView)}</small></figcaption></figure>` : "",
    comparison ? table([said.view, said.error, said.object], comparison.views.map((view) => [view.name, view.error.toFixed(4), view.object ?? "–"])) : "",
    section(`${said.textures}: ${said.after}`, table([said.name, said.slot, said.format, said.pixels, said.size, said.gpuBytes], entries(after))),
    section(`${said.textures}: ${said.before}`, table([said.name, said.slot, said.format, said.pixels, said.size, said.gpuBytes], entries(before))),
    section(said.meshes, table([said.name, said.triangles, said.vertices, said.attributes, said.size], meshes)),
    section(said.passes, table([said.stage, said.before, said.after, said.time, ""], report.passes.map((pass) => [stageName(pass.name), formatBytes(pass.bytes_before), formatBytes(pass.bytes_after), pass.seconds === undefined ? "–" : formatSeconds(pass.seconds), pass.notes.join(" ")]))),
    report.warnings.length > 0 ? section(said.warnings, list(report.warnings)) : "",
    section(said.dropped, report.dropped.length > 0 ? list(report.dropped) : `<p>${escaped(said.nothingDropped)}</p>`),
    section(said.required, list(after.extensions_required.length > 0 ? after.extensions_required : [said.requiresNothing])),
    `<p class="soft">BLAKE3: ${escaped(report.input_hash)} → ${escaped(report.output_hash)}</p>`,
  ];
  return `<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(said.htmlTitle(name))}</title><style>${STYLE}</style></head><body>${body.join("\n")}</body></html>`;
}

function overviewRows(before: Inventory, after: Inventory): string[][] {
  const tiles = text.understand.tiles;
  const counts = ["triangles", "vertices", "primitives", "materials", "textures", "keyframes"] as const;
  return [
    [tiles.bytes, formatBytes(before.bytes), formatBytes(after.bytes)],
    [tiles.gpu, formatBytes(before.gpu_texture_bytes), formatBytes(after.gpu_texture_bytes)],
    ...counts.map((name) => [tiles[name], formatCount(Number(before[name] ?? 0)), formatCount(Number(after[name] ?? 0))]),
  ];
}

function byteRows(before: Inventory, after: Inventory): string[][] {
  const keys = [...new Set([...Object.keys(before.bytes_by), ...Object.keys(after.bytes_by)])];
  const parts: Record<string, string> = text.byteParts;
  const rows = keys.map((key) => [parts[key] ?? key, formatBytes(before.bytes_by[key] ?? 0), formatBytes(after.bytes_by[key] ?? 0)]);
  return [...rows, [text.understand.total, formatBytes(before.bytes), formatBytes(after.bytes)]];
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
