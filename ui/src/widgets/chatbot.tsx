/* A conversation that streams in, and that a reader who scrolled up is not torn away from. */
import { useEffect, useRef, useState } from "preact/hooks";
import { EVENT_CLEAR, EVENT_LIKE, EVENT_UNDO } from "proto";
import { propsOf, valueOf, type Cell } from "../state/tree";
import { useAnnounced } from "./chatbot_announce";
import { Turn, Typing } from "./chatbot_turn";
import { readTurns, type Avatars, type Message } from "./chatbot_value";
import { options } from "./choices";
import { Field } from "./field";
import { Icon } from "./icon";
import { memo } from "./memo";
import { Prose } from "./prose";
import { useSpace, type WidgetProps } from "./space";

/** This near to the end counts as being there. */
const NEAR_PX = 64;
/** Messages that are compared as one while another one grows. */
const BLOCK = 32;
/** What a visitor does to messages that brings no answer. */
const SILENT: ReadonlySet<number> = new Set([EVENT_LIKE, EVENT_UNDO, EVENT_CLEAR]);

export function Chatbot({ cell }: WidgetProps) {
  const props = propsOf(cell, "chatbot");
  const { session } = useSpace();
  const turns = readTurns(valueOf(cell));
  const waits = useAnswering(cell);
  const blocks = useBlocks(turns);
  const scroll = useFollowing(turns);
  const said = useAnnounced(turns, waits);
  const last = turns.at(-1);
  const avatars = readAvatars(props.avatars);

  const clear = cell.on["clear"] && (
    <button type="button" class="chip-button" disabled={turns.length === 0} onClick={() => session.fire(cell, "clear")}>
      <Icon name="trash" /> Clear
    </button>
  );
  return (
    <Field cell={cell} props={props} as="output" class="chat" aside={clear}>
      <div
        ref={scroll.log}
        class={`chat-log${avatars ? " with-avatars" : ""}`}
        role="log"
        aria-live="off"
        aria-busy={waits}
        aria-label={props.label ?? "Conversation"}
        tabIndex={0}
        style={{ height: `min(${Number(props.height) || 420}px, 70vh)` }}
        onScroll={scroll.onScroll}
      >
        <div ref={scroll.inner} class="chat-turns">
          {turns.length === 0 && !waits && <Empty cell={cell} />}
          {blocks.map((block, i) => (
            <Block key={i} cell={cell} block={block} from={i * BLOCK} old={i < blocks.length - 2} final={i === blocks.length - 1} grows={waits && i === blocks.length - 1} avatars={avatars} />
          ))}
          {waits && last?.role !== "assistant" && <Typing avatars={avatars} />}
          {!waits && last?.role === "user" && cell.on["retry"] && <Unanswered retry={() => session.fire(cell, "retry", { index: turns.length })} />}
        </div>
      </div>
      <p class="hidden" role="status" aria-live="polite">
        {said}
      </p>
      <Over cell={cell} away={scroll.away} toEnd={scroll.toEnd} />
    </Field>
  );
}

/** What floats over the end of the conversation. */
function Over({ cell, away, toEnd }: { cell: Cell; away: boolean; toEnd: () => void }) {
  const { session } = useSpace();
  const busy = session.ledger.busyAt(cell.n).some((e) => !SILENT.has(e.kind));
  if (!away && !busy) return null;
  return (
    <div class="chat-over">
      {busy && (
        <button type="button" class="chat-chip" onClick={() => session.cancel(cell.n)}>
          <Icon name="stop" /> Stop
        </button>
      )}
      {away && (
        <button type="button" class="chat-chip" onClick={toEnd}>
          <Icon name="arrow_down" /> Latest
        </button>
      )}
    </div>
  );
}

interface BlockProps {
  cell: Cell;
  block: readonly Message[];
  from: number;
  /** Far from the newest message: drawn when it is looked at. */
  old: boolean;
  /** Holds the newest message. */
  final: boolean;
  grows: boolean;
  avatars: Avatars | null;
}

