/** The two budgets of a result, as numbers of one's own: how large it may be, and how different it may look. */
import { make } from "../dom.ts";
import { parseMegabytes } from "../format.ts";
import { text } from "../strings.ts";
import type { Field } from "./fields.ts";

/** Names of the settings that are chosen here. */
export const BUDGETS = ["target_size", "max_error"] as const;

/** Inputs for both, side by side. */
export function budgetFields(current: (name: string) => string | null): { element: HTMLElement; fields: Record<string, Field> } {
  const megabytes = parseMegabytes(current("target_size"));
  const size = input({ min: "0.001", step: "any", value: megabytes === null ? "" : String(megabytes) });
  const error = input({ min: "0.001", max: "0.5", step: "any", value: current("max_error") ?? "" });
  const sizeBox = budget(text.budgets.size, size, "MB", text.budgets.sizeHint);
  const errorBox = budget(text.budgets.error, error, "", text.budgets.errorHint);
  const element = make(
    "fieldset",
    { className: "choices budgets" },
    make("legend", {}, text.budgets.heading),
    make("div", { className: "budget-row" }, sizeBox, errorBox),
  );
  const fields = {
    target_size: { element: sizeBox, read: () => (size.value === "" ? null : `${size.value}MB`) },
    max_error: { element: errorBox, read: () => error.value || null },
  };
  return { element, fields };
}

function input(properties: { value: string; min: string; max?: string; step: string }): HTMLInputElement {
  return make("input", { type: "number", className: "input", placeholder: text.budgets.none, inputMode: "decimal", ...properties });
}

function budget(label: string, field: HTMLInputElement, unit: string, hint: string): HTMLElement {
  return make(
    "label",
    { className: "budget" },
    make("strong", {}, label),
    make("span", { className: "with-unit" }, field, unit !== "" && make("span", { className: "unit" }, unit)),
    make("small", {}, hint),
  );
}
