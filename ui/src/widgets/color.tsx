/* A colour: the system's picker, its hexadecimal form to type, and ready ones to take. */
import { useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { options } from "./choices";
import { Field, useControl } from "./field";
import { useSpace, type WidgetProps } from "./space";

export function Color({ cell }: WidgetProps) {
  const props = propsOf(cell, "color");
  const { session } = useSpace();
  const control = useControl(cell, props);
  const [typing, setTyping] = useState<string | null>(null);
  const changed = useRef(false);
  const value = colorOf(valueOf(cell)) ?? "#000000";
  const disabled = props.interactive === false;
  const ready = options(props.choices).filter((o) => colorOf(o.value));

  const set = (to: string) => {
    changed.current = true;
    session.setValue(cell, to);
    session.fire(cell, "input");
  };
  const settle = () => {
    setTyping(null);
    if (!changed.current) return;
    changed.current = false;
    session.fire(cell, "change");
  };
  return (
    <Field cell={cell} props={props}>
      <div class="color">
        <input
          type="color"
          class="color-well"
          aria-label={`${props.label ?? "color"}: picker`}
          value={value}
          disabled={disabled}
          onInput={(e) => set(e.currentTarget.value)}
          onChange={settle}
        />
        <input
          type="text"
          {...control}
          class="input color-text"
          value={typing ?? value}
          maxLength={7}
          spellcheck={false}
          autoComplete="off"
          readOnly={disabled}
          onInput={(e) => {
            setTyping(e.currentTarget.value);
            const typed = colorOf(e.currentTarget.value);
            if (typed) set(typed);
          }}
          onBlur={settle}
          onKeyDown={(e) => e.key === "Enter" && settle()}
        />
        {ready.map((o) => (
          <button
            key={o.value}
            type="button"
            class="color-ready"
            style={{ background: o.value }}
            title={o.label}
            aria-label={o.label}
            aria-pressed={colorOf(o.value) === value}
            disabled={disabled}
            onClick={() => {
              set(colorOf(o.value) ?? value);
              settle();
            }}
          />
        ))}
      </div>
    </Field>
  );
}

/** "#rrggbb" in small letters; null: it is none. */
export function colorOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const text = value.trim().toLowerCase();
  return /^#[0-9a-f]{6}$/.test(text) ? text : null;
}
