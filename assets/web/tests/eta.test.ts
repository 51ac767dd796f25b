/** The time left; see ../src/eta.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../src/eta.ts";

test("nothing is said before enough was measured", () => {
  const pace = new Pace();
  assert.equal(pace.left(0), null);
  pace.note(0, 0);
  pace.note(20, 1);
  assert.equal(pace.left(1), null, "a second is too little");
  pace.note(21, 3);
  assert.notEqual(pace.left(3), null);
});

test("an even pace gives the time that it will take", () => {
  const pace = new Pace();
  for (let second = 0; second <= 10; second += 1) pace.note(second * 5, second);
  assert.equal(pace.left(10), 10);
});

test("the latest pace counts, not the one of the beginning", () => {
  const pace = new Pace();
  for (let second = 0; second <= 10; second += 1) pace.note(second * 4, second);
  for (let second = 11; second <= 100; second += 1) pace.note(40 + (second - 10) * 0.5, second);
  assert.ok(Math.abs((pace.left(100) ?? 0) - 30) < 5, String(pace.left(100)));
});

test("a job that begins again is measured again", () => {
  const pace = new Pace();
  pace.note(0, 0);
  pace.note(80, 10);
  pace.note(0, 12);
  assert.equal(pace.left(12), null);
});
