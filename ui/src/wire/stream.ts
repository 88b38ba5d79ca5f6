/*
 * Carriers for where no WebSocket gets through: frames go up in numbered POSTs, one at a time, and
 * come down as an event stream or as answers to polls. The gateway keeps the stream between them,
 * so a request that is cut is made again and nothing is lost or doubled; when the gateway knows the
 * stream no longer, the carrier ends and the session joins again.
 */
import { STREAM_BEAT_SEC, STREAM_POLL_SEC } from "proto";
import type { Carrier, CarrierEvents } from "./carrier";
import { splitPackets } from "./frame";
import { EventReader, type StreamEvent } from "./sse";

/** What proxies let through in one POST: nginx takes 1 MB unless told otherwise. */
const POST_BYTES = 256 << 10;
const POST_MS = 30_000;
/** The first event is sent at once: an event stream without it after this long is held up. */
const BUFFERED_MS = 3000;
/** The stream says that it lives more often than this. */
const SILENT_MS = (2 * STREAM_BEAT_SEC + 4) * 1000;
/** Tries in a row that bring nothing before the carrier gives up. */
const TRIES = 4;
const PAUSE_MS = 250;
/** A poll that was cut after less was refused rather than held too long. */
const CUT_MS = 1500;
const POLL_LEAST_SEC = 2;

/** What these carriers need of the world; tests give their own. */
export interface StreamWorld {
  fetch(url: string, init: RequestInit): Promise<Response>;
  now(): number;
  later(run: () => void, ms: number): () => void;
  /** Seconds that polls may wait on this way, as found out earlier; 0: not known. */
  patience: { get(): number; set(seconds: number): void };
}

class Ended extends Error {}

/** The way a status is to be taken: again later, or never. */
function isPassing(status: number): boolean {
  return status === 429 || status >= 500;
}

abstract class StreamCarrier implements Carrier {
  protected readonly world: StreamWorld;
  protected readonly on: CarrierEvents;
  protected after = 0;
  readonly #base: string;
  readonly #abort = new AbortController();
  #id = "";
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #n = 0;
  #posting = false;
  #closed = false;

  constructor(base: string, on: CarrierEvents, world: StreamWorld) {
    this.#base = base;
    this.on = on;
    this.world = world;
    void this.#run();
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#queue.push(...splitPackets(bytes, POST_BYTES));
    if (!this.#posting) void this.#post();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    if (!this.#id) return;
    const said = this.world.fetch(this.#url("send", "&close=1"), { method: "POST", keepalive: true });
    void said.catch(() => {});
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Reads until the stream has ended; throws Ended with words. `rtt`: ms one request took. */
  protected abstract read(rtt: number): Promise<void>;

  protected opened(): void {
    if (!this.#closed) this.on.onOpen();
  }

  protected packet(bytes: ArrayBuffer, last: number): void {
    if (this.#closed || last <= this.after) return;
    this.after = last;
    if (bytes.byteLength > 0) this.on.onPacket(bytes);
  }

  /** A request that is given up after `ms` without its answer's head; its body ends with `cut`, which ends when this closes. */
  protected async ask(path: string, ms: number, init: RequestInit = {}, cut?: AbortSignal): Promise<Response> {
    const late = new AbortController();
    const stop = () => late.abort();
    const cancel = this.world.later(stop, ms);
    const unlink = cut ? () => {} : this.whenClosed(stop);
    cut?.addEventListener("abort", stop, { once: true });
    try {
      return await this.world.fetch(path, { ...init, signal: late.signal, cache: "no-store", credentials: "same-origin" });
    } finally {
      cancel();
      unlink();
    }
  }

  /** By hand: AbortSignal.any is younger than the browsers that this is built for. */
  protected whenClosed(stop: () => void): () => void {
    if (this.#abort.signal.aborted) stop();
    this.#abort.signal.addEventListener("abort", stop, { once: true });
    return () => this.#abort.signal.removeEventListener("abort", stop);
  }

  protected readUrl(name: "events" | "poll", more = ""): string {
    return this.#url(name, `&after=${this.after}${more}`);
  }

  protected pause(ms: number): Promise<void> {
    return new Promise((done) => void this.world.later(done, ms));
  }

  #url(name: string, more: string): string {
    return `${this.#base}/-/${name}?stream=${this.#id}${more}`;
  }

  async #run(): Promise<void> {
    try {
      const began = this.world.now();
      const answer = await this.ask(`${this.#base}/-/stream`, POST_MS, { method: "POST" });
      if (!answer.ok) throw new Ended(await words(answer));
      this.#id = String(((await answer.json()) as Record<string, unknown>)["stream"] ?? "");
      if (this.#closed) {
        this.#closed = false;
        return this.close();
      }
      await this.read(this.world.now() - began);
      this.#end();
    } catch (error) {
      this.#end(error instanceof Ended ? error.message : undefined);
    }
  }

  #end(detail?: string): void {
    if (this.#closed) return;
    this.close();
    this.on.onEnd(detail);
  }

  async #post(): Promise<void> {
    this.#posting = true;
    while (this.#queue.length > 0 && !this.#closed) {
      const body = this.#take();
      this.#n++;
      const refusal = await this.#deliver(body);
      if (refusal !== null) {
        this.#end(refusal);
        break;
      }
    }
    this.#posting = false;
  }

  /** What waits, as much as one POST carries. */
  #take(): Uint8Array<ArrayBuffer> {
    let n = 0;
    let size = 0;
    for (const part of this.#queue) {
      if (n > 0 && size + part.length > POST_BYTES) break;
      size += part.length;
      n++;
    }
    const body = new Uint8Array(size);
    let at = 0;
    for (const part of this.#queue.splice(0, n)) {
      body.set(part, at);
      at += part.length;
    }
    return body;
  }

  /** The same piece until it has arrived, however often; null: it has. */
  async #deliver(body: Uint8Array<ArrayBuffer>): Promise<string | null> {
    let status = 0;
    for (let tries = 0; tries < TRIES && !this.#closed; tries++) {
      if (tries > 0) await this.pause(PAUSE_MS << tries);
      try {
        const url = this.#url("send", `&n=${this.#n}&ack=${this.after}`);
        const headers = { "Content-Type": "application/octet-stream" };
        const answer = await this.ask(url, POST_MS, { method: "POST", body, headers });
        if (answer.ok) return null;
        status = answer.status;
        if (!isPassing(status)) return await words(answer);
      } catch {
        status = 0;
      }
    }
    return status ? `what was sent was refused (${status})` : "what was sent did not arrive";
  }
}

async function words(answer: Response): Promise<string> {
  try {
    const body = (await answer.json()) as Record<string, unknown>;
    if (typeof body["error"] === "string") return body["error"];
  } catch {
    // Not from the gateway.
  }
  return `a proxy answered with ${answer.status}`;
}

export class EventsCarrier extends StreamCarrier {
  #opened = false;

