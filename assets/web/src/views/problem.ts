/** Something that stopped the person: what happened, why, what to do, and the buttons that do it. */
import { make } from "../dom.ts";
import type { Problem } from "../strings.ts";

/** A message with actions; read out at once by screen readers. */
export function problemView(problem: Problem, ...actions: HTMLElement[]): HTMLElement {
  return make(
    "section",
    { className: "problem", role: "alert" },
    make("h2", { tabIndex: -1 }, problem.title),
    make("p", { className: "problem-detail" }, problem.detail),
    make("p", {}, problem.advice),
    actions.length > 0 && make("div", { className: "problem-actions" }, ...actions),
  );
}
