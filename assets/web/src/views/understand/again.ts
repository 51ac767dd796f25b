/** How to make the same result elsewhere, and how to know that it is the same. */
import type { Job, Report } from "../../api.ts";
import { make } from "../../dom.ts";
import { downloadName } from "../../format.ts";
import { text } from "../../strings.ts";
import { asCommand, asCurl } from "./commands.ts";
import { copyable } from "./copy.ts";

/** The content of the section. */
export function againView(job: Job, report: Report): HTMLElement[] {
  const output = downloadName(job.input_name);
  return [
    make("p", { className: "hint" }, text.understand.againHint),
    make("h4", {}, text.understand.cli),
    copyable(asCommand(job.input_name, output, report.settings)),
    make("h4", {}, text.understand.curl),
    copyable(asCurl(document.baseURI, job.input_name, output, report.settings)),
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
