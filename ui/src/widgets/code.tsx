/*
 * Code, shown or written. The editor is the browser's own text area, so that typing, undo, input
 * methods and screen readers work as everywhere; its colours are drawn in a layer behind it.
 */
import { useRef } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { CopyButton } from "./copy";
import { Field, useControl } from "./field";
import { highlighted } from "./highlight";
import { useSpace, type WidgetProps } from "./space";
import { asText } from "./textbox";

export function Code({ cell }: WidgetProps) {
  const props = propsOf(cell, "code");
  const text = asText(valueOf(cell));
  const language = asText(props.language);
  const fixed = props.interactive === false;
  const rows = Math.min(Math.max(text.split("\n").length, props.lines ?? 5), props.max_lines ?? 30);
  return (
    <Field cell={cell} props={props} as={fixed ? "output" : "control"} class="code-field">
      <figure class="code">
        <figcaption>
          <span>{language}</span>
          <CopyButton text={() => text} />
        </figcaption>
        {fixed ? (
          <pre tabIndex={0} style={{ maxHeight: `${(props.max_lines ?? 30) * 1.55 + 1.6}em` }}>
            <code>{highlighted(text, language)}</code>
          </pre>
        ) : (
          <Editor cell={cell} text={text} language={language} rows={rows} />
        )}
      </figure>
    </Field>
  );
}

function Editor({ cell, text, language, rows }: WidgetProps & { text: string; language: string; rows: number }) {
  const props = propsOf(cell, "code");
  const { session } = useSpace();
  const control = useControl(cell, props);
  const behind = useRef<HTMLPreElement>(null);
  const writes = useRef(false); // Tab indents only for who has begun to write; others pass through
  const changed = useRef(false);

  const settle = () => {
    if (changed.current) session.fire(cell, "change");
    changed.current = false;
  };
  const onKeyDown = (e: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    if (e.key === "Tab" && writes.current && !e.ctrlKey && !e.altKey && !e.metaKey) {
      e.preventDefault();
      indent(e.currentTarget, e.shiftKey);
      return;
    }
    if (e.key === "Escape") writes.current = false;
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      settle();
      session.fire(cell, "submit");
    } else if (e.key === "Enter" && !e.isComposing && !e.shiftKey && !e.altKey) {
      e.preventDefault();
      const before = e.currentTarget.value.slice(0, e.currentTarget.selectionStart);
      insert(`\n${/[ \t]*/.exec(before.slice(before.lastIndexOf("\n") + 1))?.[0] ?? ""}`);
    }
  };
  return (
    <div class="editor">
      <pre ref={behind} aria-hidden="true">
        <code>
          {highlighted(text, language)}
          {"\n"}
        </code>
      </pre>
      <textarea
        {...control}
        rows={rows}
        value={text}
        wrap="off"
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        placeholder={asText(props.placeholder)}
        onInput={(e) => {
          changed.current = writes.current = true;
          session.setValue(cell, e.currentTarget.value);
          session.fire(cell, "input");
        }}
        onPointerDown={() => (writes.current = true)}
        onBlur={() => {
          writes.current = false;
          settle();
        }}
        onKeyDown={onKeyDown}
        onScroll={(e) => {
          if (!behind.current) return;
          behind.current.scrollTop = e.currentTarget.scrollTop;
          behind.current.scrollLeft = e.currentTarget.scrollLeft;
        }}
      />
      <p class="hidden">Once you write, Tab indents. Press Escape, then Tab, to leave the editor.</p>
    </div>
  );
}

/** As if it had been typed, so that undo knows it. */
function insert(text: string): void {
  document.execCommand("insertText", false, text);
}

function indent(area: HTMLTextAreaElement, back: boolean): void {
  const { selectionStart: from, selectionEnd: to, value } = area;
  if (from === to && !back) return insert("  ");
  const start = value.lastIndexOf("\n", from - 1) + 1;
  const lines = value.slice(start, to);
  const next = back ? lines.replace(/^( {1,2}|\t)/gm, "") : lines.replace(/^(?=.)/gm, "  ");
  if (next === lines) return;
  area.setSelectionRange(start, to);
  insert(next);
  area.setSelectionRange(start, start + next.length);
}
