/* What was pushed and what became of it, and the way back. */
import type { SpaceEvent } from "proto";
import { useEffect, useState } from "preact/hooks";
import { call, spacePath, type Build, type SpaceInfo } from "./api";
import { FormNote, known, Show, StateBadge, words } from "./frame";
import { RepoFrame } from "./hub/repo_frame";
import { IDLE, progress, type LiveBuild } from "./live_build";
import { Previews } from "./previews";
import { useCall } from "./use_call";
import { useStream } from "./use_stream";
import { agoWords, fullTime, msWords } from "./words";

interface Props {
  readonly owner: string;
  readonly name: string;
}

export function Builds({ owner, name }: Props) {
  const path = spacePath(owner, name);
  const [loaded, again] = useCall(() => known.then(() => call<SpaceInfo>("GET", path)), path);
  return (
    <RepoFrame id={{ kind: "space", owner, name }} tab="builds">
      <Show loaded={loaded} again={again}>
        {({ builds = [], owned = false }) => (
          <>
            {owned && <Now path={path} changed={again} />}
            <Previews path={path} owned={owned} />
            {builds.length === 0 ? (
              <NoBuilds owner={owner} name={name} />
            ) : (
              <History path={path} builds={builds} owned={owned} again={again} logs={`/spaces/${owner}/${name}/-/logs`} />
            )}
          </>
        )}
      </Show>
    </RepoFrame>
  );
}

/** What is being built right now: its phases appear as they end. The few events before are read
 * too, because the page may have been opened in the middle of one. */
function Now({ path, changed }: { path: string; changed: () => void }) {
  const [now, setNow] = useState(IDLE);
  const [opened] = useState(() => Date.now() * 1000);
  useStream(`${path}/events?follow=1&tail=20`, () => setNow(IDLE), {
    take(data) {
      const events = data.map((text) => JSON.parse(text) as SpaceEvent);
      setNow((before) => {
        const after = events.reduce(progress, before);
        // What ended before the page was opened is in its list already.
        return events.every((e) => e.time < opened) ? { ...after, changes: before.changes } : after;
      });
    },
  });
  useEffect(() => {
    if (now.changes > 0) changed();
  }, [now.changes]);
  return now.build && <BuildingNow build={now.build} />;
}

function BuildingNow({ build }: { build: LiveBuild }) {
  return (
    <section class="build building" aria-label="Being built" aria-live="polite">
      <div class="build-head">
        <StateBadge state="building" />
        <code class="commit">{build.commit.slice(0, 8)}</code>
      </div>
      <ul class="phase-words">
        {build.phases.map((p) => (
          <li key={p.name}>
            {p.name} <b>{msWords(p.ms)}</b>
          </li>
        ))}
        <li class="phase-next">{build.phases.length === 0 ? "reading the commit…" : "…"}</li>
      </ul>
    </section>
  );
}

function NoBuilds({ owner, name }: Props) {
  return (
    <div class="empty">
      <p class="empty-title">Nothing has been pushed yet</p>
      <p>
        Push the branch <code>main</code> to <code>{`${location.origin}/spaces/${owner}/${name}`}</code>.
      </p>
    </div>
  );
}

interface HistoryProps {
  readonly path: string;
  readonly builds: readonly Build[];
  readonly owned: boolean;
  readonly again: () => void;
  /** Address of the page with their lines. */
  readonly logs: string;
}

function History({ path, builds, owned, again, logs }: HistoryProps) {
  const [error, setError] = useState("");
  const [going, setGoing] = useState<string | null>(null);
  const longest = Math.max(1, ...builds.map(totalOf));

  const goBack = async (build: Build) => {
    setGoing(build.id);
    setError("");
    try {
      await call("POST", `${path}/rollback`, { build: build.id });
      again();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setGoing(null);
    }
  };
  return (
    <>
      <FormNote error={error} />
      <ol class="builds">
        {builds.map((build) => (
          <li key={build.id} class={`build ${build.state}`}>
            <div class="build-head">
              <StateBadge state={build.state} />
              <code class="commit">{build.commit.slice(0, 8)}</code>
              <time class="faint" dateTime={build.createdAt} title={fullTime(build.createdAt)}>
                {agoWords(build.createdAt)}
              </time>
              {owned && build.state === "ready" && (
                <button type="button" class="button secondary small" disabled={going !== null} onClick={() => void goBack(build)}>
                  {going === build.id ? "Going back…" : "Make live again"}
                </button>
              )}
            </div>
            {build.message && <p class={build.state === "failed" ? "source mono build-words" : "source build-words"}>{build.message}</p>}
            <Phases build={build} longest={longest} />
            {owned && (
              <a class="build-lines" href={`${logs}?build=${build.id}`}>
                What it said
              </a>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}

function totalOf(build: Build): number {
  return (build.phases ?? []).reduce((sum, p) => sum + p.ms, 0);
}

/** One bar for each phase, as wide as it took long beside the longest build. */
function Phases({ build, longest }: { build: Build; longest: number }) {
  const phases = build.phases ?? [];
  if (phases.length === 0) return null;
  const total = totalOf(build);
  return (
    <div class="phases">
      <div class="phase-bar" aria-hidden="true" style={{ width: `${Math.max(4, (100 * total) / longest)}%` }}>
        {phases.map((p) => (
          <span key={p.name} style={{ flexGrow: String(Math.max(p.ms, total / 100)) }} />
        ))}
      </div>
      <ul class="phase-words">
        {phases.map((p) => (
          <li key={p.name}>
            {p.name} <b>{msWords(p.ms)}</b>
          </li>
        ))}
        <li class="phase-total">
          in all <b>{msWords(total)}</b>
        </li>
      </ul>
    </div>
  );
}
