/** The choice before a job: how close it must look and what must open it; the rest in a drawer. */
import type { Settings } from "../api.ts";
import { make } from "../dom.ts";
import { text, type Choice } from "../strings.ts";

/** A form that starts from `current` and hands over what was chosen. */
export function settingsView(current: Settings, onOptimize: (settings: Settings) => void): HTMLElement {
  const more = (["effort", "geometry", "simplify", "animation", "nodes"] as const).map((name) => choices(name, current[name]));
  const form = make(
    "form",
    { className: "settings" },
    make("h2", { className: "visually-hidden", tabIndex: -1 }, text.settings.heading),
    choices("preset", current.preset),
    choices("target", current.target),
    make("details", { className: "more" }, make("summary", {}, text.settings.more), ...more),
    make("button", { type: "submit", className: "button primary wide" }, text.settings.optimize),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    onOptimize({ ...current, ...Object.fromEntries(chosen) });
  });
  return form;
}

function choices(name: keyof typeof text.choices, current: string): HTMLElement {
  return make(
    "fieldset",
    { className: "choices" },
    make("legend", {}, text.questions[name]),
    ...Object.entries<Choice>(text.choices[name]).map(([value, { label, hint }]) => {
      const input = make("input", { type: "radio", name, value, checked: value === current });
      return make(
        "label",
        { className: "choice" },
        input,
        make("span", { className: "choice-text" }, make("strong", {}, label), make("small", {}, hint)),
      );
    }),
  );
}
