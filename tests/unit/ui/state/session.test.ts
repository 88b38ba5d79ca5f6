import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENTS_PENDING_MAX, FAIL_CANCELLED, FAIL_ERROR } from "proto";
import { valueOf } from "@ui/state/tree";
import {
  accepted,
  append,
  Bench,
  bye,
  commit,
  el,
  fail,
  interrupted,
  queue,
  phase,
  set,
  treeOf,
  TREE,
  welcome,
} from "../support/session";

const brief = (b: Bench) => b.take().map((s) => `${s.type} ${s.n}${s.node ? ` @${s.node}` : ""}`);
const lost = (b: Bench) => {
  const [first] = b.session.page.interrupted.value;
  assert.ok(first);
  return first.n;
};
const text = (b: Bench, key = "textbox2") => valueOf(b.cell(key)) ?? "";

/* ---- joining ---- */

test("the first join asks for a new session, later ones for the same", () => {
  const b = new Bench().begin();
  assert.deepEqual(b.take()[0]?.value, {});
  b.get(set(5, "value/0", { role: "user", content: "hi" }), commit(1, 0));
  b.lose();
  b.open();
  const [join] = b.take();
  assert.deepEqual([join?.n, join?.value], [1, { session: "s1", bundle: "b1" }]);
});

test("a load handler is called once for a new session, before anything else", () => {
  const b = new Bench();
  b.session.showRecorded({ tree: { ...TREE, load: true }, bundle: "b1", title: "Test", phase: "asleep" });
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), [], "nothing before the session is joined");
  b.open();
  b.get(welcome("new"), treeOf({ ...TREE, load: true }));
  assert.deepEqual(brief(b), ["JOIN 0", "EVENT 1", "EVENT 2 @3"]);
  b.get(accepted(1), accepted(2));
  b.lose();
  b.open();
  b.get(welcome("resumed", 0, 2));
  assert.deepEqual(brief(b), ["JOIN 0"]);
});

test("a page is headed by its own title, and without one by the Space's", () => {
  for (const [own, heading] of [["Own", "Own"], ["", "Space"]] as const) {
    const b = new Bench();
    b.session.showRecorded({ tree: { ...TREE, title: own }, bundle: "b1", title: "Space", phase: "asleep" });
    assert.equal(b.session.page.title.value, heading);
    b.session.page.reset();
    assert.equal(b.session.page.title.value, heading);
  }
});

test("the recorded page can be used before anyone answers", () => {
  const b = new Bench();
  b.session.showRecorded({ tree: TREE, bundle: "b1", title: "Test", phase: "asleep" });
  b.session.setValue(b.cell("textbox2"), "early");
  assert.equal(b.session.fire(b.cell("textbox2"), "submit"), true);
  b.open();
  b.get(welcome("new"), treeOf(TREE));
  assert.deepEqual(b.take().slice(1).map((s) => [s.type, s.n, s.node, s.value]), [
    ["VALUE", 1, 2, "early"],
    ["EVENT", 1, 2, null],
  ]);
});

test("a welcome and its tree may come apart, and the visitor may be quick", () => {
  const b = new Bench();
  b.session.showRecorded({ tree: TREE, bundle: "b1", title: "Test", phase: "asleep" });
  b.open();
  b.get(welcome("new"));
  b.get(phase("running"));
  b.get(treeOf(TREE));
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["JOIN 0", "EVENT 1 @3"]);
  b.get(accepted(1), commit(1, 1));
  assert.equal(b.session.ledger.busy.value.length, 0);
});

test("a recorded page of another bundle does not decide about the load event", () => {
  const b = new Bench();
  b.session.showRecorded({ tree: { ...TREE, load: true }, bundle: "old", title: "Test", phase: "asleep" });
  b.open();
  b.get(welcome("new"));
  b.get(treeOf(TREE));
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["JOIN 0", "EVENT 1 @3"]);
});

test("a click while the state is on its way is sent when it is there", () => {
  const b = new Bench();
  b.session.showRecorded({ tree: TREE, bundle: "b1", title: "Test", phase: "asleep" });
  b.open();
  b.get(welcome("resynchronised"), treeOf(TREE));
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["JOIN 0"]);
  b.pass(100);
  assert.deepEqual(brief(b), ["EVENT 1 @3"]);
  b.get(accepted(1), set(0, "toast", { kind: "info", message: "news" }), commit(1, 1));
  assert.equal(b.session.ledger.busy.value.length, 0, "its end is news, not part of the state");
  assert.equal(b.session.page.toasts.value.length, 1);
});

