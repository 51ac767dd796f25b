/** Everything else that can be taken away: the result as separate files, the report in the forms that people use. */
import { jobUrl, type Job, type Report } from "../../api.ts";
import { announce } from "../../announce.ts";
import { make } from "../../dom.ts";
import { downloadName, formatBytes, formatCount } from "../../format.ts";
import { text } from "../../strings.ts";
import { separate } from "./archive.ts";
import { openGlb } from "./container.ts";
import { asCsv, asHtml } from "./report-files.ts";

/** The buttons; `result` is the optimized model. */
export function downloadsView(job: Job, report: Report, result: Blob): HTMLElement {
  const name = downloadName(job.input_name).replace(/\.glb$/, "");
  const said = text.understand;
  return make(
    "details",
    { className: "downloads" },
    make("summary", {}, said.downloads),
    make(
      "div",
      { className: "download-list" },
      saving("zip", said.zip, `${name}.zip`, () => packed(result, name)),
      saving("json", said.reportJson, `${name}-report.json`, () => file(JSON.stringify(report, null, 2), "application/json")),
      saving("csv", said.reportCsv, `${name}-report.csv`, () => file(asCsv(report), "text/csv")),
      saving("html", said.reportHtml, `${name}-report.html`, async () => file(asHtml(job.input_name, report, await worstView(job)), "text/html")),
    ),
    (report.lods ?? []).length > 0 && levels(job, report),
  );
}

/** The levels of detail that the result holds, each as a file of its own; the server names it. */
function levels(job: Job, report: Report): HTMLElement {
  const lines = (report.lods ?? []).map(({ level, triangles, bytes }) => {
    const label = text.understand.level(level, formatCount(triangles), formatBytes(bytes));
    return make("li", {}, make("a", { href: jobUrl(job.id, `lods/${level}`), download: "", dataset: { download: `lod-${level}` } }, label));
  });
  return make("div", { className: "hint" }, make("p", {}, text.understand.levels), make("ul", { className: "notes" }, ...lines));
}

/** A button that makes a file when it is wanted, and hands it to the browser. */
function saving(kind: string, label: string, name: string, make_: () => Blob | Promise<Blob>): HTMLElement {
  const button = make("button", { type: "button", className: "button quiet small", dataset: { download: kind } }, label);
  button.onclick = async () => {
    button.disabled = true;
    button.textContent = text.understand.zipBusy;
    try {
      save(await make_(), name);
    } catch (error) {
      announce(text.understand.failed(String(error)));
      button.title = text.understand.failed(String(error));
    }
    button.disabled = false;
    button.textContent = label;
  };
  return button;
}

function save(blob: Blob, name: string): void {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser has taken the blob over once the click was handled.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function packed(result: Blob, name: string): Promise<Blob> {
  const [{ zipped }, glb] = await Promise.all([import("./zip.ts"), openGlb(result)]);
  return zipped(separate(glb, name));
}

function file(words: string, type: string): Blob {
  return new Blob([words], { type: `${type};charset=utf-8` });
}

/** The picture of the worst view as a data URL, so that the page needs no server; null where it is not stored. */
async function worstView(job: Job): Promise<string | null> {
  const response = await fetch(jobUrl(job.id, "worst-view")).catch(() => null);
  if (!response?.ok) return null;
  const blob = await response.blob();
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(blob);
  });
}
