/* A conversation that streams in, and that a reader who scrolled up is not torn away from. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { CopyButton } from "./copy";
import { Field } from "./field";
import { Icon } from "./icon";
import { memo } from "./memo";
import { Prose } from "./prose";
import { useSpace, useWaiting, type WidgetProps } from "./space";
import { asText } from "./textbox";

interface Turn {
  readonly role: string;
  readonly content: string;
}

/** This near to the end counts as being there. */
const NEAR_PX = 64;

export function Chatbot({ cell }: WidgetProps) {
  const props = propsOf(cell, "chatbot");
  const { session } = useSpace();
  const turns = readTurns(valueOf(cell));
  const waits = useWaiting(cell);
  const log = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [away, setAway] = useState(false);

  const toEnd = () => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (follows.current) toEnd();
  });
  const onScroll = (e: { currentTarget: HTMLDivElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
    follows.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    setAway(!follows.current);
  };
  const clear = cell.on["clear"] && (
    <button type="button" class="chip-button" disabled={turns.length === 0} onClick={() => session.fire(cell, "clear")}>
      <Icon name="trash" /> Clear
    </button>
  );
  return (
    <Field cell={cell} props={props} as="output" class="chat" aside={clear}>
      <div
        ref={log}
        class="chat-log"
        role="log"
        aria-live="polite"
        aria-busy={waits}
        aria-label={props.label ?? "Conversation"}
        tabIndex={0}
        style={{ height: `min(${props.height ?? 420}px, 70vh)` }}
        onScroll={onScroll}
      >
        {turns.length === 0 && !waits && <Empty placeholder={props.placeholder} />}
        {turns.map((turn, i) => (
          <Message key={i} role={turn.role} content={turn.content} streams={waits && i === turns.length - 1} />
        ))}
        {waits && turns.at(-1)?.role !== "assistant" && <Typing />}
      </div>
      {away && (
        <button
          type="button"
          class="chat-latest"
          onClick={() => {
            follows.current = true;
            setAway(false);
            toEnd();
          }}
        >
          <Icon name="arrow_down" /> Latest
        </button>
      )}
    </Field>
  );
}

function readTurns(value: unknown): readonly Turn[] {
  if (!Array.isArray(value)) return [];
  return value.map((turn) => {
    const { role, content } = (typeof turn === "object" && turn !== null ? turn : { content: turn }) as Record<string, unknown>;
    return { role: typeof role === "string" ? role : "assistant", content: asText(content) };
  });
}

interface MessageProps {
  role: string;
  content: string;
  streams: boolean;
}

const Message = memo(function Message({ role, content, streams }: MessageProps) {
  const mine = role === "user";
  if (!mine && content === "") return streams ? <Typing /> : null;
  return (
    <article class={`turn ${mine ? "user" : role === "system" ? "system" : "assistant"}`}>
      <span class="hidden">{mine ? "You:" : `${role}:`}</span>
      <div class="bubble">{mine ? <p class="source">{content}</p> : <Prose text={content} breaks />}</div>
      {!mine && !streams && role !== "system" && <CopyButton text={() => content} label="Copy message" quiet />}
    </article>
  );
});

function Typing() {
  return (
    <div class="turn assistant">
      <div class="bubble typing" role="img" aria-label="is writing">
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

function Empty({ placeholder }: { placeholder: string | undefined }) {
  return (
    <div class="chat-empty">{placeholder ? <Prose text={placeholder} /> : <p>Nothing said yet. Say something.</p>}</div>
  );
}
