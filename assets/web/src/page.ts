/** What the middle of the page shows at an address, and what such a view may ask of the page around it. */
import type { Route } from "./route.ts";

/** A view. It is entered when its address is, and left when another view takes its place. */
export interface Page {
  readonly element: HTMLElement;
  /** Shows what is at this address, which is one of the view's own. */
  enter(route: Route): void;
  /** Stops everything: requests, timers, listeners, models in the memory of the GPU. */
  leave(): void;
}

/** The page around a view. */
export interface Shell {
  /** Goes to another address, as a step that "back" undoes. */
  go(route: Route): void;
  /** Says which phase a view is in, for the style sheet and for tests, and under which title. */
  show(phase: string, title: string): void;
}
