/** The choice before a job: how close it must look, what must open it, and whether meshes may lose triangles. */
import type { Settings } from "../api.ts";
import { make } from "../dom.ts";
import { presets, simplifies, targets, text, type Choice } from "../strings.ts";

/** A form that starts from `current` and hands over what was chosen. */
export function settingsView(current: Settings, onOptimize: (settings: Settings) => void): HTMLElement {
  const form = make(
    "form",
    { className: "settings" },
    make("h2", { className: "visually-hidden", tabIndex: -1 }, text.settings.heading),
    choices("preset", text.settings.preset, presets, current.preset),
    choices("target", text.settings.target, targets, current.target),
    choices("simplify", text.settings.simplify, simplifies, current.simplify),
    make("button", { type: "submit", className: "button primary wide" }, text.settings.optimize),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = new FormData(form);
    const value = (name: string) => String(chosen.get(name) ?? current[name as keyof Settings]);
    onOptimize({ preset: value("preset"), target: value("target"), simplify: value("simplify") });
  });
  return form;
}

function choices(name: string, legend: string, options: readonly Choice[], current: string): HTMLElement {
  return make(
    "fieldset",
    { className: "choices" },
    make("legend", {}, legend),
    ...options.map(({ value, label, hint }) => {
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