  protected async read(rtt: number): Promise<void> {
    for (let tries = 0; tries < TRIES; ) {
      if (tries > 1) await this.pause(PAUSE_MS << tries);
      const began = this.world.now();
      const brought = await this.#readOnce(Math.max(BUFFERED_MS, 4 * rtt));
      if (this.closed) return;
      if (!this.#opened) throw new Ended("the event stream is held up on its way");
      // What is cut at once each time brings its first event each time, too.
      tries = brought && this.world.now() - began >= CUT_MS ? 0 : tries + 1;
    }
    throw new Ended("the event stream is cut again and again");
  }

  /** One request; true: it brought something before it was cut. */
  async #readOnce(firstMs: number): Promise<boolean> {
    const cut = new AbortController();
    const unlink = this.whenClosed(() => cut.abort());
    let cancel = this.world.later(() => cut.abort(), this.#opened ? SILENT_MS : firstMs);
    let brought = false;
    try {
      const headers = { Accept: "text/event-stream" };
      const answer = await this.ask(this.readUrl("events"), SILENT_MS, { headers }, cut.signal);
      if (!answer.ok && !isPassing(answer.status)) throw new Ended(await words(answer));
      if (!answer.ok || !answer.body) return false;
      const events = new EventReader();
      const text = new TextDecoder();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return brought;
        for (const event of events.read(text.decode(value, { stream: true }))) {
          this.#take(event);
          brought = true;
        }
        if (!this.#opened) continue;
        cancel();
        cancel = this.world.later(() => cut.abort(), SILENT_MS);
      }
    } catch (error) {
      if (error instanceof Ended) throw error;
      return brought;
    } finally {
      cancel();
      unlink();
    }
  }

  #take(event: StreamEvent): void {
    if (event.name === "open") {
      if (this.#opened) return;
      this.#opened = true;
      this.opened();
    } else if (event.name === "end") {
      throw new Ended();
    } else {
      this.packet(Uint8Array.from(atob(event.data), (c) => c.charCodeAt(0)).buffer, Number(event.id));
    }
  }
}

export class PollCarrier extends StreamCarrier {
  #seconds = 0;
  #failures = 0;
  #cutAfter = 0; // ms, of the poll before this one

  protected async read(): Promise<void> {
    this.#seconds = this.world.patience.get() || STREAM_POLL_SEC;
    this.opened();
    while (!this.closed) {
      const began = this.world.now();
      const answer = await this.#ask();
      if (answer?.ok) {
        this.#took(await answer.arrayBuffer().catch(() => null));
        continue;
      }
      if (answer && !isPassing(answer.status)) throw new Ended(await words(answer));
      await this.#failed(this.world.now() - began);
    }
  }

  async #ask(): Promise<Response | null> {
    // A short one tells soonest whether the stream is still there.
    const wait = this.#failures > 0 ? POLL_LEAST_SEC : this.#seconds;
    try {
      return await this.ask(this.readUrl("poll", `&wait=${wait}`), (wait + 10) * 1000);
    } catch {
      return null;
    }
  }

  #took(body: ArrayBuffer | null): void {
    if (!body || body.byteLength < 8) return;
    // The stream is still there, so it was the way that cut the last poll, and not the gateway.
    if (this.#cutAfter > 0) this.#hasten();
    this.#failures = 0;
    this.packet(body.slice(8), Number(new DataView(body).getBigUint64(0, true)));
  }

  #hasten(): void {
    this.#seconds = Math.max(POLL_LEAST_SEC, Math.floor(this.#cutAfter / 2000));
    this.#cutAfter = 0;
    this.world.patience.set(this.#seconds);
  }

  async #failed(ms: number): Promise<void> {
    if (this.#failures === 0) this.#cutAfter = ms >= CUT_MS ? ms : 0;
    if (++this.#failures >= TRIES) throw new Ended("polls are not answered");
    if (this.#failures > 1) await this.pause(PAUSE_MS << this.#failures);
  }
}
