/** What may be asked for: the server's own table of settings, fetched once. */
import { getJson } from "./request.ts";

/** What was or is asked for, by the settings' names; null and absent mean that nothing was said. */
export interface Settings {
  preset: string;
  target: string;
  [name: string]: string | number | null | undefined;
}

/** What holds until somebody chooses. */
export const DEFAULTS: Settings = { preset: "balanced", target: "web" };

/** A word that a setting takes, and what it means. */
export interface Word {
  value: string;
  about: string;
}

/** What may be said for a setting. */
export type Values =
  | { kind: "choice"; choices: Word[] }
  | { kind: "number"; least: number; most: number; whole: boolean; words: Word[]; example: string }
  | { kind: "size"; example: string };

/** One setting. */
export interface Setting {
  name: string;
  about: string;
  values: Values;
  default: string | null;
}

let table: Promise<Setting[]> | null = null;

/** Every setting, in the order in which they matter. */
export function listSettings(): Promise<Setting[]> {
  table ??= getJson<Setting[]>("api/v1/settings");
  // Asked again by the next view, when there was no answer.
  table.catch(() => (table = null));
  return table;
}

/** The settings for which something was said, as they are sent. */
export function givenSettings(settings: Settings): Record<string, string> {
  const given = Object.entries(settings).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
