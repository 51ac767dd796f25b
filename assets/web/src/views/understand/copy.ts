/** A text that is there to be copied, with the button that does it. */
import { announce } from "../../announce.ts";
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";

/** The text as it is, in a box that can be moved sideways. */
export function copyable(words: string): HTMLElement {
  const code = make("code", {}, words);
  const button = make("button", { type: "button", className: "chip" }, text.understand.copy);
  button.onclick = async () => {
    // The clipboard is there in safe contexts only: not where the page comes over plain HTTP from another machine.
    const done = await navigator.clipboard?.writeText(words).then(() => true, () => false);
    if (!done) getSelection()?.selectAllChildren(code);
    button.textContent = done ? text.understand.copied : text.understand.copy;
    announce(done ? text.understand.copied : text.understand.notCopied);
  };
  return make("div", { className: "copyable" }, make("pre", { tabIndex: 0 }, code), button);
}
