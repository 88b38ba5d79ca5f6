/* A value as a tree to fold and unfold. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { CopyButton } from "./copy";
import { Field } from "./field";
import type { WidgetProps } from "./space";

/** Members shown at once; a long array must not become ten thousand elements. */
const PAGE_SIZE = 100;

export function Json({ cell }: WidgetProps) {
  const props = propsOf(cell, "json");
  const value = valueOf(cell);
  const none = value === undefined || value === null;
  const copy = !none && <CopyButton text={() => JSON.stringify(value, null, 2)} quiet />;
  return (
    <Field cell={cell} props={props} as="output" aside={copy}>
      <div class="json">
        {none ? <p class="nothing">No value yet</p> : <Value value={value} open={props.open ?? 2} />}
      </div>
    </Field>
  );
}

interface ValueProps {
  name?: string;
  value: unknown;
  /** Levels from here on that start unfolded. */
  open: number;
}

function Value({ name, value, open }: ValueProps) {
  const label = name === undefined ? null : <span class="json-name">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div class="json-leaf">
        {label}
        <span class={`json-${value === null ? "null" : typeof value}`}>{JSON.stringify(value)}</span>
      </div>
    );
  }
  const list = Array.isArray(value);
  const members = Object.entries(value as object);
  const [from, to] = list ? "[]" : "{}";
  if (members.length === 0) {
    return (
      <div class="json-leaf">
        {label}
        <span class="json-null">
          {from}
          {to}
        </span>
      </div>
    );
  }
  return (
    <Fold
      open={open > 0}
      summary={
        <>
          {label}
          <span class="json-null">
            {from}
            {members.length}
            {to}
          </span>
        </>
      }
    >
      <Members members={members} open={open - 1} />
    </Fold>
  );
}

/** Folded members are not made at all until they are asked for. */
function Fold({ open, summary, children }: { open: boolean; summary: ComponentChildren; children: ComponentChildren }) {
  const [shown, setShown] = useState(open);
  return (
    <details open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>{summary}</summary>
      {shown && <div class="json-members">{children}</div>}
    </details>
  );
}

function Members({ members, open }: { members: readonly (readonly [string, unknown])[]; open: number }) {
  const [count, setCount] = useState(PAGE_SIZE);
  return (
    <>
      {members.slice(0, count).map(([name, value]) => (
        <Value key={name} name={name} value={value} open={open} />
      ))}
      {members.length > count && (
        <button type="button" class="chip-button" onClick={() => setCount(count + PAGE_SIZE)}>
          {members.length - count} more
        </button>
      )}
    </>
  );
}
