/** A text that is there to be copied, as it is, in a box that can be moved sideways. */
import { make } from "../../dom.ts";
import { text } from "../../strings.ts";
import { copyButton } from "../copy.ts";

/** The text with its button. */
export function copyable(words: string): HTMLElement {
  const button = copyButton(text.actions.copy, () => words);
  return make("div", { className: "copyable" }, make("pre", { tabIndex: 0 }, make("code", {}, words)), button);
}
