/* One message: who, what, and what a visitor may do with it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Cell } from "../state/tree";
import { addressOf } from "./address";
import { partsOf, textOf, type Avatars, type FilePart, type Message, type Part, type SectionPart } from "./chatbot_value";
import { CopyButton } from "./copy";
import { sizeWords } from "./file_rules";
import { Icon, type IconName } from "./icon";
import { memo } from "./memo";
import { Prose } from "./prose";
import { useSpace } from "./space";

interface TurnProps {
  cell: Cell;
  message: Message;
  /** From 1. */
  index: number;
  last: boolean;
  grows: boolean;
  avatars: Avatars | null;
}

export const Turn = memo(function Turn({ cell, message, index, last, grows, avatars }: TurnProps) {
  const { session } = useSpace();
  const [editing, setEditing] = useState(false);
  const mine = message.role === "user";
  const system = message.role === "system";
  const parts = partsOf(message.content);
  if (!mine && parts.every((p) => p.kind === "text" && p.text === "")) return grows ? <Typing avatars={avatars} /> : null;

  const edit = (text: string) => {
    setEditing(false);
    session.fire(cell, "edit", { index, text });
  };
  return (
    <article class={`turn ${mine ? "user" : system ? "system" : "assistant"}${message.error ? " failed" : ""}`}>
      {avatars && !system && <Avatar sign={mine ? avatars.user : avatars.assistant} />}
      <div class="turn-body">
        <Head message={message} mine={mine} />
        {editing ? (
          <Edit text={textOf(message.content)} done={edit} cancel={() => setEditing(false)} />
        ) : (
          <div class="bubble" dir="auto">
            {parts.map((part, i) => (
              <PartOf key={i} part={part} mine={mine} grows={grows && i === parts.length - 1} />
            ))}
          </div>
        )}
        {!system && !editing && !grows && <Actions cell={cell} message={message} index={index} last={last} mine={mine} edit={() => setEditing(true)} />}
      </div>
    </article>
  );
});

function Head({ message, mine }: { message: Message; mine: boolean }) {
  const who = message.name || (mine ? "You" : message.role);
  if (!message.name && message.time === null) return <span class="hidden">{who}:</span>;
  const time = message.time === null ? null : new Date(message.time * 1000);
  return (
    <p class="turn-head">
      <span class={message.name ? "" : "hidden"}>{who}</span>
      {time && <time dateTime={time.toISOString()}>{time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}</time>}
    </p>
  );
}

function Avatar({ sign }: { sign: string }) {
  return (
    <span class="avatar-sign" aria-hidden="true">
      {sign}
    </span>
  );
}

export function Typing({ avatars }: { avatars: Avatars | null }) {
  return (
    <div class="turn assistant">
      {avatars && <Avatar sign={avatars.assistant} />}
      <div class="bubble typing" role="img" aria-label="is writing">
        <i />
        <i />
        <i />
      </div>
    </div>
  );
}

function PartOf({ part, mine, grows }: { part: Part; mine: boolean; grows: boolean }) {
  switch (part.kind) {
    case "text":
      return mine ? <p class="source">{part.text}</p> : <Prose text={part.text} breaks grows={grows} />;
    case "file":
      return <FileOf part={part} />;
    case "section":
      return <Section part={part} grows={grows} />;
    default: {
      const never: never = part;
      return never;
    }
  }
}

function FileOf({ part }: { part: FilePart }) {
  const { base } = useSpace();
  const [broken, setBroken] = useState(false);
  const source = addressOf(part, base);
  if (source === null) return null;
  const name = part.alt || part.name || "file";
  if (part.type.startsWith("image/") && !broken) {
    return (
      <a class="chat-picture" href={source} target="_blank" rel="noopener" aria-label={`Open ${name}`}>
        <img src={source} alt={name} loading="lazy" onError={() => setBroken(true)} />
      </a>
    );
  }
  if (part.type.startsWith("audio/")) return <audio class="chat-media" src={source} controls preload="metadata" aria-label={name} />;
  if (part.type.startsWith("video/")) return <video class="chat-media" src={source} controls preload="metadata" aria-label={name} />;
  return (
    <a class="file file-link chat-file" href={source} download={part.name || "file"}>
      <Icon name="file" />
      <span class="file-name" title={part.name}>{name}</span>
      <span class="file-about">{sizeWords(part.size)}</span>
    </a>
  );
}

const SIGNS: Readonly<Record<string, IconName>> = { done: "check", failed: "alert" };

function Section({ part, grows }: { part: SectionPart; grows: boolean }) {
  const running = part.status === "running";
  return (
    <details class={`section${part.status === "failed" ? " failed" : ""}`} open={part.open ?? running}>
      <summary>
        {running ? <span class="spinner" aria-hidden="true" /> : <Icon name={SIGNS[part.status ?? ""] ?? "chevron"} />}
        <span>{part.title}</span>
        {running && <span class="hidden">, running</span>}
        {part.seconds !== null && <small>{part.seconds.toFixed(1)} s</small>}
      </summary>
      {part.text !== "" && <Prose text={part.text} breaks grows={grows || running} />}
    </details>
  );
}

interface ActionsProps {
  cell: Cell;
  message: Message;
  index: number;
  last: boolean;
  mine: boolean;
  edit: () => void;
}

function Actions({ cell, message, index, last, mine, edit }: ActionsProps) {
  const { session } = useSpace();
  const on = cell.on;
  const like = (liked: boolean) => session.fire(cell, "like", { index, liked: message.liked === liked ? null : liked });
  const text = textOf(message.content);
  return (
    <div class={last ? "turn-actions last" : "turn-actions"}>
      {text !== "" && <CopyButton text={() => text} label="Copy message" quiet />}
      {!mine && on["like"] && (
        <>
          <Action icon="like" words="Good answer" pressed={message.liked === true} run={() => like(true)} />
          <Action icon="dislike" words="Bad answer" pressed={message.liked === false} run={() => like(false)} />
        </>
      )}
      {!mine && last && on["retry"] && <Action icon="retry" words="Answer again" run={() => session.fire(cell, "retry", { index })} />}
      {mine && on["edit"] && text !== "" && <Action icon="edit" words="Edit" run={edit} />}
      {last && on["undo"] && <Action icon="undo" words="Take back" run={() => session.fire(cell, "undo", { index })} />}
    </div>
  );
}

function Action({ icon, words, pressed, run }: { icon: IconName; words: string; pressed?: boolean; run: () => void }) {
  return (
    <button type="button" class="chip-button quiet" title={words} aria-label={words} {...(pressed === undefined ? {} : { "aria-pressed": pressed })} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}

function Edit({ text, done, cancel }: { text: string; done: (text: string) => void; cancel: () => void }) {
  const [draft, setDraft] = useState(text);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  const send = () => draft.trim() !== "" && done(draft);
  return (
    <div class="turn-edit">
      <textarea
        ref={area}
        class="input"
        aria-label="Your message"
        dir="auto"
        rows={Math.min(10, Math.max(2, draft.split("\n").length))}
        value={draft}
        onInput={(e) => setDraft(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.isComposing) return;
          if (e.key === "Escape") cancel();
          if (e.key === "Enter" && !e.shiftKey) {
            e.preventDefault();
            send();
          }
        }}
      />
      <p class="turn-edit-buttons">
        <button type="button" class="button secondary" onClick={cancel}>Cancel</button>
        <button type="button" class="button primary" disabled={draft.trim() === ""} onClick={send}>Send</button>
      </p>
    </div>
  );
}
