// Strangers with bad manners: every one gets 4xx or a closed socket, and the platform stays up.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { after, afterEach, before, test } from "node:test";
import WebSocket from "ws";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { decode, encode, socketUrl, TYPE, Visitor, visitorCookie } from "./lib/wire.mjs";

let platform, repo, cookie, bystander;
const pids = {};

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/counter");
  await repo.deploy({ "app.lua": apps.counter });
  cookie = await visitorCookie(platform, "admin/counter");
  bystander = await Visitor.join(platform, "admin/counter");
  for (const name of ["gateway", "orchestrator", "agent", "inference", "boxd"]) pids[name] = platform.servicePid(name);
});

after(async () => {
  await bystander?.close();
  repo?.remove();
  await platform?.remove();
});

// After each attack the same processes serve the same visitor over the same socket.
afterEach(async () => {
  assert.equal(await bystander.act("add", "click"), undefined);
  for (const [name, pid] of Object.entries(pids)) assert.equal(platform.servicePid(name), pid, `${name} was restarted`);
});

/** Sends raw bytes, returns what came back until the other side closed or quiet ms passed. */
function raw(bytes, quietMs = 2000) {
  return new Promise((resolve) => {
    const socket = connect(platform.port, "127.0.0.1");
    const chunks = [];
    let timer = setTimeout(() => socket.destroy(), quietMs);

    socket.on("data", (data) => {
      chunks.push(data);
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), 300);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("latin1"));
    });
    socket.on("connect", () => {
      for (const part of Array.isArray(bytes) ? bytes : [bytes]) socket.write(part);
    });
  });
}

const statusOf = (answer) => Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1] ?? 0);
const refused = (answer) => answer === "" || (statusOf(answer) >= 400 && statusOf(answer) < 500);

const requests = {
  "no HTTP at all": randomBytes(3000),
  "a lonely newline": "\r\n\r\n\r\n\r\n",
  "a head without end": `GET /${"a".repeat(300_000)}`,
  "a head of 200 kB": `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"b".repeat(200_000)}\r\n\r\n`,
  "ten thousand headers": `GET / HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(10_000)}\r\n`,
  "a NUL in the path": "GET /spaces/admin/coun\0ter HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "a path that climbs": "GET /assets/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "a path that climbs, encoded": "GET /assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "a bad percent sign": "GET /spaces/%zz/%f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "two lengths": "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
  "length and chunks": "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
  "a negative length": "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
  "a bad chunk": "POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
  "a chunk of 2^63": "POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\nabc",
  "an unknown method": "BREW /coffee HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "a socket upgrade elsewhere": `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  "a socket upgrade of a Space that is not": `GET /spaces/no/body/-/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  "a socket upgrade without a key": "GET /spaces/admin/counter/-/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
};

// A server may ignore a wish to upgrade (RFC 9110, 7.8); then it is an ordinary page.
const mayAnswer = new Set(["a socket upgrade elsewhere"]);

for (const [words, bytes] of Object.entries(requests))
  test(`HTTP: ${words}`, async () => {
    const answer = await raw(bytes);

    assert.ok(refused(answer) || (mayAnswer.has(words) && statusOf(answer) === 200), answer.slice(0, 300));
    assert.doesNotMatch(answer, /root:x:0/);
  });

test("HTTP: a thousand connections that say nothing do not keep others out", async () => {
  const silent = Array.from({ length: 1000 }, () => {
    const socket = connect(platform.port, "127.0.0.1");

    socket.on("error", () => {});
    return socket;
  });

  try {
    assert.equal((await fetch(`${platform.url}/healthz`)).status, 200);
  } finally {
    for (const socket of silent) socket.destroy();
  }
});

test("HTTP: a head that comes byte by byte does not keep others out", async () => {
  const socket = connect(platform.port, "127.0.0.1");
  const drip = setInterval(() => socket.write("G"), 20);

  socket.on("error", () => {});
  assert.equal((await fetch(`${platform.url}/healthz`)).status, 200);
  clearInterval(drip);
  socket.destroy();
});

