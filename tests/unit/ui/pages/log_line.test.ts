import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpaceEvent } from "proto";
import { IDLE, progress } from "@ui/pages/live_build";
import { addLines, ALL, hashOf, isReference, lineText, readLine, streamPath, wantedOf, type Line } from "@ui/pages/log_line";

const line = (id: number, more: Partial<Line> = {}): Line => ({ id, time: "", level: "info", line: `line ${id}`, ...more });

test("a line keeps its tags, and takes nothing of another kind for one", () => {
  const text = JSON.stringify({ id: 70, time: 1767268800000000, replica: "r", commit: "9f8e7d6c5b4a", stream: "stderr", level: "error", session: "0a1b2c3d", event: 3, ref: "k7q2m9abcd", line: "boom" });
  assert.deepEqual(readLine(1, text), { id: 70, time: "2026-01-01T12:00:00.000Z", replica: "r", commit: "9f8e7d6c5b4a", stream: "stderr", level: "error", session: "0a1b2c3d", event: 3, ref: "k7q2m9abcd", line: "boom" });
  assert.deepEqual(readLine(2, '{"time":1767268800000000,"session":{},"event":"x","line":"y"}'), { id: 2, time: "2026-01-01T12:00:00.000Z", level: "info", line: "y" });
});

test("lines are added once, in order, and no more than the page keeps", () => {
  const first = addLines([], [line(10), line(20)], 3);
  assert.deepEqual(first.map((l) => l.id), [10, 20]);
  assert.deepEqual(addLines(first, [line(10), line(20), line(30)], 3).map((l) => l.id), [10, 20, 30]);
  assert.deepEqual(addLines(first, [line(30), line(40)], 3).map((l) => l.id), [20, 30, 40]);
  assert.equal(addLines(first, [line(20)], 3), first);
});

for (const [hash, wanted] of [
  ["", ALL],
  ["#k7q2m9abcd", { ...ALL, ref: "k7q2m9abcd" }],
  ["#session=0a1b2c3d", { ...ALL, session: "0a1b2c3d" }],
  ["#level=error&commit=9f8e7d6c", { ...ALL, level: "error", commit: "9f8e7d6c" }],
] as const) {
  test(`the address ${hash || "without a #"} and back`, () => {
    assert.deepEqual(wantedOf(hash), wanted);
    assert.equal(hashOf(wanted), hash);
  });
}

test("what an address cannot mean is nothing", () => {
  assert.deepEqual(wantedOf("#session=%22%3E%3Cimg&ref=a/b"), ALL);
});

test("a reference is told from a word", () => {
  assert.deepEqual(["k7q2m9abcd", "classified", "k7q2m9abc", "K7Q2M9ABCD", "k7q2 9abcd"].map(isReference), [true, false, false, false, false]);
});

test("the server is asked for what is wanted, and for a failure at every level", () => {
  assert.equal(streamPath("/x", ALL, 50), "/x?follow=1&tail=50&level=info");
  assert.equal(streamPath("/x", { ...ALL, level: "debug", session: "0a" }, 50), "/x?follow=1&tail=50&session=0a");
  assert.equal(streamPath("/x", { ...ALL, ref: "k7q2m9abcd" }, 50), "/x?follow=1&tail=50&ref=k7q2m9abcd");
});

test("copied lines say what the page says", () => {
  assert.equal(lineText(line(1, { time: "T", session: "0a", level: "error", ref: "k7" })), "T 0a error line 1 (reference k7)");
  assert.equal(lineText(line(1)), "line 1");
});

const event = (type: string, more: object = {}) => ({ id: 1, time: 5, space: "a/b", type, commit: "c1", ...more }) as SpaceEvent;

test("a build grows phase by phase and ends in the list", () => {
  let now = progress(IDLE, event("build.started"));
  now = progress(now, event("build.phase", { name: "bundle", ms: 2 }));
  now = progress(now, event("build.phase", { name: "box", ms: 3 }));
  now = progress(now, event("build.phase", { name: "box", ms: 3, commit: "another" }));
  assert.deepEqual(now, { build: { commit: "c1", since: 5, phases: [{ name: "bundle", ms: 2 }, { name: "box", ms: 3 }] }, changes: 0 });
  assert.deepEqual(progress(now, event("build.live")), { build: null, changes: 1 });
  assert.deepEqual(progress(now, event("build.failed")), { build: null, changes: 1 });
  assert.equal(progress(now, event("worker.waking")), now);
});
