/* One row of a table, and what stands in its cells. */
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Acts, Typed } from "./dataframe";
import { textOf, type ColumnType, type Row, type Sort } from "./dataframe_model";
import { Icon } from "./icon";
import { memo } from "./memo";
import { Prose } from "./prose";

/** CSS pixels; as --df-row in styles. */
export const ROW_HEIGHT = 36;

export interface Looks {
  readonly id: string;
  readonly types: readonly ColumnType[];
  /** grid-template-columns */
  readonly columns: string;
}

interface HeaderProps {
  readonly looks: Looks;
  readonly headers: readonly string[];
  readonly sort: Sort | null;
  readonly active: number;
  toggle(column: number): void;
  resize(column: number, width: number): void;
}

export function HeaderRow({ looks, headers, sort, active, toggle, resize }: HeaderProps) {
  return (
    <div class="df-head" role="rowgroup">
      <div class="df-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: looks.columns }}>
        {headers.map((header, c) => {
          const down = sort?.column === c ? sort.down : null;
          return (
            <div
              key={c}
              id={`${looks.id}--1-${c}`}
              role="columnheader"
              class={`df-cell is-${looks.types[c]}${active === c ? " active" : ""}`}
              aria-colindex={c + 1}
              aria-sort={down === null ? "none" : down ? "descending" : "ascending"}
            >
              <button type="button" tabIndex={-1} onClick={() => toggle(c)} title={header}>
                <span>{header}</span>
                {down !== null && <Icon name={down ? "arrow_down" : "arrow_up"} />}
              </button>
              <span class="df-resize" aria-hidden="true" onPointerDown={(e) => drag(e, (width) => resize(c, width))} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function drag(e: PointerEvent, resize: (width: number) => void): void {
  const handle = e.currentTarget as HTMLElement;
  const width = handle.parentElement?.offsetWidth ?? 0;
  const from = e.clientX;
  e.preventDefault();
  handle.setPointerCapture(e.pointerId);
  handle.onpointermove = (m) => resize(width + m.clientX - from);
  handle.onpointerup = handle.onpointercancel = () => {
    handle.onpointermove = null;
  };
}

interface RowProps {
  readonly looks: Looks;
  readonly columns: number;
  /** Its place in the order shown. */
  readonly at: number;
  readonly row: Row | undefined;
  /** Column of the cursor; -1: it is elsewhere. */
  readonly active: number;
  /** Columns of the selection; -1: none. */
  readonly left: number;
  readonly right: number;
  readonly typed: Typed | null;
  readonly acts: Acts;
}

export const BodyRow = memo(function BodyRow({ looks, columns, at, row, active, left, right, typed, acts }: RowProps) {
  const cells = [];
  for (let c = 0; c < columns; c++) {
    const type = looks.types[c] ?? "string";
    const chosen = c >= left && c <= right && left >= 0;
    cells.push(
      <div
        key={c}
        id={`${looks.id}-${at}-${c}`}
        role="gridcell"
        class={`df-cell is-${type}${active === c ? " active" : ""}${chosen ? " chosen" : ""}`}
        aria-colindex={c + 1}
        aria-selected={chosen}
        onPointerDown={(e) => {
          if (e.button === 0 && !(e.target as Element).closest("input, a")) acts.point({ row: at, column: c }, e.shiftKey);
        }}
        onPointerEnter={(e) => {
          if (e.buttons === 1 && e.pointerType === "mouse" && !typed) acts.point({ row: at, column: c }, true);
        }}
        onClick={() => acts.click({ row: at, column: c })}
        onDblClick={() => acts.begin({ row: at, column: c })}
      >
        {typed && active === c ? <Editor typed={typed} acts={acts} /> : row ? <Shown value={row[c]} type={type} /> : <span class="df-wait" />}
      </div>,
    );
  }
  return (
    <div
      class="df-row"
      role="row"
      aria-rowindex={at + 2}
      aria-busy={row === undefined}
      style={{ gridTemplateColumns: looks.columns, transform: `translateY(${at * ROW_HEIGHT}px)` }}
    >
      {cells}
    </div>
  );
});

function Shown({ value, type }: { value: unknown; type: ColumnType }) {
  if (value === null || value === undefined) return null;
  if (type === "boolean" && typeof value === "boolean") {
    return (
      <>
        {value ? <Icon name="check" /> : <span aria-hidden="true">–</span>}
        <span class="hidden">{value ? "yes" : "no"}</span>
      </>
    );
  }
  if (type === "markdown") return <Prose text={textOf(value)} />;
  const text = type === "date" && typeof value === "number" ? dateOf(value) : textOf(value);
  return <span title={text.length > 24 ? text : undefined}>{text}</span>;
}

/** ms since 1970 as a date, where it is one. */
function dateOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace("T", " ").replace(/(:00)?\.\d+Z$/, "");
}

function Editor({ typed, acts }: { typed: Typed; acts: Acts }) {
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  const began = useRef(typed);
  // At once: the next key is the input's.
  useLayoutEffect(() => {
    input.current?.focus();
    input.current?.setSelectionRange(typed.whole ? 0 : typed.text.length, typed.text.length);
  }, []);
  const end = (text: string | null, by: "Enter" | "Tab" | "") => {
    if (ended.current) return;
    ended.current = true;
    acts.done(began.current, text, by);
  };
  return (
    <input
      ref={input}
      class="df-editor"
      aria-label="Cell"
      defaultValue={typed.text}
      onBlur={(e) => end(e.currentTarget.value, "")}
      onKeyDown={(e) => {
        if (e.isComposing || (e.key !== "Enter" && e.key !== "Tab" && e.key !== "Escape")) return;
        e.preventDefault();
        e.stopPropagation();
        end(e.key === "Escape" ? null : e.currentTarget.value, e.key === "Tab" ? "Tab" : "Enter");
      }}
    />
  );
}
