/* What the facts of probe.ts mean: which hop breaks what, and what to change. Pure words. */
import { LARGE_BYTES, QUIET_MS, SMALL_BYTES, WAIT_SEC, type Facts, type Failed, type Head } from "./probe";

/** slow: works, but less well than it could. */
export type Tone = "busy" | "good" | "slow" | "bad";

export interface Finding {
  readonly key: string;
  readonly title: string;
  readonly tone: Tone;
  readonly words: string;
  /** Lines for nginx, where a line of it can help. */
  readonly lines?: readonly string[];
}

export interface Verdict {
  readonly tone: Tone;
  readonly title: string;
  readonly words: string;
  readonly findings: readonly Finding[];
}

export interface Here {
  /** As the browser's address bar has it. */
  readonly host: string;
  /** How the browser speaks to the first hop, "h2"; "": it does not say. */
  readonly protocol: string;
}

const UPGRADE = ["proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", 'proxy_set_header Connection "upgrade";'];
const BODY = ["client_max_body_size 0;", "proxy_request_buffering off;"];
const ADDRESS_FIRST = "Refused, because the address does not arrive (above).";
const TIMEOUT = ["proxy_read_timeout 60s;"];
/** An event that comes later than this, though it was sent at once, was held up. */
const HELD_MS = 3000;
const SLOW_MS = 400;

export function judge(facts: Facts, here: Here): Verdict {
  const findings = [
    address(facts, here),
    time(facts),
    cookie(facts),
    socket(facts, here),
    events(facts),
    polls(facts),
    bodies(facts, here),
    ranges(facts),
  ];
  return { ...sum(findings), findings };
}

/** Who stands between, as far as can be seen. */
export function hops(facts: Facts, here: Here): readonly string[] {
  const head = headOf(facts);
  const proxy = head && proxyIn(head);
  const browser = `This browser${here.protocol ? `, ${protocolWords(here.protocol)}` : ""}`;
  if (!head) return [browser, "Vitrine"];
  return proxy ? [browser, proxy, "Vitrine"] : [browser, `Vitrine, ${head.http}`];
}

function protocolWords(protocol: string): string {
  return { "http/1.1": "HTTP/1.1", "http/1.0": "HTTP/1.0", h2: "HTTP/2", h3: "HTTP/3" }[protocol] ?? protocol;
}

function headOf(facts: Facts): Head | null {
  return facts.head?.ok ? facts.head.head : null;
}

function proxyIn(head: Head): string | null {
  const via = head.headers["Via"];
  const marks = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP"];
  if (via) return `A proxy (${via.slice(0, 60)}), ${head.http}`;
  if (head.http === "HTTP/1.0" || marks.some((name) => name in head.headers)) return `A proxy, ${head.http}`;
  return null;
}

/** The hop that is to blame, as the subject of a sentence. */
function culprit(facts: Facts): string {
  const head = headOf(facts);
  return head && proxyIn(head) ? "The proxy in front of Vitrine" : "Something between this browser and Vitrine";
}

function wrongHost(facts: Facts, here: Here): string | null {
  const arrived = headOf(facts)?.headers["Host"];
  return arrived !== undefined && arrived.toLowerCase() !== here.host.toLowerCase() ? arrived : null;
}

function address(facts: Facts, here: Here): Finding {
  const base = { key: "address", title: "Address" };
  const wrong = wrongHost(facts, here);
  if (!facts.head) return busy(base);
  if (!facts.head.ok) return { ...base, tone: "bad", words: `Vitrine does not answer here: ${statusWords(facts.head)}.` };
  if (wrong === null) return { ...base, tone: "good", words: `Vitrine is asked for ${here.host}, as it is in the address bar.` };
  return {
    ...base,
    tone: "bad",
    words: `The address bar says ${here.host}, and Vitrine is asked for ${wrong}. ${culprit(facts)} does not pass the name on, so Vitrine takes pages for those of another site and refuses them.`,
    lines: ["proxy_set_header Host $http_host;"],
  };
}

function time(facts: Facts): Finding {
  const base = { key: "time", title: "Time there and back" };
  if (!facts.head) return busy(base);
  if (!facts.head.ok) return { ...base, tone: "bad", words: "Not known." };
  const { rtt } = facts.head;
  if (rtt <= SLOW_MS) return { ...base, tone: "good", words: `${rtt} ms.` };
  return { ...base, tone: "slow", words: `${rtt} ms. Every click takes at least that long.` };
}

function cookie(facts: Facts): Finding {
  const base = { key: "cookie", title: "Cookies" };
  if (!facts.head) return busy(base);
  if (headOf(facts)?.cookie) return { ...base, tone: "good", words: "The visitor's cookie arrives." };
  return {
    ...base,
    tone: "bad",
    words: `The visitor's cookie does not arrive: this browser does not keep it, or a hop drops it. A session is then lost with its page, and only WebSockets work.`,
  };
}

function socket(facts: Facts, here: Here): Finding {
  const base = { key: "socket", title: "WebSocket" };
  const { socket: seen } = facts;
  const head = headOf(facts);
  if (!seen) return busy(base);
  if (seen.lasted) return { ...base, tone: "good", words: `One opens, and holds through ${QUIET_MS / 1000} s of silence.` };
  if (wrongHost(facts, here)) return { ...base, tone: "bad", words: ADDRESS_FIRST };
  if (seen.echoed) {
    return { ...base, tone: "bad", words: `${culprit(facts)} cuts a WebSocket after ${seconds(seen.ms)} s.`, lines: TIMEOUT };
  }
  if (seen.opened) return { ...base, tone: "bad", words: `${culprit(facts)} lets a WebSocket open, and lets nothing through it.` };
  if (head?.http === "HTTP/1.0") {
    return {
      ...base,
      tone: "bad",
      words: "Refused. The proxy in front of Vitrine speaks HTTP/1.0 to it, which has no WebSockets.",
      lines: UPGRADE,
    };
  }
  const words = head && proxyIn(head) ? "does not pass the upgrade on" : "refuses it: often a company's proxy or a virus scanner";
  return { ...base, tone: "bad", words: `Refused. ${culprit(facts)} ${words}.`, lines: UPGRADE };
}

