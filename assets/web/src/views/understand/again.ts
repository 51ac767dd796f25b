/** How to make the same result elsewhere, and how to know that it is the same. */
import type { Job, Report } from "../../api.ts";
import { make } from "../../dom.ts";
import { changedSettings, cliCommand, curlCommand } from "../../commands.ts";
import { text } from "../../strings.ts";
import { copyable } from "./copyable.ts";

/** What holds in this version where nothing is said; see `Settings` in the optimizer. */
const USUAL = { effort: "normal", geometry: "auto", simplify: "auto", animation: "auto", nodes: "auto" };

/** The content of the section. */
export function againView(job: Job, report: Report): HTMLElement[] {
  const settings = changedSettings(report.settings, USUAL);
  const server = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return [
    make("p", { className: "hint" }, text.understand.againHint),
    make("h4", {}, text.understand.cli),
    copyable(cliCommand(job.input_name, settings)),
    make("h4", {}, text.understand.curl),
    copyable(curlCommand(job.input_name, [], settings, server)),
    make("h4", {}, text.understand.hashes),
    make(
      "dl",
      { className: "hashes" },
      make("dt", {}, text.understand.before),
      make("dd", {}, make("code", {}, report.input_hash)),
      make("dt", {}, text.understand.after),
      make("dd", {}, make("code", {}, report.output_hash)),
    ),
  ];
}
