/** One request to the server and its answer. Every failure becomes an `ApiFailure` that carries a sentence for people. */
import { refused } from "../problems.ts";
import { text, type Problem } from "../strings.ts";

/** The request failed; `problem` says so in words. `status` is 0 when there was no answer, `code` empty without one. */
export class ApiFailure extends Error {
  constructor(
    readonly problem: Problem,
    readonly status: number,
    readonly code = "",
  ) {
    super(problem.detail);
  }
}

/** The address of something on this server. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href;
}

/** Sends a request and answers with what is not a failure; `expected` are statuses beside 2xx that are none. */
export async function request(path: string, options: RequestInit = {}, expected: number[] = []): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(addressOf(path), options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiFailure(text.problems.unreachable(), 0);
  }
  if (response.ok || expected.includes(response.status)) return response;
  throw refusal(response.status, await response.text());
}

/** The JSON that a path answers with. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** Errors are problem details (RFC 9457); a proxy in between may answer with anything else. */
export function refusal(status: number, body: string): ApiFailure {
  let said: { detail?: string; code?: string } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    // Not JSON: an error page of a proxy. Its HTML says nothing to a person.
  }
  const code = said.code ?? (status === 413 ? "too_large" : "");
  return new ApiFailure(refused(status, said.detail ?? "", code), status, code);
}
