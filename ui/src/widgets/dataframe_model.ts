/*
 * A table as it came (docs/COMPONENTS.md; its form is told in sdk-lua/vitrine/dataframe.lua), and
 * what a visitor makes of it: an order, a selection as text, another value. Knows no DOM. Nothing
 * of the value is trusted: what is no row is an empty one.
 */
export type CellValue = unknown;
export type Row = readonly CellValue[];
export type ColumnType = "string" | "number" | "boolean" | "date" | "markdown";

export interface Part {
  readonly file: string;
  readonly rows: number;
}

export interface Table {
  readonly headers: readonly string[];
  /** As the app said; deduced where it did not: see typesOf. */
  readonly types: readonly unknown[] | null;
  /** The first rows of a large table, in files. */
  readonly parts: readonly Part[];
  readonly partRows: number;
  /** Rows after those. */
  readonly rows: readonly unknown[];
  readonly edits: Readonly<Record<string, unknown>>;
  readonly count: number;
}

export interface Sort {
  readonly column: number;
  readonly down: boolean;
}

const EMPTY: Row = [];
const PARTS_MAX = 64;
const COLUMNS_MAX = 1000;
const ROWS_MAX = 5_000_000;

/** Reads one table after the other: what did not change is not read again. */
export class TableReader {
  #tail = "";
  #tailRows: unknown[] = [];
  #rows: readonly unknown[] = [];
  #all: readonly unknown[] = [];

  read(value: unknown): Table | null {
    if (typeof value !== "object" || value === null) return null;
    const v = value as Record<string, unknown>;
    if (!Array.isArray(v["headers"])) return null;
    const headers = v["headers"].slice(0, COLUMNS_MAX).map((h) => (typeof h === "string" ? h : JSON.stringify(h) ?? ""));
    const parts = (Array.isArray(v["parts"]) ? v["parts"] : []).slice(0, PARTS_MAX).filter(isPart);
    const partRows = parts.reduce((n, p) => n + p.rows, 0);
    const rows = this.#join(Array.isArray(v["rows"]) ? v["rows"] : [], typeof v["tail"] === "string" ? v["tail"] : "");
    const edits = isRecord(v["edits"]) ? v["edits"] : {};
    const types = Array.isArray(v["types"]) ? v["types"] : null;
    return { headers, types, parts, partRows, rows, edits, count: partRows + rows.length };
  }

  #join(rows: readonly unknown[], tail: string): readonly unknown[] {
    if (tail === this.#tail && rows === this.#rows) return this.#all;
    const known = tail.startsWith(this.#tail) ? this.#tail.length : 0;
    if (known === 0) this.#tailRows = [];
    for (const line of tail.slice(known).split("\n")) if (line !== "") this.#tailRows.push(parseRow(line));
    this.#tail = tail;
    this.#rows = rows;
    this.#all = tail === "" ? rows : [...rows, ...this.#tailRows];
    return this.#all;
  }
}

function parseRow(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return EMPTY;
  }
}

function isPart(p: unknown): p is Part {
  if (!isRecord(p) || typeof p["file"] !== "string" || !/^[\w-]+$/.test(p["file"])) return false;
  const rows = p["rows"];
  return typeof rows === "number" && Number.isInteger(rows) && rows >= 0 && rows <= ROWS_MAX;
}

function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

export type RowAt = (i: number) => Row | undefined;

/** Rows by number; undefined: its part is not here yet. */
export function rowsOf(table: Table, loaded: ReadonlyMap<string, readonly unknown[]>): RowAt {
  const starts: number[] = [];
  let at = 0;
  for (const part of table.parts) {
    starts.push(at);
    at += part.rows;
  }
  return (i) => {
    const edited = Object.hasOwn(table.edits, `r${i}`) ? table.edits[`r${i}`] : undefined;
    if (edited !== undefined) return asRow(edited);
    if (i >= table.partRows) return asRow(table.rows[i - table.partRows]);
    let p = starts.length - 1;
    while (p > 0 && (starts[p] ?? 0) > i) p--;
    const rows = loaded.get(table.parts[p]?.file ?? "");
    return rows && asRow(rows[i - (starts[p] ?? 0)]);
  };
}

function asRow(row: unknown): Row {
  return Array.isArray(row) ? row : EMPTY;
}

const KNOWN: ReadonlySet<unknown> = new Set(["string", "number", "boolean", "date", "markdown"]);
const SAMPLE = 100;
const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

export function typesOf(table: Table, rowAt: RowAt): ColumnType[] {
  return table.headers.map((_, c) => {
    const said = table.types?.[c];
    if (KNOWN.has(said)) return said as ColumnType;
    const kinds = new Set<ColumnType>();
    for (let i = 0; i < Math.min(table.count, SAMPLE); i++) {
      const v = rowAt(i)?.[c];
      if (typeof v === "number") kinds.add("number");
      else if (typeof v === "boolean") kinds.add("boolean");
      else if (typeof v === "string") kinds.add(DATE.test(v) ? "date" : "string");
    }
    const [only] = kinds;
    return kinds.size === 1 && only ? only : "string";
  });
}

/** What stands in a cell. */
export function textOf(value: CellValue): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

