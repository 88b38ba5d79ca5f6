/*
 * What a page leaves for the page after a reload: which session it was, what was typed and not
 * sent, which events the gateway may not hold yet. Where it is kept (sessionStorage: one per tab)
 * is the business of pages/.
 */
import { EVENTS_PENDING_MAX } from "proto";
import type { NodeId } from "../wire/messages";
import type { Ledger, NewEvent } from "./outgoing";
import { isInput, isSecret, type Tree } from "./tree";

export interface KeptEvent extends NewEvent {
  readonly n: number;
  readonly accepted: boolean;
}

export interface Kept {
  readonly session: string;
  /** By key: [type of the component, value]. */
  readonly drafts: Readonly<Record<string, readonly [string, unknown]>>;
  readonly events: readonly KeptEvent[];
}

export interface Keeper {
  load(): string | null;
  /** May fail for lack of room; nothing but convenience is lost then. */
  save(text: string): void;
}

export function writeKept(session: string, tree: Tree | null, ledger: Ledger): string {
  const drafts: Record<string, readonly [string, unknown]> = {};
  for (const cell of tree?.cells.values() ?? []) {
    const draft = cell.draft.peek();
    // What an event on its way carries is kept with the event.
    const typed = draft && draft.sent === null && isInput(cell) && !isSecret(cell);
    if (typed) drafts[cell.key] = [cell.type, draft.value];
  }
  const events = ledger
    .all()
    .filter((e) => !e.secret)
    .slice(-EVENTS_PENDING_MAX)
    .map(({ n, node, kind, data, values, state }) => {
      const accepted = state !== "queued";
      return { n, node, kind, data, values: accepted ? [] : values, accepted };
    });
  return JSON.stringify({ session, drafts, events });
}

/** Null for anything that writeKept would not have written: storage is not ours alone. */
export function readKept(text: string | null): Kept | null {
  try {
    const kept = JSON.parse(text ?? "null") as Kept | null;
    if (!kept || typeof kept.session !== "string" || typeof kept.drafts !== "object") return null;
    const events = kept.events.map((e) => ({
      n: Number(e.n),
      node: Number(e.node) as NodeId,
      kind: Number(e.kind),
      data: e.data,
      values: [...e.values],
      accepted: e.accepted === true,
      secret: false,
    }));
    return { session: kept.session, drafts: kept.drafts ?? {}, events };
  } catch {
    return null;
  }
}
