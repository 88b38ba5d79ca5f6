/*
 * Tries out every way between this browser and Vitrine (docs/PROCESSES.md, /-/probe/…). Says what
 * happened and not what it means: that is in verdict.ts.
 */
import { EventReader } from "../wire/sse";

export interface Head {
  /** As it arrived at Vitrine. */
  readonly http: string;
  readonly cookie: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** ms until it failed, and the status, 0 where nobody answered. */
export interface Failed {
  readonly ok: false;
  readonly status: number;
  readonly ms: number;
}
export type Outcome<T> = ({ readonly ok: true } & T) | Failed;

export interface Facts {
  readonly head?: Outcome<{ readonly head: Head; readonly rtt: number }>;
  /** Whether one opened and said something back, and whether it still did after a silence. */
  readonly socket?: { readonly opened: boolean; readonly echoed: boolean; readonly lasted: boolean; readonly ms: number };
  /** ms from asking to each event; missing ones did not come. */
  readonly events?: { readonly status: number; readonly open?: number; readonly tick?: number; readonly end?: number; readonly ms: number };
  readonly wait?: Outcome<{ readonly ms: number }>;
  readonly small?: Outcome<object>;
  readonly large?: Outcome<object>;
  readonly range?: Outcome<{ readonly partial: boolean }>;
}

export const QUIET_MS = 15_000;
export const WAIT_SEC = 25;
export const SMALL_BYTES = 900_000;
export const LARGE_BYTES = 20_000_000;
const GIVE_UP_MS = 40_000;
const SOCKET_MS = 6_000;

async function ask(path: string, init: RequestInit = {}, ms = GIVE_UP_MS): Promise<Response> {
  return fetch(path, { cache: "no-store", ...init, signal: AbortSignal.timeout(ms) });
}

async function attempt<T extends object>(run: () => Promise<Response>, read: (answer: Response, ms: number) => Promise<T>): Promise<Outcome<T>> {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  try {
    const answer = await run();
    if (!answer.ok) return { ok: false, status: answer.status, ms: ms() };
    return { ok: true, ...(await read(answer, ms())) };
  } catch {
    return { ok: false, status: 0, ms: ms() };
  }
}

async function head(): Promise<NonNullable<Facts["head"]>> {
  const times: number[] = [];
  for (;;) {
    const one = await attempt(() => ask("/-/probe/head"), async (answer, ms) => {
      times.push(ms);
      return { head: (await answer.json()) as Head, rtt: 0 };
    });
    if (!one.ok) return one;
    // The first may have opened the connection; the middle one of five says most.
    if (times.length === 5) return { ...one, rtt: times.sort((x, y) => x - y)[2] ?? 0 };
  }
}

function socket(): Promise<NonNullable<Facts["socket"]>> {
  const url = new URL("/-/probe/ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new Promise((resolve) => {
    const began = performance.now();
    const seen = { opened: false, echoed: false, lasted: false };
    const ws = new WebSocket(url);
    let timer = setTimeout(end, SOCKET_MS);
    function end() {
      clearTimeout(timer);
      ws.onclose = null;
      ws.close();
      resolve({ ...seen, ms: Math.round(performance.now() - began) });
    }
    const say = () => {
      clearTimeout(timer);
      timer = setTimeout(end, SOCKET_MS);
      ws.send("hello");
    };
    ws.onopen = () => {
      seen.opened = true;
      say();
    };
    ws.onclose = end;
    ws.onmessage = () => {
      clearTimeout(timer);
      if (seen.echoed) {
        seen.lasted = true;
        return end();
      }
      seen.echoed = true;
      timer = setTimeout(say, QUIET_MS);
    };
  });
}

async function events(): Promise<NonNullable<Facts["events"]>> {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  const seen: { open?: number; tick?: number; end?: number } = {};
  let status = 0;
  try {
    const answer = await ask("/-/probe/events", { headers: { Accept: "text/event-stream" } });
    status = answer.status;
    const reader = answer.ok && answer.body ? answer.body.getReader() : null;
    const text = new TextDecoder();
    const parser = new EventReader();
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) break;
      for (const { name } of parser.read(text.decode(part.value, { stream: true }))) {
        if (name === "open" || name === "tick" || name === "end") seen[name] = ms();
      }
    }
  } catch {
    // Cut; what came before it is told.
  }
  return { ...seen, status, ms: ms() };
}

function size(bytes: number): Promise<Outcome<object>> {
  const body = new Uint8Array(bytes);
  return attempt(() => ask("/-/probe/size", { method: "POST", body }), async (answer) => {
    const got = (await answer.json()) as Record<string, unknown>;
    if (got["bytes"] !== bytes) throw new Error("cut short");
    return {};
  });
}

async function sizes(tell: (facts: Partial<Facts>) => void): Promise<void> {
  tell({ small: await size(SMALL_BYTES) });
  tell({ large: await size(LARGE_BYTES) });
}

/** Runs them side by side; `tell` hears of each as it is done. */
export async function probe(tell: (facts: Partial<Facts>) => void): Promise<void> {
  tell({ head: await head() });
  // A large upload fills the way, and would make what waits on it look held up.
  const timed = Promise.all([
    socket().then((fact) => tell({ socket: fact })),
    events().then((fact) => tell({ events: fact })),
  ]);
  await Promise.all([
    timed.then(() => sizes(tell)),
    attempt(() => ask(`/-/probe/wait?s=${WAIT_SEC}`), async (_, ms) => ({ ms })).then((fact) => tell({ wait: fact })),
    attempt(() => ask("/-/probe/range", { headers: { Range: "bytes=100-199" } }), async (answer) => ({
      partial: answer.status === 206 && (await answer.arrayBuffer()).byteLength === 100,
    })).then((fact) => tell({ range: fact })),
  ]);
}
