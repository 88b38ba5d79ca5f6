/*
 * Messages of the `wire` link as a discriminated union: what comes in is checked field by field,
 * what goes out is built here and nowhere else. Numbers come from proto/.
 */
import {
  COMMIT_FINISH,
  MESSAGE,
  PATCH_APPEND,
  PATCH_REMOVE,
  PATCH_SET,
  type AppFail,
  type WireBye,
  type WireCost,
  type WireInterrupted,
  type WireJoin,
  type WirePhase,
  type WireQueue,
  type WireTree,
  type WireWelcome,
} from "proto";
import { frame, FrameError, type Frame } from "./frame";

/** Number of a component: CRC-32C of its key; 0 is the page. */
export type NodeId = number & { readonly __brand: "node" };
/** Number of an event within its session, from 1. */
export type EventId = number & { readonly __brand: "event" };

export const PAGE = 0 as NodeId;

export type Patch =
  | { readonly op: "set"; readonly node: NodeId; readonly path: string; readonly value: unknown }
  | { readonly op: "append"; readonly node: NodeId; readonly path: string; readonly text: string }
  | { readonly op: "remove"; readonly node: NodeId; readonly path: string };

export type ServerMessage =
  | { readonly type: "welcome"; readonly seq: number; readonly accepted: EventId; readonly body: WireWelcome }
  | { readonly type: "tree"; readonly body: WireTree }
  | { readonly type: "patch"; readonly patch: Patch }
  | { readonly type: "fail"; readonly event: EventId; readonly kind: number; readonly body: AppFail }
  | { readonly type: "commit"; readonly seq: number; readonly event: EventId; readonly finish: boolean }
  | { readonly type: "accepted"; readonly event: EventId }
  | { readonly type: "phase"; readonly body: WirePhase }
  | {
      readonly type: "interrupted";
      readonly event: EventId;
      readonly node: NodeId;
      readonly kind: number;
      readonly body: WireInterrupted;
    }
  | { readonly type: "queue"; readonly event: EventId; readonly node: NodeId; readonly body: WireQueue }
  | { readonly type: "cost"; readonly body: WireCost }
  | { readonly type: "bye"; readonly body: WireBye };

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Throws FrameError, naming message and field, on anything the link does not allow downwards. */
export function readMessage(f: Frame): ServerMessage {
  switch (f.type) {
    case MESSAGE.WELCOME:
      return { type: "welcome", seq: f.seq, accepted: f.node as EventId, body: object(f, "WELCOME", { session: "string", state: "string", bundle: "string" }) };
    case MESSAGE.TREE:
      return { type: "tree", body: object(f, "TREE", { bundle: "string", title: "string", tree: "object" }) };
    case MESSAGE.PATCH:
      return { type: "patch", patch: readPatch(f) };
    case MESSAGE.FAIL:
      return { type: "fail", event: f.node as EventId, kind: f.op, body: object(f, "FAIL", { message: "string" }) };
    case MESSAGE.COMMIT:
      return { type: "commit", seq: f.seq, event: f.node as EventId, finish: f.op === COMMIT_FINISH };
    case MESSAGE.ACCEPTED:
      return { type: "accepted", event: f.seq as EventId };
    case MESSAGE.PHASE:
      return { type: "phase", body: object(f, "PHASE", { phase: "string" }) };
    case MESSAGE.INTERRUPTED:
      return { type: "interrupted", event: f.seq as EventId, node: f.node as NodeId, kind: f.op, body: object(f, "INTERRUPTED", {}) };
    case MESSAGE.QUEUE:
      return { type: "queue", event: f.seq as EventId, node: f.node as NodeId, body: object(f, "QUEUE", { place: "number", of: "number" }) };
    case MESSAGE.COST:
      return { type: "cost", body: object(f, "COST", { handlers: "object" }) };
    case MESSAGE.BYE:
      return { type: "bye", body: object(f, "BYE", { reason: "string" }) };
    default:
      throw new FrameError(`type 0x${f.type.toString(16)} is not for a browser`);
  }
}

function readPatch(f: Frame): Patch {
  const end = f.value.indexOf(0);
  if (end <= 0) throw new FrameError("PATCH: no path");
  const node = f.node as NodeId;
  const path = text.decode(f.value.subarray(0, end));
  const rest = f.value.subarray(end + 1);

  switch (f.op) {
    case PATCH_SET:
      return { op: "set", node, path, value: parse(rest, "PATCH") };
    case PATCH_APPEND:
      return { op: "append", node, path, text: text.decode(rest) };
    case PATCH_REMOVE:
      return { op: "remove", node, path };
    default:
      throw new FrameError(`PATCH: op ${f.op} is unknown`);
  }
}

function parse(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(text.decode(bytes)) as unknown;
  } catch {
    throw new FrameError(`${name}: value is not JSON`);
  }
}

/** The required fields are checked here, so that the cast below them is true. */
function object<T>(f: Frame, name: string, required: Record<string, "string" | "number" | "object">): T {
  const value = f.value.length > 0 ? parse(f.value, name) : {};
  if (typeof value !== "object" || value === null) throw new FrameError(`${name}: not an object`);
  for (const [field, kind] of Object.entries(required)) {
    const got = (value as Record<string, unknown>)[field];
    if (typeof got !== kind || got === null) throw new FrameError(`${name}: ${field} is missing`);
  }
  return value as T;
}

function json(value: unknown): Uint8Array {
  return utf8.encode(JSON.stringify(value ?? null));
}

export const write = {
  join: (seq: number, body: WireJoin): Frame => frame(MESSAGE.JOIN, { seq }, json(body)),
  value: (n: EventId, node: NodeId, value: unknown): Frame =>
    frame(MESSAGE.VALUE, { node, seq: n }, json(value)),
  event: (n: EventId, node: NodeId, kind: number, data: unknown): Frame =>
    frame(MESSAGE.EVENT, { node, seq: n, op: kind }, json(data)),
  cancel: (n: EventId): Frame => frame(MESSAGE.CANCEL, { seq: n }),
  retry: (n: EventId): Frame => frame(MESSAGE.RETRY, { seq: n }),
  ack: (seq: number): Frame => frame(MESSAGE.ACK, { seq }),
};
