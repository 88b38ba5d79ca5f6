/*
 * How long to wait before the next attempt: doubling, with jitter over the upper half, so that
 * everyone who lost the same gateway does not come back in the same instant.
 */
export interface Backoff {
  /** ms to wait before the next attempt. */
  next(): number;
  /** The connection held; start small again. */
  reset(): void;
}

const FIRST_MS = 120;
const MAX_MS = 8000;

export function backoff(random: () => number = Math.random): Backoff {
  let ceiling = FIRST_MS;
  return {
    next() {
      const wait = ceiling * (0.5 + random() / 2);
      ceiling = Math.min(ceiling * 2, MAX_MS);
      return Math.round(wait);
    },
    reset() {
      ceiling = FIRST_MS;
    },
  };
}
