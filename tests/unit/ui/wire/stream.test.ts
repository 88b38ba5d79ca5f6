import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE } from "proto";
import { encodeFrames, frame, splitPackets } from "@ui/wire/frame";
import { EventReader } from "@ui/wire/sse";
import { EventsCarrier, PollCarrier, type StreamWorld } from "@ui/wire/stream";
import { FakeClock } from "../support/clock";

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  answer(status: number, body?: BodyInit | null): void;
  cut(): void;
  /** When the page gives it up. */
  onGivenUp(run: () => void): void;
}

/** A gateway in the hands of the test. */
class World extends FakeClock implements StreamWorld {
  asked: Asked[] = [];
  seconds = 0;
  patience = { get: () => this.seconds, set: (s: number) => void (this.seconds = s) };
  seen: string[] = [];
  on = {
    onOpen: () => void this.seen.push("open"),
    onPacket: (packet: ArrayBuffer) => void this.seen.push(`packet ${new Uint8Array(packet).join(" ")}`),
    onEnd: (detail?: string) => void this.seen.push(`end ${detail ?? ""}`.trim()),
  };
  fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { pathname, searchParams } = new URL(url, "http://x");
      const cut = () => reject(new TypeError("network"));
      init.signal?.addEventListener("abort", cut);
      this.asked.push({
        method: init.method ?? "GET",
        path: pathname.slice(pathname.lastIndexOf("/") + 1),
        query: searchParams,
        body: (init.body as Uint8Array | undefined) ?? new Uint8Array(0),
        answer: (status, body = null) => resolve(new Response(body, { status })),
        cut,
        onGivenUp: (run) => init.signal?.addEventListener("abort", run),
      });
    });
  /** The newest request of that path that was not asked for yet. */
  async take(path: string): Promise<Asked> {
    for (let i = 0; i < 50; i++) {
      const at = this.asked.findIndex((a) => a.path === path);
      const [asked] = at < 0 ? [] : this.asked.splice(at, 1);
      if (asked) return asked;
      await new Promise((done) => setImmediate(done));
    }
    throw new Error(`nobody asked for ${path}`);
  }
  async none(path: string): Promise<void> {
    for (let i = 0; i < 10; i++) await new Promise((done) => setImmediate(done));
    assert.equal(this.asked.some((a) => a.path === path), false);
  }
}

function polled(last: number, ...bytes: number[]): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(8 + bytes.length);
  new DataView(body.buffer).setBigUint64(0, BigInt(last), true);
  body.set(bytes, 8);
  return body;
}

/** An answer that goes on. */
function flowing() {
  let flow: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({ start: (c) => void (flow = c) });
  return {
    stream,
    say: (text: string) => flow?.enqueue(new TextEncoder().encode(text)),
    end: () => flow?.close(),
    cut: () => flow?.error(new TypeError("network")),
  };
}

async function begun(kind: typeof EventsCarrier | typeof PollCarrier) {
  const world = new World();
  const carrier = new kind("/spaces/a/b", world.on, world);
  (await world.take("stream")).answer(201, '{"stream":"id"}');
  return { world, carrier };
}

const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((done) => setImmediate(done));
};

test("polls ask for what follows, and bring it in order, once", async () => {
  const { world } = await begun(PollCarrier);
  const first = await world.take("poll");
  assert.equal(first.query.get("after"), "0");
  assert.equal(first.query.get("stream"), "id");
  first.answer(200, polled(3, 1, 2));
  const second = await world.take("poll");
  assert.equal(second.query.get("after"), "3");
  second.answer(200, polled(3));
  (await world.take("poll")).answer(200, polled(4, 9));
  await world.take("poll");
  assert.deepEqual(world.seen, ["open", "packet 1 2", "packet 9"]);
});

test("a poll that is cut is asked again for half as long, also by the next carrier", async () => {
  const { world } = await begun(PollCarrier);
  const first = await world.take("poll");
  assert.equal(first.query.get("wait"), "25");
  world.time += 10_000;
  first.answer(504, "<html>504 Gateway Time-out</html>");
  const again = await world.take("poll");
  assert.equal(again.query.get("wait"), "2", "it could have been the gateway");
  again.answer(200, polled(1, 7));
  assert.equal((await world.take("poll")).query.get("wait"), "5");
  assert.equal(world.seconds, 5);
  assert.deepEqual(world.seen, ["open", "packet 7"]);
});

test("a stream that the gateway does not know ends with its words", async () => {
  const { world } = await begun(PollCarrier);
  (await world.take("poll")).answer(404, '{"error":"stream: there is none of that id"}');
  await settle();
  assert.deepEqual(world.seen, ["open", "end stream: there is none of that id"]);
});

