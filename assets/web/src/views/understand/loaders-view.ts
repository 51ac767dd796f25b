/** What opens the result, and the lines of code that do it. */
import { make } from "../../dom.ts";
import { lookUp, text } from "../../strings.ts";
import { copyable } from "./copyable.ts";
import { codeFor, opens, programs, type Answer, type Program } from "./loaders.ts";

/** The content of the section; `file` is the name under which the result is downloaded. */
export function loadersView(file: string, required: readonly string[]): HTMLElement[] {
  const answers = programs.map((program) => [program, opens(program, required)] as const);
  const refusing = answers.some(([, answer]) => answer.reads === "no");
  return [
    make("p", {}, required.length === 0 ? text.understand.requiresNothing : `${text.understand.required} ${required.join(", ")}.`),
    make("ul", { className: "programs" }, ...answers.map(([program, answer]) => programItem(program, answer))),
    make("p", { className: "hint" }, refusing && `${text.understand.opensNotAdvice} `, `${text.understand.quickLook} ${text.understand.asOf}`),
    ...answers.flatMap(([program, answer]) => code(program, answer, file, required)),
  ];
}

function programItem(program: Program, answer: Answer): HTMLElement {
  const light = { yes: "green", setup: "amber", no: "red" }[answer.reads];
  const note = answer.reads === "setup" && program in text.understand.decoderNote ? ` ${text.understand.decoderNote[program as keyof typeof text.understand.decoderNote]}` : "";
  return make(
    "li",
    { dataset: { light, program } },
    make("span", { className: "light", ariaHidden: "true" }),
    make("strong", {}, text.understand.programs[program]),
    make("span", {}, ` ${words(answer)}.${note}`),
  );
}

function words(answer: Answer): string {
  if (answer.reads === "yes") return text.understand.opensAtOnce;
  const names = answer.extensions.map(shortName).join(", ");
  return answer.reads === "setup" ? text.understand.opensWith(names) : text.understand.opensNot(names);
}

/** What an extension is called where there is no room for its whole name. */
function shortName(extension: string): string {
  return lookUp<string>(text.understand.decoders, extension) ?? extension;
}

function code(program: Program, answer: Answer, file: string, required: readonly string[]): HTMLElement[] {
  const lines = answer.reads === "no" ? null : codeFor(program, file, required);
  if (lines === null) return [];
  return [make("details", { className: "code", dataset: { program } }, make("summary", {}, `${text.understand.programs[program]}: ${text.understand.code}`), copyable(lines))];
}
