/** The models that were chosen together. One of them is on the stage; another one is put there with a click. */
import { make } from "../dom.ts";
import type { Model, Selection } from "../files/selection.ts";
import { formatBytes } from "../format.ts";
import { text } from "../strings.ts";

/** A list of models; `onShow` puts one on the stage. */
export function selectionView(selection: Selection, shown: Model, onShow: (model: Model) => void): HTMLElement {
  const rows = selection.models.map((model) => {
    const input = make("input", { type: "radio", name: "shown", checked: model === shown });
    input.onchange = () => onShow(model);
    const name = make("span", { className: "model-name", title: model.path }, model.name);
    return make("label", { className: "model-row" }, input, name, make("span", { className: "model-size" }, formatBytes(model.bytes)));
  });
  return make("fieldset", { className: "models" }, make("legend", {}, text.batch.chosen), make("div", { className: "model-list" }, ...rows));
}
