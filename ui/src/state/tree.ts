/*
 * The page as cells: one per component, its properties a signal, so that a patch renders the one
 * widget it names. Knows no socket and no DOM.
 */
import { signal, type Signal } from "@preact/signals";
import { TREE_DEPTH_MAX, TREE_NODES_MAX, type ComponentProps, type ComponentType } from "proto";
import type { NodeId } from "../wire/messages";
import type { Props } from "./patch";

/** What the browser has to know of a handler. */
export interface Handler {
  /** Nodes whose running events this one stops. */
  readonly cancels?: readonly NodeId[];
  /** Nodes that show that it runs. */
  readonly outputs?: readonly NodeId[];
  /** While one runs, further gestures are left out, queued, or the newest of them waits. */
  readonly trigger?: "once" | "multiple" | "last";
  /** ms without another gesture until it is sent. */
  readonly debounce?: number;
}

/** What the visitor made of a component and the gateway does not hold yet. */
export interface Draft {
  readonly value: unknown;
  /** Event that carries it; null: not sent. */
  readonly sent: number | null;
  /** Text that was sent and that this text goes on from, until the app answers. */
  readonly base?: string;
}

/** One component of the page. */
export interface Cell {
  readonly n: NodeId;
  readonly key: string;
  /** As the tree names it; not every type need be one that this page knows. */
  readonly type: string;
  readonly on: Readonly<Record<string, Handler>>;
  readonly children: readonly Cell[];
  /** Tree and patches. */
  readonly props: Signal<Props>;
  readonly draft: Signal<Draft | null>;
  /** In a ui.render: the properties as the app made them last. */
  readonly made?: Props;
  /** Of a ui.render: what it shows now. */
  readonly below?: Signal<readonly Cell[]>;
}

/** The tree broke a rule of docs/UI-TREE.md. */
export class TreeError extends Error {
  override readonly name = "TreeError";
}

export interface Tree {
  readonly title: string;
  readonly load: boolean;
  /** The app wants to know where its visitors are. */
  readonly navigate: boolean;
  /** How the app wants it to look; checked by who makes a look of it. */
  readonly theme: unknown;
  readonly root: Cell;
  /** Those that a ui.render makes come and go. */
  readonly cells: Map<NodeId, Cell>;
}

/** Throws TreeError. */
export function readTree(json: unknown): Tree {
  const { title, root, load, navigate, theme } = record(json, "tree");
  const cells = new Map<NodeId, Cell>();
  const cell = readCell(root, 0, cells);
  return { title: typeof title === "string" ? title : "", load: load === true, navigate: navigate === true, theme: theme ?? null, root: cell, cells };
}

function readCell(json: unknown, depth: number, cells: Map<NodeId, Cell>): Cell {
  const { n, key, type, props, on, children } = record(json, "node");
  if (depth > TREE_DEPTH_MAX) throw new TreeError(`deeper than ${TREE_DEPTH_MAX}`);
  if (cells.size >= TREE_NODES_MAX) throw new TreeError(`more than ${TREE_NODES_MAX} components`);
  if (typeof n !== "number" || typeof key !== "string" || typeof type !== "string") {
    throw new TreeError("a node without n, key or type");
  }
  // The id is the map's before the children's, so that a page's own number cannot be taken twice.
  const id = n as NodeId;
  if (cells.has(id)) throw new TreeError(`${key}: number ${n} is taken`);
  const below: Cell[] = [];
  const cell: Cell = {
    n: id,
    key,
    type,
    on: on === undefined ? {} : (record(on, `${key}: on`) as Record<string, Handler>),
    children: below,
    props: signal(props === undefined ? {} : record(props, `${key}: props`)),
    draft: signal(null),
    ...(type === "render" ? { below: signal<readonly Cell[]>([]) } : {}),
  };
  cells.set(id, cell);
  if (Array.isArray(children)) {
    for (const child of children) below.push(readCell(child, depth + 1, cells));
  }
  return cell;
}

export function record(json: unknown, what: string): Record<string, unknown> {
  // An empty Lua table arrives as [] where an object is meant.
  if (Array.isArray(json) && json.length === 0) return {};
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TreeError(`${what} is not an object`);
  }
  return json as Record<string, unknown>;
}

/** Carries what the visitor typed from one tree to the next, by key. Returns what found no place yet. */
export function carryDrafts(from: Tree | null, to: Tree): Map<string, Cell> {
  const drafts = new Map<string, Cell>();
  for (const cell of from?.cells.values() ?? []) if (cell.draft.peek()) drafts.set(cell.key, cell);
  for (const cell of to.cells.values()) {
    const old = drafts.get(cell.key);
    if (old && old.type === cell.type) cell.draft.value = old.draft.peek();
    drafts.delete(cell.key);
  }
  return drafts;
}

/** The properties with their type; widgets still treat `json` values as unknown. */
export function propsOf<T extends ComponentType>(cell: Cell, _type: T): ComponentProps[T] {
  return cell.props.value as ComponentProps[T];
}

/** What the component shows: the visitor's own change before the app's value. */
export function valueOf(cell: Cell): unknown {
  const draft = cell.draft.value;
  return draft ? draft.value : cell.props.value["value"];
}

/** Text of a password field stays out of everything that is kept. */
export function isSecret(cell: Cell): boolean {
  return cell.type === "textbox" && cell.props.peek()["password"] === true;
}

/** A component the visitor's hand changes, so that its value travels with events. */
export function isInput(cell: Cell): boolean {
  return INPUTS.has(cell.type);
}

const INPUTS: ReadonlySet<string> = new Set([
  "textbox",
  "number",
  "slider",
  "checkbox",
  "radio",
  "dropdown",
  "image",
  "file",
  "audio",
  "video",
  "sketch",
  "tabs",
  "dataframe",
  "multimodal",
  "checkbox_group",
  "range_slider",
  "datetime",
  "color",
  "upload_button",
  "accordion",
  "sidebar",
  "modal",
  "code",
] satisfies ComponentType[]);
