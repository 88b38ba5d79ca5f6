/* Parts of the page that the app makes anew: what stays, what goes, and what a state tells of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { valueOf } from "@ui/state/tree";
import { accepted, Bench, commit, el, set, treeOf, welcome } from "../support/session";
import type { NodeId } from "@ui/wire/messages";

const PAGE = {
  title: "Test",
  root: el(1, "column", {}, undefined, [el(2, "textbox"), el(3, "render", { id: "list" }), el(4, "button", {}, { click: {} })]),
};
const box = (n: number, props: object = {}) => el(n, "textbox", props, { submit: {} });
const shown = (b: Bench) => b.cell("render3").below?.peek().map((c) => c.key).join(" ");
const make = (b: Bench, seq: number, children: object[]) => b.get(set(3, "children", children), commit(seq, 0));

function begin(children: object[] = [box(10), box(11)]): Bench {
  const b = new Bench().begin(PAGE);
  b.take();
  make(b, 1, children);
  return b;
}

test("what the app makes is on the page, and its events are sent", () => {
  const b = begin();
  assert.equal(shown(b), "textbox10 textbox11");
  b.session.setValue(b.cell("textbox10"), "typed");
  b.session.fire(b.cell("textbox10"), "submit");
  assert.deepEqual(b.take().map((s) => [s.type, s.node]), [["VALUE", 10], ["EVENT", 10]]);
});

test("a component that is made again keeps what was typed in it, wherever it stands", () => {
  const b = begin();
  const before = b.cell("textbox10");
  b.session.setValue(before, "typed");
  make(b, 2, [box(11), el(12, "column", {}, undefined, [box(10)])]);
  const after = b.cell("textbox10");
  assert.equal(shown(b), "textbox11 column12");
  assert.equal(after.props, before.props, "it is the same to its widget");
  assert.equal(valueOf(after), "typed");
});

test("what the app makes otherwise is so, and what came since then stays", () => {
  const b = begin([box(10, { label: "A", value: "a" })]);
  b.get(set(10, "value", "handler's"), commit(2, 0));
  make(b, 3, [box(10, { label: "B", value: "a" })]);
  assert.deepEqual({ ...b.cell("textbox10").props.peek() }, { label: "B", value: "handler's" });
  make(b, 4, [box(10, { value: "made" })]);
  assert.deepEqual({ ...b.cell("textbox10").props.peek() }, { value: "made" });
});

test("a change below, an addition and a cut change no other component", () => {
  const b = begin();
  const kept = b.cell("textbox10");
  b.get(set(3, "children/1/props/value", "x"), set(3, "children/2", box(12)), commit(2, 0));
  assert.equal(shown(b), "textbox10 textbox11 textbox12");
  assert.equal(valueOf(b.cell("textbox11")), "x");
  assert.equal(b.cell("textbox10").props, kept.props);
  b.get({ type: "patch", patch: { op: "remove", node: 3 as NodeId, path: "children/1" } }, commit(3, 0));
  assert.equal(shown(b), "textbox10");
  assert.throws(() => b.cell("textbox12"));
});

test("what was taken away sends nothing, and comes back as it was", () => {
  const b = begin();
  b.session.setValue(b.cell("textbox10"), "typed");
  make(b, 2, [box(11)]);
  b.session.fire(b.cell("button4"), "click");
  assert.deepEqual(b.take().map((s) => s.type), ["EVENT"]);
  make(b, 3, [box(10)]);
  assert.equal(valueOf(b.cell("textbox10")), "typed");
});

test("a state that tells of a component before it is made is whole in the end", () => {
  const b = begin();
  b.session.setValue(b.cell("textbox11"), "typed");
  b.lose();
  b.open();
  b.get(welcome("resynchronised", 5), treeOf(PAGE), set(10, "value", "stored"), set(3, "children", [box(10), box(11)]), commit(5, 0));
  assert.equal(shown(b), "textbox10 textbox11");
  assert.equal(valueOf(b.cell("textbox10")), "stored");
  assert.equal(valueOf(b.cell("textbox11")), "typed");
});

test("a reload finds what was typed in what is made again", () => {
  const b = begin();
  b.session.setValue(b.cell("textbox10"), "typed");
  b.session.save();
  const again = new Bench(b.kept);
  again.open();
  again.get(welcome("resynchronised", 5), treeOf(PAGE), set(3, "children", [box(10)]), commit(5, 0));
  assert.equal(valueOf(again.cell("textbox10")), "typed");
});

test("what breaks the rules of a tree leaves the part as it was", () => {
  let deep: object = box(20);
  for (let i = 21; i < 80; i++) deep = el(i, "column", {}, undefined, [deep]);
  const wrong: unknown[][] = [
    [box(2)], // stands on the page
    [box(3)],
    [box(10), box(10)],
    [null],
    [[]],
    ["x"],
    [{ n: "10", key: "k", type: "textbox" }],
    [{ n: 10, key: "k", type: "textbox", props: 3 }],
    [deep],
    Array.from({ length: 2100 }, (_, i) => box(100 + i)),
  ];
  const b = begin();
  let seq = 1;
  for (const children of wrong) {
    make(b, ++seq, children as object[]);
    assert.equal(shown(b), "textbox10 textbox11");
  }
  b.get(set(3, "children", "no list"), commit(++seq, 0));
  assert.equal(shown(b), "");
});

test("__proto__ is a property like others", () => {
  const b = begin([JSON.parse('{"n":10,"key":"k","type":"textbox","props":{"value":"a"}}') as object]);
  make(b, 2, [JSON.parse('{"n":10,"key":"k","type":"textbox","props":{"__proto__":{"label":"x"}}}') as object]);
  const props = b.cell("k").props.peek();
  assert.equal(Object.getPrototypeOf(props), Object.prototype);
  assert.equal(props["label"], undefined);
  assert.equal(({} as Record<string, unknown>)["label"], undefined);
});

test("a click after a refused part still works", () => {
  const b = begin();
  make(b, 2, [box(2)]);
  b.session.fire(b.cell("button4"), "click");
  b.get(accepted(1), commit(3, 1));
  assert.equal(b.session.ledger.busy.value.length, 0);
});
