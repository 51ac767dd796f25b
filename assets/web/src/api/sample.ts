/** The model that the server offers for a first try. */
import type { Picked } from "../files/drop.ts";
import { request } from "./request.ts";

const NAME = "vase.glb";

/** Fetches it, as if it had been chosen. */
export async function fetchSample(signal: AbortSignal): Promise<Picked> {
  const response = await request("sample.glb", { signal });
  return { path: NAME, file: new File([await response.blob()], NAME) };
}
