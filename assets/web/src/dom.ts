/** The one way in which this page makes elements: no HTML from strings, so text from a file can never become markup. */

type Child = Node | string | null | false;
type Properties<T extends HTMLElement> = Partial<Omit<T, "dataset" | "style" | "children" | "attributes">> & {
  dataset?: Record<string, string>;
  /** Attributes that have no property of their own, `aria-*` above all. */
  attributes?: Record<string, string>;
};

/** Makes an element with properties and children; `null` and `false` children are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const { dataset, attributes, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

/** The element of the page with this id, which index.html is known to have. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element;
}

/** Replaces what an element holds. A control in it that has the focus and a `data-key` hands it to its successor. */
export function redraw(container: HTMLElement, ...children: Child[]): void {
  const focused = document.activeElement;
  const key = focused instanceof HTMLElement && container.contains(focused) ? focused.dataset["key"] : undefined;
  container.replaceChildren(...children.filter((child): child is Node | string => child !== null && child !== false));
  if (key !== undefined) container.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** A table with a head; the first cell of a row names it. */
export function table(caption: string, heads: string[], rows: (string | Node)[][], className = "figures"): HTMLTableElement {
  const head = make("tr", {}, ...heads.map((words) => make("th", { scope: "col" }, words)));
  const body = rows.map(([name = "", ...cells]) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell))));
  return make("table", { className }, make("caption", { className: "visually-hidden" }, caption), make("thead", {}, head), make("tbody", {}, ...body));
}

/** A button that does something at once. */
export function button(label: string, className: string, run: () => void, key?: string): HTMLButtonElement {
  const made = make("button", { type: "button", className: `button ${className}`, ...(key !== undefined && { dataset: { key } }) }, label);
  made.onclick = run;
  return made;
}
