/* Text of one or more lines. Enter sends where there is something to send; Shift+Enter breaks. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../state/session";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { CopyButton } from "./copy";
import { Field, useControl } from "./field";
import { Icon } from "./icon";
import { useBusy, useSpace, type WidgetProps } from "./space";

/** Share of the limit from which the count is shown. */
const NEARLY_FULL = 0.8;

export function Textbox({ cell }: WidgetProps) {
  const props = propsOf(cell, "textbox");
  const { session } = useSpace();
  const text = asText(valueOf(cell));
  const busy = useBusy(cell);
  const control = useControl(cell, props);
  const readonly = props.interactive === false;
  const changed = useRef(false);

  const type = (next: string) => {
    changed.current = true;
    session.setValue(cell, next);
    session.fire(cell, "input");
  };
  const settle = () => {
    if (!changed.current) return;
    changed.current = false;
    session.fire(cell, "change");
  };
  const submit = () => {
    if (busy || (props.submit && text.trim() === "")) return;
    settle();
    session.fire(cell, "submit");
  };

  useEffect(() => {
    if (props.autofocus && document.activeElement === document.body) document.getElementById(control.id)?.focus({ preventScroll: true });
  }, []);

  const attributes = {
    ...control,
    dir: props.direction ?? "auto",
    class: "input",
    value: text,
    placeholder: props.placeholder ?? "",
    readOnly: readonly,
    onInput: (e: Event) => type((e.currentTarget as HTMLInputElement).value),
    onFocus: () => session.fire(cell, "focus"),
    onBlur: (e: Event) => {
      settle();
      session.fire(cell, "blur");
      const wrong = (e.currentTarget as HTMLInputElement).validity?.typeMismatch;
      if (wrong) session.page.invalid(cell.n, MISMATCH[props.kind ?? ""] ?? "This looks wrong.");
    },
  };
  const many = props.submit === true || (props.lines ?? 1) > 1;
  return (
    <Field
      cell={cell}
      props={props}
      class={props.submit ? "composer" : ""}
      aside={(readonly || props.copy) && text !== "" && <CopyButton text={() => text} quiet />}
    >
      {props.password ? (
        <Password attributes={attributes} submit={submit} />
      ) : many ? (
        <Area
          attributes={attributes}
          text={text}
          lines={props.lines ?? 1}
          maxLines={props.max_lines ?? 20}
          enterSends={props.submit === true}
          submit={submit}
        />
      ) : (
        <Line attributes={attributes} kind={props.kind} before={props.prefix} behind={props.suffix} submit={submit} />
      )}
      {props.submit && !readonly && <Send cell={cell} busy={busy} empty={text.trim() === ""} submit={submit} />}
      <Count text={text} max={props.max_length ?? 100_000} always={props.count === true} />
    </Field>
  );
}

export function asText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Enter that ends a composition (Japanese, Chinese, …) belongs to the composition. */
function onEnter(e: KeyboardEvent, run: () => void): void {
  if (e.key !== "Enter" || e.isComposing) return;
  e.preventDefault();
  run();
}

const MISMATCH: Readonly<Record<string, string>> = {
  email: "This does not look like an e-mail address.",
  url: "This does not look like an address: it begins with https://.",
};

/** What the browser fills in, and which keyboard a phone shows. */
const KINDS: Readonly<Record<string, string>> = { email: "email", url: "url", tel: "tel" };

interface LineProps {
  attributes: Record<string, unknown>;
  kind: unknown;
  before: unknown;
  behind: unknown;
  submit: () => void;
}

function Line({ attributes, kind, before, behind, submit }: LineProps) {
  const known = typeof kind === "string" && Object.hasOwn(KINDS, kind);
  const form = { type: known || kind === "search" ? String(kind) : "text", autoComplete: known ? KINDS[String(kind)] : "off" };
  const input = <input {...attributes} {...(form as object)} onKeyDown={(e) => onEnter(e, submit)} />;
  if (!before && !behind) return input;
  return (
    <div class="affixed">
      {before && <span class="affix">{asText(before)}</span>}
      {input}
      {behind && <span class="affix">{asText(behind)}</span>}
    </div>
  );
}

interface AreaProps {
  attributes: Record<string, unknown>;
  text: string;
  lines: number;
  maxLines: number;
  enterSends: boolean;
  submit: () => void;
}

export function Area({ attributes, text, lines, maxLines, enterSends, submit }: AreaProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (area.current) grow(area.current, Math.max(lines, maxLines));
  }, [text, lines, maxLines]);
  const onKeyDown = (e: KeyboardEvent) => {
    if (enterSends ? !e.shiftKey : e.ctrlKey || e.metaKey) onEnter(e, submit);
  };
  return <textarea ref={area} {...attributes} rows={lines} onKeyDown={onKeyDown} />;
}

function grow(area: HTMLTextAreaElement, maxLines: number): void {
  const style = getComputedStyle(area);
  const line = parseFloat(style.lineHeight);
  const around = area.offsetHeight - area.clientHeight;
  const padding = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
  area.style.height = "auto";
  const most = line * maxLines + padding;
  area.style.height = `${Math.min(area.scrollHeight, most) + around}px`;
  area.style.overflowY = area.scrollHeight > most + 1 ? "auto" : "hidden";
}

function Password({ attributes, submit }: { attributes: Record<string, unknown>; submit: () => void }) {
  const [shown, setShown] = useState(false);
  const secret: Record<string, unknown> = { type: shown ? "text" : "password", autoComplete: "off" };
  return (
    <div class="with-button">
      <input {...attributes} {...secret} onKeyDown={(e: KeyboardEvent) => onEnter(e, submit)} />
      <button type="button" class="chip-button" aria-pressed={shown} onClick={() => setShown(!shown)}>
        {shown ? "Hide" : "Show"}
      </button>
    </div>
  );
}

interface SendProps {
  cell: Cell;
  busy: boolean;
  empty: boolean;
  submit: () => void;
}

export function Send({ cell, busy, empty, submit }: SendProps) {
  const { session } = useSpace();
  if (busy) {
    return (
      <button type="button" class="send stop" aria-label="Stop" onClick={() => stop(session, cell)}>
        <Icon name="stop" />
      </button>
    );
  }
  return (
    <button type="button" class="send" aria-label="Send" disabled={empty} onClick={submit}>
      <Icon name="arrow_up" />
    </button>
  );
}

function stop(session: Session, cell: Cell): void {
  session.cancel(cell.n);
  session.fire(cell, "stop");
}

export function Count({ text, max, always = false }: { text: string; max: number; always?: boolean }) {
  // Every UTF-16 unit is at most three bytes: no need to encode what is surely short.
  if (!always && text.length * 3 < max * NEARLY_FULL) return null;
  const bytes = new TextEncoder().encode(text).length;
  if (!always && bytes < max * NEARLY_FULL) return null;
  return (
    <p class={bytes > max ? "count over" : "count"} role={bytes < max * NEARLY_FULL ? "note" : "status"}>
      {bytes} of {max} bytes
    </p>
  );
}
