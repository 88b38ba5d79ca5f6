/* Repos in a list: each a card that is one link, and its likes. */
import { Icon, type IconName } from "../../widgets/icon";
import { StateBadge } from "../frame";
import { agoWords, countWords, fullTime } from "../words";
import { idOf, repoPath, type Kind, type Repo } from "./repo";

export const KIND_ICONS: Readonly<Record<Kind, IconName>> = { space: "image", model: "model", dataset: "table" };

export function RepoCards({ repos }: { repos: readonly Repo[] }) {
  return (
    <ul class="spaces">
      {repos.map((repo) => (
        <RepoCard key={idOf(repo)} repo={repo} />
      ))}
    </ul>
  );
}

function RepoCard({ repo }: { repo: Repo }) {
  return (
    <li class="space-card">
      <div class="space-card-top">
        <Emblem repo={repo} />
        <span class="card-badges">
          {repo.private && <PrivateBadge />}
          {repo.kind === "space" ? <StateBadge state={repo.state} /> : repo.task && <span class="badge calm">{taskWords(repo.task)}</span>}
        </span>
      </div>
      <h2>{repo.stored ? <a href={repoPath(repo)}>{nameOf(repo)}</a> : nameOf(repo)}</h2>
      {repo.words && <p class="card-words">{repo.words}</p>}
      <p class="faint space-card-end">
        <span>{idOf(repo)}</span>
        <span class="card-facts">
          {repo.likes > 0 && (
            <span class="card-likes">
              <Icon name="heart" />
              <span class="hidden">Likes:</span>
              {countWords(repo.likes)}
            </span>
          )}
          {repo.stored ? (
            <time dateTime={repo.updated} title={fullTime(repo.updated)}>
              {agoWords(repo.updated)}
            </time>
          ) : (
            "served here"
          )}
        </span>
      </p>
    </li>
  );
}

function nameOf(repo: Repo): string {
  return repo.kind === "space" ? repo.title : repo.name;
}

function Emblem({ repo }: { repo: Repo }) {
  const initial = <span class="space-initial">{repo.title.slice(0, 1).toUpperCase()}</span>;
  return (
    <span class="space-emoji" aria-hidden="true">
      {repo.kind === "space" ? repo.emoji || initial : <Icon name={KIND_ICONS[repo.kind]} />}
    </span>
  );
}

export function PrivateBadge() {
  return (
    <span class="badge calm">
      <Icon name="lock" />
      Private
    </span>
  );
}

/** "Text generation" of "text-generation". */
export function taskWords(task: string): string {
  const words = task.replaceAll("-", " ");
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
