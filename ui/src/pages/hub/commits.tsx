/* The commits of a branch, newest first, under the day they were made. */
import { CopyButton } from "../../widgets/copy";
import { Bones, known, Problem } from "../frame";
import { agoWords, fullTime } from "../words";
import { commits, nextCommits } from "./hub_api";
import "./hub_style";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, viewPath, type Commit, type RepoId } from "./repo";
import { RevisionChoice } from "./tree";
import { usePart } from "./use_part";

export function Commits({ id, rev }: { id: RepoId; rev: string }) {
  const [loaded] = useRepo(id);
  const repo = loaded.state === "ready" ? loaded.value : null;
  const list = usePart(`${idOf(id)} ${rev}`, () => known.then(() => commits(id, rev)), nextCommits);
  const empty = repo !== null && repo.sha === "" && list.error !== null;
  return (
    <RepoFrame id={id} tab="history" loaded={loaded}>
      <div class="files-bar">
        <RevisionChoice id={id} rev={rev} view="commits" path="" />
        {list.total !== null && <p class="faint">{list.total === 1 ? "1 commit" : `${list.total} commits`}</p>}
      </div>
      {list.error && !empty && <Problem error={list.error} again={list.again} />}
      {empty && (
        <div class="empty">
          <p class="empty-title">There are no commits yet</p>
        </div>
      )}
      {list.items === null && !list.error && <Bones />}
      {byDay(list.items ?? []).map(([day, some]) => (
        <section key={day} class="commit-day">
          <h2>{day}</h2>
          <ol class="commits">
            {some.map((c) => (
              <Row key={c.id} id={id} commit={c} />
            ))}
          </ol>
        </section>
      ))}
      {list.more && (
        <p class="more">
          <button type="button" class="button secondary" disabled={list.busy} onClick={list.loadMore}>
            {list.busy ? "Loading…" : "Show more"}
          </button>
        </p>
      )}
    </RepoFrame>
  );
}

/** In the order they came: a list of commits is no sorted one of times. */
export function byDay(list: readonly Commit[]): readonly (readonly [string, readonly Commit[]])[] {
  const days: [string, Commit[]][] = [];
  for (const commit of list) {
    const day = new Date(commit.date).toLocaleDateString("en", { year: "numeric", month: "long", day: "numeric" });
    const last = days.at(-1);
    if (last && last[0] === day) last[1].push(commit);
    else days.push([day, [commit]]);
  }
  return days;
}

function Row({ id, commit }: { id: RepoId; commit: Commit }) {
  return (
    <li class="commit-row">
      <div class="row-words">
        <a class="commit-title" href={commitPath(id, commit.id)}>
          {commit.title || "(no words)"}
        </a>
        <p class="faint">
          {commit.authors.join(", ")}{" "}
          <time dateTime={commit.date} title={fullTime(commit.date)}>
            {agoWords(commit.date)}
          </time>
        </p>
      </div>
      <div class="commit-ways">
        <a class="commit" href={commitPath(id, commit.id)} aria-label={`Changes of ${commit.id.slice(0, 8)}`}>
          <code>{commit.id.slice(0, 8)}</code>
        </a>
        <CopyButton text={() => commit.id} label="Copy the id" quiet />
        <a class="chip-button" href={viewPath(id, "tree", commit.id)}>
          Files
        </a>
      </div>
    </li>
  );
}
