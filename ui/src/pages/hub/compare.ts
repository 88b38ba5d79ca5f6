/* Two texts, line by line, as a diff: what a commit would change. */
import type { DiffFile, DiffLine, Hunk } from "./diff";

const AROUND = 3;
/** Above so many pairs of lines the middle is shown as taken out and put in whole. */
const PAIRS_MAX = 4_000_000;

export function compare(path: string, before: string, after: string): DiffFile {
  const lines = align(linesOf(before), linesOf(after));
  const count = (kind: DiffLine["kind"]) => lines.filter((l) => l.kind === kind).length;
  return { path, before: path, state: "changed", binary: false, hunks: hunksOf(lines), added: count("added"), removed: count("removed"), cut: false, large: null };
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function align(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  let top = 0;
  while (top < a.length && top < b.length && a[top] === b[top]) top++;
  let end = 0;
  while (end < a.length - top && end < b.length - top && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const kept = common(a.slice(top, a.length - end), b.slice(top, b.length - end));
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  const until = (x: number, y: number) => {
    for (; i < x; i++) lines.push({ kind: "removed", text: a[i]!, old: i + 1, new: null });
    for (; j < y; j++) lines.push({ kind: "added", text: b[j]!, old: null, new: j + 1 });
  };
  const same = (x: number, y: number) => {
    until(x, y);
    lines.push({ kind: "same", text: a[i]!, old: ++i, new: ++j });
  };
  for (let k = 0; k < top; k++) same(k, k);
  for (const [x, y] of kept) same(top + x, top + y);
  until(a.length - end, b.length - end);
  for (let k = end; k > 0; k--) same(a.length - k, b.length - k);
  return lines;
}

/** The longest common run of lines, as pairs of their places. */
function common(a: readonly string[], b: readonly string[]): readonly (readonly [number, number])[] {
  if (a.length * b.length > PAIRS_MAX) return [];
  const wide = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const at = i * wide + j;
      lengths[at] = a[i] === b[j] ? lengths[at + wide + 1]! + 1 : Math.max(lengths[at + wide]!, lengths[at + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * wide + j]! >= lengths[i * wide + j + 1]!) i++;
    else j++;
  }
  return pairs;
}

function hunksOf(lines: readonly DiffLine[]): readonly Hunk[] {
  const hunks: DiffLine[][] = [];
  let last = -Infinity;
  lines.forEach((line, i) => {
    if (line.kind === "same") return;
    const from = Math.max(0, i - AROUND, last + 1);
    const current = from <= last + 1 && hunks.length > 0 ? hunks.at(-1)! : [];
    if (current.length === 0) hunks.push(current);
    const to = Math.min(lines.length - 1, i + AROUND);
    for (let k = from; k <= to; k++) current.push(lines[k]!);
    last = Math.max(last, to);
  });
  return hunks.map((some) => ({ head: headOf(some), lines: some }));
}

function headOf(lines: readonly DiffLine[]): string {
  const side = (key: "old" | "new") => {
    const numbers = lines.map((l) => l[key]).filter((n): n is number => n !== null);
    return `${numbers[0] ?? 0},${numbers.length}`;
  };
  return `@@ -${side("old")} +${side("new")} @@`;
}
