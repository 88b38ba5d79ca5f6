/*
 * What the visitor sees: the tree with its patches, the page's own properties, failures and
 * passing notes. Changed by the session, read by the widgets.
 */
import { batch, signal } from "@preact/signals";
import { FAIL_INVALID, TREE_NODES_MAX } from "proto";
import { PAGE, type EventId, type NodeId, type Patch } from "../wire/messages";
import { applyPatch } from "./patch";
import { readMade } from "./made";
import { carryDrafts, readTree, TreeError, type Cell, type Tree } from "./tree";

export interface Failure {
  /** FAIL_ERROR, FAIL_LIMIT, FAIL_CANCELLED, FAIL_INVALID */
  readonly kind: number;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly traceback?: string;
  readonly reference?: string;
  /** Components whose values were refused. */
  readonly fields?: unknown;
  /** The component whose event was refused for this one's value. */
  readonly of?: NodeId;
}

export interface Interrupted {
  readonly n: EventId;
  readonly node: NodeId;
  readonly message: string;
}

/** An event that waits for a turn at its handler. */
export interface Queued {
  readonly n: EventId;
  readonly node: NodeId;
  /** From 1. */
  readonly place: number;
  readonly of: number;
  /** ms until it starts, from when this came; null: nobody knows. */
  readonly expected: number | null;
  /** What a model call of the handler, which runs, waits for; "": the event itself waits. */
  readonly reason: string;
}

export interface Progress {
  readonly fraction: number | null;
  readonly message: string;
}

export type ToastKind = "info" | "success" | "warn" | "error";

export interface Toast {
  readonly id: number;
  readonly kind: ToastKind;
  readonly message: string;
  readonly title: string;
  /** s; 0: until it is dismissed; null: as usual. */
  readonly duration: number | null;
}

const TOASTS_MAX = 4;
const HIDDEN_MAX = 2000; // components that a ui.render took away and may show again
const EARLY_MAX = 4096;

export class Page {
  readonly tree = signal<Tree | null>(null);
  readonly title = signal("");
  readonly progress = signal<Progress | null>(null);
  readonly toasts = signal<readonly Toast[]>([]);
  readonly failures = signal<ReadonlyMap<NodeId, Failure>>(new Map());
  readonly interrupted = signal<readonly Interrupted[]>([]);
  readonly queue = signal<ReadonlyMap<EventId, Queued>>(new Map());
  #came: { json: unknown; title: string } | null = null; // the tree as it came, to start over from
  #toasts = 0;
  /** A component has come that no tree told of. */
  onMade: (cell: Cell) => void = () => {};
  /** The app says where the visitor is now. */
  onPlace: (place: unknown) => void = () => {};
  readonly #made = new Map<NodeId, ReadonlyMap<NodeId, Cell>>(); // by the ui.render
  readonly #hidden = new Map<NodeId, Cell>();
  readonly #early = new Map<NodeId, Patch[]>(); // of a state: changes of what is made later in it
  #typed = new Map<string, Cell>(); // drafts of the tree before

