/*
 * A table of any length: only the rows in sight are elements. Arrow keys move, Shift extends the
 * selection, Enter or F2 edits where that is allowed, copy and paste speak with spreadsheets.
 */
import { useMemo, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import css from "../styles/dataframe.css" with { type: "text" };
import { BodyRow, HeaderRow, ROW_HEIGHT, type Looks } from "./dataframe_cells";
import { clampPlace, moved, rangeOf, type Cursor, type Extent, type Place } from "./dataframe_grid";
import {
  orderOf,
  parseCell,
  parseTsv,
  rowsOf,
  TableReader,
  tsvOf,
  typesOf,
  widthOf,
  withoutRows,
  withRows,
  type CellValue,
  type Row,
  type Sort,
  type Table,
} from "./dataframe_model";
import { useRows } from "./dataframe_rows";
import { Field } from "./field";
import { Icon } from "./icon";
import { idOf, useSpace, useWaiting, type WidgetProps } from "./space";
import { addStyle } from "./style";

addStyle(css as string);

const OVERSCAN = 6;
const SEARCH_FROM = 8; // rows from which a search is worth its place
const COPY_CELLS_MAX = 2_000_000;

export function Dataframe({ cell }: WidgetProps) {
  const props = propsOf(cell, "dataframe");
  const reader = useRef(new TableReader());
  const value = valueOf(cell) ?? (Array.isArray(props.headers) ? { headers: props.headers, rows: [] } : null);
  const table = useMemo(() => reader.current.read(value), [value]);
  return (
    <Field cell={cell} props={props} as="output" class="dataframe">
      {table && table.headers.length > 0 ? <Grid cell={cell} table={table} /> : <p class="nothing">No rows yet</p>}
    </Field>
  );
}

function Grid({ cell, table }: { cell: Cell; table: Table }) {
  const props = propsOf(cell, "dataframe");
  const { base } = useSpace();
  const waits = useWaiting(cell);
  const [query, setQuery] = useState("");
  const [sort, setSort] = useState<Sort | null>(null);
  const [first, setFirst] = useState(0);
  const [widths, setWidths] = useState<Readonly<Record<number, number>>>({});
  const height = typeof props.height === "number" ? Math.max(96, props.height) : 400;
  const visible = Math.ceil(height / ROW_HEIGHT) + 2 * OVERSCAN;

  const reordered = query.trim() !== "" || sort !== null;
  const from = Math.max(0, first - OVERSCAN);
  const loaded = useRows(base, table, [from, from + visible], reordered);
  const rowAt = useMemo(() => rowsOf(table, loaded.rows), [table, loaded.rows]);
  const types = useMemo(() => typesOf(table, rowAt), [table, rowAt]);
  const order = useMemo(() => (loaded.all ? orderOf(table, rowAt, query, sort) : null), [table, rowAt, query, sort, loaded.all]);
  const count = order ? order.length : table.count;
  const natural = useMemo(
    () => table.headers.map((_, c) => widthOf(table, rowAt, c)),
    [table.headers.join("\n"), table.count > 0, loaded.rows],
  );

  const looks: Looks = {
    id: idOf(cell),
    types,
    columns: natural.map((w, c) => (widths[c] === undefined ? `minmax(${w}px, ${w}fr)` : `${widths[c]}px`)).join(" "),
  };
  const grid = useGrid({ cell, table, rowAt, order, count, types, page: Math.max(1, Math.floor(height / ROW_HEIGHT) - 2) });
  const { cursor, range } = grid;
  const shown: number[] = [];
  for (let i = from; i < Math.min(count, from + visible); i++) shown.push(i);
  const toggle = (column: number) =>
    setSort(sort?.column !== column ? { column, down: false } : sort.down ? null : { column, down: true });

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === "Enter" && cursor?.at.row === -1) {
      e.preventDefault();
      toggle(cursor.at.column);
    } else if (e.altKey && cursor && (e.key === "ArrowLeft" || e.key === "ArrowRight")) {
      e.preventDefault();
      const c = cursor.at.column;
      resize(c, (widths[c] ?? natural[c] ?? 120) + (e.key === "ArrowLeft" ? -16 : 16));
    } else {
      grid.onKeyDown(e);
    }
  };
  const resize = (column: number, width: number) => setWidths({ ...widths, [column]: Math.max(48, Math.min(1200, Math.round(width))) });

  return (
    <>
      <Tools
        cell={cell}
        table={table}
        count={count}
        query={query}
        setQuery={props.search !== false && table.count >= SEARCH_FROM ? setQuery : null}
        grid={grid}
        loading={reordered && !loaded.all}
      />
      <div
        ref={grid.element}
        class="df-scroll"
        role="grid"
        tabIndex={0}
        aria-label={props.label ?? "Table"}
        aria-rowcount={count + 1}
        aria-colcount={table.headers.length}
        aria-busy={waits}
        aria-readonly={!grid.editable}
        aria-multiselectable={true}
        aria-activedescendant={cursor ? `${looks.id}-${cursor.at.row}-${cursor.at.column}` : undefined}
        style={{ maxHeight: `${height}px` }}
        onScroll={(e) => {
          const at = Math.floor(e.currentTarget.scrollTop / ROW_HEIGHT);
          if (Math.abs(at - first) >= OVERSCAN / 2 || at === 0) setFirst(at);
        }}
        onKeyDown={onKeyDown}
        onFocus={grid.onFocus}
        onCopy={grid.onCopy}
        onPaste={grid.onPaste}
      >
        <div class="df-table">
          <HeaderRow looks={looks} headers={table.headers} sort={sort} active={cursor?.at.row === -1 ? cursor.at.column : -1} toggle={toggle} resize={resize} />
          <div class="df-body" role="rowgroup" style={{ height: `${count * ROW_HEIGHT}px` }}>
            {shown.map((at) => {
              const i = order ? (order[at] ?? 0) : at;
              const chosen = range && at >= range.top && at <= range.bottom;
              return (
                <BodyRow
                  key={at}
                  looks={looks}
                  columns={table.headers.length}
                  at={at}
                  row={rowAt(i)}
                  active={cursor?.at.row === at ? cursor.at.column : -1}
                  left={chosen ? range.left : -1}
                  right={chosen ? range.right : -1}
                  typed={grid.typed && cursor?.at.row === at ? grid.typed : null}
                  acts={grid.acts}
                />
              );
            })}
          </div>
        </div>
      </div>
      {loaded.failed && (
        <p class="nothing" role="status">
          Some rows could not be loaded.{" "}
          <button type="button" class="chip-button" onClick={loaded.retry}>
            Try again
          </button>
        </p>
      )}
    </>
  );
}

