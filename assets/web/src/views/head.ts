/** The head of the panel: what everything below is about, how large it is, and the ways out. */
import { make } from "../dom.ts";
import { fileButton, type OnFiles } from "../files/drop.ts";
import { formatBytes, formatExactBytes } from "../format.ts";
import { text } from "../strings.ts";

/** Name and size; the batch that a job belongs to, if any; a button for another file, unless one is being sent. */
export function fileHead(name: string, bytes: number, batchAddress: string | null, onFiles: OnFiles | null): HTMLElement[] {
  const title = make("h1", { className: "file-name", title: name }, name);
  const size = make("p", { className: "file-size", title: formatExactBytes(bytes) }, formatBytes(bytes));
  const ways = make(
    "div",
    { className: "file-ways" },
    batchAddress !== null && make("a", { href: batchAddress }, text.batch.back),
    onFiles && fileButton(text.actions.another, "link", onFiles),
  );
  return [make("div", { className: "file-title" }, title, size), ways];
}
