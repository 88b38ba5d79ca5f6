/* The rows of a large table, from their files: fetched when they are looked at, kept while the table shows them. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Part, Table } from "./dataframe_model";

export interface Loaded {
  readonly rows: ReadonlyMap<string, readonly unknown[]>;
  /** Every file is here. */
  readonly all: boolean;
  readonly failed: boolean;
  retry(): void;
}

const NONE: readonly Part[] = [];

/** `wanted`: from and to of the rows that are looked at; `all`: an order or a search needs every one. */
export function useRows(base: string, table: Table | null, wanted: readonly [number, number], all: boolean): Loaded {
  const kept = useRef(new Map<string, readonly unknown[]>());
  const loading = useRef(new Set<string>());
  const [rows, setRows] = useState<ReadonlyMap<string, readonly unknown[]>>(kept.current);
  const [failed, setFailed] = useState(false);
  const parts = table?.parts ?? NONE;
  const names = parts.map((p) => p.file).join();

  useEffect(() => {
    for (const file of kept.current.keys()) if (!parts.some((p) => p.file === file)) kept.current.delete(file);
    setFailed(false);
  }, [names]);
  useEffect(() => {
    if (failed) return;
    let from = 0;
    for (const part of parts) {
      const seen = all || (from < wanted[1] && from + part.rows > wanted[0]);
      from += part.rows;
      if (!seen || kept.current.has(part.file) || loading.current.has(part.file)) continue;
      loading.current.add(part.file);
      void fetchRows(`${base}/-/file/${part.file}`)
        .then((got) => {
          kept.current.set(part.file, got);
          setRows(new Map(kept.current));
        }, () => setFailed(true))
        .finally(() => loading.current.delete(part.file));
    }
  }, [names, wanted[0], wanted[1], all, failed]);
  return { rows, all: parts.every((p) => rows.has(p.file)), failed, retry: () => setFailed(false) };
}

async function fetchRows(url: string): Promise<readonly unknown[]> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status}`);
  const rows: unknown = await answer.json();
  if (!Array.isArray(rows)) throw new Error("not a list");
  return rows;
}
