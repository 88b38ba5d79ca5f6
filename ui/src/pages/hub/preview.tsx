/* The Space beside its source. The frame is never loaded again for a commit: its page hears of the
 * new version as every visitor's does, and keeps what was typed into it. */
import type { SpaceEvent } from "proto";
import { useEffect, useState } from "preact/hooks";
import { StateBadge } from "../frame";
import { useStream } from "../use_stream";
import { msWords } from "../words";
import { outcomes, type Outcome } from "./outcome";
import { apiPath, repoPath, type RepoId } from "./repo";

interface Props {
  readonly id: RepoId;
  readonly done: { readonly commit: string; readonly asked: number } | null;
}

export function Preview({ id, done }: Props) {
  const [seen, setSeen] = useState<ReadonlyMap<string, Outcome>>(new Map());
  useStream(`${apiPath(id, "events")}?follow=1&tail=1`, () => {}, {
    take(data) {
      const events = data.map((text) => JSON.parse(text) as SpaceEvent);
      setSeen((before) => outcomes(before, events, performance.now()));
    },
  });
  const live = [...seen.values()].some((o) => o.state === "live");
  const outcome = done ? seen.get(done.commit) : undefined;
  // A Space that has nothing to run yet has no page that could hear of its first version.
  const [there, setThere] = useState<boolean | null>(null);
  useEffect(() => {
    void fetch(repoPath(id), { headers: { Accept: "text/html" } }).then(
      (answer) => setThere(answer.ok),
      () => setThere(true),
    );
  }, [live]);
  return (
    <section class="preview" aria-label="The Space as it is now">
      <div class="preview-head" role="status">
        {!done && <span class="faint">As visitors see it now</span>}
        {done && !outcome && <StateBadge state="building" />}
        {done && outcome?.state === "live" && (
          <>
            <StateBadge state="live" />
            <span class="faint">{msWords(Math.max(0, outcome.at - done.asked))} after “Commit”</span>
          </>
        )}
        {done && outcome?.state === "failed" && <StateBadge state="failed" />}
        <a href={repoPath(id)} target="_blank" rel="noopener">
          Open
        </a>
      </div>
      {outcome?.state === "failed" && (
        <p class="preview-words source mono" role="alert">
          {outcome.words}
        </p>
      )}
      {there && <iframe src={repoPath(id)} title={`${id.owner}/${id.name}`} />}
      {there === false && <p class="preview-none faint">It will be here as soon as a commit of it is live.</p>}
    </section>
  );
}