/* ---- groups ---- */

test("a group is applied whole, at its commit", () => {
  const b = new Bench().begin();
  b.get(set(5, "value/0", { role: "assistant", content: "" }), append(5, "value/0/content", "he"));
  assert.deepEqual(b.cell("chatbot5").props.value["value"], []);
  b.get(append(5, "value/0/content", "llo"), commit(1, 0));
  assert.deepEqual(b.cell("chatbot5").props.value["value"], [{ role: "assistant", content: "hello" }]);
});

test("a group whose commit never came is forgotten with its socket", () => {
  const b = new Bench().begin();
  b.get(append(5, "value/0/content", "half"));
  b.lose();
  b.open();
  b.get(welcome("resumed", 1), set(5, "value/0", { content: "whole" }), commit(1, 0));
  assert.deepEqual(b.cell("chatbot5").props.value["value"], [{ content: "whole" }]);
});

test("a group that was applied already is not applied again", () => {
  const b = new Bench().begin();
  b.get(set(2, "value", ""), append(2, "value", "x"), commit(1, 1));
  b.get(append(2, "value", "x"), commit(1, 1));
  assert.equal(text(b), "x");
});

test("after a gap the page shows exactly what the gateway holds", () => {
  const b = new Bench().begin();
  b.get(set(2, "label", "old"), commit(1, 0));
  b.lose();
  b.open();
  b.get(welcome("resynchronised", 9), treeOf(TREE), set(5, "value/0", { content: "a" }), set(0, "toast", { message: "seen" }));
  assert.equal(b.cell("textbox2").props.value["label"], "old", "not before the state is complete");
  b.get(commit(9, 0));
  assert.equal(b.cell("textbox2").props.value["label"], undefined);
  assert.deepEqual(b.cell("chatbot5").props.value["value"], [{ content: "a" }]);
  assert.equal(b.session.notice.value?.kind, "resynchronised");
  assert.deepEqual(b.session.page.toasts.value, [], "a toast is news or nothing");
});

test("a state whose commit has a number that is known is applied all the same", () => {
  const b = new Bench().begin();
  b.get(commit(4, 0));
  b.get(phase("deployed"), treeOf(TREE, "b2"), set(2, "label", "kept"), commit(4, 0));
  assert.equal(b.cell("textbox2").props.value["label"], "kept");
  assert.equal(b.session.notice.value?.kind, "deployed");
});

test("what was accepted and is lost with the power is sent again, with its values", () => {
  const b = new Bench().begin();
  b.get(welcome("resumed", 0, 0, { boot: "b" }));
  b.session.setValue(b.cell("textbox2"), "kept by the page");
  b.session.fire(b.cell("textbox2"), "submit");
  b.get(accepted(1));
  b.lose();
  b.open();
  assert.equal((b.take().at(-1)?.value as { boot?: string }).boot, "b");
  b.get(welcome("resynchronised", 0, 0), treeOf(TREE), commit(0, 0));
  assert.deepEqual(brief(b), ["VALUE 1 @2", "EVENT 1 @2"]);
});

test("a tree without state behind it is shown after a moment", () => {
  const b = new Bench();
  b.open();
  b.get(welcome("resynchronised"), treeOf(TREE));
  assert.equal(b.session.page.tree.value, null);
  b.pass(100);
  assert.equal(b.session.page.title.value, "Test");
});

test("groups are acknowledged, and not each one alone", () => {
  const b = new Bench().begin();
  b.take();
  for (let n = 1; n <= 5; n++) b.get(commit(n, 0));
  b.pass(500);
  assert.deepEqual(brief(b), ["ACK 5"]);
});

/* ---- events ---- */

test("every changed value goes ahead of the event, once", () => {
  const b = new Bench().begin();
  b.take();
  b.session.setValue(b.cell("textbox2"), "a");
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), commit(1, 1));
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["VALUE 1 @2", "EVENT 1 @3", "EVENT 2 @3"]);
  assert.equal(text(b), "a");
});

