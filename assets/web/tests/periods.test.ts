/** Which period is now; see ../src/periods.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { firstDay, history } from "../src/periods.ts";
import type { Period, Stats } from "../src/api/admin.ts";

test("days, weeks and months begin as the server counts them, in UTC", () => {
  const now = new Date("2026-11-29T23:30:00Z");
  assert.equal(firstDay("day", now), "2026-11-29");
  assert.equal(firstDay("week", now), "2026-11-23");
  assert.equal(firstDay("month", now), "2026-11-01");
});

test("a chart has every period up to now, also those without jobs", () => {
  const period = (from: string | null, submitted: number): Period => ({ from, submitted, ratios: [], seconds: [] }) as unknown as Period;
  const stats: Stats = { total: period(null, 3), days: [], weeks: [period("2026-11-02", 1), period("2026-11-23", 2)], months: [period("2026-01-01", 3)] };
  const now = new Date("2026-11-29T23:30:00Z");
  assert.deepEqual(history(stats, "month", now).slice(-4).map(({ from, submitted }) => [from, submitted]), [
    ["2026-11-02", 1],
    ["2026-11-09", 0],
    ["2026-11-16", 0],
    ["2026-11-23", 2],
  ]);
  assert.equal(history(stats, "total", now)[1]?.from, "2026-01-01");
  assert.equal(history(stats, "week", now).length, 31);
});
