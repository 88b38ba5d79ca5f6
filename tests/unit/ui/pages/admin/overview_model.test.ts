import assert from "node:assert/strict";
import { test } from "node:test";
import { lastsWords, pace, runs, summary, valueWords } from "@ui/pages/admin/overview_model";

const falling = Array.from({ length: 20 }, (_, i) => 1000 - 2 * i);

test("the pace is that of the measured steps, and nobody knows it of a few", () => {
  assert.equal(pace(falling, 10), -0.2);
  assert.equal(pace(falling.map((v, i) => (i % 3 === 1 ? null : v)), 10)?.toFixed(6), "-0.200000");
  assert.equal(pace(falling.slice(0, 5), 10), null);
  assert.equal(pace([], 10), null);
});

test("a disk lasts until what is kept back, for ever where it does not fill up, and nobody knows at first", () => {
  const days = 86_400;

  assert.equal(lastsWords(1000, 200, null), "How long it lasts shows in an hour.");
  assert.equal(lastsWords(1000, 200, 0), "It does not fill up.");
  assert.equal(lastsWords(1000, 200, 3), "It does not fill up.");
  assert.equal(lastsWords(5 * 3600 + 200, 200, -1), "At this pace it is full in 5 hours.");
  assert.equal(lastsWords(100, 200, -2), "At this pace it is full within about an hour.");
  assert.equal(lastsWords(9.6 * days + 200, 200, -1), "At this pace it lasts 10 days.");
  assert.equal(lastsWords(100 * days, 0, -1), "At this pace it lasts 3 months.");
  assert.equal(lastsWords(9e9, 0, -1), "At this pace it lasts for years.");
});

test("values have their units, and no more digits than mean something", () => {
  assert.deepEqual(
    [[0, ""], [3, ""], [1.25, ""], [0.01234, "/s"], [1234.6, "/s"], [0.426, "share"], [1536, "B"], [0, "B"], [5e12, "B"]].map(([v, unit]) => valueWords(v as number, unit as string)),
    ["0", "3", "1.3", "0.012/s", "1235/s", "43 %", "1.5 KiB", "0 B", "4.5 TiB"],
  );
});

test("a line has a gap where nothing was measured", () => {
  assert.deepEqual(runs([0, 1, null, 2], 30, 10, 2), ["M0.0 10.0L10.0 5.0", "M30.0 0.0h.01"]);
  assert.deepEqual(runs([null, null], 30, 10, 2), []);
  assert.deepEqual(runs([5], 30, 10, 0), ["M30.0 10.0h.01"]);
});

test("a summary is of what was measured", () => {
  assert.deepEqual(summary([1, 4, null, 2, null]), { now: 2, most: 4 });
  assert.deepEqual(summary([null]), { now: null, most: 0 });
});
