import assert from "node:assert/strict";
import { test } from "node:test";
import { readDevError } from "@ui/pages/dev_error";

const LINES = [
  "vitrine: ✓ front matter 0.5 ms",
  'vitrine:   | error test.lua: got "Bye", wanted "Hello"',
  "vitrine:   ✗ greets 3 ms",
  "vitrine:   ✓ opens 1 ms",
  'vitrine: test.lua:5: got "Bye", wanted "Hello"',
  "vitrine:       4 |   visitor:click \"Go\"",
  "vitrine:   >   5 |   test.equal(a, b)",
  "vitrine:     120 | end)",
];

test("place, words and code of a refused build are told apart", () => {
  const error = readDevError('test.lua:5: got "Bye", wanted "Hello"', LINES);
  assert.equal(error.place, "test.lua:5");
  assert.equal(error.words, 'got "Bye", wanted "Hello"');
  assert.deepEqual(error.code, [
    { n: 4, text: '  visitor:click "Go"', here: false },
    { n: 5, text: "  test.equal(a, b)", here: true },
    { n: 120, text: "end)", here: false },
  ]);
  assert.deepEqual(error.rest, ["✗ greets 3 ms", "✓ opens 1 ms"]);
});

test("a refusal without a line has its words, and nothing is made up", () => {
  assert.deepEqual(readDevError("the check of the app did not end in time", []), {
    place: null,
    words: "the check of the app did not end in time",
    code: [],
    rest: [],
  });
});
