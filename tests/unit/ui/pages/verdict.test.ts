import assert from "node:assert/strict";
import { test } from "node:test";
import type { Facts } from "@ui/pages/probe";
import { hops, judge, type Here } from "@ui/pages/verdict";

const here: Here = { host: "spaces.example.org", protocol: "h2" };
const arrived = (http: string, headers: Record<string, string> = {}, cookie = true): NonNullable<Facts["head"]> => ({
  ok: true,
  rtt: 20,
  head: { http, cookie, headers: { Host: "spaces.example.org", ...headers } },
});
const good: Facts = {
  head: arrived("HTTP/1.1", { "X-Forwarded-For": "10.0.0.1" }),
  socket: { opened: true, echoed: true, lasted: true, ms: 15_100 },
  events: { status: 200, open: 30, tick: 1030, end: 16_030, ms: 16_040 },
  wait: { ok: true, ms: 25_010 },
  small: { ok: true },
  large: { ok: true },
  range: { ok: true, partial: true },
};
const finding = (facts: Facts, key: string) => {
  const found = judge(facts, here).findings.find((f) => f.key === key);
  assert.ok(found);
  return found;
};

test("where all is well, nothing is to be changed", () => {
  const verdict = judge(good, here);
  assert.equal(verdict.tone, "good");
  assert.equal(verdict.title, "Everything gets through");
  assert.deepEqual(verdict.findings.filter((f) => f.tone !== "good" || f.lines), []);
});

test("nothing is judged before it is known", () => {
  const verdict = judge({}, here);
  assert.equal(verdict.tone, "busy");
  assert.ok(verdict.findings.every((f) => f.tone === "busy"));
});

test("the hops are those that can be seen", () => {
  assert.deepEqual(hops({ head: arrived("HTTP/1.1") }, here), ["This browser, HTTP/2", "Vitrine, HTTP/1.1"]);
  assert.deepEqual(hops({ head: arrived("HTTP/1.0") }, here), ["This browser, HTTP/2", "A proxy, HTTP/1.0", "Vitrine"]);
  assert.match(hops({ head: arrived("HTTP/1.1", { Via: "1.1 squid" }) }, here)[1] ?? "", /squid/);
});

test("a proxy that speaks HTTP/1.0 is named as what refuses WebSockets", () => {
  const refused = { opened: false, echoed: false, lasted: false, ms: 20 };
  const facts = { ...good, head: arrived("HTTP/1.0"), socket: refused };
  assert.match(finding(facts, "socket").words, /proxy in front of Vitrine speaks HTTP\/1\.0/);
  assert.ok(finding(facts, "socket").lines?.includes("proxy_http_version 1.1;"));
  assert.equal(judge(facts, here).title, "Pages work, over an event stream");
  const unseen = { ...good, head: arrived("HTTP/1.1"), socket: refused };
  assert.match(finding(unseen, "socket").words, /between this browser and Vitrine/);
});

test("a WebSocket that is cut names the time", () => {
  const facts = { ...good, socket: { opened: true, echoed: true, lasted: false, ms: 10_020 } };
  assert.match(finding(facts, "socket").words, /after 10 s/);
  assert.deepEqual(finding(facts, "socket").lines, ["proxy_read_timeout 60s;"]);
});

test("an event stream that comes in one piece at its end was held up", () => {
  for (const events of [
    { status: 200, open: 16_000, tick: 16_001, end: 16_002, ms: 16_010 },
    { status: 200, open: 1010, tick: 1011, end: 16_002, ms: 16_010 },
    { status: 200, ms: 10_000 },
  ])
    assert.match(finding({ ...good, events }, "events").words, /holds it up/);
  const cut = finding({ ...good, events: { status: 200, open: 20, tick: 1020, ms: 11_020 } }, "events");
  assert.equal(cut.tone, "slow");
  assert.match(cut.words, /cuts it after 10 s/);
});

test("an address that does not arrive comes before everything that it breaks", () => {
  const head = arrived("HTTP/1.1", { Host: "127.0.0.1:8080" });
  const facts: Facts = { ...good, head, socket: { opened: false, echoed: false, lasted: false, ms: 9 }, small: { ok: false, status: 403, ms: 5 } };
  const verdict = judge(facts, here);
  assert.equal(verdict.title, "Pages cannot connect");
  assert.match(finding(facts, "address").words, /127\.0\.0\.1:8080/);
  assert.deepEqual(finding(facts, "address").lines, ["proxy_set_header Host $http_host;"]);
  assert.match(finding(facts, "socket").words, /above/);
  assert.equal(finding(facts, "socket").lines, undefined);
  const { large: _, ...without } = facts;
  assert.match(finding(without, "bodies").words, /above/);
});

test("polls, sizes, ranges and cookies have their words", () => {
  assert.match(finding({ ...good, wait: { ok: false, status: 504, ms: 10_010 } }, "polls").words, /longer than 10 s/);
  assert.match(finding({ ...good, small: { ok: false, status: 413, ms: 5 }, large: { ok: false, status: 413, ms: 5 } }, "bodies").words, /0\.9 MB do not arrive: too large/);
  assert.equal(finding({ ...good, large: { ok: false, status: 413, ms: 5 } }, "bodies").tone, "slow");
  assert.equal(finding({ ...good, range: { ok: true, partial: false } }, "ranges").tone, "slow");
  assert.equal(finding({ ...good, head: arrived("HTTP/1.1", {}, false) }, "cookie").tone, "bad");
});

test("where nothing gets through, it is said first", () => {
  const none: Facts = {
    ...good,
    socket: { opened: false, echoed: false, lasted: false, ms: 9 },
    events: { status: 502, ms: 9 },
    wait: { ok: false, status: 502, ms: 9 },
  };
  assert.equal(judge(none, here).title, "Pages cannot connect");
  const { wait } = good;
  assert.equal(judge({ ...none, ...(wait ? { wait } : {}) }, here).title, "Pages work, by polling");
});
