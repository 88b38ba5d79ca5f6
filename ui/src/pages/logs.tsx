/* The Space's log as it is written, with a search and without losing one's place. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { CopyButton } from "../widgets/copy";
import { spacePath } from "./api";
import { SpaceFrame } from "./frame";
import { readLine, type Line } from "./log_line";
import { clockWords } from "./words";

type Source = "run" | "build";
type Tail = "connecting" | "live" | "lost";

/** What a browser shows without trouble; the CLI has the rest. */
const LINES_MAX = 5000;

export function Logs({ owner, name }: { owner: string; name: string }) {
  const [source, setSource] = useState<Source>("run");
  const [search, setSearch] = useState("");
  const { lines, tail } = useTail(`${spacePath(owner, name)}/logs/${source}`, source === "run");
  const wanted = search.toLowerCase();
  const shown = wanted ? lines.filter((l) => l.line.toLowerCase().includes(wanted)) : lines;
  return (
    <SpaceFrame owner={owner} name={name} tab="logs">
      <div class="log-bar">
        <div class="switch" role="radiogroup" aria-label="Which log">
          {(["run", "build"] as const).map((s) => (
            <label key={s}>
              <input type="radio" name="source" checked={source === s} onChange={() => setSource(s)} />
              <span>{s === "run" ? "App" : "Last build"}</span>
            </label>
          ))}
        </div>
        <input
          type="search"
          class="input"
          placeholder="Search the lines"
          aria-label="Search the lines"
          value={search}
          onInput={(e) => setSearch(e.currentTarget.value)}
        />
        <span class={`badge ${tail === "live" ? "good" : tail === "lost" ? "bad" : "busy"}`} role="status">
          <span class="dot" aria-hidden="true" />
          {tail === "live" ? "Live" : tail === "lost" ? "Reconnecting" : "Connecting"}
        </span>
        <CopyButton text={() => shown.map((l) => `${l.time} ${l.line}`).join("\n")} label="Copy" />
      </div>
      <LogLines lines={shown} empty={search ? "No line matches." : tail === "live" ? "Nothing has been written yet." : "…"} />
    </SpaceFrame>
  );
}

function LogLines({ lines, empty }: { lines: readonly Line[]; empty: string }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <div
      ref={box}
      class="log"
      role="log"
      aria-label="Log"
      tabIndex={0}
      onScroll={(e) => {
        const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
        follows.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      {lines.length === 0 && <p class="log-empty">{empty}</p>}
      {lines.map((l) => (
        <p key={l.id} class={`log-line ${l.level}`}>
          <time dateTime={l.time}>{clockWords(l.time)}</time>
          <span>{l.line}</span>
        </p>
      ))}
    </div>
  );
}

/** EventSource connects again by itself; a new connection starts the tail over. */
function useTail(path: string, follow: boolean): { lines: readonly Line[]; tail: Tail } {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [tail, setTail] = useState<Tail>("connecting");
  useEffect(() => {
    let id = 0;
    let waiting: Line[] = [];
    let frame = 0;
    const events = new EventSource(follow ? `${path}?follow=1` : path);
    const show = () => {
      frame = 0;
      const come = waiting;
      waiting = [];
      setLines((before) => [...before, ...come].slice(-LINES_MAX));
    };
    setLines([]);
    setTail("connecting");
    events.onopen = () => {
      waiting = [];
      setLines([]);
      setTail("live");
    };
    events.onmessage = (e: MessageEvent<string>) => {
      waiting.push(readLine(++id, e.data));
      frame ||= requestAnimationFrame(show);
    };
    events.onerror = () => {
      // A log that is not followed ends; asking for it again and again would repeat it.
      if (follow) setTail("lost");
      else {
        events.close();
        setTail("live");
      }
    };
    return () => {
      events.close();
      cancelAnimationFrame(frame);
    };
  }, [path, follow]);
  return { lines, tail };
}
