import assert from "node:assert/strict";
import { test } from "node:test";
import { giveUp, PIECE_MIN, send, Stopped, type Answer, type Sent, type Ways } from "@ui/wire/tus";

const UPLOADS = "/spaces/o/n/-/uploads";

/** A gateway with one upload, and whatever happens to a request before it gets there. */
class Gateway {
  bytes = new Uint8Array(0);
  length = -1;
  readonly said: string[] = [];
  readonly sent: Sent[] = [];
  url: string | null = null;
  pauses = 0;
  clock = 0;
  happen: (method: string, n: number, size: number) => { take?: number; answer?: Partial<Answer> & { headers?: Record<string, string> } } | null = () => null;

  ways(signal = new AbortController().signal): Ways {
    return {
      ask: (method, url, headers, body, step) => this.ask(method, url, headers, body, step),
      pause: async () => void this.pauses++,
      recall: () => this.url,
      remember: (url) => void (this.url = url),
      now: () => this.clock,
      progress: (sent) => void this.sent.push(sent),
      signal,
    };
  }

  async ask(method: string, _url: string, headers: Record<string, string>, body: Blob | null, step: (n: number) => void): Promise<Answer> {
    const bytes = new Uint8Array((await body?.arrayBuffer()) ?? new ArrayBuffer(0));
    this.said.push(`${method} ${headers["Upload-Offset"] ?? ""}+${bytes.length}`);
    assert.equal(headers["Tus-Resumable"], "1.0.0");
    const odd = this.happen(method, this.said.length, bytes.length);
    const taken = odd?.take ?? bytes.length;
    if (method === "POST") {
      this.length = Number(headers["Upload-Length"]);
      if (!odd?.answer) this.bytes = bytes.slice(0, taken);
    } else if (method === "PATCH" && (!odd?.answer || odd.take !== undefined)) {
      if (Number(headers["Upload-Offset"]) !== this.bytes.length) return answer(409);
      this.bytes = Uint8Array.from([...this.bytes, ...bytes.slice(0, taken)]);
    }
    step(taken);
    if (odd?.answer) return answer(odd.answer.status ?? 0, odd.answer.headers ?? {}, odd.answer.text ?? "");
    const at = { "Tus-Resumable": "1.0.0", "Upload-Offset": String(this.bytes.length), "Upload-Type": "text/plain" };
    return method === "POST" ? answer(201, { ...at, Location: `https://proxy.example${UPLOADS}/abc123` }) : answer(method === "HEAD" ? 200 : 204, at);
  }
}

function answer(status: number, headers: Record<string, string> = {}, text = ""): Answer {
  return { status, text, header: (name) => headers[name] ?? null };
}

function file(size: number, name = "ü.txt") {
  const blob = new Blob([Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251)]);
  return { name, size, slice: (from: number, to: number) => blob.slice(from, to), blob };
}

async function arrived(gateway: Gateway, source: ReturnType<typeof file>) {
  assert.deepEqual(gateway.bytes, new Uint8Array(await source.blob.arrayBuffer()));
}

test("a small file is one request", async () => {
  const gateway = new Gateway(), source = file(1000);
  assert.deepEqual(await send(UPLOADS, source, gateway.ways()), { id: "abc123", type: "text/plain" });
  assert.deepEqual(gateway.said, ["POST +1000"]);
  assert.equal(gateway.url, null);
  await arrived(gateway, source);
});

test("an empty file arrives", async () => {
  const gateway = new Gateway();
  await send(UPLOADS, file(0), gateway.ways());
  assert.deepEqual(gateway.said, ["POST +0"]);
});

