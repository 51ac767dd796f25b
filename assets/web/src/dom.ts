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
