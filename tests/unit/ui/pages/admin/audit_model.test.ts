import assert from "node:assert/strict";
import { test } from "node:test";
import { deedWords, detailWords, isAbout, olderRows } from "@ui/pages/admin/audit_model";
import leftOut from "../../../../../orchestrator/api/audit.c";
import routes from "../../../../../orchestrator/api/routes.c";

const row = { n: 7, time: 0, who: "ada", action: "POST /api/users", subject: "/api/users", detail: '{"from":"10.0.0.7","status":201,"name":"bob","admin":false}' };

test("a row's detail is said in words, but for what is of no use", () => {
  assert.equal(detailWords(row.detail), " · from 10.0.0.7 · name bob · admin false");
  assert.equal(detailWords(""), "");
  assert.equal(detailWords("3"), "");
  assert.equal(detailWords("torn {"), " · torn {");
});

test("rows are found by all words, wherever they stand and in any case", () => {
  assert.equal(isAbout(row, ""), true);
  assert.equal(isAbout(row, "ADA 10.0.0.7"), true);
  assert.equal(isAbout(row, "bob  users"), true);
  assert.equal(isAbout(row, "ada eve"), false);
});

test("a deed has words, and one without them is shown as it was asked for", () => {
  assert.equal(deedWords(row.action), "added a person");
  assert.equal(deedWords("PUT /api/new"), "PUT /api/new");
  assert.equal(isAbout(row, "added a person"), true);
});

test("older rows end where the log's beginning was pruned, and none is shown twice", () => {
  const rows = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => ({ ...row, n: from + i }));
  assert.deepEqual(olderRows(rows(200, 399), 400, 200), { rows: rows(200, 399), whole: false });
  assert.deepEqual(olderRows(rows(350, 549), 400, 200), { rows: rows(350, 399), whole: true });
  assert.deepEqual(olderRows(rows(400, 599), 400, 200), { rows: [], whole: true });
});

/** The routes that make rows, as the orchestrator has them: "POST /api/users". */
function toldRoutes(): string[] {
  const parts = [...(/parts\[\] = \{([^}]*)\}/.exec(leftOut)?.[1] ?? "").matchAll(/"([^"]+)"/g)].map(([, part = ""]) => part);
  assert.ok(parts.includes("/like") && parts.length > 5);
  return [...routes.matchAll(/^\t\{"(POST|PUT|DELETE|PATCH)", "([^"]+)", (ACTION_\w+), (ROUTE_\w+)/gm)].flatMap(([, method = "", path = "", action, kind]) =>
    action === "ACTION_PUSH" || kind === "ROUTE_STREAM" || parts.some((part) => path.includes(part)) ? [] : [`${method} ${path}`],
  );
}

test("whatever an orchestrator's route changes has words here", () => {
  const told = toldRoutes();
  assert.ok(told.length > 40, `${told.length} routes`);
  assert.deepEqual(told.filter((action) => deedWords(action) === action), []);
  assert.notEqual(deedWords("audit prune"), "audit prune");
});