test("an event the page has no handler for is not sent", () => {
  const b = new Bench().begin();
  b.take();
  assert.equal(b.session.fire(b.cell("textbox2"), "change"), false);
  assert.deepEqual(brief(b), []);
});

test("an event that was not accepted is sent again, with its values and the number that is due", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), commit(1, 1));
  b.session.setValue(b.cell("textbox2"), "typed");
  b.session.fire(b.cell("textbox2"), "submit");
  b.session.fire(b.cell("button3"), "click");
  b.lose();
  b.take();
  b.open();
  b.get(welcome("resumed", 1, 1));
  assert.deepEqual(brief(b), ["JOIN 1", "VALUE 2 @2", "EVENT 2 @2", "EVENT 3 @3"]);
});

test("an event whose acceptance was lost with the socket is not sent again", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "typed");
  b.session.fire(b.cell("textbox2"), "submit");
  b.lose();
  b.take();
  b.open();
  b.get(welcome("resumed", 0, 1));
  assert.deepEqual(brief(b), ["JOIN 0"]);
  assert.equal(b.session.ledger.busy.value.length, 1, "it runs");
  b.get(commit(1, 1));
  assert.equal(b.session.ledger.busy.value.length, 0);
  assert.equal(text(b), "typed");
  assert.equal(b.cell("textbox2").draft.value, null, "the gateway has it");
});

test("a finished event is not made to run by late word of it", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), commit(1, 1));
  b.get(accepted(1), commit(2, 1, false));
  assert.equal(b.session.ledger.busy.value.length, 0);
});

test("the last event's number after a join does not make it run", () => {
  const kept = new Bench().begin();
  kept.session.fire(kept.cell("button3"), "click");
  kept.get(accepted(1), commit(1, 1));
  kept.session.save();
  const b = new Bench(kept.kept);
  b.open();
  b.get(welcome("resynchronised", 1, 1), phase("running"), accepted(1), treeOf(TREE), commit(1, 0));
  assert.equal(b.session.ledger.busy.value.length, 0);
});

test("a socket that takes an event and says nothing is given up", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.pass(7999);
  assert.equal(b.restarts, 0);
  b.pass(1);
  assert.equal(b.restarts, 1);
});

test("a socket that answers is kept", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1));
  b.pass(60_000);
  assert.equal(b.restarts, 0);
});

test("while one input event runs, only the last of the next ones is sent", () => {
  const b = new Bench().begin();
  b.take();
  for (const t of ["a", "ab", "abc"]) {
    b.session.setValue(b.cell("textbox2"), t);
    b.session.fire(b.cell("textbox2"), "input");
  }
  assert.deepEqual(brief(b), ["VALUE 1 @2", "EVENT 1 @2"]);
  b.get(accepted(1), commit(1, 1));
  const [value, event, ...more] = b.take();
  assert.deepEqual([value?.value, event?.n, more.length], ["abc", 2, 0]);
});

test("more than the link allows at once is not sent", () => {
  const b = new Bench().begin();
  for (let i = 0; i < EVENTS_PENDING_MAX + 3; i++) b.session.fire(b.cell("button3"), "click");
  assert.equal(b.session.ledger.all().length, EVENTS_PENDING_MAX);
  assert.match(b.session.page.toasts.value[0]?.message ?? "", /Too much at once/);
});

test("text over its limit is refused at the field, and nothing is sent", () => {
  const b = new Bench().begin({ title: "T", root: el(1, "column", {}, undefined, [el(2, "textbox", { max_length: 4 }, { submit: {} })]) });
  b.take();
  b.session.setValue(b.cell("textbox2"), "ääx");
  assert.equal(b.session.fire(b.cell("textbox2"), "submit"), false);
  assert.deepEqual(brief(b), []);
  assert.match(b.session.page.failures.value.get(b.cell("textbox2").n)?.message ?? "", /5 bytes of at most 4/);
});

test("a stop button cancels what it names, and itself clicks", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1));
  b.take();
  b.session.fire(b.cell("button6"), "click");
  assert.deepEqual(brief(b), ["CANCEL 1", "EVENT 2 @6"]);
  b.get(fail(1, FAIL_CANCELLED, { message: "cancelled" }), commit(1, 1));
  assert.equal(b.session.page.failures.value.get(b.cell("button3").n)?.kind, FAIL_CANCELLED);
});

/* ---- what goes wrong ---- */