interface GridOf {
  readonly cell: Cell;
  readonly table: Table;
  readonly rowAt: (i: number) => Row | undefined;
  readonly order: Uint32Array | null;
  readonly count: number;
  readonly types: readonly string[];
  readonly page: number;
}

/** What is being typed into the cell at the cursor. */
export interface Typed {
  readonly text: string;
  /** The text is selected: typing replaces it. */
  readonly whole: boolean;
  /** The cell it is for, in the table: its place on the page may be another row's by the end. */
  readonly row: number;
  readonly column: number;
}

type GridState = ReturnType<typeof useGrid>;

function useGrid(of: GridOf) {
  const { session } = useSpace();
  const element = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [typed, setTyped] = useState<Typed | null>(null);
  const { cell, table, rowAt, order, count } = of;
  const editable = cell.props.value["interactive"] !== false;
  const extent: Extent = { rows: count, columns: table.headers.length, page: of.page };
  const numberOf = (at: number) => (order ? (order[at] ?? 0) : at);
  const now = cursor && { at: clampPlace(cursor.at, extent), anchor: clampPlace(cursor.anchor, extent) };
  const range = now && now.at.row >= 0 ? rangeOf(now) : null;

  const go = (next: Cursor) => {
    setCursor(next);
    setTyped(null);
    reveal(element.current, next.at);
  };
  const put = (changes: ReadonlyMap<number, Row>, row: number, column: number) => {
    if (changes.size === 0) return;
    session.setValue(cell, withRows(table, changes));
    session.fire(cell, "change", { row, column });
  };
  const change = (i: number, column: number, value: CellValue) => {
    const row = rowAt(i);
    if (row && row[column] !== value) put(new Map([[i, replaced(row, column, value, extent.columns)]]), i, column);
  };
  const begin = (at: Place, text?: string) => {
    const i = numberOf(at.row);
    if (!editable || at.row < 0 || !rowAt(i)) return;
    const old = rowAt(i)?.[at.column];
    if (of.types[at.column] === "boolean") change(i, at.column, old !== true);
    else setTyped({ text: text ?? (old === null || old === undefined ? "" : String(old)), whole: text === undefined, row: i, column: at.column });
  };
  const select = (at: Place) => {
    if (at.row < 0) return;
    const i = numberOf(at.row);
    session.fire(cell, "select", { row: i, column: at.column, value: rowAt(i)?.[at.column] ?? null });
  };
  const wipe = () => {
    if (!range || !editable) return;
    put(block(range, (row, c) => (c >= range.left && c <= range.right ? null : row[c])), numberOf(range.top), range.left);
  };
  const block = (r: { top: number; bottom: number }, make: (row: Row, column: number, at: number) => CellValue) => {
    const changes = new Map<number, Row>();
    for (let at = r.top; at <= r.bottom; at++) {
      const row = rowAt(numberOf(at));
      if (row) changes.set(numberOf(at), table.headers.map((_, c) => make(row, c, at) ?? null));
    }
    return changes;
  };

  /** Rows of the selection as text; null: not all of them are here, or they are too many. */
  const copied = (): string | null => {
    const r = range ?? { top: 0, bottom: count - 1, left: 0, right: extent.columns - 1 };
    if ((r.bottom - r.top + 1) * (r.right - r.left + 1) > COPY_CELLS_MAX) return null;
    const rows: Row[] = [];
    for (let at = r.top; at <= r.bottom; at++) {
      const row = rowAt(numberOf(at));
      if (!row) return null;
      rows.push(row);
    }
    return tsvOf(rows, r.left, r.right);
  };
  const paste = (text: string) => {
    if (!range || !editable) return;
    const cells = parseTsv(text);
    const bottom = Math.min(count - 1, range.top + cells.length - 1);
    const changes = block({ top: range.top, bottom }, (row, c, at) => {
      const word = cells[at - range.top]?.[c - range.left];
      const value = word === undefined ? undefined : parseCell(word, (of.types[c] ?? "string") as "string");
      return value === undefined ? row[c] : value;
    });
    put(changes, numberOf(range.top), range.left);
  };

  const onKeyDown = (e: KeyboardEvent) => {
    const at = now ?? { at: { row: 0, column: 0 }, anchor: { row: 0, column: 0 } };
    const far = e.ctrlKey || e.metaKey;
    const next = moved(at, e.key, far, e.shiftKey, extent);
    if (next) go(next);
    else if (far && e.key.toLowerCase() === "a") {
      go({ at: { row: count - 1, column: extent.columns - 1 }, anchor: { row: 0, column: 0 } });
    } else if (e.key === "Enter" || e.key === "F2" || e.key === " ") {
      if (e.key === "Enter") select(at.at);
      begin(at.at);
    } else if (e.key === "Delete" || e.key === "Backspace") wipe();
    else if (e.key === "Escape") setCursor(now && { at: now.at, anchor: now.at });
    else if (editable && e.key.length === 1 && !far && !e.altKey && of.types[at.at.column] !== "boolean") begin(at.at, e.key);
    else return;
    e.preventDefault();
  };

  const acts = useRef({} as Acts);
  Object.assign(acts.current, {
    point(at: Place, extend: boolean) {
      setTyped(null);
      setCursor({ at, anchor: extend && now ? now.anchor : at });
    },
    click: select,
    begin,
    done({ row, column }: Typed, text: string | null, by: "Enter" | "Tab" | "") {
      setTyped(null);
      if (text !== null) {
        const value = parseCell(text, (of.types[column] ?? "string") as "string");
        if (value !== undefined) change(row, column, value);
      }
      if (!now) return;
      if (by !== "") element.current?.focus({ preventScroll: true });
      const to = by === "Enter" ? { ...now.at, row: now.at.row + 1 } : by === "Tab" ? { ...now.at, column: now.at.column + 1 } : null;
      if (to && text !== null) go({ at: clampPlace(to, extent), anchor: clampPlace(to, extent) });
    },
  } satisfies Acts);

  return {
    element,
    cursor: now,
    range,
    typed,
    editable,
    acts: acts.current,
    copied,
    onKeyDown: (e: KeyboardEvent) => {
      if (e.target === element.current) onKeyDown(e);
    },
    onFocus: () => {
      if (!cursor && count > 0) setCursor({ at: { row: 0, column: 0 }, anchor: { row: 0, column: 0 } });
    },
    onCopy: (e: ClipboardEvent) => {
      const text = e.target === element.current ? copied() : null;
      if (text === null) return;
      e.preventDefault();
      e.clipboardData?.setData("text/plain", text);
    },
    onPaste: (e: ClipboardEvent) => {
      if (e.target !== element.current) return;
      e.preventDefault();
      paste(e.clipboardData?.getData("text/plain") ?? "");
    },
    add: () => {
      const value = withRows(table, new Map());
      session.setValue(cell, { ...value, rows: [...(value["rows"] as Row[]), table.headers.map(() => null)] });
      session.fire(cell, "change", { row: table.count, column: 0 });
      setCursor({ at: { row: count, column: 0 }, anchor: { row: count, column: 0 } });
      requestAnimationFrame(() => reveal(element.current, { row: count, column: 0 }));
      element.current?.focus();
    },
    remove: () => {
      if (!range) return;
      const gone = new Set<number>();
      for (let at = range.top; at <= range.bottom; at++) gone.add(numberOf(at));
      session.setValue(cell, withoutRows(table, gone));
      session.fire(cell, "change", { row: range.top, column: 0 });
      element.current?.focus();
    },
  };
}

