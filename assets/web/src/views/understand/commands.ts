/** The commands that make the same result again: same file, same settings, same hash. Pure. */
import type { Settings } from "../../api.ts";

/** What a job gets that says nothing. */
const DEFAULTS: Record<string, string> = {
  preset: "balanced",
  target: "web",
  effort: "normal",
  geometry: "auto",
  simplify: "auto",
  animation: "auto",
  nodes: "auto",
};

/** The settings that are not what they would be anyway, in words of the API. */
export function chosen(settings: Settings): [name: string, value: string][] {
  return Object.entries(settings as unknown as Record<string, unknown>)
    .filter(([name, value]) => value !== null && value !== undefined && String(value) !== DEFAULTS[name])
    .map(([name, value]) => [name, String(value)]);
}

/** For the command line of this program. */
export function asCommand(input: string, output: string, settings: Settings): string {
  const flags = chosen(settings).flatMap(([name, value]) => [`--${name.replaceAll("_", "-")}`, quoted(value)]);
  // Files of their own is what --lods means there; the page's setting puts the levels into the result.
  const inside = chosen(settings).some(([name]) => name === "lods") ? ["--lods-as", "msft-lod"] : [];
  return ["glb-optimizer", "optimize", quoted(input), "-o", quoted(output), ...flags, ...inside].join(" ");
}

/** For curl and this server; `root` is the address of the page. */
export function asCurl(root: string, input: string, output: string, settings: Settings): string {
  const query = new URLSearchParams([["name", input], ...chosen(settings)]);
  const address = new URL(`api/v1/optimize?${query}`, root).href;
  return `curl -sS --fail --data-binary ${quoted(`@${input}`)} -o ${quoted(output)} ${quoted(address)}`;
}

/** A word for a shell, in quotes where it needs them. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) && !word.startsWith("-") ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
