/** Traffic lights: whether the result keeps within what a place allows, what is at fault, and what to do about it. */
import type { Inventory } from "../../api.ts";
import { make } from "../../dom.ts";
import { formatBytes, formatCount } from "../../format.ts";
import { text } from "../../strings.ts";
import { judge, keepLimits, measures, ownLimits, places, recommended, worst, type Culprit, type Limits, type Measure, type Verdict } from "./budgets.ts";

const MEGABYTE = 1_000_000;

/** The content of the section. */
export function budgetsView(file: Inventory): HTMLElement {
  const cards = places.map((place) => card(place, judge(file, recommended[place])));
  return make("div", { className: "budgets" }, ...cards, ownCard(file));
}

function card(place: keyof typeof text.understand.place, list: Verdict[], form: HTMLElement | null = null): HTMLElement {
  const light = worst(list);
  // Without limits nothing was judged.
  const verdict = list.length > 0 && make("span", { className: "verdict" }, text.understand.verdict[light]);
  return make(
    "section",
    { className: "budget", dataset: { light, place } },
    make("header", {}, make("h4", {}, text.understand.place[place]), verdict),
    make("p", { className: "hint" }, text.understand.placeHint[place]),
    verdicts(list),
    form,
  );
}

function verdicts(list: Verdict[]): HTMLElement {
  if (list.length === 0) return make("p", { className: "hint" }, text.understand.nothingLimited);
  return make("ul", { className: "lights" }, ...list.map(verdictItem));
}

function verdictItem(verdict: Verdict): HTMLElement {
  const { measure, value, limit, light, culprit } = verdict;
  return make(
    "li",
    { dataset: { light } },
    make("span", { className: "light", role: "img", ariaLabel: text.understand.lights[light] }),
    make("span", { className: "light-name" }, text.understand.measure[measure]),
    make("span", { className: "light-value" }, text.understand.ofLimit(amount(measure, value), amount(measure, limit))),
    light === "red" && make("p", {}, culprit && `${text.understand.atFault(objectName(culprit), amount(measure, culprit.value))} `, advice(measure, culprit)),
  );
}

/** A value of a measure with its unit. */
function amount(measure: Measure, value: number): string {
  if (measure === "bytes" || measure === "gpu") return formatBytes(value);
  return measure === "side" ? `${formatCount(value)} px` : formatCount(value);
}

function objectName({ kind, index, name }: Culprit): string {
  return name || text.understand.numbered[kind](index);
}

function advice(measure: Measure, culprit: Culprit | null): string {
  const said = text.understand.advice;
  if (measure !== "bytes") return said[measure];
  if (culprit?.kind === "animation") return said.bytesAnimation;
  return culprit?.kind === "mesh" ? said.bytesMesh : said.bytesImage;
}

/** The person's own numbers; what is typed counts at once. */
function ownCard(file: Inventory): HTMLElement {
  const limits = ownLimits();
  const show = (): HTMLElement => card("own", judge(file, limits), form);
  const form = ownForm(limits, () => {
    keepLimits(limits);
    const focused = document.activeElement;
    const fresh = show();
    element.replaceChildren(...fresh.childNodes);
    element.dataset["light"] = fresh.dataset["light"] ?? "green";
    if (focused instanceof HTMLInputElement) focused.focus();
  });
  const element = show();
  return element;
}

function ownForm(limits: Limits, onChange: () => void): HTMLElement {
  const fields = measures.map((measure) => {
    const scale = measure === "bytes" || measure === "gpu" ? MEGABYTE : 1;
    const limit = limits[measure];
    const input = make("input", { type: "number", min: "0", step: "any", value: limit === undefined ? "" : String(limit / scale), dataset: { measure } });
    input.onchange = () => {
      if (input.valueAsNumber > 0) limits[measure] = input.valueAsNumber * scale;
      else delete limits[measure];
      onChange();
    };
    const unit = text.understand.ownUnit[measure];
    return make("label", {}, make("span", {}, text.understand.measure[measure], unit !== "" && ` (${unit})`), input);
  });
  return make("div", { className: "own-limits" }, ...fields);
}
