/* One line of a log as the server sends it, and what a page shows of many. */
export interface Line {
  /** Grows; where to go on after it. */
  readonly id: number;
  readonly time: string;
  readonly level: string;
  readonly line: string;
  readonly stream?: string;
  readonly commit?: string;
  readonly replica?: string;
  /** Short reference of the visitor's session. */
  readonly session?: string;
  readonly event?: number;
  /** Of a failure, as the visitor reads it. */
  readonly ref?: string;
  /** No line: some are missing here. */
  readonly gap?: boolean;
}

/** Lines carry µs since 1970; a text is taken as it is. */
function isoTime(time: unknown): string {
  return typeof time === "number" && Math.abs(time) < 8.64e18 ? new Date(time / 1000).toISOString() : String(time ?? "");
}

function levelOf(level: unknown, line: unknown): string {
  if (typeof level === "string") return level;
  // Builds and lines of earlier versions have no level; the worker's host began its own with it.
  return /^(?:error|warn)\b/.exec(String(line))?.[0] ?? "info";
}

export function readLine(id: number, data: string): Line {
  try {
    const { id: given, time, level, line, stream, commit, replica, session, event, ref } = JSON.parse(data) as Record<string, unknown>;
    return {
      id: typeof given === "number" ? given : id,
      time: isoTime(time),
      level: levelOf(level, line),
      line: String(line ?? ""),
      ...(typeof stream === "string" ? { stream } : {}),
      ...(typeof commit === "string" ? { commit } : {}),
      ...(typeof replica === "string" ? { replica } : {}),
      ...(typeof session === "string" ? { session } : {}),
      ...(typeof event === "number" ? { event } : {}),
      ...(typeof ref === "string" ? { ref } : {}),
    };
  } catch {
    return { id, time: "", level: "info", line: data };
  }
}

/** What the server chooses lines by. */
export interface Wanted {
  readonly level: string;
  readonly session: string;
  readonly commit: string;
  readonly ref: string;
}

export const ALL: Wanted = { level: "info", session: "", commit: "", ref: "" };

/** What is typed where one searches: a failure's reference is asked of the server, which has more
 * lines than the page. */
export function isReference(text: string): boolean {
  return /^[0-9a-hjkmnp-tv-z]{10}$/.test(text) && /\d/.test(text);
}

/** The address of the lines that are wanted. */
export function streamPath(path: string, wanted: Wanted, tail: number): string {
  const query = new URLSearchParams({ follow: "1", tail: String(tail) });
  for (const [name, value] of Object.entries(wanted)) if (value && value !== "debug") query.set(name, value);
  // A reference stands in one failure's lines, whatever their level.
  if (wanted.ref) query.delete("level");
  return `${path}?${query}`;
}

/** The wish that stands behind the # of an address: #REF, or #session=… and the like. */
export function wantedOf(hash: string): Wanted {
  const text = decodeURIComponent(hash.replace(/^#/, ""));
  if (/^[0-9a-z]{6,15}$/.test(text)) return { ...ALL, ref: text };
  const given = new URLSearchParams(text);
  const word = (name: string) => /^[0-9a-zA-Z]{1,40}$/.exec(given.get(name) ?? "")?.[0] ?? "";
  return { level: word("level") || ALL.level, session: word("session"), commit: word("commit"), ref: word("ref") };
}

export function hashOf(wanted: Wanted): string {
  if (wanted.ref && !wanted.session && !wanted.commit) return `#${wanted.ref}`;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wanted)) if (value && !(name === "level" && value === ALL.level)) query.set(name, value);
  const text = query.toString();
  return text ? `#${text}` : "";
}

/** New lines behind the old ones, none twice, at most max. */
export function addLines(before: readonly Line[], come: readonly Line[], max: number): readonly Line[] {
  const last = before.at(-1)?.id ?? -1;
  const fresh = come.filter((line) => line.gap || line.id > last);
  return fresh.length === 0 ? before : [...before, ...fresh].slice(-max);
}

/** As text, for the clipboard. */
export function lineText(line: Line): string {
  const words = [line.time, line.session, line.level === "info" ? "" : line.level, line.line, line.ref ? `(reference ${line.ref})` : ""];
  return words.filter(Boolean).join(" ");
}
