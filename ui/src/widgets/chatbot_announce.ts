/* What a screen reader is told of an answer that streams: whole sentences, not every token. */
import { useEffect, useRef, useState } from "preact/hooks";
import { textOf, type Message } from "./chatbot_value";

/** No more often than this: a reader that is interrupted by every sentence says none of them. */
const EVERY_MS = 1500;

/** End of the last whole sentence or line behind `from`; `from`: there is none. */
export function sentenceEnd(text: string, from: number): number {
  const rest = text.slice(from);
  let end = 0;
  for (const m of rest.matchAll(/[.!?…。！？:;](?=\s)|\n/g)) end = m.index + m[0].length;
  return from + end;
}

export function useAnnounced(turns: readonly Message[], waits: boolean): string {
  const [said, setSaid] = useState("");
  // What was there before is not read out.
  const at = useRef({ count: turns.length, spoken: textOf(turns.at(-1)?.content ?? "").length });
  const text = useRef("");
  const last = turns.at(-1);
  text.current = last && last.role !== "user" ? textOf(last.content) : "";
  if (turns.length !== at.current.count) at.current = { count: turns.length, spoken: 0 };

  const speak = (end: number) => {
    if (end <= at.current.spoken) return;
    setSaid(text.current.slice(at.current.spoken, end).trim());
    at.current.spoken = end;
  };
  useEffect(() => {
    if (!waits) {
      speak(text.current.length);
      return;
    }
    const timer = setInterval(() => speak(sentenceEnd(text.current, at.current.spoken)), EVERY_MS);
    return () => clearInterval(timer);
  }, [waits, turns.length]);
  return said;
}
