/* The overlay as docs/UI-TREE.md compacts it, without looking into a value. */
import type { Patch } from "@ui/wire/messages";

interface Cell {
  readonly path: string;
  removal: boolean;
  base: unknown;
  hasBase: boolean;
  tail: string;
}

export function compact(patches: readonly Patch[]): Patch[] {
  let cells: Cell[] = [];
  const node = patches[0]?.node;
  if (node === undefined) return [];
  for (const patch of patches) cells = take(cells, patch);
  return cells.flatMap((c): Patch[] => {
    if (c.removal) return [{ op: "remove", node, path: c.path }];
    const out: Patch[] = [];
    if (c.hasBase) out.push({ op: "set", node, path: c.path, value: c.base });
    if (c.tail !== "") out.push({ op: "append", node, path: c.path, text: c.tail });
    return out;
  });
}

function take(cells: Cell[], patch: Patch): Cell[] {
  const { path } = patch;
  const under = (c: Cell) => c.path.startsWith(`${path}/`);
  // A removal is a moment, not a value: what is set afterwards stands behind it.
  const own = cells.find((c) => c.path === path && !c.removal && cells.indexOf(c) > lastRemoval(cells, path));
  switch (patch.op) {
    case "set": {
      const cell: Cell = { path, removal: false, base: patch.value, hasBase: true, tail: "" };
      const kept = cells.filter((c) => !under(c));
      return own ? kept.map((c) => (c === own ? cell : c)) : [...kept, cell];
    }
    case "append":
      if (own) {
        own.tail += patch.text;
        return cells;
      }
      return [...cells, { path, removal: false, base: null, hasBase: false, tail: patch.text }];
    case "remove": {
      const cell: Cell = { path, removal: true, base: null, hasBase: false, tail: "" };
      return [...cells.filter((c) => c.path !== path && !under(c) && !laterSibling(c.path, path)), cell];
    }
  }
}

function lastRemoval(cells: readonly Cell[], path: string): number {
  return cells.findLastIndex((c) => c.removal && (c.path === path || path.startsWith(`${c.path}/`)));
}

function laterSibling(path: string, removed: string): boolean {
  const parts = removed.split("/");
  const at = Number(parts.at(-1));
  const parent = parts.slice(0, -1).join("/");
  if (!Number.isInteger(at) || !path.startsWith(`${parent}/`)) return false;
  const index = Number(path.slice(parent.length + 1).split("/")[0]);
  return Number.isInteger(index) && index > at;
}
