/* The Space's log as it is written: searched, filtered, and without losing one's place. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { CopyButton } from "../widgets/copy";
import { Icon } from "../widgets/icon";
import { spacePath } from "./api";
import { Problem } from "./frame";
import { RepoFrame } from "./hub/repo_frame";
import { addLines, hashOf, isReference, lineText, readLine, streamPath, wantedOf, type Line, type Wanted } from "./log_line";
import { useStream, type Tail } from "./use_stream";
import { clockWords, fullTime } from "./words";

/** What a browser keeps, and what of it stands in the page: the CLI has the rest. */
const LINES_MAX = 5000;
const SHOWN_MAX = 800;

interface Props {
  readonly owner: string;
  readonly name: string;
}

type Source = "run" | "build";

export function Logs({ owner, name }: Props) {
  const build = new URLSearchParams(location.search).get("build") ?? "";
  const [source, setSource] = useState<Source>(build ? "build" : "run");
  const [wanted, setWanted] = useState(() => wantedOf(location.hash));
  const [search, setSearch] = useState(wanted.ref);
  const [round, setRound] = useState(0);
  const path = `${spacePath(owner, name)}/logs/${source}`;
  const [lines, tail, error] = useLines(
    source === "run" ? streamPath(path, wanted, LINES_MAX) : `${path}?${new URLSearchParams(build ? { build } : {})}`,
    round,
  );
  useEffect(() => {
    const follow = () => {
      setWanted(wantedOf(location.hash));
      setSearch(wantedOf(location.hash).ref);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const want = (more: Partial<Wanted>) => {
    const now = { ...wanted, ...more };
    setWanted(now);
    history.replaceState(null, "", hashOf(now) || location.pathname + location.search);
  };
  const find = (text: string) => {
    setSearch(text);
    if (source === "run" && (isReference(text) || wanted.ref)) want({ ref: isReference(text) ? text : "" });
  };
  const shown = useMemo(() => matching(lines, wanted.ref ? "" : search), [lines, search, wanted.ref]);

  return (
    <RepoFrame id={{ kind: "space", owner, name }} tab="logs">
      <div class="log-bar">
        <SourceSwitch source={source} build={build} choose={setSource} />
        <input
          type="search"
          class="input"
          placeholder="Search, or a reference number"
          aria-label="Search the lines, or find a reference number"
          value={search}
          onInput={(e) => find(e.currentTarget.value.trim())}
        />
        {source === "run" && <LevelChoice level={wanted.level} choose={(level) => want({ level })} />}
        <TailBadge tail={tail} source={source} />
        <CopyButton text={() => shown.map(lineText).join("\n")} label="Copy" />
      </div>
      {source === "run" && <Chosen wanted={wanted} lines={lines} want={want} clear={() => find("")} />}
      {error ? (
        <Problem error={error} again={() => setRound(round + 1)} />
      ) : (
        <LogLines lines={shown} want={want} empty={emptyWords(tail, search !== "" || hashOf(wanted) !== "")} />
      )}
    </RepoFrame>
  );
}

function matching(lines: readonly Line[], search: string): readonly Line[] {
  const words = search.toLowerCase();
  return words ? lines.filter((l) => l.line.toLowerCase().includes(words) || l.ref === words) : lines;
}

function emptyWords(tail: Tail, searched: boolean): string {
  if (tail === "connecting") return "Loading…";
  if (tail === "lost") return "The connection is lost; it is tried again.";
  return searched ? "No line matches." : "Nothing has been written yet. What the app prints appears here at once.";
}

/* --- the bar --- */

function SourceSwitch({ source, build, choose }: { source: Source; build: string; choose: (s: Source) => void }) {
  return (
    <div class="switch" role="radiogroup" aria-label="Which log">
      {(["run", "build"] as const).map((s) => (
        <label key={s}>
          <input type="radio" name="source" checked={source === s} onChange={() => choose(s)} />
          <span>{s === "run" ? "App" : build ? "Build" : "Last build"}</span>
        </label>
      ))}
    </div>
  );
}

const LEVELS = [
  ["debug", "Everything"],
  ["info", "Information"],
  ["warn", "Warnings"],
  ["error", "Errors"],
] as const;

function LevelChoice({ level, choose }: { level: string; choose: (level: string) => void }) {
  return (
    <select class="input log-level" aria-label="Level" value={level} onChange={(e) => choose(e.currentTarget.value)}>
      {LEVELS.map(([value, words]) => (
        <option key={value} value={value}>
          {words}
        </option>
      ))}
    </select>
  );
}

function TailBadge({ tail, source }: { tail: Tail; source: Source }) {
  const [tone, words] =
    tail === "live" ? (["good", source === "run" ? "Live" : "Reading"] as const)
    : tail === "lost" ? (["bad", "Reconnecting"] as const)
    : tail === "ended" ? (["calm", source === "run" ? "Closed" : "Complete"] as const)
    : (["busy", "Connecting"] as const);
  return (
    <span class={`badge ${tone}`} role="status">
      <span class="dot" aria-hidden="true" />
      {words}
    </span>
  );
}

interface ChosenProps {
  readonly wanted: Wanted;
  readonly lines: readonly Line[];
  readonly want: (more: Partial<Wanted>) => void;
  readonly clear: () => void;
}

/** What the lines are narrowed to, each with a way back; from a failure to all around it. */
function Chosen({ wanted, lines, want, clear }: ChosenProps) {
  const of = wanted.ref ? lines.find((l) => l.ref === wanted.ref)?.session : undefined;
  if (!wanted.session && !wanted.commit && !wanted.ref) return null;
  return (
    <div class="chosen">
      {wanted.ref && <Chip words={`Reference ${wanted.ref}`} drop={clear} />}
      {wanted.session && <Chip words={`Session ${wanted.session}`} drop={() => want({ session: "" })} />}
      {wanted.commit && <Chip words={`Version ${wanted.commit.slice(0, 8)}`} drop={() => want({ commit: "" })} />}
      {of && (
        <button
          type="button"
          class="button secondary small"
          onClick={() => {
            clear();
            want({ ref: "", session: of });
          }}
        >
          Show the whole session
        </button>
      )}
    </div>
  );
}

function Chip({ words, drop }: { words: string; drop: () => void }) {
  return (
    <button type="button" class="chosen-chip" onClick={drop} title="Show all again">
      {words}
      <Icon name="close" />
    </button>
  );
}

/* --- the lines --- */

interface LogLinesProps {
  readonly lines: readonly Line[];
  readonly want: (more: Partial<Wanted>) => void;
  readonly empty: string;
}

/** While one reads further up, nothing moves: what comes is counted instead. */
function LogLines({ lines, want, empty }: LogLinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<readonly Line[] | null>(null);
  const [most, setMost] = useState(SHOWN_MAX);
  const seen = held ?? lines;
  const shown = seen.slice(-most);
  const news = held ? countAfter(lines, held.at(-1)?.id ?? -1) : 0;
  useLayoutEffect(() => {
    if (!held && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, held]);
  // What was held may not be what is wanted any more.
  useEffect(() => {
    if (held && lines.length === 0) setHeld(null);
  }, [lines.length === 0]);
  const toNow = () => {
    setMost(SHOWN_MAX);
    setHeld(null);
  };
  const onScroll = (e: { currentTarget: HTMLDivElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = e.currentTarget;
    const atEnd = scrollHeight - scrollTop - clientHeight < 40;
    if (atEnd && held && news === 0) setHeld(null);
    if (!atEnd && !held && lines.length > 0) setHeld(lines);
  };
  return (
    <div class="log-frame">
      <div ref={box} class="log" role="log" aria-label="Log" aria-busy={empty === "Loading…"} tabIndex={0} onScroll={onScroll}>
        {lines.length === 0 && !held && <p class="log-empty">{empty}</p>}
        {seen.length > shown.length && (
          <button type="button" class="button secondary small log-earlier" onClick={() => setMost(most + SHOWN_MAX)}>
            Show earlier lines
          </button>
        )}
        {shown.map((line, i) => (
          <Row key={line.gap ? `gap${line.id}` : line.id} line={line} before={shown[i - 1]} want={want} />
        ))}
      </div>
      {held && (
        <button type="button" class="button primary small log-now" onClick={toNow}>
          {news > 0 ? `${news} new ${news === 1 ? "line" : "lines"} · ` : ""}Jump to now
        </button>
      )}
    </div>
  );
}

function countAfter(lines: readonly Line[], id: number): number {
  let n = 0;
  for (let i = lines.length - 1; i >= 0 && (lines[i]?.id ?? 0) > id; i--) n++;
  return n;
}

function Row({ line, before, want }: { line: Line; before: Line | undefined; want: (more: Partial<Wanted>) => void }) {
  const { commit, session, ref } = line;
  if (line.gap) return <p class="log-mark gap">Lines are missing here: they were removed for newer ones</p>;
  return (
    <>
      {commit && before?.commit !== commit && (
        <p class="log-mark">
          Version{" "}
          <button type="button" onClick={() => want({ commit })} title="Only lines of this version">
            {commit.slice(0, 8)}
          </button>
        </p>
      )}
      <p class={`log-line ${line.level} from-${line.stream ?? "build"}`}>
        <time dateTime={line.time} title={fullTime(line.time)}>
          {clockWords(line.time)}
        </time>
        <span class="log-who">
          {session && (
            <button type="button" onClick={() => want({ session })} title="Only lines of this visitor's session">
              {session}
            </button>
          )}
        </span>
        <span class="log-words">
          {line.level !== "info" && <b class="log-tag">{line.level}</b>}
          {line.line}
          {ref && before?.ref !== ref && <a class="log-ref" href={`#${ref}`}>{`reference ${ref}`}</a>}
        </span>
      </p>
    </>
  );
}

function useLines(path: string, round: number): readonly [readonly Line[], Tail, Error | null] {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const count = useRef(0);
  const [tail, error] = useStream(`${path}${round ? `&round=${round}` : ""}`, () => setLines([]), {
    take(data) {
      const come = data.map((text) => readLine(++count.current, text));
      setLines((before) => addLines(before, come, LINES_MAX));
    },
    gap() {
      setLines((before) => [...before, { id: before.at(-1)?.id ?? 0, time: "", level: "info", line: "", gap: true }]);
    },
  });
  return [lines, tail, error];
}
