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
        placeholder={props.placeholder ?? ""}
        readOnly={props.interactive === false}
        onInput={(e) => {
          const text = e.currentTarget.value;
          setTyping(text);
          if (!isExact(text)) return session.page.invalid(cell.n, `Whole numbers are exact up to ${Number.MAX_SAFE_INTEGER}.`);
          changed.current = true;
          session.setValue(cell, parseNumber(text));
          session.page.forgive(cell.n);
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

/** Would this whole number be another one than was typed? */
export function isExact(text: string): boolean {
  return !/^\s*[+-]?\d+\s*$/.test(text) || Number.isSafeInteger(Number(text));
}

export function clamp(value: number, min?: number, max?: number): number {
  return Math.min(max ?? Infinity, Math.max(min ?? -Infinity, value));
}