test("API: bodies that are not what they should be get 400 with the field named", async () => {
  const post = (path, body, headers = {}) => fetch(platform.url + path, {
    method: "POST", body, headers: { "content-type": "application/json", authorization: `Bearer ${platform.token}`, ...headers } });

  for (const body of ["", "{", "[]", "null", "\"x\"", "[".repeat(100_000), '{"name":5}', '{"name":"a","name":"b"}', '{"name":"\\u0000"}', `{"name":"${"x".repeat(10_000)}"}`, "\xff\xfe"]) {
    const answer = await post("/api/tokens", body);

    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} for ${body.slice(0, 40)}`);
    assert.ok((await answer.json()).error, body.slice(0, 40));
  }
  assert.ok([400, 413].includes((await post("/api/tokens", `{"name":"${"x".repeat(20 << 20)}"}`).catch(() => ({ status: 413 }))).status));
  assert.equal((await fetch(`${platform.url}/api/nothing/here`)).status, 404);
  assert.ok([401, 403].includes((await fetch(`${platform.url}/api/users`)).status));
  assert.ok([401, 403].includes((await post("/api/tokens", '{"name":"a"}', { authorization: "Bearer hf_wrong" })).status));
});

test("API: a cookie session without its CSRF token changes nothing", async () => {
  const signIn = await fetch(`${platform.url}/api/login`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ username: "admin", password: platform.password }) });

  assert.equal(signIn.status, 200);
  const session = signIn.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");

  assert.match(signIn.headers.getSetCookie().join(), /HttpOnly/i);
  assert.match(signIn.headers.getSetCookie().join(), /SameSite=(Lax|Strict)/i);
  for (const headers of [{}, { "x-csrf-token": "wrong" }]) {
    const answer = await fetch(`${platform.url}/api/tokens`, {
      method: "POST", body: '{"name":"a"}', headers: { cookie: session, "content-type": "application/json", ...headers } });

    assert.equal(answer.status, 403);
  }
  const { csrf } = await signIn.json();
  const answer = await fetch(`${platform.url}/api/tokens`, {
    method: "POST", body: '{"name":"a"}', headers: { cookie: session, "content-type": "application/json", "x-csrf-token": csrf } });

  assert.ok(answer.status < 300, `${answer.status}`);
});

test("API: headers that only the gateway may set are not believed", async () => {
  const answer = await fetch(`${platform.url}/api/users`, { headers: { "x-vitrine-remote": "127.0.0.1", "x-vitrine-user": "admin", "x-forwarded-user": "admin" } });

  assert.ok([401, 403].includes(answer.status));
});

test("git: nonsense as a pack is refused and the repo is intact", async () => {
  const auth = `Basic ${Buffer.from(`admin:${platform.token}`).toString("base64")}`;

  for (const body of [randomBytes(5000), Buffer.from("0000"), Buffer.from("ffff"), Buffer.alloc(0)]) {
    const answer = await fetch(`${platform.url}/spaces/admin/counter/git-receive-pack`, {
      method: "POST", body, headers: { authorization: auth, "content-type": "application/x-git-receive-pack-request" } });

    await answer.arrayBuffer();
    assert.ok(answer.status < 500, `${answer.status}`);
  }
  const zipped = await fetch(`${platform.url}/spaces/admin/counter/git-upload-pack`, {
    method: "POST", body: randomBytes(100), headers: { authorization: auth, "content-encoding": "gzip", "content-type": "application/x-git-upload-pack-request" } });

  assert.ok(zipped.status < 500, `${zipped.status}`);
  await repo.must(["fetch", "-q", repo.url, "main"]);
});

/** A joined socket without the manners of Visitor. */
async function rude({ join = true, headers = { cookie } } = {}) {
  const socket = new WebSocket(socketUrl(platform, "admin/counter"), { headers });
  const state = { socket, closed: null, bye: "" };

  socket.on("close", (code) => {
    state.closed = code;
  });
  socket.on("error", () => {
    state.closed ??= 1006;
  });
  socket.on("message", (data) => {
    for (const { type, value } of decode(data)) if (type === TYPE.BYE) state.bye = value.toString();
  });
  await until("it is open or refused", () => socket.readyState === WebSocket.OPEN || state.closed, 5000, 5);
  if (join && !state.closed) socket.send(encode({ type: TYPE.JOIN, value: "{}" }));
  return state;
}

const someNode = () => bystander.node("add").n;
const messages = {
  "a text message": () => "hello",
  "one byte": () => Buffer.from([1]),
  "a length that lies": () => Buffer.concat([Buffer.from([0xff, 0xff, TYPE.EVENT, 0]), Buffer.alloc(12)]),
  "random bytes": () => randomBytes(500),
  "an unknown type": () => encode({ type: 0xee, value: "{}" }),
  "a message of the worker": () => encode({ type: 0x02, value: '{"title":"x"}' }),
  "a patch from below": () => encode({ type: TYPE.PATCH, op: 1, node: 1, value: "value\0\"x\"" }),
  "a channel of another session": () => encode({ type: TYPE.EVENT, op: 1, channel: 1, node: someNode(), seq: 1, value: "null" }),
  "an event that skips numbers": () => encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: 77, value: "null" }),
  "an event whose value is no JSON": () => encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: 1, value: "{" }),
  "a value nested too deep": () => encode({ type: TYPE.VALUE, node: someNode(), seq: 1, value: "[".repeat(1000) }),
  "an event over its size": () => encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: 1, value: `"${"x".repeat(300 << 10)}"` }),
  "a message of 20 MB": () => Buffer.alloc(20 << 20, 7),
  "a continued value that another interrupts": () => Buffer.concat([Buffer.from([0, 0, TYPE.VALUE, 0x80]), Buffer.alloc(12), encode({ type: TYPE.EVENT, op: 1, node: 1, seq: 1, value: "null" })]),
  "joining twice": () => encode({ type: TYPE.JOIN, value: "{}" }),
};

for (const [words, bytes] of Object.entries(messages))
  test(`WebSocket: ${words} closes that socket`, async () => {
    const state = await rude();

    state.socket.send(bytes());
    await until("the socket is closed", () => state.closed, 10_000);
  });

test("WebSocket: an empty message and an event on a component that is not there change nothing", async () => {
  const state = await rude();

  state.socket.send(Buffer.alloc(0));
  state.socket.send(encode({ type: TYPE.EVENT, op: 1, node: 12345, seq: 1, value: "null" }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  state.socket.terminate();
});

test("WebSocket: the first message must be JOIN", async () => {
  const state = await rude({ join: false });

  state.socket.send(encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: 1, value: "null" }));
  await until("the socket is closed", () => state.closed, 10_000);
});

test("WebSocket: more events than may be pending end with the limit in words", async () => {
  const state = await rude();
  const events = Array.from({ length: 40 }, (_, i) => encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: i + 1, value: "null" }));

  state.socket.send(Buffer.concat(events));
  await until("the socket is closed", () => state.closed, 10_000);
  assert.match(state.bye, /32/);
});

test("WebSocket: a thousand events in a thousand messages harm nobody else", async () => {
  const state = await rude();

  for (let n = 1; n <= 1000; n++)
    state.socket.send(encode({ type: TYPE.EVENT, op: 1, node: someNode(), seq: n, value: "null" }));
  await until("closed or done", () => state.closed || state.socket.bufferedAmount === 0, 20_000);
  state.socket.terminate();
});

test("WebSocket: a page of another site may not open one", async () => {
  const state = await rude({ headers: { cookie, origin: "https://evil.example" } });

  await until("refused", () => state.closed, 10_000);
});

test("WebSocket: two hundred visitors who read nothing cost the others nothing", async () => {
  const states = await Promise.all(Array.from({ length: 200 }, () => rude()));

  for (const { socket } of states) socket._socket?.pause();
  for (let i = 0; i < 20; i++) assert.equal(await bystander.act("add", "click"), undefined);
  for (const { socket } of states) socket.terminate();
});
