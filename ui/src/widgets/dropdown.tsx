/* One of many as the system's own list; several of many as a list of boxes to tick. */
import { useState } from "preact/hooks";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { options, type Option } from "./choices";
import { Field, useControl } from "./field";
import { Icon } from "./icon";
import { useSpace, type WidgetProps } from "./space";

/** From this many on, a list of boxes has a search field. */
const SEARCH_FROM = 9;

export function Dropdown({ cell }: WidgetProps) {
  const props = propsOf(cell, "dropdown");
  const all = options(props.choices);
  const disabled = props.interactive === false;
  return props.multiple ? (
    <Field cell={cell} props={props} as="group">
      <Several cell={cell} all={all} disabled={disabled} placeholder={props.placeholder ?? "Nothing chosen"} />
    </Field>
  ) : (
    <Field cell={cell} props={props}>
      <One cell={cell} all={all} disabled={disabled} placeholder={props.placeholder ?? "Choose…"} />
    </Field>
  );
}

interface ListProps {
  cell: Cell;
  all: readonly Option[];
  disabled: boolean;
  placeholder: string;
}

function One({ cell, all, disabled, placeholder }: ListProps) {
  const { session } = useSpace();
  const control = useControl(cell, propsOf(cell, "dropdown"));
  const value = valueOf(cell);
  const chosen = all.some((o) => o.value === value) ? String(value) : "";
  return (
    <div class="select">
      <select
        {...control}
        class={chosen === "" ? "input unset" : "input"}
        disabled={disabled}
        value={chosen}
        onChange={(e) => {
          session.setValue(cell, e.currentTarget.value);
          session.fire(cell, "change");
        }}
      >
        {chosen === "" && (
          <option value="" disabled selected>
            {placeholder}
          </option>
        )}
        {all.map((o) => (
          <option key={o.value} value={o.value} selected={o.value === chosen}>
            {o.label}
          </option>
        ))}
      </select>
      <Icon name="chevron" />
    </div>
  );
}

function Several({ cell, all, disabled, placeholder }: ListProps) {
  const { session } = useSpace();
  const [search, setSearch] = useState("");
  const value = valueOf(cell);
  const chosen = new Set(Array.isArray(value) ? value.map(String) : []);
  const set = (next: ReadonlySet<string>) => {
    session.setValue(cell, all.filter((o) => next.has(o.value)).map((o) => o.value));
    session.fire(cell, "change");
  };
  const toggle = (o: Option) => {
    const next = new Set(chosen);
    if (!next.delete(o.value)) next.add(o.value);
    set(next);
  };
  const wanted = search.trim().toLowerCase();
  return (
    <div class="several">
      <div class="several-chosen">
        {chosen.size === 0 && <span class="faint">{placeholder}</span>}
        {all
          .filter((o) => chosen.has(o.value))
          .map((o) => (
            <button key={o.value} type="button" class="chip" disabled={disabled} onClick={() => toggle(o)}>
              {o.label}
              <Icon name="close" />
              <span class="hidden">remove</span>
            </button>
          ))}
      </div>
      {all.length >= SEARCH_FROM && (
        <input
          type="search"
          class="input"
          placeholder="Search"
          aria-label="Search the choices"
          value={search}
          onInput={(e) => setSearch(e.currentTarget.value)}
        />
      )}
      <div class="several-list">
        {all
          .filter((o) => o.label.toLowerCase().includes(wanted))
          .map((o) => (
            <label class="check" key={o.value}>
              <input type="checkbox" checked={chosen.has(o.value)} disabled={disabled} onChange={() => toggle(o)} />
              <span>{o.label}</span>
            </label>
          ))}
      </div>
    </div>
  );
}
