import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compare } from "@ui/pages/hub/compare";
import { readChanges, readHunks } from "@ui/pages/hub/diff";

test("the lines that git writes about a file are read back", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-diff-"));
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", ...args], { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder } });
  try {
    git("init", "-q");
    writeFileSync(join(folder, "f"), "one\n-- looks like a name\nthree\n");
    git("add", "-A");
    git("commit", "-qm", "a");
    writeFileSync(join(folder, "f"), "one\n++ b/f\nthree");
    const patch = git("diff").replace(/^[\s\S]*?(?=@@)/, "");
    assert.deepEqual(readHunks(patch).flatMap((h) => h.lines).map((l) => [l.kind, l.text, l.old, l.new]), [
      ["same", "one", 1, 1],
      ["removed", "-- looks like a name", 2, null],
      ["removed", "three", 3, null],
      ["added", "++ b/f", null, 2],
      ["added", "three", null, 3],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what the server says of a commit is read, and what it does not say is empty", () => {
  const read = readChanges({
    commit: { id: "c1", title: "t", authors: [{ user: "ada" }], date: "" },
    parent: "c0",
    total: 9,
    files: [
      { path: "a", status: "modified", additions: 1, deletions: 0, patch: "@@ -0,0 +1 @@\n+x" },
      { path: "b", oldPath: "c", status: "renamed" },
      { path: "w.bin", status: "added", lfs: { new: { oid: "0", size: 7 } } },
      { path: 3 },
    ],
  });
  assert.deepEqual([read.commit?.title, read.parent, read.total], ["t", "c0", 9]);
  assert.deepEqual(read.files.map((f) => [f.path, f.before, f.state, f.large]), [
    ["a", "a", "changed", null],
    ["b", "c", "renamed", null],
    ["w.bin", "w.bin", "added", { before: null, after: 7 }],
  ]);
  assert.deepEqual(readChanges(null), { commit: null, parent: "", files: [], total: 0 });
});

for (const text of ["", "garbage", "@@ -1 +1 @@\n", "@@ -1,9 +1,9 @@\n+x\n\\ No newline\n", "@@ -a +b @@\n+x"]) {
  test(`no diff: ${JSON.stringify(text)} breaks nothing`, () => void readHunks(text));
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
