/**
 * Follows a job until it ends: by server-sent events, and by asking again and again where those do not get through.
 * A lost connection is never the end of a job, which lives on the server: this goes on until the server answers.
 */
import { getJob, jobUrl, type Job } from "./api.ts";
import { ApiFailure } from "./api/request.ts";

/** Who wants to know. */
export interface Listener {
  /** The job changed. */
  onJob(job: Job): void;
  /** The server stopped answering (true) or answers again (false). */
  onSilence(silent: boolean): void;
}

const POLL_MS = 1000;
const SLOWEST_POLL_MS = 8000;
/** Events that fail this often in a row are given up for asking. */
const EVENT_FAILURES = 2;

/** Whether nothing more will happen to the job. */
export function hasEnded(job: Job): boolean {
  return job.state === "completed" || job.state === "dead" || job.state === "cancelled";
}

/** Follows `job` and answers with it once it has ended. Rejects when the job is unknown, or `signal` aborts. */
export async function watch(job: Job, listener: Listener, signal: AbortSignal): Promise<Job> {
  listener.onJob(job);
  if (hasEnded(job)) return job;
  return (await listen(job, listener, signal)) ?? poll(job.id, listener, signal);
}

/** Listens to the job's events. Answers null when they do not get through. */
function listen(first: Job, listener: Listener, signal: AbortSignal): Promise<Job | null> {
  let job = first;
  let failures = 0;
  const source = new EventSource(jobUrl(job.id, "events"));
  return new Promise<Job | null>((resolve, reject) => {
    const receive = (change: Partial<Job>): void => {
      failures = 0;
      job = { ...job, ...change };
      listener.onSilence(false);
      listener.onJob(job);
      if (hasEnded(job)) resolve(job);
    };
    source.addEventListener("state", (event) => receive(JSON.parse(event.data as string) as Job));
    source.addEventListener("progress", (event) =>
      receive({ ...(JSON.parse(event.data as string) as Pick<Job, "stage" | "percent">), state: "running" }),
    );
    source.onerror = () => {
      failures += 1;
      if (source.readyState === EventSource.CLOSED || failures >= EVENT_FAILURES) resolve(null);
    };
    signal.addEventListener("abort", () => reject(signal.reason));
  }).finally(() => source.close());
}

/** Asks until the job has ended, less and less often while there is no answer. */
async function poll(id: string, listener: Listener, signal: AbortSignal): Promise<Job> {
  for (let wait = POLL_MS; ; ) {
    try {
      const job = await getJob(id, signal);
      wait = POLL_MS;
      listener.onSilence(false);
      listener.onJob(job);
      if (hasEnded(job)) return job;
    } catch (error) {
      const passing = error instanceof ApiFailure && (error.status === 0 || error.status >= 500);
      if (!passing) throw error;
      listener.onSilence(true);
      wait = Math.min(wait * 2, SLOWEST_POLL_MS);
    }
    await pause(wait, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
