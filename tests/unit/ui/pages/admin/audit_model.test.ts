import assert from "node:assert/strict";
import { test } from "node:test";
import { deedWords, detailWords, isAbout } from "@ui/pages/admin/audit_model";

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
