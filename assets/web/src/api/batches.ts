/** Jobs that came together. */
import type { Job } from "../api.ts";
import { addressOf, ApiFailure, getJson } from "./request.ts";
import { text } from "../strings.ts";

/** A batch as the server describes it; sizes in bytes. */
export interface Batch {
  id: string;
  ended: boolean;
  totals: {
    jobs: number;
    queued: number;
    running: number;
    completed: number;
    dead: number;
    cancelled: number;
    input_bytes: number;
    completed_input_bytes: number;
    output_bytes: number;
  };
  jobs: Job[];
}

/** The batch as it is now. */
export async function getBatch(id: string, signal: AbortSignal): Promise<Batch> {
  try {
    return await getJson<Batch>(`api/v1/batches/${encodeURIComponent(id)}`, signal);
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) throw new ApiFailure(text.problems.noSuchBatch(id), 404);
    throw error;
  }
}

/** Where all results of a batch are, as one archive. */
export function batchResultUrl(id: string): string {
  return addressOf(`api/v1/batches/${encodeURIComponent(id)}/result`);
}
