/* One of a few as the system's own list; of many, or several, as a field that finds by typing. */
import { propsOf, valueOf, type Cell } from "../state/tree";
import { options, type Option } from "./choices";
import { Combobox } from "./combobox";
import { Field, useControl } from "./field";
import { Icon } from "./icon";
import { useSpace, type WidgetProps } from "./space";

/** From this many on, choices are searched rather than looked through. */
const SEARCH_FROM = 9;

export function Dropdown({ cell }: WidgetProps) {
  const props = propsOf(cell, "dropdown");
  const all = options(props.choices);
  return (
    <Field cell={cell} props={props}>
      {props.multiple || props.custom || all.length >= SEARCH_FROM ? <Combobox cell={cell} all={all} /> : <Native cell={cell} all={all} />}
    </Field>
  );
}

function Native({ cell, all }: { cell: Cell; all: readonly Option[] }) {
  const props = propsOf(cell, "dropdown");
  const { session } = useSpace();
  const control = useControl(cell, props);
  const value = valueOf(cell);
  const chosen = all.some((o) => o.value === value) ? String(value) : "";
  return (
    <div class="select">
      <select
        {...control}
        class={chosen === "" ? "input unset" : "input"}
        disabled={props.interactive === false}
        value={chosen}
        onChange={(e) => {
          session.setValue(cell, e.currentTarget.value);
          session.fire(cell, "change");
        }}
      >
        {chosen === "" && (
          <option value="" disabled selected>
            {props.placeholder ?? "Choose…"}
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
