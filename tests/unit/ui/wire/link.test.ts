import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE } from "proto";
import { backoff } from "@ui/wire/backoff";
import type { Carrier, CarrierEvents, Kind } from "@ui/wire/carrier";
import { encodeFrames, frame } from "@ui/wire/frame";
import { Link, type LinkWorld } from "@ui/wire/link";
import { Transports } from "@ui/wire/transport";
import { FakeClock } from "../support/clock";

class FakeCarrier implements Carrier {
  sent: Uint8Array[] = [];
  closed = false;
  constructor(
    readonly kind: Kind,
    readonly on: CarrierEvents,
  ) {}
  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }
  close(): void {
    this.closed = true;
  }
  brings(...frames: Parameters<typeof encodeFrames>[0]): void {
    this.on.onPacket(encodeFrames(frames).buffer);
  }
}

/** Carriers and a clock in the hands of the test. */
class World extends FakeClock implements LinkWorld {
  carriers: FakeCarrier[] = [];
  kept: string | null = null;
  backoff = backoff(() => 1);
  transports = new Transports(
    { load: () => this.kept, save: (text) => void (this.kept = text) },
    () => 1_000_000 + this.time,
  );
  open(kind: Kind, on: CarrierEvents): Carrier {
    const carrier = new FakeCarrier(kind, on);
    this.carriers.push(carrier);
    return carrier;
  }
  get last(): FakeCarrier {
    const carrier = this.carriers.at(-1);
    assert.ok(carrier);
    return carrier;
  }
  /** Kinds tried from here on, until `n` attempts were made. */
  kinds(n: number, end: (carrier: FakeCarrier) => void): Kind[] {
    const seen: Kind[] = [];
    while (seen.length < n) {
      const { last, carriers } = this;
      const count = carriers.length;
      seen.push(last.kind);
      end(last);
      for (let ms = 0; this.carriers.length === count && ms < 60_000; ms += 50) this.pass(50);
    }
    return seen;
  }
}

function start(world = new World()) {
  const seen: string[] = [];
  const link = new Link({
    onOpen: (kind) => void seen.push(`open ${kind}`),
    onMessages: (m) => void seen.push(m.map((x) => x.type).join()),
    onLost: (detail) => void seen.push(`lost ${detail ?? ""}`.trim()),
  }, world);
  link.open();
  return { world, seen, link };
}

const works = (carrier: FakeCarrier) => {
  carrier.on.onOpen();
  carrier.brings(frame(MESSAGE.ACCEPTED, { seq: 1 }));
};

test("messages of one packet arrive together", () => {
  const { world, seen } = start();
  world.last.on.onOpen();
  world.last.brings(frame(MESSAGE.ACCEPTED, { seq: 1 }), frame(MESSAGE.COMMIT, { seq: 1 }));
  assert.deepEqual(seen, ["open socket", "accepted,commit"]);
});

test("a connection that worked is tried again, later and later", () => {
  const { world } = start();
  const gaps: number[] = [];
  for (let i = 0; i < 9; i++) {
    const before = world.time;
    works(world.last);
    const n = world.carriers.length;
    world.last.on.onEnd();
    while (world.carriers.length === n) world.pass(1);
    gaps.push(world.time - before);
    assert.equal(world.last.kind, "socket");
  }
  assert.deepEqual(gaps, [120, 240, 480, 960, 1920, 3840, 7680, 8000, 8000]);
});

test("a connection that held makes the next wait short again", () => {
  const { world } = start();
  for (let i = 0; i < 6; i++) {
    works(world.last);
    world.last.on.onEnd();
    world.pass(8000);
  }
  works(world.last);
  world.pass(6000);
  const n = world.carriers.length;
  world.last.on.onEnd();
  world.pass(120);
  assert.equal(world.carriers.length, n + 1);
});

test("waits are spread over the upper half", () => {
  assert.equal(backoff(() => 0).next(), 60);
  assert.equal(backoff(() => 0.999999).next(), 120);
});

test("broken frames end the connection and nothing else", () => {
  const { world, seen } = start();
  const first = world.last;
  works(first);
  first.on.onPacket(new ArrayBuffer(3));
  assert.equal(first.closed, true);
  assert.deepEqual(seen.slice(2), ["lost frame header: 3 bytes, need 16"]);
  first.on.onPacket(new ArrayBuffer(3));
  world.pass(200);
  assert.equal(world.carriers.length, 2);
});

