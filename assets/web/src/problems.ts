/** What went wrong, in words: out of what the server says, which knows codes and a sentence in English. */
import { formatSentence } from "./format.ts";
import { lookUp, text, type Problem } from "./strings.ts";

const FAULTS_OF_OURS = new Set(["internal", "crashed", "not_started", "storage", "lost"]);

/** The server refused a request, with the code and the sentence of its problem document, if it was one. */
export function refused(status: number, detail: string, code: string): Problem {
  return {
    title: lookUp(text.titles, code) ?? (status >= 500 ? text.problems.serverFailed : text.problems.refused),
    detail: detail || text.problems.noReason(status),
    advice: adviceFor(code, status),
  };
}

/** A job is dead. */
export function dead(message: string, code: string): Problem {
  const title = FAULTS_OF_OURS.has(code) ? text.problems.optimizerFailed : text.problems.notOptimized;
  return { title: lookUp(text.titles, code) ?? title, detail: formatSentence(message), advice: adviceFor(code, 0) };
}

function adviceFor(code: string, status: number): string {
  const known = lookUp(text.advice, code);
  if (known !== undefined) return known;
  if (FAULTS_OF_OURS.has(code)) return text.advice.ourFault;
  return status === 429 || status >= 500 ? text.advice.tryLater : text.advice.tryAgain;
}
