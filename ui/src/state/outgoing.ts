/*
 * The visitor's events on their way: numbered, kept until the gateway has them in its log
 * (ACCEPTED), shown as busy until they are finished.
 *
 *	 queued ──ACCEPTED──► running ──COMMIT finish, FAIL, INTERRUPTED──► gone
 *	   ▲ │                  │ ▲
 *	   └─┘ joined again:    │ └── COMMIT, RETRY name it again
 *	       sent again       ▼
 *	                      unsure   joined again without the groups in between: it may be finished
 */
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { EventId, NodeId } from "../wire/messages";

export type EventState = "queued" | "running" | "unsure";
export type Value = readonly [node: NodeId, value: unknown];

export interface Outgoing {
  /** Ours, never changes; n may, while the gateway does not hold the event. */
  readonly id: number;
  readonly n: EventId;
  readonly node: NodeId;
  readonly kind: number;
  readonly data: unknown;
  /** VALUE frames that go ahead of the event. */
  readonly values: readonly Value[];
  readonly state: EventState;
  /** Written to the present socket. */
  readonly sent: boolean;
  /** Not to be kept across a reload. */
  readonly secret: boolean;
}

export type NewEvent = Pick<Outgoing, "node" | "kind" | "data" | "values" | "secret">;

export class Ledger {
  readonly #events = signal<readonly Outgoing[]>([]);
  readonly #done = new Set<number>(); // late word of a finished event must not make it run again
  #last = 0; // number of the last event, given or accepted
  #ids = 0;

  /** Events that run, or soon will, as far as this page can know. */
  readonly busy: ReadonlySignal<readonly Outgoing[]> = computed(() =>
    this.#events.value.filter((e) => e.state !== "unsure"),
  );

  all(): readonly Outgoing[] {
    return this.#events.peek();
  }

  find(n: EventId): Outgoing | undefined {
    return this.all().find((e) => e.n === n && e.state !== "queued") ?? this.all().find((e) => e.n === n);
  }

  busyAt(node: NodeId): readonly Outgoing[] {
    return this.busy.value.filter((e) => e.node === node);
  }

  /** `first`: ahead of everything that has not been accepted (load). */
  add(event: NewEvent, first = false): Outgoing {
    const queued: Outgoing = {
      ...event,
      id: ++this.#ids,
      n: ++this.#last as EventId,
      state: "queued",
      sent: false,
    };
    const all = this.all();
    const at = first ? all.findIndex((e) => e.state === "queued") : -1;
    this.#events.value = at < 0 ? [...all, queued] : [...all.slice(0, at), queued, ...all.slice(at)];
    return queued;
  }

  /** Takes back what an earlier page kept. */
  restore(events: readonly (NewEvent & { n: number; accepted: boolean })[]): void {
    this.#events.value = events.map((e) => ({
      node: e.node,
      kind: e.kind,
      data: e.data,
      values: e.values,
      secret: false,
      id: ++this.#ids,
      n: e.n as EventId,
      state: e.accepted ? "unsure" : "queued",
      sent: false,
    }));
    this.#last = events.reduce((last, e) => Math.max(last, e.n), 0);
  }

  /**
   * The gateway holds n and all before it. Returns those for which that is news, so that their
   * values can be taken over. Says nothing about events that are known to be accepted: after a
   * join the gateway names its last one, finished or not.
   */
  accept(n: EventId): readonly Outgoing[] {
    const news = this.all().filter((e) => e.state === "queued" && e.sent && e.n <= n);
    for (const event of news) this.#replace(event, { state: "running" });
    return news;
  }

  /** Something of n arrived though this page did not know that it runs. */
  running(n: EventId, node: NodeId, kind: number): void {
    if (this.#done.has(n)) return;
    const event = this.find(n);
    if (event) {
      if (event.state === "unsure") this.#replace(event, { state: "running" });
      return;
    }
    const stranger: Outgoing = {
      id: ++this.#ids,
      n,
      node,
      kind,
      data: null,
      values: [],
      state: "running",
      sent: true,
      secret: false,
    };
    this.#events.value = [...this.all(), stranger];
    this.#last = Math.max(this.#last, n);
  }

  /** An event that was given up is wanted after all. */
  revive(n: EventId, node: NodeId): void {
    this.#done.delete(n);
    this.running(n, node, 0);
  }

  finish(n: EventId): Outgoing | null {
    this.#done.add(n);
    const event = this.find(n);
    if (!event) return null;
    this.#events.value = this.all().filter((e) => e !== event);
    return event;
  }

  markSent(events: readonly Outgoing[]): void {
    const ids = new Set(events.map((e) => e.id));
    this.#events.value = this.all().map((e) => (ids.has(e.id) ? { ...e, sent: true } : e));
  }

  /**
   * Joined: the gateway's last accepted number decides. Events up to it are in the log, the
   * others are numbered on from it and have to be sent; also those that it had accepted, and lost
   * with the power. `gap`: groups were missed, so an accepted event may be finished already. Returns
   * the events whose acceptance is news.
   */
  joined(last: EventId, gap: boolean): readonly Outgoing[] {
    const news = this.all().filter((e) => e.state === "queued" && e.n <= last);
    let n = last as number;

    this.#events.value = this.all().map((e) => {
      // Without a kind only its number was known.
      if (e.n > last && e.kind) return { ...e, n: ++n as EventId, state: "queued", sent: false };
      if (gap || e.state === "unsure") return { ...e, state: "unsure", sent: true };
      return e.state === "queued" ? { ...e, state: "running", sent: true } : e;
    });
    this.#last = n;
    return news;
  }

  /** The session is another one: what it had accepted is no longer ours; the rest starts at 1. */
  begunAnew(): void {
    let n = 0;
    this.#done.clear();
    this.#events.value = this.all()
      .filter((e) => e.state === "queued")
      .map((e) => ({ ...e, n: ++n as EventId, sent: false }));
    this.#last = n;
  }

  /** Gives up what was not accepted: the gateway refused it. Returns it. */
  dropQueued(): readonly Outgoing[] {
    const dropped = this.all().filter((e) => e.state === "queued");
    this.#events.value = this.all().filter((e) => e.state !== "queued");
    this.#last -= dropped.length;
    return dropped;
  }

  #replace(event: Outgoing, change: Partial<Outgoing>): void {
    this.#events.value = this.all().map((e) => (e === event ? { ...e, ...change } : e));
  }
}
