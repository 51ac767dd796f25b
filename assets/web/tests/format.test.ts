/** Numbers as people read them; see ../src/format.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { downloadName, formatByteChange, formatBytes, formatPercent, formatReduction, formatSeconds } from "../src/format.ts";

test("sizes have three significant digits and never show 1000 of a unit", () => {
  const expected: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [9994, "9.99 kB"],
    [9996, "10.0 kB"],
    [99960, "100 kB"],
    [999_600, "1.00 MB"],
    [9_374_308, "9.37 MB"],
    [34_230_288, "34.2 MB"],
  ];
  for (const [bytes, words] of expected) assert.equal(formatBytes(bytes), words);
});

test("a reduction is rounded down, so that 100 % is never claimed for a file that still exists", () => {
  assert.equal(formatReduction(1_000_000, 1), "99.9 %");
  assert.equal(formatReduction(1000, 1000), "0.0 %");
  assert.equal(formatReduction(1000, 1200), "0.0 %");
  assert.equal(formatReduction(0, 0), "0.0 %");
});

test("progress reaches 100 only at the end", () => {
  assert.equal(formatPercent(99.99), "99 %");
  assert.equal(formatPercent(100), "100 %");
  assert.equal(formatPercent(-3), "0 %");
});

test("changes carry their sign", () => {
  assert.equal(formatByteChange(2000, 500), "−1.50 kB");
  assert.equal(formatByteChange(500, 512), "+12 B");
  assert.equal(formatByteChange(5, 5), "±0 B");
});

test("durations choose their unit", () => {
  assert.equal(formatSeconds(0.0002), "< 1 ms");
  assert.equal(formatSeconds(0.0841), "84 ms");
  assert.equal(formatSeconds(2.44), "2.4 s");
  assert.equal(formatSeconds(199.7), "3 min 20 s");
});

test("the download is named after the upload", () => {
  assert.equal(downloadName("bottle.GLB"), "bottle-optimized.glb");
  assert.equal(downloadName(".glb"), "model-optimized.glb");
});
