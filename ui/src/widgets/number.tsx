/* A number. What is being typed ("1.", "-") need not be one yet, so the text is kept beside it. */
import { useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { Field, useControl } from "./field";
import { useSpace, type WidgetProps } from "./space";

export function NumberBox({ cell }: WidgetProps) {
  const props = propsOf(cell, "number");
  const { session } = useSpace();
  const control = useControl(cell, props);
  const value = asNumber(valueOf(cell));
  const [typing, setTyping] = useState<string | null>(null);
  const changed = useRef(false);

  const settle = () => {
    setTyping(null);
    if (!changed.current) return;
    changed.current = false;
    if (value !== null) session.setValue(cell, clamp(value, props.min, props.max));
    session.fire(cell, "change");
  };
  return (
    <Field cell={cell} props={props}>
      <input
        type="number"
        {...control}
        class="input number"
        value={typing ?? value ?? ""}
        min={props.min}
        max={props.max}
        step={props.step ?? "any"}
        readOnly={props.interactive === false}
        onInput={(e) => {
          changed.current = true;
          setTyping(e.currentTarget.value);
          session.setValue(cell, parseNumber(e.currentTarget.value));
        }}
        onBlur={settle}
        onKeyDown={(e) => {
          if (e.key !== "Enter") return;
          settle();
          session.fire(cell, "submit");
        }}
      />
    </Field>
  );
}

export function asNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function parseNumber(text: string): number | null {
  return text.trim() === "" ? null : asNumber(Number(text));
}

export function clamp(value: number, min?: number, max?: number): number {
  return Math.min(max ?? Infinity, Math.max(min ?? -Infinity, value));
}
