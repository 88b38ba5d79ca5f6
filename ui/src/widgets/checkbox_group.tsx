/* Several of a few, all in sight. */
import { propsOf, valueOf } from "../state/tree";
import { chosenOf, options } from "./choices";
import { Field } from "./field";
import { useSpace, type WidgetProps } from "./space";

export function CheckboxGroup({ cell }: WidgetProps) {
  const props = propsOf(cell, "checkbox_group");
  const { session } = useSpace();
  const chosen = chosenOf(valueOf(cell));
  const all = options(props.choices);
  const toggle = (value: string) => {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    session.setValue(cell, all.filter((o) => next.has(o.value)).map((o) => o.value));
    session.fire(cell, "change");
  };
  return (
    <Field cell={cell} props={props} as="group">
      <div class="radios">
        {all.map((o) => (
          <label class="radio" key={o.value}>
            <input
              type="checkbox"
              checked={chosen.has(o.value)}
              disabled={props.interactive === false}
              onChange={() => toggle(o.value)}
            />
            <span>{o.label}</span>
          </label>
        ))}
      </div>
    </Field>
  );
}
