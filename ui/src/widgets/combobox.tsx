/*
 * The combobox of the ARIA practices: the field keeps the focus, aria-activedescendant says where
 * the arrows are. Of long lists only the rows in sight exist. Several chosen ones are chips before
 * the field; where custom values are allowed, what is written is one.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { chosenOf, type Option } from "./choices";
import { useControl } from "./field";
import { Icon } from "./icon";
import { useSpace } from "./space";

const ROW_PX = 40;
const ROWS_MAX = 7; // in sight; more scroll
const OVERSCAN = 4;
const PAGE = 6;

interface Row extends Option {
  /** Not among the choices: what the visitor has written. */
  readonly written?: boolean;
}

export function Combobox({ cell, all }: { cell: Cell; all: readonly Option[] }) {
  const props = propsOf(cell, "dropdown");
  const { session } = useSpace();
  const { id, ...control } = useControl(cell, props);
  const [typed, setTyped] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const several = props.multiple === true;
  const custom = props.custom === true;
  const dead = props.interactive === false;
  const value = valueOf(cell);
  const chosen = several ? chosenOf(value) : new Set(typeof value === "string" ? [value] : []);
  const full = several && typeof props.max_choices === "number" && chosen.size >= props.max_choices;
  const label = (v: string) => all.find((o) => o.value === v)?.label ?? v;

  const rows = useMemo(() => found(all, typed ?? "", custom), [all, typed, custom]);
  const single = !several && chosen.size > 0 && (custom || all.some((o) => o.value === value)) ? label(String(value)) : "";
  const at = Math.min(active, rows.length - 1);

  const show = (where?: number) => {
    if (dead) return;
    setOpen(true);
    setActive(where ?? Math.max(0, rows.findIndex((r) => chosen.has(r.value))));
  };
  const hide = () => {
    setOpen(false);
    setTyped(null);
  };
  const put = (next: unknown) => {
    session.setValue(cell, next);
    session.fire(cell, "change");
  };
  const take = (row: Row | undefined) => {
    if (!row || dead) return;
    if (!several) {
      if (row.value !== value) put(row.value);
      return hide();
    }
    const next = new Set(chosen);
    if (!next.delete(row.value)) {
      if (full) return;
      next.add(row.value);
    }
    setTyped(null);
    put([...next]);
  };
  const remove = (v: string) => {
    put([...chosen].filter((c) => c !== v));
    input.current?.focus();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.isComposing || e.ctrlKey || e.metaKey) return;
    const step = STEPS[e.key];
    if (step !== undefined) {
      e.preventDefault();
      if (!open) return show();
      if (e.altKey && e.key === "ArrowUp") return hide();
      return setActive((((at + step) % rows.length) + rows.length) % rows.length || 0);
    }
    if (e.key === "PageDown" || e.key === "PageUp") {
      if (!open) return;
      e.preventDefault();
      return setActive(Math.min(Math.max(0, at + (e.key === "PageDown" ? PAGE : -PAGE)), rows.length - 1));
    }
    if (e.key === "Enter") {
      e.preventDefault();
      if (open) take(rows[at]);
      else show();
    } else if (e.key === "Escape" && open) {
      e.preventDefault();
      e.stopPropagation();
      hide();
    } else if (e.key === "Backspace" && several && (typed ?? "") === "") {
      const last = [...chosen].pop();
      if (last !== undefined) remove(last);
    }
  };
  return (
    <div
      class={`combobox${dead ? " dead" : ""}`}
      onFocusOut={(e) => {
        if (e.currentTarget.contains(e.relatedTarget as Node | null)) return;
        // What was written and not taken is meant, where anything may be written.
        if (custom && (typed ?? "").trim() !== "") take({ label: "", value: (typed ?? "").trim() });
        hide();
      }}
      onMouseDown={(e) => {
        if (e.target !== e.currentTarget) return;
        e.preventDefault();
        input.current?.focus();
      }}
    >
      {several &&
        [...chosen].map((v) => (
          <button key={v} type="button" class="chip" disabled={dead} aria-label={`Remove ${label(v)}`} onClick={() => remove(v)}>
            <span class="chip-words">{label(v)}</span>
            <Icon name="close" />
          </button>
        ))}
      <input
        ref={input}
        type="text"
        id={id}
        {...control}
        class="combobox-input"
        role="combobox"
        aria-expanded={open}
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        {...(open && rows.length > 0 ? { "aria-activedescendant": `${id}-o${at}` } : {})}
        autoComplete="off"
        spellcheck={false}
        disabled={dead}
        placeholder={several && chosen.size > 0 ? "" : (props.placeholder ?? "Choose…")}
        value={typed ?? single}
        onClick={() => (open ? undefined : show())}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          show(0);
        }}
        onKeyDown={onKeyDown}
      />
      <Icon name="chevron" class="combobox-arrow" />
      {open && (
        <List id={id} rows={rows} at={at} chosen={chosen} several={several} full={full} label={props.label ?? "Choices"} take={take} hover={setActive} />
      )}
      <span class="hidden" role="status">
        {open && typed ? (rows.length === 1 ? "1 choice" : `${rows.length} choices`) : ""}
      </span>
    </div>
  );
}

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };

