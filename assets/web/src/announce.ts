/** Tells screen readers what changed, without repeating itself. */
import { byId } from "./dom.ts";

/** Puts a sentence into the page's live region. */
export function announce(sentence: string): void {
  const status = byId("status");
  if (status.textContent !== sentence) status.textContent = sentence;
}
