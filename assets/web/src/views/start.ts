/** The first thing that a person sees: what this is, where to drop a file, what will happen to it. */
import logo from "../logo.svg";
import { make } from "../dom.ts";
import { fileButton, folderButton, type OnFiles } from "../files/drop.ts";
import { text } from "../strings.ts";

/** The start page; `onSample` opens the model that is inside. */
export function startView(onFiles: OnFiles, onSample: () => void): HTMLElement {
  const sample = make("button", { type: "button", className: "button link" }, text.start.sample);
  sample.onclick = onSample;
  return make(
    "section",
    { className: "start" },
    make(
      "div",
      { className: "dropzone" },
      make("img", { src: logo, alt: "" }),
      make("h1", { tabIndex: -1 }, text.start.title),
      make("p", { className: "lead" }, text.start.lead),
      make("div", { className: "start-ways" }, fileButton(text.start.choose, "primary", onFiles), folderButton(text.start.folder, "quiet", onFiles)),
      make("p", { className: "hint" }, text.start.kinds),
      sample,
    ),
    make("ul", { className: "facts" }, ...text.start.facts.map(({ title, body }) => make("li", {}, make("h2", {}, title), make("p", {}, body)))),
  );
}
