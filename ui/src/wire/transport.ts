/*
 * Which carrier to use. The best first; one that brings nothing makes room for the next, and what
 * worked is remembered for the tab, with a better one tried again now and then.
 *
 * A kind that has carried something is believed in: an outage of the gateway looks to every kind
 * like a proxy that refuses it, and must not leave the page on a worse one.
 */
import { KINDS, type Kind } from "./carrier";

export interface TransportMemory {
  load(): string | null;
  save(text: string): void;
}

/** How an attempt went. */
export type Outcome =
  | "refused" // it never opened
  | "barren" // it opened, and ended before anything came
  | "stalled" // something came, and then an answer that was due did not
  | "lost"; // it worked, and the connection was lost

/** Attempts that end so before another kind's turn; for a kind that is believed in, one more. */
const PATIENCE: Readonly<Record<Outcome, number>> = { refused: 1, barren: 2, stalled: 2, lost: Infinity };
/** A worse kind that was found out longer ago than this is not begun with. */
const REMEMBER_MS = 30 * 60_000;
const BETTER_FIRST_MS = 2 * 60_000;
const BETTER_MAX_MS = 60 * 60_000;

export class Transports {
  readonly #memory: TransportMemory;
  readonly #wall: () => number;
  readonly #believed = new Set<Kind>();
  #at = 0;
  #strikes = 0;
  #betterMs = BETTER_FIRST_MS;

  /** `wall`: ms of the calendar, as the memory outlives the page. */
  constructor(memory: TransportMemory, wall: () => number = Date.now) {
    this.#memory = memory;
    this.#wall = wall;
    this.#at = this.#remembered();
  }

  /** What to try now. */
  get kind(): Kind {
    return KINDS[this.#at] ?? "socket";
  }

  /** Something came over it. */
  works(): void {
    this.#believed.add(this.kind);
    this.#memory.save(JSON.stringify({ kind: this.kind, at: this.#wall() }));
  }

  /** The attempt is over. True: another kind's turn has come, at once; false: wait first. */
  over(outcome: Outcome): boolean {
    // A loss says nothing; a connection that works again after a stall says something.
    if (outcome === "lost") return false;
    this.#strikes++;
    if (this.#strikes < PATIENCE[outcome] + (this.#believed.has(this.kind) ? 1 : 0)) return false;
    this.#strikes = 0;
    this.#at = (this.#at + 1) % KINDS.length;
    return this.#at !== 0;
  }

  /** It has held for a while: earlier trouble is forgotten. */
  steady(): void {
    this.#strikes = 0;
  }

  /** ms until a better kind is to be tried again; null: there is none. */
  betterIn(): number | null {
    if (this.#at === 0) return null;
    const wait = this.#betterMs;
    this.#betterMs = Math.min(wait * 2, BETTER_MAX_MS);
    return wait;
  }

  /** The best kind has opened beside the present one, and takes over. */
  better(): void {
    this.#at = 0;
    this.#strikes = 0;
  }

  #remembered(): number {
    try {
      const kept = JSON.parse(this.#memory.load() ?? "null") as { kind?: unknown; at?: unknown } | null;
      const at = KINDS.findIndex((kind) => kind === kept?.kind);
      const age = this.#wall() - Number(kept?.at);
      return at > 0 && age >= 0 && age < REMEMBER_MS ? at : 0;
    } catch {
      return 0;
    }
  }
}
