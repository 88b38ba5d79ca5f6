/*
 * What a PATCH does to the properties of one component, as docs/UI-TREE.md says. Pure: the old
 * value is never written to, and whatever a patch did not touch stays the same object, so that
 * widgets can see by identity what changed.
 *
 * A patch that does not fit (an index past the end, a path through a number) changes nothing: the
 * page shows what it can rather than ending the session over one component.
 */
import type { Patch } from "../wire/messages";

export type Props = Readonly<Record<string, unknown>>;

type Edit =
  | { readonly op: "set"; readonly value: unknown }
  | { readonly op: "append"; readonly text: string }
  | { readonly op: "remove" };

export function applyPatch(props: Props, patch: Patch): Props {
  const next = edit(props, patch.path.split("/"), 0, patch);
  return isObject(next) ? next : props;
}

function edit(at: unknown, path: readonly string[], depth: number, change: Edit): unknown {
  const part = path[depth];
  if (part === undefined) return at;
  const last = depth === path.length - 1;
  if (Array.isArray(at)) return editArray(at, part, path, depth, last, change);
  if (isObject(at)) return editObject(at, part, path, depth, last, change);
  return at;
}

function editArray(
  at: readonly unknown[],
  part: string,
  path: readonly string[],
  depth: number,
  last: boolean,
  change: Edit,
): readonly unknown[] {
  const i = index(part);
  if (i === null || i > at.length) return at;
  if (last && change.op === "remove") return i < at.length ? at.slice(0, i) : at;
  if (i === at.length && !last) return at;

  const old = at[i];
  const item = last ? leaf(old, change) : edit(old, path, depth + 1, change);
  if (item === old && i < at.length) return at;
  const next = at.slice();
  next[i] = item;
  return next;
}

function editObject(
  at: Props,
  part: string,
  path: readonly string[],
  depth: number,
  last: boolean,
  change: Edit,
): Props {
  const has = Object.hasOwn(at, part);
  if (last && change.op === "remove") {
    if (!has) return at;
    const { [part]: _, ...rest } = at;
    return rest;
  }
  // A property that still has its default is not in the tree; what names an item of it makes the
  // container, even to remove: what was made and emptied again must not depend on how it came about.
  const old = has ? at[part] : last ? undefined : index(path[depth + 1] ?? "") === null ? {} : [];
  const item = last ? leaf(old, change) : edit(old, path, depth + 1, change);
  // A computed key defines an own property even when it is called __proto__.
  const same = item === old && (has || change.op !== "remove") && (has || !last);
  return same ? at : { ...at, [part]: item };
}

function leaf(old: unknown, change: Edit): unknown {
  if (change.op === "set") return change.value;
  if (change.op === "append") return (typeof old === "string" ? old : "") + change.text;
  return old;
}

function index(part: string): number | null {
  return /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : null;
}

function isObject(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
