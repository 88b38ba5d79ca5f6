import assert from "node:assert/strict";
import { test } from "node:test";
import { applyPatch, type Props } from "@ui/state/patch";
import type { NodeId, Patch } from "@ui/wire/messages";
import { compact } from "../support/overlay";

const node = 1 as NodeId;
const set = (path: string, value: unknown): Patch => ({ op: "set", node, path, value });
const append = (path: string, text: string): Patch => ({ op: "append", node, path, text });
const remove = (path: string): Patch => ({ op: "remove", node, path });
const apply = (props: Props, ...patches: Patch[]) => patches.reduce(applyPatch, props);

for (const [claim, before, patch, after] of [
  ["SET replaces a property", { value: "a", label: "l" }, set("value", "b"), { value: "b", label: "l" }],
  ["SET makes a property", {}, set("visible", false), { visible: false }],
  ["SET replaces an item", { value: [1, 2, 3] }, set("value/1", 9), { value: [1, 9, 3] }],
  ["SET adds the item that comes next", { value: [1, 2] }, set("value/2", 3), { value: [1, 2, 3] }],
  ["SET past the end changes nothing", { value: [1, 2] }, set("value/4", 3), { value: [1, 2] }],
  ["SET makes the list that is missing", {}, set("value/0", "a"), { value: ["a"] }],
  ["SET goes through objects and lists", { value: [{ a: { b: 1 } }] }, set("value/0/a/b", 2), { value: [{ a: { b: 2 } }] }],
  ["SET through a number changes nothing", { value: 3 }, set("value/0", 2), { value: 3 }],
  ["APPEND adds to a text", { value: [{ content: "ab" }] }, append("value/0/content", "c"), { value: [{ content: "abc" }] }],
  ["APPEND starts a text that is missing", { value: [{}] }, append("value/0/content", "c"), { value: [{ content: "c" }] }],
  ["REMOVE cuts a list", { value: [1, 2, 3] }, remove("value/1"), { value: [1] }],
  ["REMOVE past the end changes nothing", { value: [1] }, remove("value/5"), { value: [1] }],
  ["REMOVE deletes a key", { value: { a: 1, b: 2 } }, remove("value/a"), { value: { b: 2 } }],
  ["REMOVE takes a property back to its default", { value: 1, label: "l" }, remove("value"), { label: "l" }],
  ["an index has no sign, space or leading zero", { value: [1, 2] }, set("value/01", 9), { value: [1, 2] }],
] as const) {
  test(claim, () => {
    assert.deepEqual(applyPatch(before as Props, patch), after);
  });
}

test("what a patch does not touch stays the same object", () => {
  const props = { value: [{ content: "a" }, { content: "b" }], choices: ["x"] };
  const next = applyPatch(props, append("value/1/content", "!"));
  assert.deepEqual(props.value[1], { content: "b" }, "the old value is as it was");
  assert.equal((next["value"] as unknown[])[0], props.value[0]);
  assert.equal(next["choices"], props.choices);
  assert.equal(applyPatch(props, set("value/9", 1)), props);
});

test("a key called __proto__ is a key like any other", () => {
  const next = apply({ value: {} }, set("value/__proto__", { polluted: true }), set("__proto__", { polluted: true }));
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(Object.getPrototypeOf(next), Object.prototype);
  assert.ok(Object.hasOwn(next["value"] as object, "__proto__"));
  assert.equal(applyPatch({ value: {} }, set("constructor/prototype/x", 1))["value"] !== undefined, true);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

/** xorshift: the same rounds every time, so that a failure can be looked at. */
function random(seed: number) {
  let s = seed;
  return (below: number) => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return Math.abs(s) % below;
  };
}

function randomPatch(pick: (below: number) => number): Patch {
  const item = () => ({ role: "user", content: `t${pick(9)}` });
  const i = pick(4);
  switch (pick(8)) {
    case 0:
      return set("value", Array.from({ length: pick(4) }, item));
    case 1:
    case 2:
      return set(`value/${i}`, item());
    case 3:
      return set(`value/${i}/content`, `c${pick(9)}`);
    case 4:
    case 5:
      return append(`value/${i}/content`, `+${pick(9)}`);
    case 6:
      return remove(`value/${i}`);
    default:
      return pick(2) ? set("visible", pick(2) === 1) : remove("visible");
  }
}

test("the compacted overlay gives what the patches gave in their order", () => {
  for (let round = 1; round <= 3000; round++) {
    const pick = random(round * 7919);
    const page: Props = pick(2) ? {} : { value: Array.from({ length: pick(4) }, () => ({ role: "assistant", content: "p" })) };
    const patches: Patch[] = [];
    let seen = page;
    // Only what fits is sent by a worker: a patch that changes nothing is not one of its own.
    for (let i = 0; i < 14; i++) {
      const patch = randomPatch(pick);
      const next = applyPatch(seen, patch);
      if (next === seen) continue;
      patches.push(patch);
      seen = next;
    }
    const again = apply(page, ...compact(patches));
    assert.deepEqual(again, seen, `round ${round}: ${JSON.stringify(patches)}\n→ ${JSON.stringify(compact(patches))}`);
  }
});
