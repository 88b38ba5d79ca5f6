/* A day, a time of day, or both, with the picker that the visitor's system has. */
import { propsOf, valueOf } from "../state/tree";
import { Field, useControl } from "./field";
import { useSpace, type WidgetProps } from "./space";
import { asText } from "./textbox";

const TYPES = { date: "date", time: "time", datetime: "datetime-local" } as const;

export function Datetime({ cell }: WidgetProps) {
  const props = propsOf(cell, "datetime");
  const { session } = useSpace();
  const control = useControl(cell, props);
  const kind = Object.hasOwn(TYPES, String(props.kind)) ? (props.kind as keyof typeof TYPES) : "date";
  return (
    <Field cell={cell} props={props}>
      <input
        type={TYPES[kind]}
        {...control}
        class="input datetime"
        value={asText(valueOf(cell))}
        {...(typeof props.min === "string" ? { min: props.min } : {})}
        {...(typeof props.max === "string" ? { max: props.max } : {})}
        readOnly={props.interactive === false}
        onChange={(e) => {
          session.setValue(cell, e.currentTarget.value === "" ? null : e.currentTarget.value);
          session.fire(cell, "change");
        }}
      />
    </Field>
  );
}