test("a failure stands at the component of its event until it is tried again", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), fail(1, FAIL_ERROR, { message: "boom", file: "app.lua", line: 3 }), commit(1, 1));
  const at = b.cell("button3").n;
  assert.equal(b.session.page.failures.value.get(at)?.line, 3);
  b.session.fire(b.cell("button3"), "click");
  assert.equal(b.session.page.failures.value.has(at), false);
});

test("a failure of nothing on the page stands at the page", () => {
  const b = new Bench().begin();
  b.get(fail(77, FAIL_ERROR, { message: "boom" }), commit(1, 77));
  assert.equal([...b.session.page.failures.value.keys()][0], 0);
});

test("a place in the row is kept until the event starts, ends, or is told anew", () => {
  const b = new Bench().begin();
  const places = () => [...b.session.page.queue.value.values()].map((q) => [q.n, q.node, q.place, q.of, q.expected]);
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), queue(1, 3, 3, 4, 12_000));
  assert.deepEqual(places(), [[1, 3, 3, 4, 12_000]]);
  b.get(queue(1, 3, 1, 2));
  assert.deepEqual(places(), [[1, 3, 1, 2, null]]);
  b.get(queue(1, 3, 0, 0));
  assert.deepEqual(places(), []);
  b.get(queue(1, 3, 2, 2), commit(1, 1, false));
  assert.deepEqual(places(), [], "its handler has shown something");
  b.get(queue(1, 3, 2, 2), interrupted(1, 3));
  assert.deepEqual(places(), []);
  b.get(queue(1, 77, 2, 2));
  assert.deepEqual(places(), [[1, 0, 2, 2, null]], "of a component that is no more: at the page");
  b.lose();
  b.open();
  b.get(welcome("resumed", 1, 1));
  assert.deepEqual(places(), []);
});

test("an interrupted event can be sent again or let go", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), interrupted(1, 3));
  assert.equal(b.session.ledger.busy.value.length, 0);
  b.take();
  b.session.retry(lost(b));
  assert.deepEqual(brief(b), ["RETRY 1"]);
  assert.equal(b.session.ledger.busyAt(b.cell("button3").n).length, 1, "it runs again");
  assert.deepEqual(b.session.page.interrupted.value, []);
  b.get(interrupted(1, 3));
  b.session.dismiss(lost(b));
  assert.deepEqual(brief(b), ["CANCEL 1"]);
  assert.deepEqual(b.session.page.interrupted.value, []);
});

test("a door that closes for good takes what it closed over, and leaves what was typed", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "typed");
  b.session.fire(b.cell("textbox2"), "submit");
  b.get(bye("VALUE: too long"));
  b.lose();
  assert.deepEqual([b.session.connection.value, b.session.ended.value, b.closed], ["ended", "VALUE: too long", true]);
  assert.equal(b.session.ledger.all().length, 0);
  assert.equal(text(b), "typed");
  assert.equal(b.cell("textbox2").draft.value?.sent, null, "it goes with the next event");
});

test("a door that is shut for now says why, until it opens", () => {
  const b = new Bench();
  b.open();
  b.get(bye("Nothing has been built yet.", true));
  b.lose();
  assert.equal(b.session.refusal.value, "Nothing has been built yet.");
  b.begin();
  assert.equal(b.session.refusal.value, "");
});

test("a tree that breaks its rules leaves the page as it is", () => {
  const b = new Bench().begin();
  b.get(treeOf({ title: "x", root: el(1, "column", {}, undefined, [el(2, "row"), el(2, "row")]) }), commit(5, 0));
  assert.equal(b.session.page.title.value, "Test");
  assert.match(b.warnings[0] ?? "", /number 2 is taken/);
});

/* ---- what was typed ---- */

test("what was typed stays through a gap and a new version, by key", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "half a sen");
  b.lose();
  b.open();
  const other = { title: "v2", root: el(9, "column", {}, undefined, [{ ...el(2, "textbox", { label: "New" }, { submit: {} }) }, el(8, "textbox")]) };
  b.get(welcome("resynchronised", 3), treeOf(other, "b2"), commit(3, 0));
  assert.equal(text(b), "half a sen");
  assert.equal(text(b, "textbox8"), "");
});

