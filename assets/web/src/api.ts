/**
 * The server's REST API, typed. Every failure becomes an `ApiFailure` that carries a sentence for people.
 * Nothing else in the page talks to the network.
 */
import { refused } from "./problems.ts";
import { text, type Problem } from "./strings.ts";

/** What a job was or will be asked for. */
export interface Settings {
  preset: string;
  target: string;
  effort: string;
  geometry: string;
  simplify: string;
  animation: string;
  nodes: string;
}

/** A job as the server describes it. */
export interface Job {
  id: string;
  state: "queued" | "running" | "completed" | "dead" | "cancelled";
  stage: string | null;
  percent: number | null;
  attempt: number;
  input_name: string;
  input_bytes: number;
  output_bytes: number | null;
  settings: Settings;
  error: { code: string; message: string } | null;
}

/** What a file holds; sizes in bytes. `bytes_by` sums to `bytes`. */
export interface Inventory {
  bytes: number;
  bytes_by: Record<string, number>;
  gpu_texture_bytes: number;
  images: ImageEntry[];
  mesh_entries: MeshEntry[];
  animation_entries: AnimationEntry[];
  extensions_used: string[];
  extensions_required: string[];
  [count: string]: unknown;
}

/** One image of a file. Width and height are 0 where its header could not be read. */
export interface ImageEntry {
  name: string | null;
  mime: string;
  width: number;
  height: number;
  bytes: number;
  gpu_bytes: number;
  /** The material slots that show it, as `baseColorTexture`. */
  slots: string[];
}

/** One mesh of a file; what it shares with an earlier one is counted there. */
export interface MeshEntry {
  name: string | null;
  primitives: number;
  triangles: number;
  vertices: number;
  attributes: string[];
  morph_targets: number;
  bytes: number;
}

/** One animation of a file. */
export interface AnimationEntry {
  name: string | null;
  channels: number;
  keyframes: number;
  bytes: number;
}

/** One pass of the optimizer: what it did, or why it declined. */
export interface PassReport {
  name: string;
  changed: boolean;
  bytes_before: number;
  bytes_after: number;
  seconds?: number;
  notes: string[];
}

/** Errors are means of FLIP over the pixels of the model: 0 the same, 1 black against white. */
export interface Comparison {
  mean: number;
  worst: number;
  close_worst: number;
  silhouette: number;
  views: ViewError[];
  not_shown: string[];
}

/** One of the views in which both were compared. */
export interface ViewError {
  name: string;
  error: number;
  silhouette: number;
  /** The node and material with the largest part in the error. */
  object: string | null;
  camera?: Standpoint;
}

/** From where a view looks; lengths are the scene's, angles are degrees. */
export interface Standpoint {
  position: [number, number, number];
  target: [number, number, number];
  field_of_view: number;
  /** Index of the animation and the part of its duration that has passed. */
  moment: [clip: number, part: number] | null;
  variant: number | null;
}

/** What was done and what came of it. */
export interface Report {
  outcome: "optimized" | "already_optimal" | "kept_original";
  before: Inventory;
  after: Inventory;
  version: string;
  settings: Settings;
  /** BLAKE3 of both files, hexadecimal. */
  input_hash: string;
  output_hash: string;
  seconds?: number;
  /** How long each stage took, as `read`, a pass, `write`, `compare`; they add up to `seconds`. */
  stages?: { name: string; seconds: number }[];
  /** Each result that was made on the way: its size and its mean error. */
  curve?: { bytes: number; error: number | null }[];
  lods?: { level: number; triangles: number; bytes: number }[];
  /** How many results were made and compared until this one was right. */
  attempts: number;
  /** How different both look, 0 is the same; null where nothing was compared. */
  comparison: Comparison | null;
  passes: PassReport[];
  warnings: string[];
  dropped: string[];
}

/** The request failed; `problem` says so in words. `status` is 0 when there was no answer. */
export class ApiFailure extends Error {
  constructor(
    readonly problem: Problem,
    readonly status: number,
  ) {
    super(problem.detail);
  }
}

const ROOT = new URL("api/v1/jobs", document.baseURI).href;

/** The address of a job, or of one of its files. */
export function jobUrl(id: string, part?: "events" | "result" | "original" | "report" | "worst-view"): string {
  return `${ROOT}/${encodeURIComponent(id)}${part ? `/${part}` : ""}`;
}

/**
 * Sends the file and answers with the accepted job. `onSent` gets the bytes that have left so far.
 * An XMLHttpRequest, because `fetch` cannot tell how much of a body was sent.
 */
export function submit(
  file: { name: string; blob: Blob },
  settings: Settings,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Job> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}?${new URLSearchParams({ ...settings, name: file.name })}`);
    request.setRequestHeader("Content-Type", "model/gltf-binary");
    let sent = 0;
    request.upload.onprogress = (event) => onSent((sent = event.loaded));
    request.upload.onload = () => onSent(file.blob.size);
    request.onerror = () => reject(new ApiFailure(sent > 0 ? text.problems.uploadCut() : text.problems.unreachable(), 0));
    request.onabort = () => reject(signal.reason);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Job);
      else reject(refusal(request.status, request.responseText));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file.blob);
  });
}

/** The job as it is now. */
export async function getJob(id: string, signal: AbortSignal): Promise<Job> {
  const response = await get(jobUrl(id), signal, id);
  return (await response.json()) as Job;
}

/** The report of a completed job. */
export async function getReport(id: string, signal: AbortSignal): Promise<Report> {
  const response = await get(jobUrl(id, "report"), signal, id);
  return (await response.json()) as Report;
}

/** Stops a job that has not ended. */
export async function cancelJob(id: string, signal: AbortSignal): Promise<void> {
  await request(`${jobUrl(id)}/cancel`, { method: "POST", signal }, id);
}

/** One of a job's two models. */
export async function getModel(id: string, part: "original" | "result", signal: AbortSignal): Promise<Blob> {
  const response = await get(jobUrl(id, part), signal, id);
  return response.blob();
}

function get(url: string, signal: AbortSignal, id: string): Promise<Response> {
  return request(url, { signal }, id);
}

async function request(url: string, options: RequestInit, id: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiFailure(text.problems.unreachable(), 0);
  }
  if (response.ok) return response;
  if (response.status === 404) throw new ApiFailure(text.problems.noSuchJob(id), 404);
  throw refusal(response.status, await response.text());
}

/** Errors are problem details (RFC 9457); a proxy in between may answer with anything else. */
function refusal(status: number, body: string): ApiFailure {
  let said: { detail?: string; code?: string } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    // Not JSON: an error page of a proxy. Its HTML says nothing to a person.
  }
  const code = said.code ?? (status === 413 ? "too_large" : "");
  return new ApiFailure(refused(status, said.detail ?? "", code), status);
}
