/** Something that stopped the person: what happened, why, what to do, and the buttons that do it. */
import { make } from "../dom.ts";
import { text, type Problem } from "../strings.ts";

/** A button of a problem. */
export interface Action {
  label: string;
  run: () => void;
}

/** What is shown with a problem: buttons, the first of them the best; other controls; details for whoever is asked for help. */
export interface Around {
  actions?: Action[];
  more?: HTMLElement[];
  details?: string;
  /** Whether it is all that the page shows, and so its title. */
  alone?: boolean;
}

/** A message with actions; read out at once by screen readers. */
export function problemView(problem: Problem, { actions = [], more = [], details = "", alone = false }: Around = {}): HTMLElement {
  const buttons = actions.map(({ label, run }, index) => {
    const button = make("button", { type: "button", className: `button ${index === 0 ? "primary" : "quiet"}` }, label);
    button.onclick = run;
    return button;
  });
  const all = [...buttons, ...more];
  return make(
    "section",
    { className: "problem", role: "alert" },
    make(alone ? "h1" : "h2", { tabIndex: -1 }, problem.title),
    make("p", { className: "problem-detail" }, problem.detail),
    make("p", {}, problem.advice),
    all.length > 0 && make("div", { className: "problem-actions" }, ...all),
    details !== "" && make("details", {}, make("summary", {}, text.problems.moreDetails), make("p", {}, make("code", {}, details))),
  );
}
