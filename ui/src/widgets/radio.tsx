/* One of a few, all in sight. */
import { propsOf, valueOf } from "../state/tree";
import { options } from "./choices";
import { Field } from "./field";
import { idOf, useSpace, type WidgetProps } from "./space";

export function Radio({ cell }: WidgetProps) {
  const props = propsOf(cell, "radio");
  const { session } = useSpace();
  const value = valueOf(cell);
  return (
    <Field cell={cell} props={props} as="group">
      <div class="radios" role="radiogroup" aria-required={props.required === true} aria-label={props.label ?? "radio"}>
        {options(props.choices).map((o) => (
          <label class="radio" key={o.value}>
            <input
              type="radio"
              name={idOf(cell)}
              value={o.value}
              checked={value === o.value}
              disabled={props.interactive === false}
              onChange={() => {
                session.setValue(cell, o.value);
                session.fire(cell, "change");
              }}
            />
            <span>{o.label}</span>
          </label>
        ))}
      </div>
    </Field>
  );
}
