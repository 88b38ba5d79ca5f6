/* A part of a range: two thumbs on one track, and the numbers to type beside. */
import { useRef } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { Field, useControl } from "./field";
import { asNumber, clamp, parseNumber } from "./number";
import { useSpace, type WidgetProps } from "./space";

type Pair = readonly [number, number];

export function RangeSlider({ cell }: WidgetProps) {
  const props = propsOf(cell, "range_slider");
  const min = asNumber(props.min) ?? 0;
  const max = asNumber(props.max) ?? 100;
  const step = asNumber(props.step) ?? 1;
  const { session } = useSpace();
  const { id, ...control } = useControl(cell, props);
  const pair = pairOf(valueOf(cell), min, max);
  const changed = useRef(false);
  const disabled = props.interactive === false;
  const name = props.label ?? "range";

  /** A thumb that meets the other one stops there. */
  const move = (which: 0 | 1, to: number | null) => {
    if (to === null) return;
    const kept = clamp(to, which === 0 ? min : pair[0], which === 0 ? pair[1] : max);
    changed.current = true;
    session.setValue(cell, which === 0 ? [kept, pair[1]] : [pair[0], kept]);
    session.fire(cell, "input");
  };
  const settle = () => {
    if (!changed.current) return;
    changed.current = false;
    session.fire(cell, "change");
  };
  const at = (value: number) => `${(100 * (value - min)) / Math.max(max - min, 1e-9)}%`;
  const number = (which: 0 | 1) => (
    <input
      type="number"
      class="input slider-number"
      aria-label={`${name}: ${which === 0 ? "from" : "to"}, value`}
      value={pair[which]}
      {...{ min, max, step, disabled }}
      onChange={(e) => {
        move(which, parseNumber(e.currentTarget.value));
        e.currentTarget.value = String(pairOf(valueOf(cell), min, max)[which]);
        settle();
      }}
    />
  );
  const thumb = (which: 0 | 1) => (
    <input
      type="range"
      {...control}
      id={which === 0 ? id : `${id}-to`}
      class="slider range-thumb"
      aria-label={`${name}: ${which === 0 ? "from" : "to"}`}
      value={pair[which]}
      {...{ min, max, step, disabled }}
      onInput={(e) => {
        move(which, parseNumber(e.currentTarget.value));
        e.currentTarget.value = String(pairOf(valueOf(cell), min, max)[which]);
      }}
      onChange={settle}
    />
  );
  return (
    <Field
      cell={cell}
      props={props}
      as="group"
      aside={
        <span class="range-numbers">
          {number(0)}
          <span aria-hidden="true">–</span>
          {number(1)}
        </span>
      }
    >
      <div class={`range${pair[0] > (min + max) / 2 ? " late" : ""}`} style={{ "--from": at(pair[0]), "--to": at(pair[1]) }}>
        <span class="range-track" aria-hidden="true" />
        {thumb(0)}
        {thumb(1)}
      </div>
      <div class="slider-ends" aria-hidden="true">
        <span>{min}</span>
        <span>{max}</span>
      </div>
    </Field>
  );
}

export function pairOf(value: unknown, min: number, max: number): Pair {
  const [low, high] = Array.isArray(value) ? (value as unknown[]) : [];
  const from = clamp(asNumber(low) ?? min, min, max);
  return [from, clamp(asNumber(high) ?? max, from, max)];
}
