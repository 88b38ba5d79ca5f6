/*
 * A visitor's session as the browser sees it: joins and joins again, applies groups whole, sends
 * every event until the gateway holds it, and never lets go of what was typed. Knows no DOM and
 * no socket: a Port carries its frames, a Keeper its memory across reloads.
 *
 *	            onOpen: JOIN            WELCOME
 *	 connecting ────────────► joining ──────────► live ──BYE without retry──► ended
 *	     ▲                       │                  │
 *	     └──── onLost (lost) ────┴──────────────────┘
 */
import { batch, computed, signal, type Signal } from "@preact/signals";
import {
  EVENT_BLUR,
  EVENT_CHANGE,
  EVENT_CLEAR,
  EVENT_CLICK,
  EVENT_CLOSE,
  EVENT_EDIT,
  EVENT_EXAMPLE,
  EVENT_FOCUS,
  EVENT_INPUT,
  EVENT_LIKE,
  EVENT_LOAD,
  EVENT_NAVIGATE,
  EVENT_RETRY,
  EVENT_SELECT,
  EVENT_STOP,
  EVENT_STREAM,
  EVENT_SUBMIT,
  EVENT_TICK,
  EVENT_UNDO,
  EVENT_UNLOAD,
  EVENT_UPLOAD,
  EVENTS_PENDING_MAX,
  type WireCost,
  type WireTree,
  type WireWelcome,
} from "proto";
import type { Kind } from "../wire/carrier";
import type { Frame } from "../wire/frame";
import { PAGE, write, type EventId, type NodeId, type Patch, type ServerMessage } from "../wire/messages";
import { readKept, writeKept, type Keeper, type Kept } from "./keep";
import { Ledger, type Outgoing, type Value } from "./outgoing";
import { Page, type Failure } from "./page";
import { isInput, isSecret, TreeError, type Cell, type Tree } from "./tree";

export type Connection = "connecting" | "live" | "lost" | "ended";
export type EventName = keyof typeof EVENTS;
export type Notice = "resynchronised" | "deployed" | "anew";

const EVENTS = {
  click: EVENT_CLICK,
  submit: EVENT_SUBMIT,
  change: EVENT_CHANGE,
  input: EVENT_INPUT,
  load: EVENT_LOAD,
  select: EVENT_SELECT,
  clear: EVENT_CLEAR,
  upload: EVENT_UPLOAD,
  example: EVENT_EXAMPLE,
  stream: EVENT_STREAM,
  stop: EVENT_STOP,
  unload: EVENT_UNLOAD,
  tick: EVENT_TICK,
  like: EVENT_LIKE,
  retry: EVENT_RETRY,
  undo: EVENT_UNDO,
  edit: EVENT_EDIT,
  focus: EVENT_FOCUS,
  blur: EVENT_BLUR,
  close: EVENT_CLOSE,
} as const;

/** Only the newest of these matters: while one runs, the next waits and carries the last value. */
const LATEST: ReadonlySet<EventName> = new Set(["change", "input"]);

const SAVE_MS = 150;
const ACK_MS = 500;
/** An event the gateway has not taken after this long: the socket is dead without having closed. */
const ACCEPT_MS = 8000;
/** A tree whose COMMIT does not come is shown after all. */
const STAGED_MS = 100;

export interface Port {
  /** False: no connection; the session sends again when it has joined. */
  send(frames: readonly Frame[]): boolean;
  /** Ends the connection and makes another. */
  restart(): void;
  /** Ends the connection for good. */
  close(): void;
}

/** Which of an app's pages, "" for the first, and its query parameters. */
export interface Place {
  readonly page: string;
  readonly query: Readonly<Record<string, string>>;
}

export interface SessionWorld {
  readonly keeper: Keeper;
  /** Returns how to call it off. */
  later(run: () => void, ms: number): () => void;
  /** Where the visitor is as the page begins. */
  readonly place: Place;
  /** Puts another place into the address bar, as a step that can be taken back. */
  show(place: Place): void;
  warn(message: string): void;
}

interface Group {
  tree: WireTree | null;
  readonly patches: Patch[];
  readonly failures: { event: EventId; failure: Failure }[];
}

export class Session {
  readonly page = new Page();
  readonly ledger = new Ledger();
  readonly connection = signal<Connection>("connecting");
  /** What carries it, as of the last time it was open. */
  readonly carrier = signal<Kind>("socket");
  readonly welcome = signal<WireWelcome | null>(null);
  /** What the Space is doing, where that is not simply running. */
  readonly phase = signal<{ readonly phase: string; readonly message: string } | null>(null);
  readonly notice = signal<{ readonly kind: Notice; readonly id: number } | null>(null);
  /** What gestures cost, and what is left for them; null where nothing is known to cost. */
  readonly cost = signal<WireCost | null>(null);
  /** Why the connection has ended for good. */
  readonly ended = signal("");
  /** Why the door was shut for now; joining goes on being tried. */
  readonly refusal = signal("");
  readonly place: Signal<Place>;
  readonly owner = computed(() => this.welcome.value?.owner === true);

