/* A model or dataset, or a Space whose app does not run here: its card, what it is made of, and who uses it. */
import { Prose } from "../../widgets/prose";
import { Icon } from "../../widgets/icon";
import { Show } from "../frame";
import { Snippet } from "../snippet";
import { useCall } from "../use_call";
import { agoWords, bytesWords, countWords, fullTime } from "../words";
import { taskWords } from "./cards";
import { cardAddress, cardText } from "./front_matter";
import "./hub_style";
import { fileText } from "./file_text";
import { RepoPage } from "./repo_frame";
import { idOf, parentOf, PLURAL, repoPath, viewPath, WORDS, type Repo, type RepoId, type Tensors } from "./repo";

export function Card({ id }: { id: RepoId }) {
  return (
    <RepoPage id={id} tab={id.kind === "space" ? "app" : "card"}>
      {(repo) => (
        <>
          {repo.kind === "space" && (
            <p class="notice" role="status">
              <Icon name="alert" />
              {`This Space is made for ${repo.sdk || "another sdk"}, which does not run here. Its card and its files can be read.`}
            </p>
          )}
          <div class="repo-columns">
          <div class="repo-main">{repo.files.length === 0 ? <Empty repo={repo} /> : <Readme repo={repo} />}</div>
          <aside class="repo-side" aria-label="About it">
            <Facts repo={repo} />
            {repo.tensors && <Weights tensors={repo.tensors} />}
            <Served repo={repo} />
            <UsedBy repo={repo} />
            <section>
              <h2>Get it</h2>
              <Snippet text={`git clone ${location.origin}${repoPath(repo)}`} />
            </section>
          </aside>
          </div>
        </>
      )}
    </RepoPage>
  );
}

function Empty({ repo }: { repo: Repo }) {
  const push = `git init -b main && git add . && git commit -m "First version"\ngit push ${location.origin}${repoPath(repo)} main`;
  return (
    <div class="empty">
      <p class="empty-title">Nothing is in it yet</p>
      <p>
        Drop files onto <a href={viewPath(repo, "tree", "main")}>its files</a>, or push:
      </p>
      <Snippet text={push} />
    </div>
  );
}

function Readme({ repo }: { repo: Repo }) {
  const there = repo.files.includes("README.md");
  const rev = repo.sha || "main";
  const [loaded, again] = useCall(() => (there ? fileText(repo, rev, "README.md") : Promise.resolve("")), `${idOf(repo)} ${rev}`);
  return (
    <Show loaded={loaded} again={again}>
      {(source) => {
        const text = cardText(source);
        if (text.trim() !== "") return <CardProse repo={repo} rev="main" path="README.md" text={text} />;
        return (
          <div class="empty">
            <p class="empty-title">This {WORDS[repo.kind]} has no card yet</p>
            <p>A card says what it is, how it was made and how to use it.</p>
            {repo.owned && (
              <p>
                <a class="button secondary" href={viewPath(repo, "edit", "main", "README.md")}>
                  <Icon name="edit" />
                  Write README.md
                </a>
              </p>
            )}
          </div>
        );
      }}
    </Show>
  );
}

/** Markdown of a repo, in which files are named as they lie beside it. */
export function CardProse({ repo, rev, path, text }: { repo: RepoId; rev: string; path: string; text: string }) {
  const folder = parentOf(path);
  return (
    <article class="panel card-prose">
      <Prose text={text} addresses={(href, image) => cardAddress(href, folder, (to) => viewPath(repo, image ? "resolve" : "blob", rev, to))} />
    </article>
  );
}

function Facts({ repo }: { repo: Repo }) {
  const rows: readonly (readonly [string, string])[] = [
    ["Task", repo.task && taskWords(repo.task)],
    ["Library", repo.library],
    ["License", repo.license],
    ["Size", repo.size > 0 ? bytesWords(repo.size) : ""],
  ];
  // The license stands above already.
  const tags = repo.tags.filter((tag) => !tag.startsWith("license:"));
  return (
    <section>
      <h2>About</h2>
      <dl class="facts">
        {rows
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
        <dt>Changed</dt>
        <dd>
          <time dateTime={repo.updated} title={fullTime(repo.updated)}>
            {agoWords(repo.updated) || "never"}
          </time>
        </dd>
      </dl>
      {tags.length > 0 && (
        <ul class="chips">
          {tags.map((tag) => (
            <li key={tag}>
              <a class="chip" href={`/${PLURAL[repo.kind]}?filter=${encodeURIComponent(tag)}`}>
                {tag}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function Weights({ tensors }: { tensors: Tensors }) {
  return (
    <section>
      <h2>Weights</h2>
      <p>
        <b>{countWords(tensors.total)}</b> parameters
        {tensors.tensors > 0 && ` in ${tensors.tensors} tensors`}
      </p>
      <ul class="weights">
        {tensors.types.map(([type, n]) => (
          <li key={type}>
            <code>{type}</code>
            <span class="weights-bar" aria-hidden="true">
              <i style={{ width: `${Math.max(1, (100 * n) / Math.max(1, tensors.total))}%` }} />
            </span>
            <span>{countWords(n)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What programs and Spaces here make of a model. */
function Served({ repo }: { repo: Repo }) {
  if (!repo.served) return null;
  const { task, words } = repo.served;
  return (
    <section>
      <h2>Runs here</h2>
      {words ? (
        <p>It cannot be called: {words}.</p>
      ) : (
        <p>
          Programs and Spaces call it <code>{idOf(repo)}</code>, for {taskWords(task).toLowerCase()}.
        </p>
      )}
    </section>
  );
}

function UsedBy({ repo }: { repo: Repo }) {
  if (repo.usedBy.length === 0) return null;
  return (
    <section>
      <h2>Used by</h2>
      <ul class="used-by">
        {repo.usedBy.map((space) => (
          <li key={idOf(space)}>
            <a href={repoPath(space)}>{idOf(space)}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
