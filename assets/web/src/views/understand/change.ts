/** How a figure of the original and one of the result are shown beside each other: the new one is what counts. */
import { make } from "../../dom.ts";

/** "12.4 MB → 1.2 MB" with the first quiet; one figure where nothing changed. */
export function change(before: string | null, after: string | null): HTMLElement {
  if (before === after || before === null || after === null) {
    return make("span", { className: after === null ? "was" : "" }, after ?? before ?? "–");
  }
  return make("span", { className: "change" }, make("span", { className: "was" }, before), " → ", make("span", {}, after));
}
