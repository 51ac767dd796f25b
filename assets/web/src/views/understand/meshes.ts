/** Every mesh and every animation of both files. */
import type { AnimationEntry, MeshEntry, Report } from "../../api.ts";
import { make } from "../../dom.ts";
import { formatBytes, formatCount } from "../../format.ts";
import { text } from "../../strings.ts";
import { change } from "./change.ts";
import { pair, type Pair } from "./pairs.ts";
import { sortableTable, type Column } from "./table.ts";

interface Named {
  name: string | null;
  bytes: number;
}

/** The meshes, largest first; nothing where there are none. */
export function meshesView(report: Report): HTMLElement | null {
  const rows = pair<MeshEntry>(report.before.mesh_entries ?? [], report.after.mesh_entries ?? []);
  if (rows.length === 0) return null;
  const columns: Column<Pair<MeshEntry>>[] = [
    named("mesh"),
    counted(text.understand.triangles, ({ triangles }) => triangles, formatCount),
    counted(text.understand.vertices, ({ vertices }) => vertices, formatCount),
    counted(text.understand.primitives, ({ primitives }) => primitives, formatCount),
    { head: text.understand.attributes, cell: (row) => (row.after ?? row.before)?.item.attributes.join(", ") ?? "–" },
    counted(text.understand.size, ({ bytes }) => bytes, formatBytes),
  ];
  return sortableTable(text.understand.meshes, columns, rows, 5);
}

/** The animations, likewise. */
export function animationsView(report: Report): HTMLElement | null {
  const rows = pair<AnimationEntry>(report.before.animation_entries ?? [], report.after.animation_entries ?? []);
  if (rows.length === 0) return null;
  const columns: Column<Pair<AnimationEntry>>[] = [
    named("animation"),
    counted(text.understand.channels, ({ channels }) => channels, formatCount),
    counted(text.understand.keyframes, ({ keyframes }) => keyframes, formatCount),
    counted(text.understand.size, ({ bytes }) => bytes, formatBytes),
  ];
  return sortableTable(text.understand.animations, columns, rows, 3);
}

function named<T extends Named>(kind: "mesh" | "animation"): Column<Pair<T>> {
  const name = (row: Pair<T>): string => {
    const side = row.before ?? row.after;
    return side?.item.name || text.understand.numbered[kind](side?.index ?? 0);
  };
  const cell = (row: Pair<T>): HTMLElement => {
    const note = row.after === null ? text.understand.gone : row.before === null ? text.understand.made : "";
    return make("span", {}, name(row), note !== "" && make("small", {}, note));
  };
  return { head: text.understand.name, cell, value: name };
}

function counted<T>(head: string, value: (item: T) => number, format: (value: number) => string): Column<Pair<T>> {
  const shown = (side: Pair<T>["before"]): string | null => side && format(value(side.item));
  return {
    head,
    cell: (row) => change(shown(row.before), shown(row.after)),
    value: (row) => value((row.after ?? row.before)!.item),
    isNumber: true,
  };
}
