import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compare } from "@ui/pages/hub/compare";
import { readDiff } from "@ui/pages/hub/diff";

test("what git writes about a commit is read back, hard names and all", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-diff-"));
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.quotePath=true", ...args], { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder } });
  try {
    git("init", "-q");
    writeFileSync(join(folder, "gone"), "-- looks like a name\n");
    writeFileSync(join(folder, "ü \"q\".txt"), "one\ntwo\nthree\n");
    writeFileSync(join(folder, "moved"), "the\nsame\nlines\nas\nbefore\n");
    writeFileSync(join(folder, "bytes"), Buffer.from([0, 1, 2]));
    git("add", "-A");
    git("commit", "-qm", "a");
    rmSync(join(folder, "gone"));
    writeFileSync(join(folder, "ü \"q\".txt"), "one\n2\nthree");
    git("mv", "moved", "to here");
    writeFileSync(join(folder, "bytes"), Buffer.from([0, 1, 3]));
    writeFileSync(join(folder, "new"), "++ b\n");
    git("add", "-A");
    git("commit", "-qm", "b");
    const files = readDiff(git("diff", "-M", "HEAD~1", "HEAD"));
    assert.deepEqual(
      files.map((f) => [f.path, f.state, f.binary, f.added, f.removed]).sort(),
      [
        ["bytes", "changed", true, 0, 0],
        ["gone", "removed", false, 0, 1],
        ["new", "added", false, 1, 0],
        ["to here", "renamed", false, 0, 0],
        ["ü \"q\".txt", "changed", false, 2, 2],
      ],
    );
    const changed = files.find((f) => f.path.startsWith("ü"))!;
    assert.deepEqual(changed.hunks[0]!.lines.map((l) => [l.kind, l.text, l.old, l.new]), [
      ["same", "one", 1, 1],
      ["removed", "two", 2, null],
      ["removed", "three", 3, null],
      ["added", "2", null, 2],
      ["added", "three", null, 3],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const text of ["", "garbage", "diff --git ", "diff --git a/x b/x\n@@ -1 +1 @@", "@@ -1 +1 @@\n+x", "diff --git a/x b/x\n@@ -1,9 +1,9 @@\n+x\n\\ No newline\n"]) {
  test(`no diff: ${JSON.stringify(text)} breaks nothing`, () => void readDiff(text));
}

test("two texts compared here are a patch that leads from one to the other", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-compare-"));
  try {
    let seed = 7;
    const next = (n: number) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
    for (let round = 0; round < 40; round++) {
      const before = Array.from({ length: next(30) }, () => `line ${next(6)}`);
      const after = before.flatMap((line) => (next(4) === 0 ? [] : next(4) === 0 ? [line, `new ${next(3)}`] : [line]));
      const made = compare("f", before.map((l) => `${l}\n`).join(""), after.map((l) => `${l}\n`).join(""));
      const patch = ["--- f", "+++ f", ...made.hunks.flatMap((h) => [h.head, ...h.lines.map((l) => `${{ same: " ", added: "+", removed: "-" }[l.kind]}${l.text}`)])].join("\n") + "\n";
      writeFileSync(join(folder, "f"), before.map((l) => `${l}\n`).join(""));
      if (made.hunks.length > 0) {
        const run = spawnSync("git", ["apply", "--unidiff-zero", "-"], { cwd: folder, input: patch, encoding: "utf8" });
        assert.equal(run.status, 0, `${run.stderr}\n${patch}`);
      }
      assert.equal(execFileSync("cat", [join(folder, "f")], { encoding: "utf8" }), after.map((l) => `${l}\n`).join(""));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
