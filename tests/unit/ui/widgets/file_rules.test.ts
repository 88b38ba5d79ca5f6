import assert from "node:assert/strict";
import { test } from "node:test";
import { isOf, refusal, sizeWords } from "@ui/widgets/file_rules";

test("sizes are said in the unit that fits", () => {
  for (const [bytes, words] of [[0, "0 B"], [999, "999 B"], [1000, "1 kB"], [999_499, "999 kB"], [1_234_567, "1.2 MB"], [50_000_000, "50 MB"], [123_456_789, "123 MB"], [1_073_741_824, "1.1 GB"], [5e15, "5000 TB"]] as const)
    assert.equal(sizeWords(bytes), words);
});

test("types are endings and media types", () => {
  assert.ok(isOf(undefined, "a", "") && isOf("", "a", ""));
  assert.ok(isOf(".csv, image/*", "A.CSV", "") && isOf(".csv, image/*", "a", "image/png") && isOf("text/plain", "a", "text/plain"));
  assert.ok(!isOf(".csv", "csv", "text/csv") && !isOf("image/*", "a.png", "") && !isOf("image/*", "a", "imagex/png"));
});

test("what is not taken is said before it is sent", () => {
  const file = { name: "a.bin", type: "", size: 2000 };
  assert.equal(refusal(file, undefined, undefined), null);
  assert.equal(refusal(file, ".csv", undefined), "This is none of .csv.");
  assert.equal(refusal(file, ".bin", 1000), "This has 2 kB; at most 1 kB are taken.");
});
