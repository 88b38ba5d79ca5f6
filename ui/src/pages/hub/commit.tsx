/* One commit: who, when, why, and what it changed. */
import { CopyButton } from "../../widgets/copy";
import { known, Show } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { DiffView } from "./diff_view";
import type { Changes } from "./diff";
import { changesOf } from "./hub_api";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, viewPath, type RepoId } from "./repo";

export function CommitPage({ id, commit: rev }: { id: RepoId; commit: string }) {
  const [repo] = useRepo(id);
  const [loaded, again] = useCall(() => known.then(() => changesOf(id, rev)), `${idOf(id)} ${rev}`);
  return (
    <RepoFrame id={id} tab="history" title={rev.slice(0, 8)} loaded={repo}>
      <Show loaded={loaded} again={again}>
        {(changes) => (
          <>
            <Head id={id} rev={rev} changes={changes} />
            <p class="faint">
              {changes.total === 1 ? "1 file changed" : `${changes.total} files changed`}
              {changes.files.length < changes.total && `, of which ${changes.files.length} are shown`}
            </p>
            <DiffView files={changes.files} link={(path) => viewPath(id, "blob", changes.commit?.id ?? rev, path)} />
          </>
        )}
      </Show>
    </RepoFrame>
  );
}

function Head({ id, rev, changes: { commit, parent } }: { id: RepoId; rev: string; changes: Changes }) {
  const oid = commit?.id ?? rev;
  return (
    <section class="panel commit-head">
      <h2>{commit?.title || "(no words)"}</h2>
      {commit?.message && <p class="source">{commit.message}</p>}
      <p class="faint commit-facts">
        {commit && (
          <span>
            {commit.authors.join(", ")}{" "}
            <time dateTime={commit.date} title={fullTime(commit.date)}>
              {agoWords(commit.date)}
            </time>
          </span>
        )}
        <span class="commit-id">
          <code>{oid.slice(0, 12)}</code>
          <CopyButton text={() => oid} label="Copy the id" quiet />
        </span>
        {parent && (
          <span>
            after{" "}
            <a href={commitPath(id, parent)}>
              <code>{parent.slice(0, 8)}</code>
            </a>
          </span>
        )}
        <a href={viewPath(id, "tree", oid)}>Files at this commit</a>
      </p>
    </section>
  );
}