test("a cut is waited out, and what was taken is not sent again", async () => {
  const gateway = new Gateway(), source = file(3 * PIECE_MIN);
  gateway.happen = (method, n) =>
    n === 2 ? { take: 5000, answer: { status: 0 } } : n === 3 || n === 4 ? { answer: { status: method === "HEAD" ? 502 : 0 } } : null;
  await send(UPLOADS, source, gateway.ways());
  assert.deepEqual(gateway.said.slice(0, 6), [`POST +${PIECE_MIN}`, `PATCH ${PIECE_MIN}+${2 * PIECE_MIN}`, "HEAD +0", "HEAD +0", "HEAD +0", `PATCH ${PIECE_MIN + 5000}+${PIECE_MIN}`]);
  assert.equal(gateway.pauses, 3);
  assert.ok(gateway.sent.some((s) => s.waiting && s.sent === PIECE_MIN));
  await arrived(gateway, source);
});

test("after a reload it goes on where the gateway is", async () => {
  const gateway = new Gateway(), source = file(5000);
  gateway.bytes = new Uint8Array(await source.blob.slice(0, 1234).arrayBuffer());
  gateway.url = `${UPLOADS}/abc123`;
  await send(UPLOADS, source, gateway.ways());
  assert.deepEqual(gateway.said, ["HEAD +0", "PATCH 1234+3766"]);
  await arrived(gateway, source);
});

test("an upload that the gateway has let go begins again", async () => {
  const gateway = new Gateway(), source = file(5000);
  gateway.url = `${UPLOADS}/gone`;
  gateway.happen = (_, n) => (n === 1 ? { answer: { status: 404, headers: { "Tus-Resumable": "1.0.0" } } } : null);
  await send(UPLOADS, source, gateway.ways());
  assert.deepEqual(gateway.said, ["HEAD +0", "POST +5000"]);
});

test("who is forgotten each time is told so, instead of beginning for ever", async () => {
  const gateway = new Gateway(), source = file(3 * PIECE_MIN);
  gateway.happen = (method) => {
    gateway.clock += 60_000; // slowly, so that the pieces stay small
    return method === "PATCH" ? { answer: { status: 404, headers: { "Tus-Resumable": "1.0.0" } } } : null;
  };
  await assert.rejects(send(UPLOADS, source, gateway.ways()), /the platform forgets it/);
  assert.ok(gateway.said.length < 10);
});

test("the last answer may be lost", async () => {
  const gateway = new Gateway(), source = file(2 * PIECE_MIN);
  gateway.happen = (_, n) => (n === 2 ? { take: PIECE_MIN, answer: { status: 0 } } : null);
  assert.equal((await send(UPLOADS, source, gateway.ways())).id, "abc123");
  assert.equal(gateway.said.at(-1), "HEAD +0");
  await arrived(gateway, source);
});

test("a proxy that takes less at once gets less at once", async () => {
  const gateway = new Gateway(), source = file(3 * PIECE_MIN);
  gateway.happen = (_, __, size) => (size > 300_000 ? { answer: { status: 413 } } : null);
  await send(UPLOADS, source, gateway.ways());
  await arrived(gateway, source);
});

test("a refusal ends it in the gateway's words", async () => {
  for (const [status, text, words] of [
    [413, '{"error":"the file is over the limit of 10 bytes"}', "The file is over the limit of 10 bytes."],
    [507, '{"error":"no room"}', "No room."],
    [403, "<html>", "The upload was refused (403)."],
  ] as const) {
    const gateway = new Gateway();
    gateway.happen = () => ({ answer: { status, text, headers: { "Tus-Resumable": "1.0.0" } } });
    await assert.rejects(send(UPLOADS, file(100), gateway.ways()), { message: words });
    assert.equal(gateway.said.length, 1);
  }
});

test("stopping sends nothing more, and giving up says so", async () => {
  const gateway = new Gateway(), stop = new AbortController();
  gateway.happen = (_, n) => (n === 2 ? (stop.abort(), null) : null);
  await assert.rejects(send(UPLOADS, file(9 * PIECE_MIN), gateway.ways(stop.signal)), Stopped);
  assert.equal(gateway.said.length, 2);
  assert.equal(gateway.url, `${UPLOADS}/abc123`);
  await giveUp(gateway.ways());
  assert.equal(gateway.said.at(-1), "DELETE +0");
  assert.equal(gateway.url, null);
});