/** Those that begin with what is typed before those that have it somewhere. */
export function found(all: readonly Option[], typed: string, custom: boolean): readonly Row[] {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return all;
  const first: Row[] = [];
  const then: Row[] = [];
  for (const o of all) {
    const where = o.label.toLowerCase().indexOf(wanted);
    if (where === 0) first.push(o);
    else if (where > 0) then.push(o);
  }
  const rows = [...first, ...then];
  const there = all.some((o) => o.label.toLowerCase() === wanted || o.value === typed.trim());
  return custom && !there ? [...rows, { label: typed.trim(), value: typed.trim(), written: true }] : rows;
}

interface ListProps {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly at: number;
  readonly chosen: ReadonlySet<string>;
  readonly several: boolean;
  readonly full: boolean;
  readonly label: string;
  readonly take: (row: Row) => void;
  readonly hover: (at: number) => void;
}

function List({ id, rows, at, chosen, several, full, label, take, hover }: ListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [up, setUp] = useState(false);

  useLayoutEffect(() => {
    const rect = box.current?.parentElement?.getBoundingClientRect();
    if (rect) setUp(rect.bottom + ROW_PX * ROWS_MAX > innerHeight && rect.top > innerHeight - rect.bottom);
  }, []);
  useEffect(() => {
    const list = box.current;
    if (!list) return;
    if (at * ROW_PX < list.scrollTop) list.scrollTop = at * ROW_PX;
    else if ((at + 1) * ROW_PX > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW_PX - list.clientHeight;
  }, [at, rows.length]);

  const from = Math.max(0, Math.floor(top / ROW_PX) - OVERSCAN);
  const to = Math.min(rows.length, Math.ceil(top / ROW_PX) + ROWS_MAX + OVERSCAN);
  // The active one exists wherever it is: aria-activedescendant names it.
  const shown = [...rows.keys()].slice(from, to);
  if (at >= 0 && (at < from || at >= to)) shown.push(at);
  return (
    <div
      ref={box}
      id={`${id}-list`}
      class={`options${up ? " up" : ""}`}
      role="listbox"
      aria-label={label}
      aria-multiselectable={several}
      style={{ height: `${Math.min(rows.length, ROWS_MAX) * ROW_PX + (rows.length > ROWS_MAX ? ROW_PX / 2 : 0)}px` }}
      onScroll={(e) => setTop(e.currentTarget.scrollTop)}
      onMouseDown={(e) => e.preventDefault()}
    >
      <div role="presentation" class="options-all" style={{ height: `${rows.length * ROW_PX}px` }}>
        {shown.map((i) => {
          const row = rows[i]!;
          const taken = chosen.has(row.value);
          return (
            <div
              key={i}
              id={`${id}-o${i}`}
              class={`option${i === at ? " active" : ""}`}
              role="option"
              aria-selected={taken}
              aria-disabled={full && !taken}
              aria-setsize={rows.length}
              aria-posinset={i + 1}
              style={{ top: `${i * ROW_PX}px` }}
              onMouseMove={() => i !== at && hover(i)}
              onClick={() => take(row)}
            >
              <span class="option-words">{row.written ? `Use “${row.label}”` : row.label}</span>
              {taken && <Icon name="check" />}
            </div>
          );
        })}
      </div>
      {rows.length === 0 && <p class="options-none">Nothing found</p>}
    </div>
  );
}