  readonly #world: SessionWorld;
  #port: Port | null = null;
  #id: string | null = null;
  #bundle: string | null = null;
  #seq = 0; // last group applied by this page
  #joined = false;
  #wasLive = false;
  #loadDue = false;
  #placeDue = false; // a session of before does not know where this page is
  #fresh = false; // the next TREE is a new session's first
  #replays = false; // the next COMMIT closes a state, not news, and may have a number we know
  #group: Group = emptyGroup();
  #restored: Map<string, readonly [string, unknown]>;
  readonly #again = new Map<string, () => void>();
  readonly #debounced = new Map<string, () => void>();
  readonly #timers = new Map<string, () => void>();
  #notices = 0;

  constructor(world: SessionWorld) {
    this.#world = world;
    this.place = signal(world.place);
    this.page.onPlace = (place) => this.#follow(place);
    this.page.onMade = (cell) => this.#restoreDraft(cell);
    const kept: Kept | null = readKept(world.keeper.load());
    this.#id = kept?.session || null;
    this.#restored = new Map(Object.entries(kept?.drafts ?? {}));
    this.ledger.restore(kept?.events ?? []);
  }

  /** Gives the session a connection: the first, or another after it has ended. */
  attach(port: Port): void {
    this.#port = port;
    this.ended.value = "";
    this.connection.value = "connecting";
  }

  /** The page as the build recorded it, shown before anyone answers. */
  showRecorded(recorded: { tree: unknown; bundle: string; title: string; phase: string }): void {
    // "asleep" and the like pass by themselves and are nobody's business.
    if (QUIET_ENDS.has(recorded.phase)) this.phase.value = { phase: recorded.phase, message: "" };
    this.page.title.value = recorded.title;
    if (recorded.tree && this.#show(recorded.tree, recorded.title)) this.#bundle = recorded.bundle;
  }

  /* ---- what the visitor does ---- */

  setValue(cell: Cell, value: unknown): void {
    const draft = cell.draft.peek();
    const shown = draft ? draft.value : cell.props.peek()["value"];
    if (shown === value) return;
    const base = draft && draft.sent === null ? draft.base : typeof shown === "string" ? shown : undefined;
    cell.draft.value = base === undefined ? { value, sent: null } : { value, sent: null, base };
    this.page.forgive(cell.n);
    this.#saveSoon();
  }

  /** Sends the event when the page has a handler for it. True: it is on its way. */
  fire(cell: Cell, name: EventName, data: unknown = null): boolean {
    const handler = cell.on[name];
    if (!handler) return false;
    if (!handler.debounce) return this.#fireNow(cell, name, data);
    this.#debounced.set(`${cell.key} ${name}`, () => this.#fireNow(cell, name, data));
    this.#start(`debounce ${cell.key} ${name}`, handler.debounce, () => this.#settle(`${cell.key} ${name}`));
    return true;
  }

  /** What waits for the visitor to come to rest happens now. */
  #settle(key: string): void {
    const fire = this.#debounced.get(key);
    this.#stop(`debounce ${key}`);
    this.#debounced.delete(key);
    fire?.();
  }

  #fireNow(cell: Cell, name: EventName, data: unknown): boolean {
    const handler = cell.on[name];
    if (!handler) return false;
    const trigger = handler.trigger ?? (LATEST.has(name) ? "last" : "multiple");
    const runs = trigger !== "multiple" && this.ledger.busyAt(cell.n).some((e) => e.kind === EVENTS[name]);
    if (runs && trigger === "once") return false;
    // What came before it is sent before it.
    for (const key of [...this.#debounced.keys()]) if (key !== `${cell.key} ${name}`) this.#settle(key);
    for (const n of handler.cancels ?? []) this.cancel(n);
    if (runs) {
      this.#again.set(`${cell.key} ${name}`, () => this.#fireNow(cell, name, data));
      return true;
    }
    return this.#queue(cell.n, EVENTS[name], data);
  }

  /** The visitor goes to another place of the app. */
  go(place: Place): void {
    this.#world.show(place);
    this.arrive(place);
  }

  /** The address has changed: by a link, or a step back. */
  arrive(place: Place): void {
    this.place.value = place;
    if (this.page.tree.peek()?.navigate) this.#queue(PAGE, EVENT_NAVIGATE, place);
  }

  /** The app has sent the visitor there. */
  #follow(json: unknown): void {
    const { page, query } = (json ?? {}) as { page?: unknown; query?: unknown };
    if (typeof page !== "string" || typeof query !== "object" || query === null) return;
    const texts = Object.entries(query).filter((pair): pair is [string, string] => typeof pair[1] === "string");
    const place: Place = { page, query: Object.fromEntries(texts) };
    if (samePlace(place, this.place.peek())) return;
    this.#world.show(place);
    this.place.value = place;
  }

