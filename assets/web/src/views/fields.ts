/**
 * A control for each kind of setting that the server's table knows. Words are those of this page's language where it has
 * some for a setting, else the server's own: a setting that is new there can be used here at once.
 */
import type { Setting, Word } from "../api/settings.ts";
import { make } from "../dom.ts";
import { lookUp, text, type Choice } from "../strings.ts";

/** A control and what it says; null where it says nothing. */
export interface Field {
  element: HTMLElement;
  read(): string | null;
}

/** The control for a setting that now is `current`. */
export function fieldFor(setting: Setting, current: string | null): Field {
  const { values } = setting;
  if (values.kind === "choice") return choiceField(setting, values.choices, current);
  if (values.kind === "number" && values.words.length > 0) return wordsAndNumber(setting, values, current);
  return inputField(setting, current);
}

/** One of several words, each with what it means. */
export function choiceField(setting: Pick<Setting, "name" | "about">, words: Word[], current: string | null): Field {
  const options = words.map((word) => radio(setting.name, word, word.value === current));
  const element = fieldset(setting, ...options.map(({ label }) => label));
  return { element, read: () => options.find(({ input }) => input.checked)?.input.value ?? null };
}

/** A word, or a number in its place. */
function wordsAndNumber(setting: Setting, values: Extract<Setting["values"], { kind: "number" }>, current: string | null): Field {
  const words = values.words;
  const isWord = words.some((word) => word.value === current);
  const number = numberInput(values, isWord ? null : current, values.example);
  const options = words.map((word) => radio(setting.name, word, word.value === current));
  const own = radio(setting.name, { value: "", about: "" }, !isWord && current !== null, text.settings.ownNumber(values.least, values.most));
  number.onfocus = () => (own.input.checked = true);
  own.label.append(number);
  const element = fieldset(setting, ...options.map(({ label }) => label), own.label);
  const read = (): string | null => (own.input.checked ? number.value || null : (options.find(({ input }) => input.checked)?.input.value ?? null));
  return { element, read };
}

/** A number or a size without words. */
function inputField(setting: Setting, current: string | null): Field {
  const { values } = setting;
  const input = values.kind === "number" ? numberInput(values, current, values.example) : make("input", { type: "text", value: current ?? "" });
  input.ariaLabel = questionOf(setting);
  return { element: fieldset(setting, make("p", { className: "hint" }, aboutOf(setting)), input), read: () => input.value.trim() || null };
}

/** What a setting asks, in words. */
export function questionOf({ name }: Pick<Setting, "name">): string {
  return lookUp<string>(text.questions, name) ?? name;
}

function aboutOf({ name, about }: Pick<Setting, "name" | "about">): string {
  return lookUp<string>(text.abouts, name) ?? about;
}

function fieldset(setting: Pick<Setting, "name" | "about">, ...children: HTMLElement[]): HTMLElement {
  return make("fieldset", { className: "choices", dataset: { setting: setting.name } }, make("legend", {}, questionOf(setting)), ...children);
}

function radio(name: string, word: Word, checked: boolean, own?: Choice): { label: HTMLElement; input: HTMLInputElement } {
  const known = lookUp<Record<string, Choice>>(text.choices, name);
  const { label, hint } = own ?? (known && lookUp(known, word.value)) ?? { label: word.value, hint: word.about };
  const input = make("input", { type: "radio", name, value: word.value, checked });
  const words = make("span", { className: "choice-text" }, make("strong", {}, label), make("small", {}, hint));
  return { label: make("label", { className: "choice" }, input, words), input };
}

function numberInput(values: Extract<Setting["values"], { kind: "number" }>, current: string | null, example: string): HTMLInputElement {
  const step = values.whole ? "1" : "any";
  return make("input", {
    type: "number",
    className: "input",
    min: String(values.least),
    max: String(values.most),
    step,
    value: current ?? "",
    placeholder: example,
    ariaLabel: text.settings.number,
  });
}
