/**
 * Where in the page one is, as the part of the address behind #. Pure: reading and writing that part, nothing else.
 *
 *     #/                 choose a model and its settings
 *     #/jobs/ID          one job, from upload to result      #/jobs/ID/again    other settings for its model
 *     #/batches/ID       several jobs that came together
 *     #/queue  #/dashboard  #/system                         for administrators
 */

/** A place in the page. */
export type Route =
  | { page: "optimize" }
  | { page: "job"; id: string }
  | { page: "again"; id: string }
  | { page: "batch"; id: string }
  | { page: "queue" }
  | { page: "dashboard" }
  | { page: "system" };

/** Reads an address; one that means nothing is the start. Links of older versions (#job=ID) still lead to their job. */
export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const old = new URLSearchParams(path || query).get("job");
  if (old) return { page: "job", id: old };
  const [first, id, last] = path.split("/").filter(Boolean).map(decode);
  if (first === "jobs" && id) return { page: last === "again" ? "again" : "job", id };
  if (first === "batches" && id) return { page: "batch", id };
  if (first === "queue" || first === "dashboard" || first === "system") return { page: first };
  return { page: "optimize" };
}

/** Writes the address of a place. */
export function writeRoute(route: Route): string {
  switch (route.page) {
    case "optimize":
      return "#/";
    case "job":
      return `#/jobs/${encodeURIComponent(route.id)}`;
    case "again":
      return `#/jobs/${encodeURIComponent(route.id)}/again`;
    case "batch":
      return `#/batches/${encodeURIComponent(route.id)}`;
    default:
      return `#/${route.page}`;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
