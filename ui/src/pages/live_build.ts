/* A build as it happens, out of the events of its Space. */
import type { SpaceEvent } from "proto";

export interface LiveBuild {
  readonly commit: string;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  /** µs since 1970. */
  readonly since: number;
}

export interface Progress {
  /** Null: nothing is being built. */
  readonly build: LiveBuild | null;
  /** Grows when the list of builds has changed. */
  readonly changes: number;
}

export const IDLE: Progress = { build: null, changes: 0 };

export function progress(before: Progress, event: SpaceEvent): Progress {
  const { build } = before;
  switch (event.type) {
    case "build.started":
      return { ...before, build: { commit: event.commit, phases: [], since: event.time } };
    case "build.phase":
      if (build?.commit !== event.commit) return before;
      return { ...before, build: { ...build, phases: [...build.phases, { name: event.name, ms: event.ms }] } };
    case "build.failed":
    case "build.live":
    case "rollback":
      return { build: null, changes: before.changes + 1 };
    default:
      return before;
  }
}
