/* What a conversation's value holds, read with distrust. Knows no DOM. */
import { asText } from "./textbox";

export interface TextPart {
  readonly kind: "text";
  readonly text: string;
}

export interface FilePart {
  readonly kind: "file";
  readonly file: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly alt: string;
}

/** What a model thought, what a tool did. */
export interface SectionPart {
  readonly kind: "section";
  readonly title: string;
  readonly text: string;
  readonly status: "running" | "done" | "failed" | null;
  readonly open: boolean | null;
  readonly seconds: number | null;
}

export type Part = TextPart | FilePart | SectionPart;

/** One message as it came; read it with the functions below. */
export interface Message {
  readonly role: string;
  readonly content: unknown;
  readonly name: string;
  readonly time: number | null;
  readonly liked: boolean | null;
  readonly error: boolean;
}

export interface Avatars {
  readonly user: string;
  readonly assistant: string;
}

const read = new WeakMap<object, Message>();

/** The same object as long as the message is the same, so that nothing else is rendered again. */
export function readTurns(value: unknown): readonly Message[] {
  return Array.isArray(value) ? value.map(readMessage) : [];
}

function readMessage(raw: unknown): Message {
  if (typeof raw !== "object" || raw === null) return makeMessage({ content: raw });
  const known = read.get(raw);
  if (known) return known;
  const message = makeMessage(raw as Record<string, unknown>);
  read.set(raw, message);
  return message;
}

function makeMessage({ role, content, name, time, liked, error }: Record<string, unknown>): Message {
  return {
    role: typeof role === "string" ? role : "assistant",
    content,
    name: typeof name === "string" ? name : "",
    time: typeof time === "number" && Math.abs(time) < 8.6e12 ? time : null,
    liked: typeof liked === "boolean" ? liked : null,
    error: error === true,
  };
}

export function partsOf(content: unknown): readonly Part[] {
  if (!Array.isArray(content)) return [{ kind: "text", text: asText(content) }];
  return content.map(readPart);
}

function readPart(raw: unknown): Part {
  if (typeof raw !== "object" || raw === null) return { kind: "text", text: asText(raw) };
  const { text, file, title, name, type, size, alt, status, open, seconds } = raw as Record<string, unknown>;
  if (typeof file === "string") {
    return { kind: "file", file, name: asText(name), type: asText(type), size: Number(size) || 0, alt: asText(alt) };
  }
  if (title === undefined) return { kind: "text", text: asText(text) };
  return {
    kind: "section",
    title: asText(title),
    text: asText(text),
    status: status === "running" || status === "done" || status === "failed" ? status : null,
    open: typeof open === "boolean" ? open : null,
    seconds: typeof seconds === "number" ? seconds : null,
  };
}

/** The words of a message: what is copied, edited and read out. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return partsOf(content)
    .map((p) => (p.kind === "text" ? p.text : ""))
    .filter(Boolean)
    .join("\n\n");
}
