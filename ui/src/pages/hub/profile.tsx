/* What somebody, or an organisation, has made. */
import { useEffect, useState } from "preact/hooks";
import { Bones, Frame, known, person, Problem } from "../frame";
import { RepoCards } from "./cards";
import { listPath, repos, type Part } from "./hub_api";
import "./hub_style";
import { KINDS, TITLES, WORDS, type Kind, type Repo } from "./repo";
import { Icon } from "../../widgets/icon";

type Made = Readonly<Record<Kind, Part<Repo>>>;

async function load(owner: string): Promise<Made> {
  await known;
  const parts = await Promise.all(KINDS.map((kind) => repos(kind, listPath(kind, { search: "", sort: "lastModified", filters: [], author: owner }))));
  return Object.fromEntries(KINDS.map((kind, i) => [kind, parts[i]!])) as unknown as Made;
}

export function Profile({ owner }: { owner: string }) {
  const [made, setMade] = useState<Made | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const ask = () => void load(owner).then(setMade, setError);
  useEffect(ask, [owner]);
  const none = made !== null && KINDS.every((kind) => made[kind].items.length === 0);
  return (
    <Frame title={owner}>
      <div class="profile-head">
        <span class="avatar large" aria-hidden="true">
          {owner.slice(0, 1).toUpperCase()}
        </span>
        <h1 class="platform-title">{owner}</h1>
        {person.value?.name === owner && (
          <a class="button primary small" href="/new">
            <Icon name="plus" />
            New
          </a>
        )}
      </div>
      {error && <Problem error={error} again={() => (setError(null), ask())} />}
      {!made && !error && <Bones />}
      {none && (
        <div class="empty">
          <p class="empty-title">There is nothing here that you may see</p>
          <p>Perhaps nobody has this name, or all that {owner} has made is private.</p>
        </div>
      )}
      {made && KINDS.filter((kind) => made[kind].items.length > 0).map((kind) => <Section key={kind} kind={kind} owner={owner} part={made[kind]} />)}
    </Frame>
  );
}

function Section({ kind, owner, part }: { kind: Kind; owner: string; part: Part<Repo> }) {
  const [{ items, next }, setPart] = useState(part);
  const more = async () => {
    if (next === null) return;
    const rest = await repos(kind, next);
    setPart({ ...rest, items: [...items, ...rest.items] });
  };
  return (
    <section class="profile-section" aria-label={`${TITLES[kind]} of ${owner}`}>
      <h2>
        {TITLES[kind]} <span class="faint">{part.total ?? items.length}{next && part.total === null ? "+" : ""}</span>
      </h2>
      <RepoCards repos={items} />
      {next !== null && (
        <p class="more">
          <button type="button" class="button secondary" onClick={() => void more()}>
            More {WORDS[kind]}s
          </button>
        </p>
      )}
    </section>
  );
}