  /** Stops whatever runs for this component; 0: everything. */
  cancel(node: NodeId): void {
    const events = this.ledger.busy.peek().filter((e) => node === PAGE || e.node === node);
    this.#send(events.filter((e) => e.state === "running").map((e) => write.cancel(e.n)));
  }

  retry(n: EventId): void {
    const lost = this.page.interrupted.peek().find((i) => i.n === n);
    if (!lost || !this.#send([write.retry(n)])) return;
    this.ledger.revive(n, lost.node);
    this.#forgetInterrupted(n);
  }

  dismiss(n: EventId): void {
    if (this.#send([write.cancel(n)])) this.#forgetInterrupted(n);
  }

  /** Writes down now what a reload needs. */
  save(): void {
    this.#timers.get("save")?.();
    this.#timers.delete("save");
    if (this.#id === null && !this.page.tree.peek()) return;
    this.#world.keeper.save(writeKept(this.#id ?? "", this.page.tree.peek(), this.ledger));
  }

  /* ---- what the link says ---- */

  onOpen(kind: Kind = "socket"): void {
    this.carrier.value = kind;
    this.#joined = false;
    this.#replays = this.#fresh = false;
    this.#group = emptyGroup();
    const { query } = this.place.peek();
    const boot = this.welcome.peek()?.boot;
    this.#port?.send([
      write.join(this.page.tree.peek() ? this.#seq : 0, {
        ...(this.#id && { session: this.#id }),
        ...(this.#bundle && { bundle: this.#bundle }),
        ...(boot && { boot }),
        ...(Object.keys(query).length && { query }),
      }),
    ]);
  }

  onMessages(messages: readonly ServerMessage[]): void {
    batch(() => {
      for (const m of messages) this.#handle(m);
      this.#flush();
    });
  }

  onLost(detail?: string): void {
    if (detail) this.#world.warn(`connection: ${detail}`);
    this.#joined = false;
    this.#group = emptyGroup();
    this.#stop("accept");
    this.#stop("staged");
    if (this.connection.peek() !== "ended") this.connection.value = this.#wasLive ? "lost" : "connecting";
  }

  #handle(m: ServerMessage): void {
    switch (m.type) {
      case "welcome":
        return this.#welcomed(m.body, m.seq, m.accepted);
      case "tree":
        return this.#tree(m.body);
      case "patch":
        this.#group.patches.push(m.patch);
        return;
      case "fail":
        this.#group.failures.push({ event: m.event, failure: { kind: m.kind, ...m.body } });
        return;
      case "commit":
        return this.#commit(m.seq, m.event, m.finish);
      case "accepted":
        return this.#accepted(m.event);
      case "phase":
        return this.#phased(m.body.phase, m.body.message ?? "");
      case "interrupted":
        return this.#interrupted(m.event, m.node, m.body.message ?? "");
      case "queue":
        return this.page.queued({
          n: m.event,
          node: m.node,
          place: m.body.place,
          of: m.body.of,
          expected: m.body.expected_ms ?? null,
          reason: m.body.reason ?? "",
        });
      case "cost":
        this.cost.value = m.body;
        return;
      case "bye":
        return this.#bye(m.body.reason, m.body.retry === true);
      default: {
        const never: never = m;
        return never;
      }
    }
  }

  #welcomed(body: WireWelcome, seq: number, accepted: EventId): void {
    const anew = body.state === "new";
    const known = this.#id !== null;

    this.#id = body.session;
    this.#joined = true;
    this.welcome.value = body;
    this.refusal.value = "";
    this.connection.value = "live";
    this.page.queue.value = new Map(); // told anew
    if (anew) {
      this.#beginAnew(seq, known && this.#wasLive);
    } else {
      const gap = body.state === "resynchronised";
      for (const event of this.ledger.joined(accepted, gap)) this.#takeOver(event);
      this.#placeDue = !this.#wasLive;
      if (gap) this.#fireAgain();
      if (gap && this.#wasLive) this.#note("resynchronised");
    }
    this.#wasLive = true;
    this.#saveSoon();
  }

  #beginAnew(seq: number, told: boolean): void {
    this.#seq = seq;
    this.ledger.begunAnew();
    this.page.reset();
    this.#loadDue = this.#fresh = true;
    this.#fireAgain();
    if (told) this.#note("anew");
  }

