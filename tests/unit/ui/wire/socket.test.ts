import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE } from "proto";
import { backoff } from "@ui/wire/backoff";
import { encodeFrames, frame } from "@ui/wire/frame";
import { Link, type LinkWorld } from "@ui/wire/socket";

/** Sockets and a clock in the hands of the test. */
class World implements LinkWorld {
  sockets: FakeSocket[] = [];
  time = 0;
  timers: { at: number; run: () => void }[] = [];
  backoff = backoff(() => 1);
  connect = (): WebSocket => {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  };
  now = () => this.time;
  later = (run: () => void, ms: number) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((t) => t !== timer));
  };
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = next.at;
      this.timers = this.timers.filter((t) => t !== next);
      next.run();
    }
    this.time = end;
  }
  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    assert.ok(socket);
    return socket;
  }
}

class FakeSocket {
  binaryType = "";
  sent: Uint8Array[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }
  close(): void {
    this.closed = true;
  }
}

function start() {
  const world = new World();
  const seen: string[] = [];
  const link = new Link("ws://x/", {
    onOpen: () => void seen.push("open"),
    onMessages: (m) => void seen.push(m.map((x) => x.type).join()),
    onLost: (detail) => void seen.push(`lost ${detail ?? ""}`.trim()),
  }, world);
  link.open();
  return { world, seen, link };
}

test("messages of one packet arrive together", () => {
  const { world, seen } = start();
  world.last.onopen?.();
  const packet = encodeFrames([frame(MESSAGE.ACCEPTED, { seq: 1 }), frame(MESSAGE.COMMIT, { seq: 1 })]);
  world.last.onmessage?.({ data: packet.buffer });
  assert.deepEqual(seen, ["open", "accepted,commit"]);
});

test("a lost connection is tried again, later and later", () => {
  const { world } = start();
  const gaps: number[] = [];
  for (let i = 0; i < 9; i++) {
    const before = world.time;
    world.last.onclose?.();
    const n = world.sockets.length;
    while (world.sockets.length === n) world.pass(1);
    gaps.push(world.time - before);
  }
  assert.deepEqual(gaps, [120, 240, 480, 960, 1920, 3840, 7680, 8000, 8000]);
});

test("a connection that held makes the next wait short again", () => {
  const { world } = start();
  for (let i = 0; i < 6; i++) {
    world.last.onclose?.();
    world.pass(8000);
  }
  world.last.onopen?.();
  world.pass(6000);
  const n = world.sockets.length;
  world.last.onclose?.();
  world.pass(120);
  assert.equal(world.sockets.length, n + 1);
});

test("waits are spread over the upper half", () => {
  assert.equal(backoff(() => 0).next(), 60);
  assert.equal(backoff(() => 0.999999).next(), 120);
});

test("broken frames end the socket and nothing else", () => {
  const { world, seen } = start();
  world.last.onopen?.();
  const first = world.last;
  first.onmessage?.({ data: new ArrayBuffer(3) });
  assert.equal(first.closed, true);
  assert.deepEqual(seen, ["open", "lost frame header: 3 bytes, need 16"]);
  first.onmessage?.({ data: new ArrayBuffer(3) });
  world.pass(200);
  assert.equal(world.sockets.length, 2);
});

test("a socket that never opens is given up", () => {
  const { world, seen } = start();
  world.pass(10_000);
  assert.deepEqual(seen, ["lost connecting took too long"]);
});

test("nothing is sent before the socket is open, and nothing after close", () => {
  const { world, link } = start();
  assert.equal(link.send([frame(MESSAGE.ACK)]), false);
  world.last.onopen?.();
  assert.equal(link.send([frame(MESSAGE.ACK)]), true);
  link.close();
  assert.equal(link.send([frame(MESSAGE.ACK)]), false);
  world.pass(60_000);
  assert.equal(world.sockets.length, 1);
});

test("hurry does not sit out the wait", () => {
  const { world, link } = start();
  world.last.onclose?.();
  link.hurry();
  assert.equal(world.sockets.length, 2);
  world.pass(9_000);
  assert.equal(world.sockets.length, 2, "the old timer is off");
});
