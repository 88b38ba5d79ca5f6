/* When a gesture is sent, and where a refused value is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAIL_INVALID } from "proto";
import type { EventId, NodeId } from "@ui/wire/messages";
import { accepted, Bench, commit, el, interrupted, treeOf, welcome } from "../support/session";

const page = (on: object, textOn: object = {}) => ({
  title: "Test",
  root: el(1, "column", {}, undefined, [el(2, "textbox", {}, textOn), el(3, "button", {}, { click: on })]),
});
const brief = (b: Bench) => b.take().map((s) => `${s.type} ${s.n}${s.node ? ` @${s.node}` : ""}`);

function begin(on: object, textOn: object = {}): Bench {
  const b = new Bench().begin(page(on, textOn));
  b.take();
  return b;
}

test("once: gestures while one runs are left out", () => {
  const b = begin({ trigger: "once" });
  assert.equal(b.session.fire(b.cell("button3"), "click"), true);
  assert.equal(b.session.fire(b.cell("button3"), "click"), false);
  assert.deepEqual(brief(b), ["EVENT 1 @3"]);
  b.get(accepted(1), commit(1, 1));
  assert.deepEqual(brief(b), [], "nothing was kept for later");
  assert.equal(b.session.fire(b.cell("button3"), "click"), true);
});

test("last: of those that come while one runs the newest waits", () => {
  const b = begin({ trigger: "last" });
  for (const data of [1, 2, 3]) b.session.fire(b.cell("button3"), "click", data);
  assert.deepEqual(b.take().map((s) => s.value), [1]);
  b.get(accepted(1), commit(1, 1));
  assert.deepEqual(b.take().map((s) => s.value), [3]);
});

test("last: the newest is sent also when the one before it was interrupted, or its session was lost", () => {
  const b = begin({ trigger: "last" });
  for (const data of [1, 2, 3]) b.session.fire(b.cell("button3"), "click", data);
  assert.deepEqual(b.take().map((s) => s.value), [1]);
  b.get(accepted(1), interrupted(1, 3));
  assert.deepEqual(b.take().map((s) => s.value), [3]);
  b.get(accepted(2));
  for (const data of [4, 5]) b.session.fire(b.cell("button3"), "click", data);
  b.lose();
  b.open();
  b.take();
  b.get(welcome("new"));
  assert.deepEqual(b.take().map((s) => [s.n, s.value]), [[1, 5]]);
});

test("multiple: each is sent, also of what comes with every key", () => {
  const b = begin({}, { input: { trigger: "multiple" } });
  for (const text of ["a", "ab"]) {
    b.session.setValue(b.cell("textbox2"), text);
    b.session.fire(b.cell("textbox2"), "input");
  }
  assert.deepEqual(brief(b), ["VALUE 1 @2", "EVENT 1 @2", "VALUE 2 @2", "EVENT 2 @2"]);
});

test("a debounced event is sent once, when the visitor has come to rest", () => {
  const b = begin({}, { input: { debounce: 200 } });
  for (const text of ["a", "ab", "abc"]) {
    b.session.setValue(b.cell("textbox2"), text);
    b.session.fire(b.cell("textbox2"), "input");
    b.pass(150);
  }
  assert.deepEqual(brief(b), []);
  b.pass(100);
  assert.deepEqual(b.take().map((s) => [s.type, s.value]), [["VALUE", "abc"], ["EVENT", null]]);
  b.pass(1000);
  assert.deepEqual(brief(b), []);
});

test("what was debounced goes ahead of the next gesture", () => {
  const b = begin({}, { input: { debounce: 200 } });
  b.session.setValue(b.cell("textbox2"), "a");
  b.session.fire(b.cell("textbox2"), "input");
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["VALUE 1 @2", "EVENT 1 @2", "EVENT 2 @3"]);
  b.pass(1000);
  assert.deepEqual(brief(b), []);
});

const refuse = (event: number, fields: unknown) => ({
  type: "fail" as const,
  event: event as EventId,
  kind: FAIL_INVALID,
  body: { message: "Text: no", fields },
});
const told = (b: Bench) => [...b.session.page.failures.value].map(([node, f]) => `${node} ${f.message}`);

test("a refused value is told at its component, until it changes or the event is tried again", () => {
  const b = begin({});
  const text = b.cell("textbox2");
  const again = (n: number) => {
    b.session.fire(b.cell("button3"), "click");
    b.get(accepted(n), refuse(n, [{ node: 2, message: "no" }]), commit(n, n));
    assert.deepEqual(told(b), ["2 no"]);
  };
  again(1);
  b.session.setValue(text, "x");
  assert.deepEqual(told(b), []);
  again(2);
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(told(b), []);
});

test("a refusal that names nothing on the page stands at its event", () => {
  const b = begin({});
  for (const [i, fields] of [undefined, null, "x", [null], [{ node: 99, message: "no" }], [{ node: 2 }], [[2]]].entries()) {
    b.session.fire(b.cell("button3"), "click");
    b.get(accepted(i + 1), refuse(i + 1, fields), commit(i + 1, i + 1));
    assert.deepEqual(told(b), ["3 Text: no"]);
    b.session.page.forgive(3 as NodeId);
  }
});

const PAGES = { ...page({}), navigate: true };

test("where the visitor goes is in the address, and the app is told", () => {
  const b = new Bench().begin(PAGES);
  b.take();
  b.session.go({ page: "about", query: { q: "1" } });
  assert.deepEqual(b.shown, [{ page: "about", query: { q: "1" } }]);
  assert.deepEqual(b.take().map((s) => [s.type, s.node, s.value]), [["EVENT", 0, { page: "about", query: { q: "1" } }]]);
  b.session.arrive({ page: "", query: {} });
  assert.equal(b.shown.length, 1, "a step back is in the address already");
  assert.equal(b.take().length, 1);
});

const located = (value: unknown) => ({ type: "patch" as const, patch: { op: "set" as const, node: 0 as NodeId, path: "location", value } });

test("the app sends the visitor to a place once, and a state does not", () => {
  const b = new Bench().begin(PAGES);
  b.take();
  b.get(located({ page: "about", query: { q: "1" } }), commit(1, 0));
  b.get(located({ page: "about", query: { q: "1" } }), commit(2, 0));
  assert.deepEqual(b.shown, [{ page: "about", query: { q: "1" } }]);
  assert.equal(b.take().filter((s) => s.type === "EVENT").length, 0);
  for (const wrong of [null, 3, { page: 3, query: {} }, { page: "x", query: null }, { page: "x" }]) b.get(located(wrong), commit(3, 0));
  assert.equal(b.shown.length, 1);
});

test("a page that goes on with a session says where it is, once", () => {
  const b = new Bench(JSON.stringify({ session: "s1", drafts: {}, events: [] }));
  b.open();
  b.get(welcome("resynchronised", 3), treeOf(PAGES), located({ page: "about", query: {} }), commit(3, 0));
  assert.deepEqual(b.shown, []);
  assert.deepEqual(b.take().map((s) => s.type), ["JOIN", "EVENT"]);
  b.lose();
  b.open();
  b.get(welcome("resumed", 3, 1));
  assert.deepEqual(b.take().map((s) => s.type), ["JOIN"]);
});
