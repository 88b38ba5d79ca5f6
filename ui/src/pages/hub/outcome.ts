/* What became of a commit, out of the events of its Space. */
import type { SpaceEvent } from "proto";

export interface Outcome {
  readonly state: "live" | "failed";
  readonly words: string;
  /** performance.now() when it was heard of. */
  readonly at: number;
}

/** What became of each commit; a commit may be live before the call that made it has returned. */
export function outcomes(before: ReadonlyMap<string, Outcome>, events: readonly SpaceEvent[], at: number): ReadonlyMap<string, Outcome> {
  const after = new Map(before);
  for (const event of events) {
    if (event.type === "build.live") after.set(event.commit, { state: "live", words: "", at });
    if (event.type === "build.failed") {
      const place = event.file ? `${event.file}${event.line ? `:${event.line}` : ""}: ` : "";
      after.set(event.commit, { state: "failed", words: event.message.startsWith(place) ? event.message : place + event.message, at });
    }
  }
  return after;
}