test("what was typed does not move into another kind of component", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "text");
  const other = { title: "v2", root: el(1, "column", {}, undefined, [{ n: 2, key: "textbox2", type: "number", props: {} }]) };
  b.get(phase("deployed"), treeOf(other, "b2"), commit(1, 0));
  assert.equal(valueOf(b.cell("textbox2")), undefined);
});

test("a cleared input keeps what was typed since it was sent", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "hello");
  b.session.fire(b.cell("textbox2"), "submit");
  b.session.setValue(b.cell("textbox2"), "hello, and");
  b.get(accepted(1), set(2, "value", ""), commit(1, 1));
  assert.equal(text(b), ", and");
});

test("a cleared input is empty when nothing was typed since", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox2"), "hello");
  b.session.fire(b.cell("textbox2"), "submit");
  b.get(accepted(1), set(2, "value", ""), commit(1, 1));
  assert.equal(text(b), "");
});

/* ---- reload ---- */

test("a reload finds the session, what was typed, and what was not accepted", () => {
  const before = new Bench().begin();
  before.session.fire(before.cell("button3"), "click");
  before.get(accepted(1), commit(1, 1));
  before.session.fire(before.cell("button3"), "click");
  before.session.setValue(before.cell("textbox2"), "typed");
  before.session.save();

  const b = new Bench(before.kept);
  b.session.showRecorded({ tree: TREE, bundle: "b1", title: "Test", phase: "running" });
  assert.equal(text(b), "typed", "at once");
  b.open();
  assert.deepEqual(b.take().map((s) => [s.type, s.n, s.value]), [["JOIN", 0, { session: "s1", bundle: "b1" }]]);
  b.get(welcome("resynchronised", 1, 1), treeOf(TREE), commit(1, 0));
  assert.deepEqual(brief(b), ["EVENT 2 @3"]);
  assert.equal(text(b), "typed");
  assert.equal(b.session.notice.value, null, "a reload is no news to who reloads");
});

test("what is running when the page is reloaded shows as running when word of it comes", () => {
  const before = new Bench().begin();
  before.session.fire(before.cell("button3"), "click");
  before.get(accepted(1));
  before.session.save();

  const b = new Bench(before.kept);
  b.open();
  b.get(welcome("resynchronised", 3, 1), treeOf(TREE), commit(3, 0));
  assert.equal(b.session.ledger.busy.value.length, 0, "it may be finished");
  b.get(commit(4, 1, false));
  assert.equal(b.session.ledger.busyAt(b.cell("button3").n).length, 1);
  b.get(commit(5, 1));
  assert.equal(b.session.ledger.busy.value.length, 0);
});

test("a password is kept nowhere, and goes with every event", () => {
  const b = new Bench().begin();
  b.session.setValue(b.cell("textbox4"), "hunter2");
  b.session.fire(b.cell("button3"), "click");
  b.session.save();
  assert.doesNotMatch(b.kept ?? "", /hunter2/);
  b.get(accepted(1), commit(1, 1));
  assert.equal(b.cell("textbox4").props.value["value"], undefined, "not part of the state");
  b.take();
  b.session.fire(b.cell("button3"), "click");
  assert.deepEqual(brief(b), ["VALUE 2 @4", "EVENT 2 @3"]);
  b.session.save();
  assert.doesNotMatch(b.kept ?? "", /hunter2/);
});

test("a session that is gone begins anew and says so; what waits is sent there", () => {
  const b = new Bench().begin();
  b.session.fire(b.cell("button3"), "click");
  b.get(accepted(1), set(2, "label", "mine"), commit(1, 1));
  b.session.setValue(b.cell("textbox2"), "typed");
  b.lose();
  b.session.fire(b.cell("button3"), "click");
  b.take();
  b.open();
  b.get(welcome("new"), treeOf(TREE));
  assert.deepEqual(brief(b), ["JOIN 1", "VALUE 1 @2", "EVENT 1 @3"]);
  assert.equal(b.cell("textbox2").props.value["label"], undefined);
  assert.equal(b.session.notice.value?.kind, "anew");
});

for (const junk of ["", "{", "[]", '"x"', '{"session":1}', '{"session":"s","drafts":{}}', '{"session":"s","drafts":null,"events":[{}]}']) {
  test(`stored junk is no session: ${junk || "nothing"}`, () => {
    const b = new Bench(junk).begin();
    assert.equal(b.session.page.title.value, "Test");
  });
}
