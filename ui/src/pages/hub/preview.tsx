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
  const [lives, setLives] = useState(0);
  useStream(`${apiPath(id, "events")}?follow=1&tail=1`, () => {}, {
    take(data) {
      const events = data.map((text) => JSON.parse(text) as SpaceEvent);
      setSeen((before) => outcomes(before, events, performance.now()));
    },
  });
  const outcome = done ? seen.get(done.commit) : undefined;
  const frame = `${repoPath(id)}?preview`;
  // A Space that had nothing to run has no page that could hear of its first version.
  const [waits, setWaits] = useState(false);
  useEffect(() => {
    void fetch(repoPath(id), { method: "GET", headers: { Accept: "text/html" } }).then((answer) => setWaits(!answer.ok), () => {});
  }, [id.owner, id.name]);
  useEffect(() => {
    if (waits && outcome?.state === "live") {
      setLives(lives + 1);
      setWaits(false);
    }
  }, [outcome?.state, waits]);
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
      <iframe key={lives} src={frame} title={`${id.owner}/${id.name}`} />
    </section>
  );
}
