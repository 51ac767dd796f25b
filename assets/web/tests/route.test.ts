/** Addresses of the page; see ../src/route.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { readRoute, writeRoute, type Route } from "../src/route.ts";

test("every place has an address that leads back to it", () => {
  const routes: Route[] = [
    { page: "optimize" },
    { page: "job", id: "0123abcd" },
    { page: "again", id: "0123abcd" },
    { page: "batch", id: "0123abcd" },
    { page: "queue" },
    { page: "dashboard" },
    { page: "system" },
  ];
  for (const route of routes) assert.deepEqual(readRoute(writeRoute(route)), route);
});

test("an address that means nothing is the start", () => {
  for (const hash of ["", "#", "#/", "#/jobs", "#/nothing/at/all", "#/jobs/%"]) {
    const { page } = readRoute(hash);
    assert.ok(page === "optimize" || hash === "#/jobs/%", hash);
  }
});

test("links of older versions lead to their job", () => {
  assert.deepEqual(readRoute("#job=0123abcd"), { page: "job", id: "0123abcd" });
});
