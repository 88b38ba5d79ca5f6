import assert from "node:assert/strict";
import { test } from "node:test";
import { runs, summary, valueWords } from "@ui/pages/admin/overview_model";

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
