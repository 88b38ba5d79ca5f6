/* What a commit changed, file by file and line by line, out of the server's words. */
import { readCommit, type Commit } from "./repo";

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
  /** Where it was before; the same where it has not moved. */
  readonly before: string;
  readonly state: "added" | "removed" | "renamed" | "changed";
  readonly binary: boolean;
  readonly hunks: readonly Hunk[];
  readonly added: number;
  readonly removed: number;
  /** There is more than is shown. */
  readonly cut: boolean;
  /** Sizes of a large file that git holds a pointer to; null: not there. */
  readonly large: { readonly before: number | null; readonly after: number | null } | null;
}

/** The hunks of a unified diff of one file. Their own counts decide what a line is: a removed
 * "-- x" looks like a file's name. */
export function readHunks(patch: string): readonly Hunk[] {
  const hunks: { head: string; lines: DiffLine[] }[] = [];
  let left = { old: 0, new: 0 };
  let at = { old: 0, new: 0 };
  for (const line of patch.split("\n")) {
    const hunk = hunks.at(-1);
    if (hunk && (left.old > 0 || left.new > 0) && /^[ +-]|^$/.test(line)) {
      const kind = line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "same";
      hunk.lines.push({ kind, text: line.slice(1), old: kind === "added" ? null : at.old, new: kind === "removed" ? null : at.new });
      if (kind !== "added") left.old--, at.old++;
      if (kind !== "removed") left.new--, at.new++;
      continue;
    }
    const counts = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (!counts) continue;
    at = { old: Number(counts[1]), new: Number(counts[3]) };
    left = { old: Number(counts[2] ?? 1), new: Number(counts[4] ?? 1) };
    hunks.push({ head: line, lines: [] });
  }
  return hunks;
}

type Fields = Readonly<Record<string, unknown>>;
const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const text = (value: unknown) => (typeof value === "string" ? value : "");
const count = (value: unknown) => (typeof value === "number" ? value : 0);

const STATES: Readonly<Record<string, DiffFile["state"]>> = { added: "added", deleted: "removed", renamed: "renamed" };

function readFile(json: unknown): DiffFile | null {
  const f = fields(json);
  const path = text(f["path"]);
  if (path === "") return null;
  const lfs = f["lfs"] ? fields(f["lfs"]) : null;
  const side = (name: string) => (lfs?.[name] ? count(fields(lfs[name])["size"]) : null);
  return {
    path,
    before: text(f["oldPath"]) || path,
    state: STATES[text(f["status"])] ?? "changed",
    binary: f["binary"] === true,
    hunks: readHunks(text(f["patch"])),
    added: count(f["additions"]),
    removed: count(f["deletions"]),
    cut: f["cut"] === true,
    large: lfs ? { before: side("old"), after: side("new") } : null,
  };
}

export interface Changes {
  readonly commit: Commit | null;
  readonly parent: string;
  readonly files: readonly DiffFile[];
  /** Of all files, also those that are not shown. */
  readonly total: number;
}

export function readChanges(json: unknown): Changes {
  const c = fields(json);
  const files = (Array.isArray(c["files"]) ? c["files"] : []).map(readFile).filter((f): f is DiffFile => f !== null);
  return { commit: readCommit(c["commit"]), parent: text(c["parent"]), files, total: Math.max(files.length, count(c["total"])) };
}
