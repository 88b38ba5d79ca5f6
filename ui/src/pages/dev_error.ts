/* What a refused build said, as its author wants to see it. No DOM. */
export interface CodeLine {
  readonly n: number;
  readonly text: string;
  /** The line that is meant. */
  readonly here: boolean;
}

export interface DevError {
  /** "app.lua:3"; null: no line is to blame. */
  readonly place: string | null;
  readonly words: string;
  readonly code: readonly CodeLine[];
  /** Tests with their marks, prints, frames. */
  readonly rest: readonly string[];
}

const PREFIX = "vitrine: ";
const PLACE = /^([^\s:]+:\d+): (.*)$/s;
const CODE = /^ {2}([ >]) *(\d+) \| ?(.*)$/;

/** message: the build's, its first line; lines: its log. */
export function readDevError(message: string, lines: readonly string[]): DevError {
  const place = PLACE.exec(message);
  const words = place?.[2] ?? message;
  const code: CodeLine[] = [];
  const rest: string[] = [];
  for (const full of lines) {
    const line = full.startsWith(PREFIX) ? full.slice(PREFIX.length) : full;
    const found = CODE.exec(line);
    if (found) code.push({ n: Number(found[2]), text: found[3] ?? "", here: found[1] === ">" });
    else if (!line.startsWith("✓ ") && !line.includes(words)) rest.push(line.replace(/^ {2}/, ""));
  }
  return { place: place?.[1] ?? null, words, code, rest };
}
