/** Everything that is known of a result, below the 3D view: one section for each question, and a row that leads to them. */
import type { Job, Report, ViewError } from "../../api.ts";
import { make } from "../../dom.ts";
import { downloadName } from "../../format.ts";
import { text } from "../../strings.ts";
import { bytesView } from "../bytes.ts";
import { notesView, passesView, timesView } from "../details.ts";
import { againView } from "./again.ts";
import { budgetsView } from "./budgets-view.ts";
import { loadersView } from "./loaders-view.ts";
import { looksView } from "./looks.ts";
import { animationsView, meshesView } from "./meshes.ts";
import { overview } from "./overview.ts";
import { texturesView } from "./textures.ts";
import { Thumbnails } from "./thumbnails.ts";

/** Both models, as files; null where one cannot be had. */
export interface Models {
  original: Promise<Blob | null>;
  result: Promise<Blob | null>;
}

/** The report of a completed job. `goTo` shows a view of the proof in 3D. */
export function understandView(job: Job, report: Report, models: Models, goTo: (view: ViewError) => void): HTMLElement {
  const said = text.understand;
  const { before, after } = report;
  const pictures = { before: new Thumbnails(models.original), after: new Thumbnails(models.result) };
  const sections = [
    section("bytes", said.bytes, ...bytesView(before, after)),
    section("looks", said.looks, ...looksView(job, report, goTo)),
    section("textures", said.textures, texturesView(report, pictures)),
    section("meshes", said.meshes, meshesView(report)),
    section("animations", said.animations, animationsView(report)),
    section("budgets", said.budgets, budgetsView(after)),
    section("passes", report.outcome === "optimized" ? said.passes : said.triedPasses, notesView(report), ...passesView(report), timesView(report)),
    section("loaders", said.loaders, ...loadersView(downloadName(job.input_name), after.extensions_required)),
    section("again", said.again, ...againView(job, report)),
  ].filter((one) => one !== null);
  return make(
    "article",
    { className: "understand" },
    make("h2", { className: "visually-hidden" }, said.overview),
    overview(before, after),
    make("nav", { className: "sections", ariaLabel: said.sections }, ...sections.map(leadTo)),
    ...sections,
  );
}

/** A section; none where there is nothing to say. */
function section(name: string, title: string, ...parts: (HTMLElement | null)[]): HTMLElement | null {
  const content = parts.filter((part) => part !== null);
  if (content.length === 0) return null;
  return make("section", { className: "report-section", dataset: { section: name } }, make("h3", { tabIndex: -1 }, title), ...content);
}

/** A button and no link: the address says which job is shown. */
function leadTo(target: HTMLElement): HTMLElement {
  const heading = target.querySelector("h3");
  const button = make("button", { type: "button", className: "chip", dataset: { leadsTo: target.dataset["section"] ?? "" } }, heading?.textContent ?? "");
  button.onclick = () => {
    target.scrollIntoView({ block: "start" });
    heading?.focus({ preventScroll: true });
  };
  return button;
}
