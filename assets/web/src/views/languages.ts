/** The choice of a language, each under its own name. */
import { make } from "../dom.ts";
import { language, languages, rememberLanguage, speak, text, type Language } from "../strings.ts";

/** A select in the bar; `onChange` draws the page anew in the language that was chosen. */
export function languagePicker(onChange: () => void): HTMLElement {
  const options = Object.entries(languages).map(([tag, name]) => make("option", { value: tag, lang: tag, selected: tag === language }, name));
  const picker = make("select", { className: "chip", ariaLabel: text.languagePicker }, ...options);
  picker.onchange = async () => {
    const chosen = picker.value as Language;
    rememberLanguage(chosen);
    await speak(chosen);
    onChange();
  };
  return picker;
}