  #tree(body: WireTree): void {
    this.#group = { ...emptyGroup(), tree: body };
    this.#replays = true;
    // A new session has no state to wait for; another one's page is shown with its state or not at all.
    if (this.#fresh) {
      this.#replays = this.#fresh = false;
      this.#applyGroup(false);
    } else {
      this.#start("staged", STAGED_MS, () => this.#showStaged());
    }
  }

  #showStaged(): void {
    batch(() => {
      this.#applyGroup(true);
      this.#flush();
    });
  }

  #commit(seq: number, event: EventId, finish: boolean): void {
    // The COMMIT of a state belongs to no event; one that does is news, whatever came before it.
    const replay = this.#replays && event === 0;
    this.#replays = false;
    if (seq <= this.#seq && !replay) {
      this.#group = emptyGroup();
      return;
    }
    this.#applyGroup(replay);
    this.#seq = seq;
    this.#ackSoon();
    if (event === 0 || replay) return;
    this.page.started(event);
    if (finish) this.#finished(event);
    else this.ledger.running(event, PAGE, 0);
  }

  #applyGroup(replay: boolean): void {
    const { tree, patches, failures } = this.#group;
    this.#group = emptyGroup();
    this.#stop("staged");
    if (tree && this.#show(tree.tree, tree.title)) this.#bundle = tree.bundle;
    for (const patch of patches) this.page.patch(patch, replay);
    for (const { event, failure } of failures) {
      this.page.fail(this.ledger.find(event)?.node ?? PAGE, failure);
    }
  }

  #show(tree: unknown, title: string): boolean {
    try {
      this.page.show(tree, title);
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      this.#world.warn(`tree: ${error.message}`);
      return false;
    }
    for (const cell of this.page.tree.peek()?.cells.values() ?? []) this.#restoreDraft(cell);
    return true;
  }

  #restoreDraft(cell: Cell): void {
    const kept = this.#restored.get(cell.key);
    if (!kept || kept[0] !== cell.type || !isInput(cell)) return;
    this.#restored.delete(cell.key);
    cell.draft.value ??= { value: kept[1], sent: null };
  }

  #accepted(n: EventId): void {
    for (const event of this.ledger.accept(n)) this.#takeOver(event);
    if (!this.ledger.all().some((e) => e.state === "queued")) this.#stop("accept");
    this.#saveSoon();
  }

  /** The gateway keeps these values now; what the page shows of them is no longer a draft. */
  #takeOver(event: Outgoing): void {
    for (const [node, value] of event.values) {
      const cell = this.page.cell(node);
      if (!cell || isSecret(cell)) continue;
      cell.props.value = { ...cell.props.peek(), value };
      if (cell.draft.peek()?.sent === event.id) cell.draft.value = null;
    }
  }

  #finished(n: EventId): void {
    const event = this.ledger.finish(n);
    if (event && !this.ledger.busy.peek().length) this.page.progress.value = null;
    this.#saveSoon();
    this.#fireAgain();
  }

  #fireAgain(): void {
    const waiting = [...this.#again.values()];
    this.#again.clear();
    for (const fire of waiting) fire();
  }

  #phased(phase: string, message: string): void {
    if (phase === "deployed") {
      this.phase.value = null;
      this.#note("deployed");
      return;
    }
    this.phase.value = phase === "running" ? null : { phase, message };
  }

  #interrupted(n: EventId, node: NodeId, message: string): void {
    this.ledger.finish(n);
    this.page.started(n);
    const others = this.page.interrupted.peek().filter((i) => i.n !== n);
    this.page.interrupted.value = [...others, { n, node: this.page.cell(node) ? node : PAGE, message }];
    this.#saveSoon();
    this.#fireAgain();
  }

  #forgetInterrupted(n: EventId): void {
    this.page.interrupted.value = this.page.interrupted.peek().filter((i) => i.n !== n);
  }

  #bye(reason: string, retry: boolean): void {
    if (retry) {
      this.refusal.value = reason;
      return;
    }
    // What was under way when the door closed is what it closed over: sent again, it would close again.
    for (const event of this.ledger.dropQueued()) this.#unsend(event);
    this.ended.value = reason;
    this.connection.value = "ended";
    this.#port?.close();
  }

  #unsend(event: Outgoing): void {
    for (const [node, value] of event.values) {
      const cell = this.page.cell(node);
      if (cell?.draft.peek()?.sent === event.id) cell.draft.value = { value, sent: null };
    }
  }

  /* ---- sending ---- */

  #queue(node: NodeId, kind: number, data: unknown): boolean {
    const values = this.#changedValues();
    if (!values) return false;
    if (this.ledger.busy.peek().length >= EVENTS_PENDING_MAX) {
      this.page.toast("warn", "Too much at once. Wait for something to finish.");
      return false;
    }
    this.page.forgive(node);
    this.page.forgiveFields(node);
    const secret = values.some(([n]) => isSecretNode(this.page, n));
    const event = this.ledger.add({ node, kind, data, values, secret });
    for (const [n, value] of values) {
      const cell = this.page.cell(n);
      if (cell) cell.draft.value = { value, sent: event.id };
    }
    this.#flush();
    this.#saveSoon();
    return true;
  }

  /** Everything the visitor changed that no event has carried yet; null: something is too long. */
  #changedValues(): Value[] | null {
    const values: Value[] = [];
    for (const cell of this.page.tree.peek()?.cells.values() ?? []) {
      const draft = cell.draft.peek();
      if (!draft || (draft.sent !== null && !isSecret(cell))) continue;
      if (!this.#fits(cell, draft.value)) return null;
      values.push([cell.n, draft.value]);
    }
    return values;
  }

  #fits(cell: Cell, value: unknown): boolean {
    if (cell.type !== "textbox" || typeof value !== "string") return true;
    const max = cell.props.peek()["max_length"] ?? TEXT_MAX;
    const length = new TextEncoder().encode(value).length;
    if (typeof max !== "number" || length <= max) return true;
    this.page.invalid(cell.n, `Too long: ${length} bytes of at most ${max}.`);
    return false;
  }

  /** Sends what waits, in order, once joined and the page is known. */
  #flush(): void {
    const tree = this.page.tree.peek();
    if (!this.#joined || !tree || this.#group.tree) return;
    // Whether there is a load handler, the session's own bundle says.
    if (this.#loadDue && this.#bundle !== this.welcome.peek()?.bundle) return;
    if (this.#loadDue) this.#queueLoad(tree);
    if (this.#placeDue && tree.navigate) {
      this.ledger.add({ node: PAGE, kind: EVENT_NAVIGATE, data: this.place.peek(), values: [], secret: false });
    }
    this.#placeDue = false;
    const waiting = this.ledger.all().filter((e) => e.state === "queued" && !e.sent);
    if (waiting.length === 0) return;
    if (!this.#send(waiting.flatMap(frames))) return;
    this.ledger.markSent(waiting);
    this.#start("accept", ACCEPT_MS, () => this.#port?.restart());
  }

  #queueLoad({ load, navigate }: Tree): void {
    this.#loadDue = false;
    if (!load) return;
    this.ledger.add({ node: PAGE, kind: EVENT_LOAD, data: navigate ? this.place.peek() : null, values: [], secret: false }, true);
    this.ledger.begunAnew();
  }

  #send(out: readonly Frame[]): boolean {
    return out.length > 0 && this.#joined && this.#port !== null && this.#port.send(out);
  }

  #ackSoon(): void {
    if (!this.#timers.has("ack")) this.#start("ack", ACK_MS, () => this.#send([write.ack(this.#seq)]));
  }

  #saveSoon(): void {
    if (!this.#timers.has("save")) this.#start("save", SAVE_MS, () => this.save());
  }

  #start(name: string, ms: number, run: () => void): void {
    this.#stop(name);
    const cancel = this.#world.later(() => {
      this.#timers.delete(name);
      run();
    }, ms);
    this.#timers.set(name, cancel);
  }

  #stop(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  #note(kind: Notice): void {
    this.notice.value = { kind, id: ++this.#notices };
  }
}

function samePlace(a: Place, b: Place): boolean {
  const text = ({ page, query }: Place) => JSON.stringify([page, Object.entries(query).sort()]);
  return text(a) === text(b);
}

const QUIET_ENDS: ReadonlySet<string> = new Set(["failed", "stopped", "empty"]);

const TEXT_MAX = 100_000;

function emptyGroup(): Group {
  return { tree: null, patches: [], failures: [] };
}

function frames(e: Outgoing): Frame[] {
  return [
    ...e.values.map(([node, value]) => write.value(e.n, node, value)),
    write.event(e.n, e.node, e.kind, e.data),
  ];
}

function isSecretNode(page: Page, n: NodeId): boolean {
  const cell = page.cell(n);
  return cell !== undefined && isSecret(cell);
}
