/* A list that comes in parts: the first at once, each next one when somebody asks for it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Part } from "./hub_api";

export interface Listed<T> {
  /** Null: the first part is on its way for the first time. */
  readonly items: readonly T[] | null;
  readonly total: number | null;
  readonly more: boolean;
  readonly busy: boolean;
  readonly error: Error | null;
  readonly again: () => void;
  readonly loadMore: () => void;
}

/**
 * key: what the list is of; when it changes, the old items stay until the new ones are there, so
 * that a search does not flicker with each letter. delay: ms to wait for the next change.
 */
export function usePart<T>(key: string, first: () => Promise<Part<T>>, next: (path: string) => Promise<Part<T>>, delay = 0): Listed<T> {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [rest, setRest] = useState<{ path: string | null; total: number | null }>({ path: null, total: null });
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const [round, setRound] = useState(0);
  const asked = useRef(0);

  const load = (ask: () => Promise<Part<T>>, before: readonly T[]) => {
    const mine = ++asked.current;
    const wanted = () => mine === asked.current;
    setBusy(true);
    ask().then(
      (part) => {
        if (!wanted()) return;
        setItems([...before, ...part.items]);
        setRest({ path: part.next, total: part.total });
        setError(null);
        setBusy(false);
      },
      (failure: unknown) => {
        if (!wanted()) return;
        setError(failure instanceof Error ? failure : new Error(String(failure)));
        setBusy(false);
      },
    );
  };
  useEffect(() => {
    const timer = setTimeout(() => load(first, []), items === null ? 0 : delay);
    return () => clearTimeout(timer);
  }, [key, round]);
  return {
    items,
    total: rest.total,
    more: rest.path !== null,
    busy,
    error,
    again: () => setRound(round + 1),
    loadMore: () => rest.path !== null && load(() => next(rest.path!), items ?? []),
  };
}
