/* A unified diff, as git writes it, taken apart into files and lines. */
export interface DiffLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
  /** Numbers in the old and the new file; null: it is not in that one. */
  readonly old: number | null;
  readonly new: number | null;
}

export interface Hunk {
  readonly head: string;
  readonly lines: readonly DiffLine[];
}

export interface DiffFile {
  readonly path: string;
  /** Where it was before; the same where it has not moved, empty where it was not. */
  readonly before: string;
  readonly state: "added" | "removed" | "renamed" | "changed";
  readonly binary: boolean;
  readonly hunks: readonly Hunk[];
  readonly added: number;
  readonly removed: number;
}

type Open = { -readonly [K in keyof Omit<DiffFile, "hunks">]: DiffFile[K] } & { hunks: { head: string; lines: DiffLine[] }[] };

export function readDiff(text: string): readonly DiffFile[] {
  const files: Open[] = [];
  let file: Open | undefined;
  let left = { old: 0, new: 0 };
  let at = { old: 0, new: 0 };
  for (const line of text.split("\n")) {
    const hunk = file?.hunks.at(-1);
    // Inside a hunk its counts decide what a line is: a removed "-- x" looks like a file's name.
    if (file && hunk && (left.old > 0 || left.new > 0) && /^[ +\-]|^$/.test(line)) {
      const kind = line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "same";
      hunk.lines.push({ kind, text: line.slice(1), old: kind === "added" ? null : at.old, new: kind === "removed" ? null : at.new });
      if (kind !== "added") left.old--, at.old++;
      if (kind !== "removed") left.new--, at.new++;
      if (kind === "added") file.added++;
      if (kind === "removed") file.removed++;
      continue;
    }
    const begin = /^diff --git (.*)$/.exec(line);
    if (begin) {
      const path = sameName(begin[1] ?? "");
      file = { path, before: path, state: "changed", binary: false, hunks: [], added: 0, removed: 0 };
      files.push(file);
      continue;
    }
    if (!file) continue;
    const counts = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (counts) {
      at = { old: Number(counts[1]), new: Number(counts[3]) };
      left = { old: Number(counts[2] ?? 1), new: Number(counts[4] ?? 1) };
      file.hunks.push({ head: line, lines: [] });
    } else {
      readHead(file, line);
    }
  }
  return files;
}

function readHead(file: Open, line: string): void {
  const [, word, rest = ""] = /^(new file|deleted file|rename from|rename to|---|\+\+\+|Binary files|GIT binary)(?: (.*))?$/.exec(line) ?? [];
  switch (word) {
    case "new file":
      file.state = "added";
      file.before = "";
      break;
    case "deleted file":
      file.state = "removed";
      break;
    case "rename from":
      file.state = "renamed";
      file.before = unquoted(rest);
      break;
    case "rename to":
      file.path = unquoted(rest);
      break;
    case "---":
      if (rest !== "/dev/null") file.before = unquoted(rest).replace(/^a\//, "");
      break;
    case "+++":
      if (rest !== "/dev/null") file.path = unquoted(rest).replace(/^b\//, "");
      break;
    case "Binary files":
    case "GIT binary":
      file.binary = true;
      break;
  }
}

/** The name of `a/NAME b/NAME`, where both are one: what a file without lines is known by. */
function sameName(names: string): string {
  if (names.startsWith('"')) return unquoted(/^"(?:[^"\\]|\\.)*"/.exec(names)?.[0] ?? "").replace(/^a\//, "");
  const half = (names.length - 1) / 2;
  return names.slice(0, half).replace(/^a\//, "");
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** git quotes names as C does, their bytes in octal. */
function unquoted(name: string): string {
  const plain = name.replace(/\t$/, "");
  if (!/^".*"$/.test(plain)) return plain;
  const bytes: number[] = [];
  for (const part of plain.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gu)) {
    if (part[1]) bytes.push(parseInt(part[1], 8));
    else bytes.push(...new TextEncoder().encode(part[2] ? (ESCAPES[part[2]] ?? part[2]) : part[3]));
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
