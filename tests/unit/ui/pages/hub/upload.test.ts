import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { languageOf, lookOf, textOf } from "@ui/pages/hub/file_text";
import { outcomes } from "@ui/pages/hub/outcome";
import { hashFile, Sha256 } from "@ui/pages/hub/sha256";
import { base64Of } from "@ui/pages/hub/upload";
import { readmeOf, yamlText } from "@ui/pages/hub/templates";

test("SHA-256 in pieces is SHA-256, at every length around a block", async () => {
  const bytes = Uint8Array.from(randomBytes(70_000));
  const wanted = (length: number) => createHash("sha256").update(bytes.subarray(0, length)).digest("hex");
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 70_000]) {
    assert.equal(new Sha256().update(bytes.subarray(0, length)).digest(), wanted(length), `${length}`);
    const halves = new Sha256().update(bytes.subarray(0, length >> 1)).update(bytes.subarray(length >> 1, length));
    assert.equal(halves.digest(), wanted(length), `${length} in halves`);
  }
  assert.equal(await hashFile(new Blob([bytes])), wanted(70_000));
});

test("bytes become base64 whatever their number", async () => {
  const bytes = Uint8Array.from(randomBytes(100_001));
  assert.equal(await base64Of(new Blob([bytes])), Buffer.from(bytes).toString("base64"));
});

test("text is what holds no zero byte and is UTF-8", () => {
  assert.equal(textOf(new TextEncoder().encode("ü\n")), "ü\n");
  assert.equal(textOf(Uint8Array.of(1, 0, 2)), null);
  assert.equal(textOf(Uint8Array.of(0xff, 0xfe)), null);
  assert.equal(textOf(new Uint8Array()), "");
});

test("a file is shown as what its ending says", () => {
  assert.deepEqual(["a.md", "x/b.PNG", "m.safetensors", "c.lua", "Makefile", "w.constructor", "p.bin"].map(lookOf), ["markdown", "picture", "tensors", "text", "text", "text", "other"]);
  assert.deepEqual(["a/b.lua", "Makefile", "none"].map(languageOf), ["lua", "bash", ""]);
});

test("what became of a commit is known even when it was live before its call returned", () => {
  const head = { id: 1, time: 0, space: "a/b" };
  const seen = outcomes(new Map(), [
    { ...head, type: "build.live", commit: "c1", build: "b", epoch: 1 },
    { ...head, type: "build.failed", commit: "c2", message: "unexpected symbol", file: "app.lua", line: 3 },
  ], 12);
  assert.deepEqual(seen.get("c1"), { state: "live", words: "", at: 12 });
  assert.deepEqual(seen.get("c2"), { state: "failed", words: "app.lua:3: unexpected symbol", at: 12 });
});

test("a name cannot break out of the card that is made for it", () => {
  assert.equal(yamlText('a"\nsdk: x'), '"a\\"\\nsdk: x"');
  assert.match(readmeOf("x", "✨"), /^---\ntitle: "x"\nemoji: ✨\nsdk: lua\n/);
});
