/* One commit: who, when, why, and what it changed. */
import { CopyButton } from "../../widgets/copy";
import { ApiError } from "../api";
import { known, Show } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { DiffView } from "./diff_view";
import { changesOf, commits } from "./hub_api";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, viewPath, type Commit, type RepoId } from "./repo";
import { readDiff, type DiffFile } from "./diff";

interface Loaded {
  readonly commit: Commit;
  readonly files: readonly DiffFile[];
}

async function load(id: RepoId, rev: string): Promise<Loaded> {
  const [{ items }, text] = await Promise.all([commits(id, rev, 1), changesOf(id, rev)]);
  const found = items[0];
  if (!found) throw new ApiError(404, `There is no commit ${rev}.`);
  return { commit: found, files: readDiff(text) };
}

export function CommitPage({ id, commit: rev }: { id: RepoId; commit: string }) {
  const [repo] = useRepo(id);
  const [loaded, again] = useCall(() => known.then(() => load(id, rev)), `${idOf(id)} ${rev}`);
  return (
    <RepoFrame id={id} tab="history" title={rev.slice(0, 8)} loaded={repo}>
      <Show loaded={loaded} again={again}>
        {({ commit, files }) => (
          <>
            <Head id={id} commit={commit} />
            <p class="faint">{files.length === 1 ? "1 file changed" : `${files.length} files changed`}</p>
            <DiffView files={files} link={(path) => viewPath(id, "blob", commit.id, path)} />
          </>
        )}
      </Show>
    </RepoFrame>
  );
}

function Head({ id, commit }: { id: RepoId; commit: Commit }) {
  return (
    <section class="panel commit-head">
      <h2>{commit.title || "(no words)"}</h2>
      {commit.message && <p class="source">{commit.message}</p>}
      <p class="faint commit-facts">
        <span>
          {commit.authors.join(", ")}{" "}
          <time dateTime={commit.date} title={fullTime(commit.date)}>
            {agoWords(commit.date)}
          </time>
        </span>
        <span class="commit-id">
          <code>{commit.id.slice(0, 12)}</code>
          <CopyButton text={() => commit.id} label="Copy the id" quiet />
        </span>
        {commit.parents.map((parent) => (
          <span key={parent}>
            parent{" "}
            <a href={commitPath(id, parent)}>
              <code>{parent.slice(0, 8)}</code>
            </a>
          </span>
        ))}
        <a href={viewPath(id, "tree", commit.id)}>Files at this commit</a>
      </p>
    </section>
  );
}
