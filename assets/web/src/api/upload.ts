/** Sends models: one as the raw body, several as the fields of a form. Tells how much has left, which `fetch` cannot. */
import type { Job } from "../api.ts";
import { filesOf, type Selection } from "../files/selection.ts";
import { text } from "../strings.ts";
import type { Batch } from "./batches.ts";
import { addressOf, ApiFailure, refusal } from "./request.ts";
import { givenSettings, type Settings } from "./settings.ts";

/** What became of an upload: one model is a job, several are a batch. */
export type Accepted = { job: Job } | { batch: Batch };

/** Sends a selection with its settings; `onSent` gets the bytes that have left so far. */
export async function upload(selection: Selection, settings: Settings, onSent: (bytes: number) => void, signal: AbortSignal): Promise<Accepted> {
  const [model, ...more] = selection.models;
  const alone = model !== undefined && more.length === 0 && model.kind !== "gltf";
  const query = new URLSearchParams(givenSettings(settings));
  if (alone) query.set("name", model.name);
  const body = alone ? model.file : formOf(selection);
  const answer = await send(`api/v1/jobs?${query}`, body, selection.bytes, onSent, signal);
  return "jobs" in answer ? { batch: answer } : { job: answer };
}

function formOf(selection: Selection): FormData {
  const form = new FormData();
  for (const { path, file } of filesOf(selection.models)) form.append("file", file, path);
  return form;
}

/** An XMLHttpRequest, because `fetch` cannot tell how much of a body was sent. */
function send(path: string, body: File | FormData, bytes: number, onSent: (bytes: number) => void, signal: AbortSignal): Promise<Job | Batch> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", addressOf(path));
    if (body instanceof File) request.setRequestHeader("Content-Type", "application/octet-stream");
    let sent = 0;
    // A form is a little larger than the files in it.
    request.upload.onprogress = (event) => onSent((sent = Math.min(event.loaded, bytes)));
    request.upload.onload = () => onSent(bytes);
    request.onerror = () => reject(new ApiFailure(sent > 0 ? text.problems.uploadCut() : text.problems.unreachable(), 0));
    request.onabort = () => reject(signal.reason);
    request.onload = () => {
      if (request.status < 200 || request.status >= 300) return reject(refusal(request.status, request.responseText));
      try {
        resolve(JSON.parse(request.responseText) as Job | Batch);
      } catch {
        // A proxy in between has answered with something of its own.
        reject(refusal(request.status, request.responseText));
      }
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
