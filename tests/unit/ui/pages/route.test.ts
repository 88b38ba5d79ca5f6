import assert from "node:assert/strict";
import { test } from "node:test";
import { readLine } from "@ui/pages/log_line";
import { viewPath } from "@ui/pages/hub/repo";
import { localPath, routeOf, signInPath } from "@ui/pages/route";
import { agoWords, msWords } from "@ui/pages/words";

for (const [path, page] of [
  ["/", "home"],
  ["/-/sign-in", "sign-in"],
  ["/-/account", "account"],
  ["/-/tokens", "account"],
  ["/-/connection", "connection"],
  ["/spaces/ada/hello/-/api", "api"],
  ["/spaces/ada/hello/-/builds", "builds"],
  ["/spaces/ada/hello/-/logs/", "logs"],
  ["/spaces/ada/hello/-/settings", "settings"],
  ["/spaces/ada/hello/-/other", "not-found"],
  ["/spaces/ada/he%2e%2e/-/logs", "not-found"],
  ["/spaces", "home"],
  ["/models", "home"],
  ["/datasets/", "home"],
  ["/new", "create"],
  ["/ada", "profile"],
  ["/ada/tiny", "card"],
  ["/datasets/ada/poems", "card"],
  ["/spaces/ada/hello", "card"],
  ["/spaces/ada/hello/settings", "not-found"],
  ["/ada/tiny/settings", "settings"],
  ["/ada/tiny/tree/main", "tree"],
  ["/ada/tiny/tree", "tree"],
  ["/ada/tiny/blob/main", "not-found"],
  ["/ada/tiny/blob/main/a%", "not-found"],
  ["/ada/tiny/commit/0a1b", "commit"],
  ["/ada/tiny/commit/0a1b/x", "not-found"],
  ["/spaces/ada/hello/edit/main/app.lua", "edit"],
  ["/ada/tiny/other/main", "not-found"],
  ["/api/models/tree/x", "not-found"],
  ["/-/nowhere", "not-found"],
] as const) {
  test(`${path} is ${page}`, () => assert.equal(routeOf(path, "").page, page));
}

test("a Space's page knows whose it is", () => {
  assert.deepEqual(routeOf("/spaces/ada/hello/-/logs", ""), { page: "logs", owner: "ada", name: "hello" });
});

test("a file's address says whose, at which revision and where, whatever its names hold", () => {
  assert.deepEqual(routeOf("/datasets/ada/poems/blob/feature%2Fx/a%20b/c%23d.txt", ""), {
    page: "blob",
    id: { kind: "dataset", owner: "ada", name: "poems" },
    rev: "feature/x",
    path: "a b/c#d.txt",
  });
  const id = { kind: "space", owner: "ada", name: "x" } as const;
  for (const path of ["a/b.txt", "100%.md", "what?#.lua", "ü/日本"]) {
    assert.deepEqual(routeOf(viewPath(id, "blob", "refs/pr/1", path), ""), { page: "blob", id, rev: "refs/pr/1", path });
  }
});

for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/a b", "/\t/evil", "", null]) {
  test(`signing in does not lead to ${JSON.stringify(next)}`, () => assert.equal(localPath(next), "/"));
}

test("signing in leads back", () => {
  assert.equal(signInPath("/"), "/-/sign-in");
  const path = signInPath("/spaces/a/b?x=1&y=2");
  const route = routeOf(...(path.split("?") as [string, string]));
  assert.deepEqual(route, { page: "sign-in", next: "/spaces/a/b?x=1&y=2" });
});

test("times are words", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  assert.equal(agoWords("2026-01-01T11:59:58Z", now), "just now");
  assert.equal(agoWords("2026-01-01T11:00:00Z", now), "1 hour ago");
  assert.equal(agoWords("2025-12-30T12:00:00Z", now), "2 days ago");
  assert.equal(agoWords("no time", now), "");
  assert.deepEqual([msWords(0.34), msWords(12.4), msWords(999.4), msWords(1500)], ["0.3 ms", "12 ms", "999 ms", "1.5 s"]);
});

test("log lines have their time, and their level by how they begin", () => {
  assert.deepEqual(readLine(1, '{"time":1767268800000000,"replica":"r","line":"error session=1 boom"}'), {
    id: 1,
    time: "2026-01-01T12:00:00.000Z",
    replica: "r",
    level: "error",
    line: "error session=1 boom",
  });
  assert.equal(readLine(2, '{"time":1767268800000000,"line":"errors are fine"}').level, "info");
  assert.deepEqual(readLine(3, "no JSON"), { id: 3, time: "", level: "info", line: "no JSON" });
});
