// What a click takes, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooDear, pricesOf } from "@ui/widgets/price";
import { computeWords } from "@ui/widgets/price_words";

test("amounts are as exact as they are small", () => {
  const said = [0, 99, 100, 940, 2449, 9960, 34_400, 119_900, 120_000, 598_700, 7_199_000, 7_200_000, 14_399_700, 86_400_000].map(computeWords);

  assert.deepEqual(said, ["under 0.1 s", "under 0.1 s", "0.1 s", "0.9 s", "2.4 s", "10 s", "34 s", "120 s", "2 min", "9 min 58 s", "119 min 59 s", "2 h", "3 h 59 min", "24 h"]);
});

test("rows that are none are left out", () => {
  assert.deepEqual(pricesOf(null), []);
  assert.deepEqual(pricesOf({ handlers: "x" }), []);
  assert.deepEqual(pricesOf({ handlers: [[7, 1, 20], [7, 1], ["7", 1, 2], null, {}] }), [{ node: 7, kind: 1, ms: 20 }]);
});

test("too dear is what takes more than is left, where that is known", () => {
  assert.equal(isTooDear(500, { handlers: [], left_ms: 499, day_ms: 3000 }), true);
  assert.equal(isTooDear(500, { handlers: [], left_ms: 500, day_ms: 3000 }), false);
  assert.equal(isTooDear(500, { handlers: [] }), false);
  assert.equal(isTooDear(500, { handlers: [], left_ms: 0, day_ms: 0 }), false);
  assert.equal(isTooDear(500, null), false);
});
