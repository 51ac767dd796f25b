/** The languages; see ../src/strings.ts. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { preferredLanguage } from "../src/strings.ts";
import { de } from "../src/strings/de.ts";
import { en } from "../src/strings/en.ts";
import { es } from "../src/strings/es.ts";
import { fr } from "../src/strings/fr.ts";
import { zhHans } from "../src/strings/zh-Hans.ts";

const SOURCES = "src";
/** Looks like something that a person reads: a capital letter, then small ones, perhaps more words. */
const SENTENCE = /^[A-Z][a-z]+(?:[ ,.:;!?…].*)?$/s;
/** Names of keys and headers, which browsers give, and of things, which are the same in every language. */
const NAMES = /^(?:Arrow|Page|Home$|End$|Enter$|Escape$|Tab$|Delete$|Content-|Accept|Files$|Draco$|GLB Optimizer$)/;

test("the words that a person reads lie in strings/ and nowhere else", () => {
  const found = sources(SOURCES).flatMap((path) => literals(readFileSync(path, "utf8")).filter(isSpoken).map((words) => `${path}: ${words}`));
  assert.deepEqual(found, []);
});

test("every language says everything that English says, and uses every argument", () => {
  for (const [name, language] of Object.entries({ de, es, fr, zhHans })) assert.deepEqual(differences(en, language), [], name);
});

test("the language is the one chosen here, else the first that the browser asks for, else English", () => {
  assert.equal(preferredLanguage("en", ["xx"]), "en");
  assert.equal(preferredLanguage("xx", ["xx", "en-AU"]), "en");
  assert.equal(preferredLanguage(null, ["xx", "fr-CA", "de"]), "fr");
  assert.equal(preferredLanguage(null, ["zh-CN"]), "zh-Hans");
  assert.equal(preferredLanguage(null, ["xx"]), "en");
});

/** The paths at which two languages differ in their shape. The type says the same; but not that an argument is used. */
function differences(reference: unknown, other: unknown, path = ""): string[] {
  if (typeof reference === "function") {
    const [wanted, found] = [reference, other].map((say) => usedArguments(say as (...words: string[]) => unknown));
    return wanted === found ? [] : [`${path}: ${found} in the place of ${wanted}`];
  }
  if (typeof reference !== "object" || reference === null) return typeof other === "string" && (other !== "" || reference === "") ? [] : [path];
  const names = new Set([...Object.keys(reference), ...Object.keys(other as object)]);
  return [...names].flatMap((name) =>
    differences((reference as Record<string, unknown>)[name], (other as Record<string, unknown>)[name], `${path}.${name}`),
  );
}

/** Which arguments show in what a function says; numbers, because some are formatted. */
function usedArguments(say: (...words: string[]) => unknown): string {
  const markers = ["11", "22", "33"].slice(0, say.length);
  const missing = { join: () => "22" };
  const said = JSON.stringify(say(...(markers.map((marker) => Object.assign(Number(marker), missing)) as unknown as string[])));
  return markers.filter((marker) => said.includes(marker) || said.includes(String(Number(marker) + 1))).join(" ");
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "strings" ? [] : sources(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

/** The string literals of a source, without comments and without what only a programmer sees: errors and types. */
function literals(source: string): string[] {
  const code = source
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/new Error\((?:"[^"]*"|`[^`]*`)\)/g, "")
    .replace(/export const languages = \{[^}]*\}/, "");
  return [...code.matchAll(/"([^"\n]*)"|`([^`]*)`/g)].map((match) => match[1] ?? match[2] ?? "");
}

function isSpoken(literal: string): boolean {
  return SENTENCE.test(literal) && !NAMES.test(literal);
}
