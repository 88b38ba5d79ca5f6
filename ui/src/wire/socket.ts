/*
 * One WebSocket that comes back: connects, reads frames into messages, and after a loss tries
 * again with back-off until it is closed. Knows no session: who owns it sends JOIN in onOpen.
 *
 *	            open                message / send
 *	 waiting ─────────► connecting ─────────► open
 *	    ▲                   │ refused           │ lost, restart()
 *	    └───────────────────┴───────────────────┘        close() from anywhere: closed, for good
 */
import { backoff, type Backoff } from "./backoff";
import { encodeFrames, FrameError, FrameReader, type Frame } from "./frame";
import { readMessage, type ServerMessage } from "./messages";

/** An attempt that has not opened after this long is given up. */
const CONNECT_MS = 10_000;
/** A connection that held this long makes the next wait short again. */
const STEADY_MS = 5_000;

export interface LinkEvents {
  onOpen(): void;
  onMessages(messages: readonly ServerMessage[]): void;
  /** `detail`: words for the console when the other end broke the protocol. */
  onLost(detail?: string): void;
}

/** What a Link needs of the world; tests give their own. */
export interface LinkWorld {
  connect(url: string): WebSocket;
  now(): number;
  later(run: () => void, ms: number): () => void;
  backoff: Backoff;
}

export function browserWorld(): LinkWorld {
  return {
    connect: (url) => new WebSocket(url),
    now: () => performance.now(),
    later(run, ms) {
      const id = setTimeout(run, ms);
      return () => clearTimeout(id);
    },
    backoff: backoff(),
  };
}

export class Link {
  readonly #url: string;
  readonly #on: LinkEvents;
  readonly #world: LinkWorld;
  #socket: WebSocket | null = null;
  #opened: number | null = null; // ms, when the socket opened; null: it has not
  #cancelTimer: () => void = () => {};
  #closed = false;

  constructor(url: string, on: LinkEvents, world: LinkWorld = browserWorld()) {
    this.#url = url;
    this.#on = on;
    this.#world = world;
  }

  open(): void {
    if (this.#closed || this.#socket) return;
    this.#cancelTimer();
    const socket = this.#world.connect(this.#url);
    const reader = new FrameReader();

    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#opened = null;
    this.#cancelTimer = this.#world.later(() => this.#drop(socket, "connecting took too long"), CONNECT_MS);
    socket.onopen = () => {
      this.#cancelTimer();
      this.#opened = this.#world.now();
      this.#on.onOpen();
    };
    socket.onmessage = (e: MessageEvent) => this.#receive(socket, reader, e.data);
    socket.onclose = () => this.#drop(socket);
  }

  /** False: not connected; the caller keeps what it wanted to say until the next onOpen. */
  send(frames: readonly Frame[]): boolean {
    if (!this.#socket || this.#opened === null) return false;
    this.#socket.send(encodeFrames(frames));
    return true;
  }

  /** The visitor is back, or the network is: do not sit out the wait. */
  hurry(): void {
    if (!this.#socket) this.open();
  }

  /** Gives up a socket that seems dead without having closed. */
  restart(): void {
    if (this.#socket) this.#drop(this.#socket, "no answer");
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#detach();
  }

  #receive(socket: WebSocket, reader: FrameReader, data: unknown): void {
    try {
      if (!(data instanceof ArrayBuffer)) throw new FrameError("a text message");
      this.#on.onMessages(reader.read(data).map(readMessage));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#drop(socket, error.message);
    }
  }

  #drop(socket: WebSocket, detail?: string): void {
    if (socket !== this.#socket) return;
    if (this.#opened !== null && this.#world.now() - this.#opened >= STEADY_MS) {
      this.#world.backoff.reset();
    }
    this.#cancelTimer();
    this.#detach();
    this.#on.onLost(detail);
    if (!this.#closed) {
      this.#cancelTimer = this.#world.later(() => this.open(), this.#world.backoff.next());
    }
  }

  #detach(): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    this.#opened = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