/** What rows call; always of the present table. */
export interface Acts {
  point(at: Place, extend: boolean): void;
  click(at: Place): void;
  begin(at: Place): void;
  /** Editing has ended; text null: nothing changes. */
  done(typed: Typed, text: string | null, by: "Enter" | "Tab" | ""): void;
}

function replaced(row: Row, column: number, value: CellValue, columns: number): Row {
  const next: CellValue[] = [];
  for (let c = 0; c < columns; c++) next.push(c === column ? value : (row[c] ?? null));
  return next;
}

/** Scrolls just as far as the cell needs to be seen. */
function reveal(element: HTMLElement | null, { row, column }: Place): void {
  if (!element) return;
  const head = ROW_HEIGHT + 4;
  const top = row * ROW_HEIGHT;
  if (row <= 0) element.scrollTop = 0;
  else if (top < element.scrollTop) element.scrollTop = top;
  else if (top + ROW_HEIGHT + head > element.scrollTop + element.clientHeight) {
    element.scrollTop = top + ROW_HEIGHT + head - element.clientHeight;
  }
  const cell = element.querySelector<HTMLElement>(`[role=columnheader]:nth-child(${column + 1})`);
  if (!cell) return;
  if (cell.offsetLeft < element.scrollLeft) element.scrollLeft = cell.offsetLeft;
  else if (cell.offsetLeft + cell.offsetWidth > element.scrollLeft + element.clientWidth) {
    element.scrollLeft = cell.offsetLeft + cell.offsetWidth - element.clientWidth;
  }
}

