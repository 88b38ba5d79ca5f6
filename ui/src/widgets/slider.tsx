/* A number in a range: drag it, or type it into the box beside. */
import { useRef } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { Field, useControl } from "./field";
import { asNumber, clamp, parseNumber } from "./number";
import { useSpace, type WidgetProps } from "./space";

export function Slider({ cell }: WidgetProps) {
  const props = propsOf(cell, "slider");
  const { min = 0, max = 100, step = 1 } = props;
  const { session } = useSpace();
  const control = useControl(cell, props);
  const value = asNumber(valueOf(cell)) ?? min;
  const disabled = props.interactive === false;
  const changed = useRef(false);

  const move = (to: number | null) => {
    if (to === null) return;
    changed.current = true;
    session.setValue(cell, to);
    session.fire(cell, "input");
  };
  const settle = () => {
    if (!changed.current) return;
    changed.current = false;
    session.setValue(cell, clamp(value, min, max));
    session.fire(cell, "change");
  };
  const number = (
    <input
      type="number"
      class="input slider-number"
      aria-label={`${props.label ?? "slider"}: value`}
      value={value}
      {...{ min, max, step, disabled }}
      onInput={(e) => move(parseNumber(e.currentTarget.value))}
      onBlur={settle}
      onKeyDown={(e) => e.key === "Enter" && settle()}
    />
  );
  return (
    <Field cell={cell} props={props} aside={number}>
      <input
        type="range"
        {...control}
        class="slider"
        value={clamp(value, min, max)}
        {...{ min, max, step, disabled }}
        style={{ "--at": `${(100 * (clamp(value, min, max) - min)) / Math.max(max - min, 1e-9)}%` }}
        onInput={(e) => move(parseNumber(e.currentTarget.value))}
        onChange={settle}
      />
      <div class="slider-ends" aria-hidden="true">
        <span>{min}</span>
        <span>{max}</span>
      </div>
    </Field>
  );
}
