/** A button that copies a text, and says so. */
import { announce } from "../announce.ts";
import { make } from "../dom.ts";
import { text } from "../strings.ts";

/** How long the button says that it worked, in milliseconds. */
const SHOWN_MS = 2000;

/** `read` is asked for the text when the button is pressed. */
export function copyButton(label: string, read: () => string): HTMLButtonElement {
  const button = make("button", { type: "button", className: "button quiet small" }, label);
  button.onclick = async () => {
    const done = await copy(read());
    const words = done ? text.actions.copied : text.actions.notCopied;
    button.textContent = words;
    announce(words);
    setTimeout(() => (button.textContent = label), SHOWN_MS);
  };
  return button;
}

/** Over plain HTTP from another machine browsers offer no clipboard: then the old way, by a selection. */
async function copy(words: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    const field = make("textarea", { value: words, className: "visually-hidden", readOnly: true });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
