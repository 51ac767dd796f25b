/**
 * The sentences of the language in use. Every word that a person reads comes from here and lies in strings/, a file a
 * language; English is part of the page, the others are fetched when they are chosen.
 *
 * `text` is replaced as a whole by `speak`, so read it when something is drawn and never keep a part of it.
 */
import { setNumberLocale } from "./format.ts";
import { en } from "./strings/en.ts";

export type { Choice, Problem } from "./strings/en.ts";

/** What every language has: the keys of English, and functions with the same arguments. */
export type Strings = Said<typeof en>;

type Said<T> = T extends string
  ? string
  : T extends (...args: infer A) => infer R
    ? (...args: A) => Said<R>
    : T extends readonly (infer E)[]
      ? readonly Said<E>[]
      : { [K in keyof T]: Said<T[K]> };

/** The languages by their tag, under the names that they have for themselves. */
export const languages = { en: "English", de: "Deutsch", es: "Español", fr: "Français", "zh-Hans": "简体中文" } as const;

/** A language that this page speaks. */
export type Language = keyof typeof languages;

/** The sentences of the language in use. */
export let text: Strings = en;

/** The language in use. */
export let language: Language = "en";

const KEPT_AS = "language";
const loaders: Record<Language, () => Promise<Strings>> = {
  en: () => Promise.resolve(en),
  de: async () => (await import("./strings/de.ts")).de,
  es: async () => (await import("./strings/es.ts")).es,
  fr: async () => (await import("./strings/fr.ts")).fr,
  "zh-Hans": async () => (await import("./strings/zh-Hans.ts")).zhHans,
};

/** The language that was chosen here before, else the first one that the browser asks for and this page speaks. */
export function preferredLanguage(kept: string | null, wanted: readonly string[]): Language {
  if (kept !== null && isLanguage(kept)) return kept;
  for (const tag of wanted) {
    const found = (Object.keys(languages) as Language[]).find((known) => primary(known) === primary(tag));
    if (found) return found;
  }
  return "en";
}

/** Speaks the language that fits this person. */
export async function speakPreferred(): Promise<void> {
  await speak(preferredLanguage(remembered(), navigator.languages));
}

/** Speaks another language from now on; what is on the page already has to be drawn again. */
export async function speak(wanted: Language): Promise<void> {
  // A language that cannot be fetched is no reason to show nothing.
  const found = await loaders[wanted]().catch(() => null);
  text = found ?? en;
  language = found ? wanted : "en";
  setNumberLocale(language);
  document.documentElement.lang = language;
}

/** Remembers the choice for the next visit, where the browser allows that. */
export function rememberLanguage(chosen: Language): void {
  try {
    localStorage.setItem(KEPT_AS, chosen);
  } catch {
    // Storage is turned off: the choice holds until the page is left.
  }
}

/** A stage or pass in words; a name that is not known here is shown as it is. */
export function stageName(name: string | null): string {
  return name ? lookUp(text.stages, name) ?? name : text.progress.waiting;
}

/** The entry of a table of sentences under a name that comes from the server. */
export function lookUp<T>(table: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(languages, tag);
}

function primary(tag: string): string {
  return tag.split("-")[0]?.toLowerCase() ?? "";
}
