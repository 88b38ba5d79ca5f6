import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE, PATCH_APPEND, PATCH_REMOVE, PATCH_SET } from "proto";
import { encodeFrames, frame, FrameReader } from "@ui/wire/frame";
import { readMessage, write, type EventId, type NodeId } from "@ui/wire/messages";

const utf8 = new TextEncoder();
const json = (value: unknown) => utf8.encode(JSON.stringify(value));

test("a patch is path, NUL, and what its op carries", () => {
  const patch = (op: number, text: string) => readMessage(frame(MESSAGE.PATCH, { op, node: 5 }, utf8.encode(text)));
  assert.deepEqual(patch(PATCH_SET, 'value/3\0{"a":1}'), {
    type: "patch",
    patch: { op: "set", node: 5, path: "value/3", value: { a: 1 } },
  });
  assert.deepEqual(patch(PATCH_APPEND, "value\0más"), {
    type: "patch",
    patch: { op: "append", node: 5, path: "value", text: "más" },
  });
  assert.deepEqual(patch(PATCH_REMOVE, "value/0\0"), { type: "patch", patch: { op: "remove", node: 5, path: "value/0" } });
});

test("a welcome tells the session, the last group and the last event", () => {
  const body = { session: "s", state: "new", bundle: "b" };
  assert.deepEqual(readMessage(frame(MESSAGE.WELCOME, { seq: 4, node: 9 }, json(body))), {
    type: "welcome",
    seq: 4,
    accepted: 9,
    body,
  });
});

for (const [what, bad, words] of [
  ["no JSON", frame(MESSAGE.PHASE, {}, utf8.encode("{")), /PHASE: value is not JSON/],
  ["no object", frame(MESSAGE.PHASE, {}, json("x")), /PHASE: not an object/],
  ["a missing field", frame(MESSAGE.TREE, {}, json({ bundle: "b", title: "t" })), /TREE: tree is missing/],
  ["a field of another type", frame(MESSAGE.WELCOME, {}, json({ session: 1 })), /WELCOME: session is missing/],
  ["a patch without a path", frame(MESSAGE.PATCH, { op: PATCH_SET }, utf8.encode("\x00{}")), /PATCH: no path/],
  ["a patch of an unknown op", frame(MESSAGE.PATCH, { op: 9 }, utf8.encode("a\0")), /PATCH: op 9 is unknown/],
  ["an unknown type", frame(0x7e), /type 0x7e is not for a browser/],
  ["an upward type", frame(MESSAGE.EVENT), /type 0x32 is not for a browser/],
] as const) {
  test(`${what} ends the connection in words`, () => {
    assert.throws(() => readMessage(bad), words);
  });
}

test("what goes out has its numbers where messages.def says", () => {
  const [value, event] = new FrameReader().read(
    encodeFrames([write.value(3 as EventId, 8 as NodeId, "x"), write.event(3 as EventId, 8 as NodeId, 1, undefined)]).buffer,
  );
  assert.deepEqual([value?.type, value?.node, value?.seq, new TextDecoder().decode(value?.value)], [0x31, 8, 3, '"x"']);
  assert.deepEqual([event?.type, event?.op, event?.node, event?.seq], [0x32, 1, 8, 3]);
  assert.equal(new TextDecoder().decode(event?.value), "null");
});
