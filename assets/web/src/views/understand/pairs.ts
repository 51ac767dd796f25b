/** Which item of the original became which item of the result: by name, or by place where nothing was taken away. Pure. */

/** The two sides of an item; one of them is missing where it was dropped, or made. */
export interface Pair<T> {
  /** Its place in the file's list. */
  before: { item: T; index: number } | null;
  after: { item: T; index: number } | null;
}

/** Pairs two lists. Items whose name is not told apart are paired by place, if both lists are as long. */
export function pair<T extends { name: string | null }>(before: readonly T[], after: readonly T[]): Pair<T>[] {
  const left = before.map((item, index) => ({ item, index }));
  const right = new Set(after.map((item, index) => ({ item, index })));
  const known = unique(after);
  const named = unique(before);
  const pairs: Pair<T>[] = left.map((one) => {
    const name = one.item.name ?? "";
    const byName = named.has(name) && known.has(name) ? [...right].find(({ item }) => item.name === name) : undefined;
    if (byName) right.delete(byName);
    return { before: one, after: byName ?? null };
  });
  for (const open of pairs.filter((one) => one.after === null)) {
    const same = before.length === after.length ? [...right].find(({ index }) => index === open.before?.index) : undefined;
    if (!same) continue;
    open.after = same;
    right.delete(same);
  }
  return [...pairs, ...[...right].map((one) => ({ before: null, after: one }))];
}

/** Names that are there exactly once. */
function unique(items: readonly { name: string | null }[]): Set<string> {
  const seen = new Map<string, number>();
  for (const { name } of items) if (name) seen.set(name, (seen.get(name) ?? 0) + 1);
  return new Set([...seen].filter(([, count]) => count === 1).map(([name]) => name));
}
