/*
 * Parts of the page that the app makes anew (ui.render): from JSON to cells, where a component that
 * is still there stays the same cell, with what the visitor and the app made of it since.
 */
import { signal } from "@preact/signals";
import { TREE_DEPTH_MAX } from "proto";
import type { NodeId } from "../wire/messages";
import type { Props } from "./patch";
import { record, TreeError, type Cell, type Handler } from "./tree";

export interface Made {
  readonly cells: readonly Cell[];
  readonly all: ReadonlyMap<NodeId, Cell>;
}

/** What is known of a number: a cell of this part, now or before; `taken`: somebody else's. */
export type Lookup = (n: NodeId) => Cell | "taken" | undefined;

/** Throws TreeError, and has changed nothing then. `room`: how many components there may be. */
export function readMade(json: unknown, room: number, lookup: Lookup): Made {
  const all = new Map<NodeId, Cell>();
  const changes: (() => void)[] = [];
  const read = (node: unknown, depth: number): Cell => {
    const { n, key, type, props, on, children } = record(node, "node");
    if (depth > TREE_DEPTH_MAX) throw new TreeError(`deeper than ${TREE_DEPTH_MAX}`);
    if (all.size >= room) throw new TreeError("too many components");
    if (typeof n !== "number" || typeof key !== "string" || typeof type !== "string") {
      throw new TreeError("a node without n, key or type");
    }
    const id = n as NodeId;
    const known = lookup(id);
    if (known === "taken" || all.has(id)) throw new TreeError(`${key}: number ${n} is taken`);
    const made = props === undefined ? {} : record(props, `${key}: props`);
    const old = known && known.type === type && known.key === key ? known : null;
    const below: Cell[] = [];
    const cell: Cell = {
      n: id,
      key,
      type,
      on: on === undefined ? {} : (record(on, `${key}: on`) as Record<string, Handler>),
      children: below,
      props: old?.props ?? signal(made),
      draft: old?.draft ?? signal(null),
      made,
    };
    if (old) changes.push(() => follow(old, made));
    all.set(id, cell);
    if (Array.isArray(children)) for (const child of children) below.push(read(child, depth + 1));
    return cell;
  };
  const cells = Array.isArray(json) ? json.map((node) => read(node, 1)) : [];
  for (const change of changes) change();
  return { cells, all };
}

/** What the app makes otherwise than before is so; what came since then stays. */
function follow(old: Cell, made: Props): void {
  const before = old.made ?? {};
  const next: Record<string, unknown> = { ...old.props.peek() };
  let changed = false;
  for (const prop of new Set([...Object.keys(before), ...Object.keys(made)])) {
    if (same(before[prop], made[prop])) continue;
    changed = true;
    if (Object.hasOwn(made, prop)) Object.defineProperty(next, prop, { value: made[prop], enumerable: true, writable: true, configurable: true });
    else delete next[prop];
  }
  if (changed) old.props.value = next;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));
}