test("a proxy that answers for the gateway is given some tries", async () => {
  const { world } = await begun(PollCarrier);
  for (let i = 0; i < 4; i++) {
    (await world.take("poll")).answer(502);
    await settle();
    await world.passing(10_000);
  }
  await settle();
  assert.deepEqual(world.seen, ["open", "end polls are not answered"]);
});

test("an event stream opens with its first event", async () => {
  const { world } = await begun(EventsCarrier);
  const flow = flowing();
  (await world.take("events")).answer(200, flow.stream);
  flow.say(":   \n");
  await settle();
  assert.deepEqual(world.seen, []);
  flow.say('event: open\ndata:\n\nid: 2\ndata: AQID\n\n');
  await settle();
  assert.deepEqual(world.seen, ["open", "packet 1 2 3"]);
});

test("an event stream that says nothing for three seconds is held up", async () => {
  const { world } = await begun(EventsCarrier);
  const flow = flowing();
  const asked = await world.take("events");
  asked.onGivenUp(flow.cut);
  asked.answer(200, flow.stream);
  await settle();
  await world.passing(2_900);
  await settle();
  assert.deepEqual(world.seen, []);
  await world.passing(200);
  await settle();
  assert.deepEqual(world.seen, ["end the event stream is held up on its way"]);
});

test("an event stream that is cut goes on after what it has brought", async () => {
  const { world } = await begun(EventsCarrier);
  const flow = flowing();
  (await world.take("events")).answer(200, flow.stream);
  flow.say("event: open\ndata:\n\nid: 2\ndata: AQID\n\n");
  await settle();
  flow.end();
  const again = await world.take("events");
  assert.equal(again.query.get("after"), "2");
  const more = flowing();
  again.answer(200, more.stream);
  more.say("event: open\ndata:\n\nid: 2\ndata: AQID\n\nid: 3\ndata: BA==\n\n");
  await settle();
  assert.deepEqual(world.seen, ["open", "packet 1 2 3", "packet 4"], "nothing twice");
});

test("the end of a stream is the end of its carrier", async () => {
  const { world } = await begun(EventsCarrier);
  const flow = flowing();
  (await world.take("events")).answer(200, flow.stream);
  flow.say("event: open\ndata:\n\nevent: end\ndata:\n\n");
  await settle();
  assert.deepEqual(world.seen, ["open", "end"]);
  assert.equal((await world.take("send")).query.get("close"), "1");
});

test("pieces go up one at a time, and again until they have arrived", async () => {
  const { world, carrier } = await begun(PollCarrier);
  await world.take("poll");
  const one = encodeFrames([frame(MESSAGE.ACK, { seq: 1 })]);
  carrier.send(one);
  carrier.send(encodeFrames([frame(MESSAGE.ACK, { seq: 2 })]));
  carrier.send(encodeFrames([frame(MESSAGE.ACK, { seq: 3 })]));
  const first = await world.take("send");
  assert.equal(first.query.get("n"), "1");
  assert.deepEqual(first.body, one);
  await world.none("send");
  first.cut();
  await settle();
  await world.passing(2_000);
  const again = await world.take("send");
  assert.equal(again.query.get("n"), "1");
  assert.deepEqual(again.body, one);
  again.answer(204);
  const rest = await world.take("send");
  assert.equal(rest.query.get("n"), "2");
  assert.equal(rest.body.length, 2 * one.length, "what waited goes together");
  rest.answer(409, '{"error":"n: 2 came, and 7 is the next"}');
  await settle();
  assert.deepEqual(world.seen, ["open", "end n: 2 came, and 7 is the next"]);
});

test("a POST is never larger than proxies let through, and is cut between frames", () => {
  const value = new Uint8Array(300_000);
  const frames = encodeFrames([frame(MESSAGE.VALUE, { node: 1 }, value), frame(MESSAGE.EVENT, { seq: 1 })]);
  const packets = splitPackets(frames, 100_000);
  assert.ok(packets.length >= 4);
  for (const packet of packets) assert.ok(packet.length <= 100_000);
  assert.deepEqual(Buffer.concat(packets), Buffer.from(frames));
  for (const packet of packets) {
    let at = 0;
    while (at < packet.length) at += 16 + new DataView(packet.buffer, packet.byteOffset + at).getUint16(0, true);
    assert.equal(at, packet.length);
  }
});

test("an event stream is read as the standard says, however it is cut", () => {
  const text = ": padding\r\nevent: a\rdata: 1\ndata: 2\n\nid: 7\ndata\n\n: beat\n\nevent: lonely\n\ndata:3\n\n";
  const expected = [
    { name: "a", id: "", data: "1\n2" },
    { name: "message", id: "7", data: "" },
    { name: "message", id: "7", data: "3" },
  ];
  for (let cut = 0; cut <= text.length; cut++) {
    const reader = new EventReader();
    assert.deepEqual([...reader.read(text.slice(0, cut)), ...reader.read(text.slice(cut))], expected, `cut at ${cut}`);
  }
});
