import assert from "node:assert/strict";
import { test } from "node:test";
import { endWords } from "@ui/pages/preview_bar";

test("a preview says when it ends in the largest unit that is left", () => {
  const now = 1_700_000_000;
  const say = (seconds: number) => endWords(now + seconds, now);
  assert.equal(say(7 * 86_400 - 30), "· ends in 7 days");
  assert.equal(say(86_400), "· ends in 1 day");
  assert.equal(say(86_399), "· ends in 24 hours");
  assert.equal(say(5400), "· ends in 2 hours");
  assert.equal(say(61), "· ends in 1 minute");
  assert.equal(say(20), "· ends soon");
  assert.equal(say(-5), "· ends soon");
});