const Block = memo(function Block({ cell, block, from, old, final, grows, avatars }: BlockProps) {
  return (
    <div class={old ? "turn-block old" : "turn-block"}>
      {block.map((message, i) => {
        const last = final && i === block.length - 1;
        return <Turn key={i} cell={cell} message={message} index={from + i + 1} last={last} grows={grows && last} avatars={avatars} />;
      })}
    </div>
  );
});

/** Slices that stay the same arrays while nothing in them changes. */
function useBlocks(turns: readonly Message[]): readonly (readonly Message[])[] {
  const kept = useRef<readonly (readonly Message[])[]>([]);
  const next: (readonly Message[])[] = [];
  for (let from = 0; from < turns.length; from += BLOCK) {
    const part = turns.slice(from, from + BLOCK);
    const old = kept.current[from / BLOCK];
    const same = old !== undefined && old.length === part.length && part.every((m, i) => m === old[i]);
    next.push(same ? old : part);
  }
  kept.current = next;
  return next;
}

/** Does something run that the conversation waits for? */
function useAnswering(cell: Cell): boolean {
  const { ledger, page } = useSpace().session;
  return ledger.busy.value.some((event) => {
    if (event.node === cell.n) return !SILENT.has(event.kind);
    const from = page.tree.value?.cells.get(event.node);
    const outputs = Object.values(from?.on ?? {}).flatMap((h) => h.outputs ?? []);
    return outputs.length === 0 || outputs.includes(cell.n);
  });
}

/** Keeps the end in sight while it grows, unless the reader has gone up. */
function useFollowing(turns: readonly Message[]) {
  const log = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const at = useRef({ follows: true, top: 0, height: 0, count: turns.length });
  const [away, setAway] = useState(false);

  const down = () => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  const toEnd = () => {
    at.current.follows = true;
    setAway(false);
    down();
    log.current?.focus({ preventScroll: true });
  };
  useEffect(() => {
    if (!inner.current || typeof ResizeObserver === "undefined") return;
    const seen = new ResizeObserver(() => at.current.follows && down());
    seen.observe(inner.current);
    return () => seen.disconnect();
  }, []);
  useEffect(() => {
    const grew = turns.length > at.current.count;
    at.current.count = turns.length;
    if (grew && turns.at(-1)?.role === "user") {
      at.current.follows = true; // who says something wants to see what comes
      setAway(false);
      down();
    }
  }, [turns.length]);
  const onScroll = (e: { currentTarget: HTMLDivElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
    const gap = scrollHeight - scrollTop - clientHeight;
    // What shrinks moves up by itself.
    const up = scrollTop < at.current.top - 1 && scrollHeight >= at.current.height;
    at.current.top = scrollTop;
    at.current.height = scrollHeight;
    if (up && gap > 2) at.current.follows = false;
    else if (gap < NEAR_PX) at.current.follows = true;
    setAway(gap >= NEAR_PX && !at.current.follows);
  };
  return { log, inner, away, toEnd, onScroll };
}

function readAvatars(value: unknown): Avatars | null {
  if (typeof value !== "object" || value === null) return null;
  const { user, assistant } = value as Record<string, unknown>;
  const sign = (v: unknown) => (typeof v === "string" && v !== "" ? [...v].slice(0, 3).join("") : "");
  return sign(user) || sign(assistant) ? { user: sign(user), assistant: sign(assistant) } : null;
}

function Unanswered({ retry }: { retry: () => void }) {
  return (
    <div class="turn assistant failed">
      <div class="turn-body">
        <div class="bubble">
          <p>No answer came.</p>
          <button type="button" class="button secondary" onClick={retry}>
            <Icon name="retry" /> Try again
          </button>
        </div>
      </div>
    </div>
  );
}

function Empty({ cell }: { cell: Cell }) {
  const { session } = useSpace();
  const props = propsOf(cell, "chatbot");
  const examples = options(props.examples);
  return (
    <div class="chat-empty">
      {props.placeholder ? <Prose text={props.placeholder} /> : <p>Nothing said yet. Say something.</p>}
      {examples.length > 0 && cell.on["example"] && (
        <ul class="chat-examples" aria-label="To begin with">
          {examples.map((choice, i) => (
            <li key={i}>
              <button type="button" class="chip" onClick={() => session.fire(cell, "example", i)}>
                {choice.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