function events(facts: Facts): Finding {
  const base = { key: "events", title: "Event stream" };
  const { events: seen } = facts;
  if (!seen) return busy(base);
  if (seen.open === undefined && seen.status !== 200) {
    return { ...base, tone: "bad", words: `Refused: ${statusWords({ ok: false, ...seen })}.` };
  }
  const late = seen.open === undefined || seen.open > HELD_MS || (seen.tick !== undefined && seen.tick - seen.open < 300);
  if (late) {
    return {
      ...base,
      tone: "bad",
      words: `${culprit(facts)} holds it up, and passes it on when it is over.`,
      lines: ["proxy_buffering off;", "gzip off;"],
    };
  }
  if (seen.end !== undefined) return { ...base, tone: "good", words: `It flows, and holds through ${QUIET_MS / 1000} s of silence.` };
  const silent = seen.ms - (seen.tick ?? seen.open ?? 0);
  return {
    ...base,
    tone: "slow",
    words: `It flows, and ${lower(culprit(facts))} cuts it after ${seconds(silent)} s without a word. Vitrine says something every 5 s, so pages are not cut.`,
    lines: TIMEOUT,
  };
}

function polls(facts: Facts): Finding {
  const base = { key: "polls", title: "Polling" };
  const { wait } = facts;
  if (!wait) return busy(base);
  if (wait.ok) return { ...base, tone: "good", words: `An answer may take ${WAIT_SEC} s.` };
  if (wait.ms < 1500) return { ...base, tone: "bad", words: `Refused: ${statusWords(wait)}.` };
  return {
    ...base,
    tone: "slow",
    words: `${culprit(facts)} cuts an answer that takes longer than ${seconds(wait.ms)} s. Pages that poll ask again sooner.`,
    lines: TIMEOUT,
  };
}

function bodies(facts: Facts, here: Here): Finding {
  const base = { key: "bodies", title: "Uploads" };
  const { small, large } = facts;
  if (large?.ok) return { ...base, tone: "good", words: `${mega(LARGE_BYTES)} arrive in one piece.` };
  if (small && !small.ok && wrongHost(facts, here)) return { ...base, tone: "bad", words: ADDRESS_FIRST };
  if (small && !small.ok) {
    return { ...base, tone: "bad", words: `${mega(SMALL_BYTES)} do not arrive: ${statusWords(small)}.`, lines: BODY };
  }
  if (!large) return busy(base);
  return {
    ...base,
    tone: "slow",
    words: `${culprit(facts)} does not let ${mega(LARGE_BYTES)} through: ${statusWords(large)}. Larger files and pushes fail.`,
    lines: BODY,
  };
}

function ranges(facts: Facts): Finding {
  const base = { key: "ranges", title: "Downloads in part" };
  const { range } = facts;
  if (!range) return busy(base);
  if (!range.ok) return { ...base, tone: "bad", words: `Refused: ${statusWords(range)}.` };
  if (range.partial) return { ...base, tone: "good", words: "A download that was cut can go on where it stopped." };
  return { ...base, tone: "slow", words: `${culprit(facts)} drops the header Range: a download that was cut begins anew.` };
}

function sum(findings: readonly Finding[]): Omit<Verdict, "findings"> {
  const tone = (key: string) => findings.find((f) => f.key === key)?.tone;
  const rest = findings.filter((f) => !["socket", "events", "polls"].includes(f.key));
  if (tone("address") === "bad") return { tone: "bad", title: "Pages cannot connect", words: "What has to change first is marked below." };
  if (findings.some((f) => f.tone === "busy")) return { tone: "busy", title: "Trying out every way…", words: "This takes about half a minute." };
  if (tone("socket") !== "good" && tone("events") === "bad" && tone("polls") === "bad") {
    return { tone: "bad", title: "Pages cannot connect", words: "Neither WebSockets nor event streams nor polls get through." };
  }
  const how = { title: "Everything gets through", words: "Pages connect by WebSocket." };
  if (tone("socket") !== "good") {
    const by = tone("events") === "bad" ? "by polling" : "over an event stream";
    Object.assign(how, { title: `Pages work, ${by}`, words: "They would be quicker over a WebSocket." });
    return { tone: "slow", ...how };
  }
  if (rest.some((f) => f.tone === "bad")) return { tone: "bad", title: "Something does not get through", words: how.words };
  // A long way is nobody's fault.
  if (findings.some((f) => f.tone !== "good" && f.key !== "time")) return { tone: "slow", title: "Pages work", words: "Something could be better; it is marked below." };
  return { tone: "good", ...how };
}

function busy(base: { key: string; title: string }): Finding {
  return { ...base, tone: "busy", words: "…" };
}

function statusWords(failed: Failed): string {
  if (failed.status === 0) return `no answer, after ${seconds(failed.ms)} s`;
  const known: Readonly<Record<number, string>> = {
    403: "forbidden",
    413: "too large",
    502: "the proxy does not reach Vitrine",
    503: "not available",
    504: "the proxy did not wait for the answer",
  };
  return known[failed.status] ? `${known[failed.status]} (${failed.status})` : `status ${failed.status}`;
}

function seconds(ms: number): string {
  return ms < 950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000));
}

function mega(bytes: number): string {
  return `${bytes / 1e6} MB`;
}

function lower(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