  /**
   * The title is for a tree without one. Throws TreeError. Every patch so far is forgotten; what the
   * visitor typed is carried over.
   */
  show(json: unknown, title = ""): void {
    const tree = readTree(json);
    batch(() => {
      this.#typed = carryDrafts(this.tree.peek(), tree);
      for (const map of [this.#made, this.#hidden, this.#early]) map.clear();
      this.#came = { json, title };
      this.tree.value = tree;
      this.title.value = tree.title || title;
      this.progress.value = null;
    });
  }

  /** Back to the page as it is for a visitor who comes anew. */
  reset(): void {
    if (this.#came) this.show(this.#came.json, this.#came.title);
    this.failures.value = new Map();
    this.interrupted.value = [];
    this.queue.value = new Map();
  }

  cell(n: NodeId): Cell | undefined {
    return this.tree.peek()?.cells.get(n);
  }

  /** `replay`: the patch tells what was, so a toast of it has been seen. */
  patch(patch: Patch, replay: boolean): void {
    if (patch.node === PAGE) {
      this.#patchPage(patch, replay);
      return;
    }
    const cell = this.cell(patch.node);
    if (!cell) {
      if (replay && this.#early.size < EARLY_MAX) this.#early.set(patch.node, [...(this.#early.get(patch.node) ?? []), patch]);
      return;
    }
    const before = cell.props.peek();
    const after = applyPatch(before, patch);
    if (after === before) return;
    cell.props.value = after;
    if (cell.below && after["children"] !== before["children"]) this.#remake(cell, after["children"]);
    if (!replay && after["value"] !== before["value"]) rebase(cell, after["value"]);
  }

  #remake(render: Cell, json: unknown): void {
    const cells = this.tree.peek()?.cells;
    const owned = this.#made.get(render.n) ?? new Map<NodeId, Cell>();
    if (!cells) return;
    try {
      const room = TREE_NODES_MAX - (cells.size - owned.size);
      const { cells: shown, all } = readMade(json, room, (n) => owned.get(n) ?? (cells.has(n) ? "taken" : this.#hidden.get(n)));
      for (const [n, cell] of owned) if (!all.has(n)) this.#hide(cells, n, cell);
      this.#made.set(render.n, all);
      for (const [n, cell] of all) {
        cells.set(n, cell);
        this.#hidden.delete(n);
        if (!owned.has(n)) this.#comes(cell);
      }
      if (render.below) render.below.value = shown;
    } catch (error) {
      // What breaks the rules of a tree leaves the part as it was.
      if (!(error instanceof TreeError)) throw error;
    }
  }

  #hide(cells: Map<NodeId, Cell>, n: NodeId, cell: Cell): void {
    cells.delete(n);
    this.#hidden.set(n, cell);
    for (const oldest of this.#hidden.keys()) {
      if (this.#hidden.size <= HIDDEN_MAX) return;
      this.#hidden.delete(oldest);
    }
  }

  #comes(cell: Cell): void {
    const typed = this.#typed.get(cell.key);
    if (typed?.type === cell.type) cell.draft.value ??= typed.draft.peek();
    this.#typed.delete(cell.key);
    const early = this.#early.get(cell.n) ?? [];
    this.#early.delete(cell.n);
    for (const patch of early) this.patch(patch, true);
    this.onMade(cell);
  }

  fail(node: NodeId, failure: Failure): void {
    if (this.#refuseFields(node, failure)) return;
    const at = this.cell(node) ? node : PAGE;
    this.failures.value = new Map(this.failures.peek()).set(at, failure);
  }

  /** Each refusal stands at its own component. False: there is none that the page shows. */
  #refuseFields(of: NodeId, failure: Failure): boolean {
    const failures = new Map(this.failures.peek());
    let found = false;
    for (const field of Array.isArray(failure.fields) ? (failure.fields as unknown[]) : []) {
      const { node, message } = (field ?? {}) as { node?: unknown; message?: unknown };
      if (typeof message !== "string" || !this.cell(node as NodeId)) continue;
      failures.set(node as NodeId, { kind: FAIL_INVALID, message, of });
      found = true;
    }
    if (found) this.failures.value = failures;
    return found;
  }

  /** What was refused the last time is asked anew. */
  forgiveFields(of: NodeId): void {
    const left = [...this.failures.peek()].filter(([, failure]) => failure.of !== of);
    if (left.length < this.failures.peek().size) this.failures.value = new Map(left);
  }

  /** Refused before it was sent. */
  invalid(node: NodeId, message: string): void {
    this.fail(node, { kind: FAIL_INVALID, message });
  }

  forgive(node: NodeId): void {
    if (!this.failures.peek().has(node)) return;
    const failures = new Map(this.failures.peek());
    failures.delete(node);
    this.failures.value = failures;
  }

  /** Place 0: the event waits no longer. */
  queued(q: Queued): void {
    if (q.place === 0) return this.started(q.n);
    const node = this.cell(q.node) ? q.node : PAGE;
    this.queue.value = new Map(this.queue.peek()).set(q.n, { ...q, node });
  }

  started(n: EventId): void {
    if (!this.queue.peek().has(n)) return;
    const queue = new Map(this.queue.peek());
    queue.delete(n);
    this.queue.value = queue;
  }

  toast(kind: ToastKind, message: string, title = "", duration: number | null = null): void {
    const toast = { id: ++this.#toasts, kind, message, title, duration };
    this.toasts.value = [...this.toasts.peek(), toast].slice(-TOASTS_MAX);
  }

  dismissToast(id: number): void {
    this.toasts.value = this.toasts.peek().filter((t) => t.id !== id);
  }

  #patchPage(patch: Patch, replay: boolean): void {
    const value = patch.op === "set" ? patch.value : null;
    switch (patch.path) {
      case "title":
        if (typeof value === "string") this.title.value = value;
        break;
      case "progress":
        this.progress.value = readProgress(value);
        break;
      case "location":
        if (!replay) this.onPlace(value);
        break;
      case "toast":
        if (!replay) this.#readToast(value);
        break;
    }
  }

  #readToast(value: unknown): void {
    const { kind, message, title, duration } = (value ?? {}) as Record<string, unknown>;
    if (typeof message !== "string") return;
    this.toast(
      TOAST_KINDS.find((k) => k === kind) ?? "info",
      message,
      typeof title === "string" ? title : "",
      typeof duration === "number" && duration >= 0 ? duration : null,
    );
  }
}

const TOAST_KINDS: readonly ToastKind[] = ["info", "success", "warn", "error"];

export function readProgress(value: unknown): Progress | null {
  if (typeof value !== "object" || value === null) return null;
  const { fraction, message } = value as Record<string, unknown>;
  return {
    fraction: typeof fraction === "number" ? Math.min(1, Math.max(0, fraction)) : null,
    message: typeof message === "string" ? message : "",
  };
}

/*
 * The app changed a text that the visitor has gone on typing in. What was typed since the text
 * was sent stays, behind the app's: a chat that clears its input does not eat the next message.
 */
function rebase(cell: Cell, value: unknown): void {
  const draft = cell.draft.peek();
  if (!draft || draft.sent !== null || draft.base === undefined) return;
  if (typeof draft.value !== "string" || !draft.value.startsWith(draft.base)) return;
  const kept = typeof value === "string" ? value : "";
  const typed = draft.value.slice(draft.base.length);
  cell.draft.value = typed === "" ? null : { value: kept + typed, sent: null, base: kept };
}
