/*
 * The connection that comes back: opens a carrier, reads its packets into messages, and after a
 * loss tries again, another kind or with back-off, until it is closed. Knows no session: who owns
 * it sends JOIN in onOpen.
 *
 *	            open                message / send
 *	 waiting ─────────► connecting ─────────► open
 *	    ▲                   │ refused           │ lost, restart(), a better kind opened
 *	    └───────────────────┴───────────────────┘        close() from anywhere: closed, for good
 */
import { backoff, type Backoff } from "./backoff";
import { type Carrier, type CarrierEvents, type Kind } from "./carrier";
import { encodeFrames, FrameError, FrameReader, type Frame } from "./frame";
import { readMessage, type ServerMessage } from "./messages";
import { openSocket } from "./socket";
import { EventsCarrier, PollCarrier, type StreamWorld } from "./stream";
import { Transports, type Outcome, type TransportMemory } from "./transport";

/** An attempt that has not opened after this long is given up. */
const CONNECT_MS: Readonly<Record<Kind, number>> = { socket: 6_000, events: 20_000, poll: 20_000 };
/** A connection that held this long makes the next wait short again. */
const STEADY_MS = 5_000;

export interface LinkEvents {
  onOpen(kind: Kind): void;
  onMessages(messages: readonly ServerMessage[]): void;
  /** `detail`: words for the console when the other end broke the protocol. */
  onLost(detail?: string): void;
}

/** What a Link needs of the world; tests give their own. */
export interface LinkWorld {
  open(kind: Kind, on: CarrierEvents): Carrier;
  now(): number;
  later(run: () => void, ms: number): () => void;
  backoff: Backoff;
  transports: Transports;
}

interface Attempt {
  readonly kind: Kind;
  readonly carrier: Carrier;
  opened: number | null; // ms, when it opened; null: it has not
  brought: boolean; // something came
}

export function later(run: () => void, ms: number): () => void {
  const id = setTimeout(run, ms);
  return () => clearTimeout(id);
}

/** `base`: the Space's path. `memory`: of this tab. */
export function browserWorld(base: string, memory: TransportMemory): LinkWorld {
  const socketUrl = new URL(`${base}/-/ws`, location.href);
  let patience = 0;
  const streams: StreamWorld = {
    fetch: (url, init) => fetch(url, init),
    now: () => performance.now(),
    later,
    patience: { get: () => patience, set: (seconds) => void (patience = seconds) },
  };
  socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
  return {
    open(kind, on) {
      if (kind === "socket") return openSocket(socketUrl.href, on);
      return kind === "events" ? new EventsCarrier(base, on, streams) : new PollCarrier(base, on, streams);
    },
    now: () => performance.now(),
    later,
    backoff: backoff(),
    transports: new Transports(memory),
  };
}

export class Link {
  readonly #on: LinkEvents;
  readonly #world: LinkWorld;
  #attempt: Attempt | null = null;
  #better: Carrier | null = null; // tried beside the present one
  #cancelTimer: () => void = () => {};
  #cancelBetter: () => void = () => {};
  #closed = false;

  constructor(on: LinkEvents, world: LinkWorld) {
    this.#on = on;
    this.#world = world;
  }

  open(): void {
    if (this.#closed || this.#attempt) return;
    this.#cancelTimer();
    const kind = this.#world.transports.kind;
    const attempt = this.#start(kind, (a) => {
      this.#cancelTimer();
      this.#opened(a);
    });

    this.#attempt = attempt;
    this.#cancelTimer = this.#world.later(() => this.#drop(attempt, "connecting took too long"), CONNECT_MS[kind]);
  }

  /** False: not connected; the caller keeps what it wanted to say until the next onOpen. */
  send(frames: readonly Frame[]): boolean {
    if (!this.#attempt || this.#attempt.opened === null) return false;
    this.#attempt.carrier.send(encodeFrames(frames));
    return true;
  }

  /** The visitor is back, or the network is: do not sit out the wait. */
  hurry(): void {
    if (!this.#attempt) this.open();
  }

  /** Gives up a connection that seems dead without having closed. */
  restart(): void {
    if (this.#attempt) this.#drop(this.#attempt, "no answer", true);
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#detach();
  }

  #start(kind: Kind, opened: (attempt: Attempt) => void): Attempt {
    const reader = new FrameReader();
    const attempt: Attempt = {
      kind,
      carrier: this.#world.open(kind, {
        onOpen: () => opened(attempt),
        onPacket: (packet) => this.#receive(attempt, reader, packet),
        onEnd: (detail) => this.#drop(attempt, detail),
      }),
      opened: null,
      brought: false,
    };
    return attempt;
  }

  #opened(attempt: Attempt): void {
    attempt.opened = this.#world.now();
    this.#on.onOpen(attempt.kind);
    this.#lookForBetter();
  }

  #receive(attempt: Attempt, reader: FrameReader, packet: ArrayBuffer): void {
    if (attempt !== this.#attempt) return;
    if (!attempt.brought) {
      attempt.brought = true;
      this.#world.transports.works();
    }
    try {
      this.#on.onMessages(reader.read(packet).map(readMessage));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#drop(attempt, error.message);
    }
  }

  #drop(attempt: Attempt, detail?: string, stalled = false): void {
    if (attempt !== this.#attempt) return;
    const { transports } = this.#world;
    if (attempt.opened !== null && this.#world.now() - attempt.opened >= STEADY_MS) {
      this.#world.backoff.reset();
      if (!stalled && attempt.brought) transports.steady();
    }
    this.#cancelTimer();
    this.#detach();
    this.#on.onLost(detail);
    if (this.#closed) return;
    const next = transports.over(outcomeOf(attempt, stalled));
    this.#cancelTimer = this.#world.later(() => this.open(), next ? 0 : this.#world.backoff.next());
  }

  #detach(): void {
    this.#cancelBetter();
    this.#better?.close();
    this.#better = null;
    const attempt = this.#attempt;
    this.#attempt = null;
    attempt?.carrier.close();
  }

  /* ---- a better kind, beside the present one ---- */

  #lookForBetter(): void {
    const wait = this.#world.transports.betterIn();
    this.#cancelBetter();
    if (wait !== null) this.#cancelBetter = this.#world.later(() => this.#tryBetter(), wait);
  }

  #tryBetter(): void {
    let attempt: Attempt | null = null;
    const failed = () => {
      if (!attempt || this.#attempt === attempt) return;
      this.#better?.close();
      this.#better = null;
      this.#lookForBetter();
    };

    attempt = this.#start("socket", (a) => this.#takeOver(a));
    this.#better = attempt.carrier;
    this.#cancelBetter = this.#world.later(failed, CONNECT_MS.socket);
  }

  #takeOver(attempt: Attempt): void {
    this.#better = null;
    this.#detach();
    this.#on.onLost();
    this.#world.transports.better();
    this.#attempt = attempt;
    this.#opened(attempt);
  }
}

function outcomeOf(attempt: Attempt, stalled: boolean): Outcome {
  if (attempt.opened === null) return "refused";
  if (!attempt.brought) return "barren";
  return stalled ? "stalled" : "lost";
}