interface ToolsProps {
  readonly cell: Cell;
  readonly table: Table;
  readonly count: number;
  readonly query: string;
  readonly setQuery: ((query: string) => void) | null;
  readonly grid: GridState;
  readonly loading: boolean;
}

function Tools({ cell, table, count, query, setQuery, grid, loading }: ToolsProps) {
  const grows = grid.editable && propsOf(cell, "dataframe").grow === true;
  if (!setQuery && !grows) return null;
  const words = count === table.count ? `${number(count)} rows` : `${number(count)} of ${number(table.count)} rows`;
  return (
    <div class="df-tools">
      {setQuery && (
        <label class="df-search">
          <Icon name="search" />
          <input
            type="search"
            class="input"
            aria-label={`Search ${propsOf(cell, "dataframe").label ?? "the table"}`}
            placeholder="Search"
            value={query}
            onInput={(e) => setQuery(e.currentTarget.value)}
          />
        </label>
      )}
      {grows && (
        <>
          <button type="button" class="chip-button" onClick={grid.add}>
            Add row
          </button>
          <button type="button" class="chip-button" disabled={!grid.range || table.parts.length > 0} onClick={grid.remove}>
            <Icon name="trash" /> Delete row{grid.range && grid.range.bottom > grid.range.top ? "s" : ""}
          </button>
        </>
      )}
      <span class="df-count" aria-live="polite">
        {loading ? "Loading all rows…" : words}
      </span>
    </div>
  );
}

function number(n: number): string {
  return n.toLocaleString("en-US");
}
