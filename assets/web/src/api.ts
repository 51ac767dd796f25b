/**
 * One job over the server's REST API, typed. What else the page asks the server for is in api/, and every request goes
 * through api/request.ts: nothing else in the page talks to the network.
 */
import { addressOf, ApiFailure, request } from "./api/request.ts";
import { givenSettings, type Settings } from "./api/settings.ts";
import { text } from "./strings.ts";

/** A job as the server describes it. */
export interface Job {
  id: string;
  state: "queued" | "running" | "completed" | "dead" | "cancelled";
  stage: string | null;
  percent: number | null;
  attempt: number;
  /** The batch that it came with. */
  batch: string | null;
  /** While queued: its place in the line, 1 is the next; and when it may begin, as far as that was measured. */
  position: number | null;
  wait_seconds: number | null;
  input_name: string;
  input_bytes: number;
  output_bytes: number | null;
  settings: Settings;
  /** Whether its files were deleted since it ended. */
  files_gone: boolean;
  /** Whether the result was there already. */
  cached: boolean;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
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

/** The address of a job, or of one of its files. */
export function jobUrl(id: string, part?: "events" | "result" | "original" | "report" | "worst-view" | `lods/${number}`): string {
  return addressOf(`api/v1/jobs/${encodeURIComponent(id)}${part ? `/${part}` : ""}`);
}

/** The job as it is now. */
export async function getJob(id: string, signal: AbortSignal): Promise<Job> {
  const response = await ask(jobUrl(id), { signal }, id);
  return (await response.json()) as Job;
}

/** The report of a completed job. */
export async function getReport(id: string, signal: AbortSignal): Promise<Report> {
  const response = await ask(jobUrl(id, "report"), { signal }, id);
  return (await response.json()) as Report;
}

/** One of a job's two models. */
export async function getModel(id: string, part: "original" | "result", signal: AbortSignal): Promise<Blob> {
  const response = await ask(jobUrl(id, part), { signal }, id);
  return response.blob();
}

/** Stops a job that has not ended. */
export async function cancelJob(id: string, signal?: AbortSignal): Promise<void> {
  await ask(`${jobUrl(id)}/cancel`, { method: "POST", ...(signal && { signal }) }, id);
}

/** Queues a dead or cancelled job again. */
export async function retryJob(id: string): Promise<void> {
  await ask(`${jobUrl(id)}/retry`, { method: "POST" }, id);
}

/** Forgets a job that has ended, and its files. */
export async function deleteJob(id: string): Promise<void> {
  await ask(jobUrl(id), { method: "DELETE" }, id);
}

/** Makes another job on the same upload, with other settings. */
export async function rerunJob(id: string, settings: Settings, signal: AbortSignal): Promise<Job> {
  const response = await ask(`${jobUrl(id)}/rerun?${new URLSearchParams(givenSettings(settings))}`, { method: "POST", signal }, id);
  return (await response.json()) as Job;
}

async function ask(url: string, options: RequestInit, id: string): Promise<Response> {
  try {
    return await request(url, options);
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) throw new ApiFailure(text.problems.noSuchJob(id), 404);
    throw error;
  }
}
