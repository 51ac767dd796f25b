/**
 * The settings that were chosen, as commands: the same work by the command line or by curl, with the same bytes as result.
 * Pure. Says only what differs from the defaults, so that the command stays short.
 */
import { DEFAULTS, givenSettings, type Settings } from "./api/settings.ts";

/** `defaults` are those of the server, by name; null where nothing holds. */
export function changedSettings(settings: Settings, defaults: Record<string, string | null>): Record<string, string> {
  const given = Object.entries(givenSettings(settings));
  return Object.fromEntries(given.filter(([name, value]) => value !== (defaults[name] ?? DEFAULTS[name])));
}

/** The command line that does it on this machine. */
export function cliCommand(name: string, changed: Record<string, string>): string {
  const flags = Object.entries(changed).map(([setting, value]) => `--${setting.replaceAll("_", "-")} ${quote(value)}`);
  // On the command line, levels of detail are files of their own unless one asks otherwise.
  if (changed["lods"] !== undefined) flags.push("--lods-as msft-lod");
  return ["glb-optimizer optimize", isPattern(name) ? name : quote(name), ...flags].join(" ");
}

/** The request that does it on this server; `parts` are the files that a .gltf needs beside it. */
export function curlCommand(name: string, parts: string[], changed: Record<string, string>, server: string): string {
  const query = new URLSearchParams(changed).toString();
  const address = (path: string): string => quote(`${server}${path}${query ? `?${query}` : ""}`);
  if (isPattern(name)) return `zip models.zip ${name} && curl -sS --fail --data-binary @models.zip ${address("/api/v1/batches")}`;
  const result = name.replace(/(\.[^.]*)?$/, "-optimized.glb");
  const fields = [name, ...parts].map((path) => `-F ${quote(`file=@${path};filename=${path}`)}`).join(" ");
  const body = parts.length > 0 ? fields : `--data-binary ${quote(`@${name}`)}`;
  return `curl -sS --fail ${body} -o ${quote(result)} ${address("/api/v1/optimize")}`;
}

/** For a POSIX shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** All files of a kind, which the shell is to look up. */
function isPattern(name: string): boolean {
  return name === "*.glb";
}
