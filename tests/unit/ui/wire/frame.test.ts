import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrames, frame, FrameError, FrameReader, type Frame } from "@ui/wire/frame";

const bytes = (...n: number[]) => new Uint8Array(n);
const read = (...packets: Uint8Array<ArrayBuffer>[]) => {
  const reader = new FrameReader();
  return packets.flatMap((p) => reader.read(p.slice().buffer));
};

test("a header has the bytes that base/frame.h draws", () => {
  const f: Frame = { type: 0x32, op: 1, channel: 2, node: 0x04030201, seq: 0x08070605, value: bytes(0x7b, 0x7d) };
  assert.deepEqual(
    [...encodeFrames([f])],
    [2, 0, 0x32, 1, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x7b, 0x7d],
  );
});

test("several frames in one packet come out as they went in", () => {
  const sent = [frame(0x31, { node: 4294967295, seq: 7 }, bytes(1, 2, 3)), frame(0x32, { op: 0x7f })];
  const got = read(encodeFrames(sent));
  assert.deepEqual(got.map((f) => ({ ...f, value: [...f.value] })), sent.map((f) => ({ ...f, value: [...f.value] })));
});

test("a value over 60 KiB travels in pieces and is whole again, over any packets", () => {
  const value = new Uint8Array(200_000).map((_, i) => i * 31);
  const packet = encodeFrames([frame(0x10, { node: 9, op: 1 }, value)]);
  const [whole, ...more] = read(packet);
  assert.equal(more.length, 0);
  assert.deepEqual(whole?.value, value);
  assert.equal(whole?.op, 1);

  const first = 16 + (60 * 1024 - 16);
  const [again] = read(packet.slice(0, first), packet.slice(first));
  assert.deepEqual(again?.value, value);
});

test("what is cut off or too long is refused in words", () => {
  const good = encodeFrames([frame(0x32, {}, bytes(1, 2, 3))]);
  assert.throws(() => read(good.slice(0, 10)), /frame header: 10 bytes, need 16/);
  assert.throws(() => read(good.slice(0, 18)), /frame length: 3 but only 2 bytes follow/);
  const long = good.slice();
  long[0] = 0xff;
  long[1] = 0xff;
  assert.throws(() => read(long), /frame length: 65535 is over/);
});

test("a run that another frame interrupts is refused", () => {
  const reader = new FrameReader();
  const run = encodeFrames([frame(0x10, {}, new Uint8Array(70_000))]).slice(0, 60 * 1024);
  assert.deepEqual(reader.read(run.buffer), []);
  assert.throws(() => reader.read(encodeFrames([frame(0x12)]).buffer), FrameError);
});

test("a joined value has a limit", () => {
  const reader = new FrameReader();
  const piece = encodeFrames([frame(0x10, {}, new Uint8Array(70_000))]).slice(0, 60 * 1024);
  assert.throws(() => {
    for (let i = 0; i < 200; i++) reader.read(piece.slice().buffer);
  }, /joined value is over/);
});
