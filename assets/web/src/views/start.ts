/** The first thing that a person sees: what this is, where to drop a file, what will happen to it. */
import logo from "../logo.svg";
import { fileButton } from "../drop.ts";
import { make } from "../dom.ts";
import { text } from "../strings.ts";

/** The start page. */
export function startView(onFiles: (files: File[]) => void): HTMLElement {
  return make(
    "section",
    { className: "start" },
    make(
      "div",
      { className: "dropzone" },
      make("img", { src: logo, alt: "" }),
      make("h1", { tabIndex: -1 }, text.start.title),
      make("p", { className: "lead" }, text.start.lead),
      fileButton(text.start.choose, "primary", onFiles),
    ),
    make("ul", { className: "facts" }, ...text.start.facts.map(({ title, body }) => make("li", {}, make("h2", {}, title), make("p", {}, body)))),
  );
}
