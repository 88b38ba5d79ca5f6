/* What every widget of a page can reach: the session, and how a file gets up and down. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../state/session";
import type { Cell } from "../state/tree";
import type { Sent } from "../wire/tus";

/** A file as values name it. */
export interface FileValue {
  readonly file: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** An upload that was cut. */
export interface Half {
  readonly name: string;
  readonly size: number;
  readonly sent: number;
}

export interface Space {
  readonly session: Session;
  /** /spaces/OWNER/NAME */
  readonly base: string;
  /** Goes on after cuts by itself. Rejects with an Error whose message is for the visitor. */
  upload(cell: Cell, file: File, progress: (sent: Sent) => void, signal: AbortSignal): Promise<FileValue>;
  /** What a reload has interrupted at this component; choosing the same file goes on. */
  halves(cell: Cell): readonly Half[];
}

export const SpaceContext = createContext<Space | null>(null);

export function useSpace(): Space {
  const space = useContext(SpaceContext);
  if (!space) throw new Error("a widget outside a Space's page");
  return space;
}

export interface WidgetProps {
  readonly cell: Cell;
}

/** Does something of this component's run? */
export function useBusy(cell: Cell): boolean {
  return useSpace().session.ledger.busyAt(cell.n).length > 0;
}

/**
 * Is a handler at work whose answer may land here? Exact where the tree says `outputs`; an
 * output that nobody names waits for whatever runs.
 */
export function useWaiting(cell: Cell): boolean {
  const { ledger, page } = useSpace().session;
  return ledger.busy.value.some((event) => {
    const from = page.tree.value?.cells.get(event.node);
    const outputs = Object.values(from?.on ?? {}).flatMap((h) => h.outputs ?? []);
    return outputs.length === 0 || outputs.includes(cell.n);
  });
}

export function idOf(cell: Cell): string {
  return `c${cell.n}`;
}
