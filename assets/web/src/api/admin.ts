/** What only administrators may see and do: all jobs, totals, the server's health. */
import type { Job } from "../api.ts";
import { getJson, request } from "./request.ts";

/** A part of the list of all jobs, the newest first. */
export interface JobList {
  jobs: Job[];
  /** What to ask for the rest with; null at the end. */
  next: string | null;
}

/** The jobs that were accepted in a time, and what has become of them. */
export interface Period {
  from: string | null;
  submitted: number;
  completed: number;
  dead: number;
  cancelled: number;
  cached: number;
  input_bytes: number;
  output_bytes: number;
  saved_bytes: number;
  mean_ratio: number | null;
  mean_seconds: number | null;
  ratios: Bin[];
  seconds: Bin[];
  failures: Record<string, number>;
  presets: Record<string, number>;
}

/** A step of a distribution: values below `below`, and not below the step before. */
export interface Bin {
  below: number | null;
  jobs: number;
}

/** True totals. */
export interface Stats {
  total: Period;
  days: Period[];
  weeks: Period[];
  months: Period[];
}

/** A part of the server. */
export interface Component {
  healthy: boolean;
  status: string;
  error: string | null;
}

/** How the server does. */
export interface Health {
  status: "ok" | "degraded" | "unhealthy";
  version: string;
  uptime_seconds: number;
  tier: "redis" | "embedded" | "sync";
  tier_reason: string | null;
  switches: { at: string; from: string; to: string; reason: string }[];
  paused: boolean;
  queue: Record<Job["state"], number> | null;
  workers: number;
  busy: number;
  components: Record<string, Component>;
  nodes: { id: string; host: string; pid: number; version: string; slots: number; shares: boolean }[];
}

/** One check of the doctor. */
export interface Check {
  name: string;
  verdict: "pass" | "warn" | "fail";
  found: string;
  advice: string | null;
  took_ms: number;
}

/** A part of the list; `state` empty for all, `after` empty for the newest. */
export function listJobs(state: string, after: string, limit: number, signal?: AbortSignal): Promise<JobList> {
  const query = new URLSearchParams({ limit: String(limit), ...(state && { state }), ...(after && { after }) });
  return getJson<JobList>(`api/v1/jobs?${query}`, signal);
}

/** The totals. */
export function getStats(signal: AbortSignal): Promise<Stats> {
  return getJson<Stats>("api/v1/stats", signal);
}

/** Everything that is known of the server. A server that is not well answers too, with 503. */
export async function getHealth(signal: AbortSignal): Promise<Health> {
  const response = await request("health", { signal, cache: "no-store" }, [503]);
  return (await response.json()) as Health;
}

/** A thorough look, which takes some seconds. */
export async function examine(signal: AbortSignal): Promise<Check[]> {
  return (await getJson<{ checks: Check[] }>("api/v1/doctor", signal)).checks;
}

/** Holds queued jobs back, or lets them run. */
export async function setPaused(paused: boolean): Promise<void> {
  await request(`api/v1/queue/${paused ? "pause" : "resume"}`, { method: "POST" });
}

/** Shows the admin token; whether it is the right one. The server answers with a cookie that no script can read. */
export async function logIn(token: string): Promise<boolean> {
  const response = await request("login", { method: "POST", body: new URLSearchParams({ token }) }, [403]);
  return response.ok;
}

/** Forgets the cookie. */
export async function logOut(): Promise<void> {
  await request("logout", { method: "POST" });
}