test("a socket that never opens is given up, and an event stream is opened at once", () => {
  const { world, seen } = start();
  world.pass(6_000);
  assert.deepEqual(seen, ["lost connecting took too long"]);
  assert.equal(world.carriers[0]?.closed, true);
  world.pass(1);
  assert.equal(world.last.kind, "events");
});

test("nothing is sent before it is open, and nothing after close", () => {
  const { world, link } = start();
  assert.equal(link.send([frame(MESSAGE.ACK)]), false);
  world.last.on.onOpen();
  assert.equal(link.send([frame(MESSAGE.ACK)]), true);
  link.close();
  assert.equal(link.send([frame(MESSAGE.ACK)]), false);
  world.pass(60_000);
  assert.equal(world.carriers.length, 1);
});

test("hurry does not sit out the wait", () => {
  const { world, link } = start();
  works(world.last);
  world.last.on.onEnd();
  link.hurry();
  assert.equal(world.carriers.length, 2);
  world.pass(119);
  assert.equal(world.carriers.length, 2, "the old timer is off");
});

test("where sockets are refused and event streams held up, polls are used, without a wait", () => {
  const { world, seen } = start();
  world.last.on.onEnd();
  world.pass(1);
  world.last.on.onEnd("the event stream is held up on its way");
  world.pass(1);
  works(world.last);
  assert.equal(world.time, 2);
  assert.deepEqual(seen, ["lost", "lost the event stream is held up on its way", "open poll", "accepted"]);
});

test("a socket that opens and dies twice before anything comes makes room", () => {
  const { world } = start();
  assert.deepEqual(
    world.kinds(3, (c) => {
      c.on.onOpen();
      c.on.onEnd();
    }),
    ["socket", "socket", "events"],
  );
});

test("an outage goes round all kinds, and does not leave a socket that worked at its first refusal", () => {
  const { world } = start();
  works(world.last);
  const before = world.time;
  assert.deepEqual(
    world.kinds(7, (c) => c.on.onEnd()),
    ["socket", "socket", "socket", "events", "poll", "socket", "socket"],
  );
  assert.ok(world.time - before > 500, "and it does not hammer");
});

test("answers that are due and do not come, again and again, are a reason to change", () => {
  const { world, link } = start();
  const kinds: Kind[] = [];
  for (let i = 0; i < 4; i++) {
    kinds.push(world.last.kind);
    works(world.last);
    link.restart();
    world.pass(1_000);
  }
  assert.deepEqual(kinds, ["socket", "socket", "socket", "events"]);
});

test("what worked is remembered for the tab, and not for ever", () => {
  const { world } = start();
  world.last.on.onEnd();
  world.pass(1);
  works(world.last);
  const kept = world.kept;
  const reloaded = (after: number) => {
    const next = new World();
    next.kept = kept;
    next.time = world.time + after;
    next.transports = new Transports({ load: () => next.kept, save: () => {} }, () => 1_000_000 + next.time);
    return start(next).world.last.kind;
  };
  assert.equal(reloaded(60_000), "events");
  assert.equal(reloaded(31 * 60_000), "socket");
  for (const broken of ["{", "7", '{"kind":"pigeon","at":1}', '{"kind":"poll"}']) {
    const next = new World();
    next.kept = broken;
    next.transports = new Transports({ load: () => next.kept, save: () => {} });
    assert.equal(start(next).world.last.kind, "socket", broken);
  }
});

test("a socket that opens beside a worse kind takes over", () => {
  const { world, seen, link } = start();
  world.last.on.onEnd();
  world.pass(1);
  const events = world.last;
  works(events);
  world.pass(2 * 60_000);
  const refused = world.last;
  assert.equal(refused.kind, "socket");
  world.pass(6_000);
  assert.equal(refused.closed, true);
  assert.equal(events.closed, false, "the page goes on as it was");
  assert.equal(link.send([frame(MESSAGE.ACK)]), true);
  world.pass(4 * 60_000);
  const socket = world.last;
  assert.notEqual(socket, refused);
  socket.on.onOpen();
  assert.equal(events.closed, true);
  assert.deepEqual(seen.slice(-2), ["lost", "open socket"]);
  link.send([frame(MESSAGE.ACK)]);
  assert.equal(socket.sent.length, 1);
  assert.equal(events.sent.length, 1);
});
