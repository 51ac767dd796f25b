/** The languages; see ../src/strings.ts. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { preferredLanguage } from "../src/strings.ts";

const SOURCES = "src";
/** Looks like something that a person reads: a capital letter, then small ones, perhaps more words. */
const SENTENCE = /^[A-Z][a-z]+(?:[ ,.:;!?…].*)?$/s;
/** Names of keys, headers and the like, which browsers give. */
const NAMES = /^(?:Arrow|Page|Home$|End$|Enter$|Escape$|Tab$|Delete$|Content-|Accept|Files$|GLB Optimizer$)/;

test("the words that a person reads lie in strings/ and nowhere else", () => {
  const found = sources(SOURCES).flatMap((path) => literals(readFileSync(path, "utf8")).filter(isSpoken).map((words) => `${path}: ${words}`));
  assert.deepEqual(found, []);
});

test("the language is the one chosen here, else the first that the browser asks for, else English", () => {
  assert.equal(preferredLanguage("en", ["xx"]), "en");
  assert.equal(preferredLanguage("xx", ["xx", "en-AU"]), "en");
  assert.equal(preferredLanguage(null, ["xx"]), "en");
});

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
