/* Yes or no. The label stands beside the box. */
import { propsOf, valueOf } from "../state/tree";
import { useControl } from "./field";
import { useSpace, type WidgetProps } from "./space";

export function Checkbox({ cell }: WidgetProps) {
  const props = propsOf(cell, "checkbox");
  const { session } = useSpace();
  const control = useControl(cell, props);
  return (
    <div class="field">
      <label class="check">
        <input
          type="checkbox"
          {...control}
          checked={valueOf(cell) === true}
          disabled={props.interactive === false}
          onChange={(e) => {
            session.setValue(cell, e.currentTarget.checked);
            session.fire(cell, "change");
          }}
        />
        <span>{props.label}</span>
      </label>
      {props.info && (
        <p class="field-info" id={`${control.id}-info`}>
          {props.info}
        </p>
      )}
    </div>
  );
}
