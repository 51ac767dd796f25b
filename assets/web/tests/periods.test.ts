/** Which period is now; see ../src/periods.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { firstDay } from "../src/periods.ts";

test("days, weeks and months begin as the server counts them, in UTC", () => {
  const now = new Date("2026-11-29T23:30:00Z");
  assert.equal(firstDay("day", now), "2026-11-29");
  assert.equal(firstDay("week", now), "2026-11-23");
  assert.equal(firstDay("month", now), "2026-11-01");
});