/** Beyond so many rows, strings are compared by code instead of by the rules of a language. */
const COLLATED_MAX = 50_000;

/** Numbers of the rows that are shown, in their order; null: all, as they came. */
export function orderOf(table: Table, rowAt: RowAt, query: string, sort: Sort | null): Uint32Array | null {
  const wanted = query.trim().toLowerCase();
  if (wanted === "" && !sort) return null;
  let n = 0;
  const order = new Uint32Array(table.count);
  for (let i = 0; i < table.count; i++) {
    if (wanted === "" || matches(rowAt(i), wanted)) order[n++] = i;
  }
  const found = order.subarray(0, n);
  return sort ? sorted(found, rowAt, sort) : found;
}

function matches(row: Row | undefined, wanted: string): boolean {
  return row?.some((v) => textOf(v).toLowerCase().includes(wanted)) ?? false;
}

/** Empty cells come last in either direction; equal ones stay in their order. */
function sorted(order: Uint32Array, rowAt: RowAt, { column, down }: Sort): Uint32Array {
  const cells = Array.from(order, (i) => ({ i, v: rowAt(i)?.[column] ?? null }));
  const collator = order.length <= COLLATED_MAX ? new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }) : null;
  const sign = down ? -1 : 1;
  cells.sort((a, b) => {
    if (a.v === null || b.v === null) return a.v === b.v ? a.i - b.i : a.v === null ? 1 : -1;
    return sign * compare(a.v, b.v, collator) || a.i - b.i;
  });
  return Uint32Array.from(cells, (c) => c.i);
}

function compare(a: unknown, b: unknown, collator: Intl.Collator | null): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  const x = textOf(a);
  const y = textOf(b);
  return collator ? collator.compare(x, y) : x < y ? -1 : x > y ? 1 : 0;
}

/** For spreadsheets: cells between tabs, rows on lines. */
export function tsvOf(rows: readonly Row[], from: number, to: number): string {
  const line = (row: Row) => {
    const cells: string[] = [];
    for (let c = from; c <= to; c++) cells.push(quoted(textOf(row[c])));
    return cells.join("\t");
  };
  return rows.map(line).join("\n");
}

function quoted(text: string): string {
  return /[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Cells of what was copied from a spreadsheet. */
export function parseTsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /"((?:[^"]|"")*)"(?=[\t\n\r]|$)|([^\t\n\r]*)/y;
  while (cell.lastIndex <= text.length) {
    const found = cell.exec(text);
    if (!found) break;
    row.push(found[1] === undefined ? (found[2] ?? "") : found[1].replaceAll('""', '"'));
    let at = cell.lastIndex;
    if (text[at] === "\t") {
      cell.lastIndex = at + 1;
      continue;
    }
    rows.push(row);
    row = [];
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    if (at >= text.length) break;
    cell.lastIndex = at;
  }
  return rows;
}

/** What was typed as a cell of that type; undefined: it is none. */
export function parseCell(text: string, type: ColumnType): CellValue | undefined {
  if (text.trim() === "" && type !== "string" && type !== "markdown") return null;
  if (type === "number") {
    const n = Number(text.trim().replace(",", "."));
    return Number.isFinite(n) ? n : undefined;
  }
  if (type === "boolean") {
    const word = text.trim().toLowerCase();
    return ["true", "yes", "1"].includes(word) ? true : ["false", "no", "0"].includes(word) ? false : undefined;
  }
  return text;
}

/** The value after some rows were changed, as it is sent: rows of files stay where they are. */
export function withRows(table: Table, changed: ReadonlyMap<number, Row>): Record<string, unknown> {
  const rows = table.rows.map(asRow);
  const edits: Record<string, Row> = {};
  const put = (i: number, row: Row) => {
    if (i < table.partRows) edits[`r${i}`] = row;
    else rows[i - table.partRows] = row;
  };
  for (const [key, row] of Object.entries(table.edits)) {
    const i = /^r\d+$/.test(key) ? Number(key.slice(1)) : -1;
    if (i >= 0 && i < table.count) put(i, asRow(row));
  }
  for (const [i, row] of changed) put(i, row);
  return {
    headers: table.headers,
    ...(table.types && { types: table.types }),
    ...(table.parts.length > 0 && { parts: table.parts, edits }),
    rows,
  };
}

/** The value without some rows; only where none are in files. */
export function withoutRows(table: Table, gone: ReadonlySet<number>): Record<string, unknown> {
  const all = withRows(table, new Map());
  return { ...all, rows: (all["rows"] as Row[]).filter((_, i) => !gone.has(i)) };
}

const SAMPLE_WIDTH = 60;

/** CSS pixels that a column's content wants. */
export function widthOf(table: Table, rowAt: RowAt, column: number): number {
  let longest = (table.headers[column]?.length ?? 0) + 3;
  const step = Math.max(1, Math.floor(table.count / SAMPLE_WIDTH));
  for (let i = 0; i < table.count; i += step) {
    longest = Math.max(longest, textOf(rowAt(i)?.[column]).length);
  }
  return Math.min(320, Math.max(72, Math.round(longest * 7.6 + 28)));
}
