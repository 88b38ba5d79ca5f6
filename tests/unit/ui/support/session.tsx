/* A session with the other end of the link, the clock and the storage in the hands of a test. */
import { MESSAGE } from "proto";
import { Session, type Place } from "@ui/state/session";
import type { Cell } from "@ui/state/tree";
import type { Frame } from "@ui/wire/frame";
import type { EventId, NodeId, Patch, ServerMessage } from "@ui/wire/messages";

export interface Sent {
  readonly type: string;
  readonly n: number;
  readonly node: number;
  readonly op: number;
  readonly value: unknown;
}

const NAMES = Object.fromEntries(Object.entries(MESSAGE).map(([name, type]) => [type, name]));

export class Bench {
  sent: Sent[] = [];
  connected = false;
  restarts = 0;
  closed = false;
  warnings: string[] = [];
  shown: Place[] = [];
  kept: string | null;
  #timers: { at: number; run: () => void }[] = [];
  #time = 0;
  readonly session: Session;

  constructor(kept: string | null = null) {
    this.kept = kept;
    this.session = new Session({
      keeper: { load: () => this.kept, save: (text) => void (this.kept = text) },
      later: (run, ms) => {
        const timer = { at: this.#time + ms, run };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((t) => t !== timer));
      },
      place: { page: "", query: {} },
      show: (place) => void this.shown.push(place),
      warn: (message) => void this.warnings.push(message),
    });
    this.session.attach({
      send: (frames) => {
        if (this.connected) this.sent.push(...frames.map(toSent));
        return this.connected;
      },
      restart: () => void this.restarts++,
      close: () => void (this.closed = true),
    });
  }

  open(): void {
    this.connected = true;
    this.session.onOpen();
  }

  lose(): void {
    this.connected = false;
    this.session.onLost();
  }

  get(...messages: ServerMessage[]): void {
    this.session.onMessages(messages);
  }

  /** A connection on which everything goes as it does for a first visitor. */
  begin(tree: unknown = TREE): this {
    this.open();
    this.get(welcome("new"), treeOf(tree));
    return this;
  }

  /** Frames since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  pass(ms: number): void {
    this.#time += ms;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= this.#time).sort((a, b) => a.at - b.at)[0];
      if (!due) return;
      this.#timers = this.#timers.filter((t) => t !== due);
      due.run();
    }
  }

  cell(key: string): Cell {
    const cell = [...(this.session.page.tree.peek()?.cells.values() ?? [])].find((c) => c.key === key);
    if (!cell) throw new Error(`no component ${key}`);
    return cell;
  }
}

function toSent(f: Frame): Sent {
  const text = new TextDecoder().decode(f.value);
  return { type: NAMES[f.type] ?? "?", n: f.seq, node: f.node, op: f.op, value: text === "" ? null : JSON.parse(text) };
}

export const el = (n: number, type: string, props: object = {}, on?: object, children?: object[]) => ({
  n,
  key: `${type}${n}`,
  type,
  props,
  ...(on ? { on } : {}),
  ...(children ? { children } : {}),
});

export const TREE = {
  title: "Test",
  root: el(1, "column", {}, undefined, [
    el(2, "textbox", {}, { submit: {}, input: {} }),
    el(3, "button", {}, { click: {} }),
    el(4, "textbox", { password: true }),
    el(5, "chatbot", { value: [] }),
    el(6, "button", { variant: "stop" }, { click: { cancels: [3] } }),
  ]),
};

export const welcome = (state: string, seq = 0, accepted = 0, more: object = {}): ServerMessage => ({
  type: "welcome",
  seq,
  accepted: accepted as EventId,
  body: { session: "s1", state, bundle: "b1", ...more },
});
export const treeOf = (tree: unknown, bundle = "b1"): ServerMessage => ({
  type: "tree",
  body: { bundle, title: (tree as { title: string }).title, tree },
});
export const set = (node: number, path: string, value: unknown): ServerMessage => ({
  type: "patch",
  patch: { op: "set", node: node as NodeId, path, value } satisfies Patch,
});
export const append = (node: number, path: string, text: string): ServerMessage => ({
  type: "patch",
  patch: { op: "append", node: node as NodeId, path, text } satisfies Patch,
});
export const commit = (seq: number, event: number, finish = true): ServerMessage => ({
  type: "commit",
  seq,
  event: event as EventId,
  finish,
});
export const accepted = (event: number): ServerMessage => ({ type: "accepted", event: event as EventId });
export const fail = (event: number, kind: number, body: { message: string; file?: string; line?: number }): ServerMessage => ({
  type: "fail",
  event: event as EventId,
  kind,
  body,
});
export const interrupted = (event: number, node: number): ServerMessage => ({
  type: "interrupted",
  event: event as EventId,
  node: node as NodeId,
  kind: 1,
  body: {},
});
export const queue = (event: number, node: number, place: number, of: number, expected_ms?: number, reason?: string): ServerMessage => ({
  type: "queue",
  event: event as EventId,
  node: node as NodeId,
  body: { place, of, ...(expected_ms === undefined ? {} : { expected_ms }), ...(reason ? { reason } : {}) },
});
export const phase = (name: string): ServerMessage => ({ type: "phase", body: { phase: name } });
export const bye = (reason: string, retry = false): ServerMessage => ({ type: "bye", body: { reason, retry } });
