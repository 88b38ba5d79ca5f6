/* Spaces, models and datasets to look through; how to make the first Space where there is none. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../widgets/icon";
import { Bones, Frame, known, person, Problem } from "../frame";
import { Snippet } from "../snippet";
import { RepoCards, taskWords } from "./cards";
import { listPath, repos, SORTS, type Query, type Sort } from "./hub_api";
import { popular, queryAddress, readQuery } from "./query";
import { KINDS, PLURAL, TITLES, WORDS, type Kind, type Repo } from "./repo";
import { usePart, type Listed } from "./use_part";

const SEARCH_WAIT_MS = 140;

/** Tasks of models, in the words of Hugging Face's cards. */
const TASKS = [
  "text-generation",
  "text-classification",
  "token-classification",
  "feature-extraction",
  "fill-mask",
  "question-answering",
  "summarization",
  "translation",
  "image-classification",
  "zero-shot-image-classification",
  "object-detection",
  "image-to-text",
  "text-to-image",
  "automatic-speech-recognition",
  "text-to-speech",
];

export function Home({ kind }: { kind: Kind }) {
  const [query, setQuery] = useState(() => readQuery(location.search));
  const path = listPath(kind, query);
  const list = usePart(path, () => known.then(() => repos(kind, path)), (next) => repos(kind, next), SEARCH_WAIT_MS);
  useEffect(() => history.replaceState(null, "", queryAddress(query)), [query]);
  const asked = query.search.trim() !== "" || query.filters.length > 0;
  const empty = !list.error && list.items?.length === 0 && !asked && !list.busy;
  return (
    <Frame title="Vitrine" class="home">
      <KindTabs kind={kind} />
      {empty && kind === "space" ? (
        <First />
      ) : (
        <>
          <Head kind={kind} list={list} />
          {!empty && <Controls kind={kind} query={query} change={setQuery} found={list.items ?? []} />}
          <Found kind={kind} list={list} clear={asked ? () => setQuery({ ...query, search: "", filters: [] }) : null} />
        </>
      )}
    </Frame>
  );
}

function KindTabs({ kind }: { kind: Kind }) {
  return (
    <nav class="tabs" aria-label="What there is">
      {KINDS.map((k) => (
        <a key={k} href={`/${PLURAL[k]}`} {...(k === kind ? { "aria-current": "page" as const } : {})}>
          {TITLES[k]}
        </a>
      ))}
    </nav>
  );
}

function Head({ kind, list }: { kind: Kind; list: Listed<Repo> }) {
  return (
    <div class="home-head">
      <div>
        <h1 class="platform-title">{TITLES[kind]}</h1>
        <p class="faint" aria-live="polite">
          {list.items ? countOf(kind, list) : "…"}
        </p>
      </div>
      {person.value && (
        <a class="button primary small" href={`/new?kind=${kind}`}>
          <Icon name="plus" />
          New {WORDS[kind]}
        </a>
      )}
    </div>
  );
}

function countOf(kind: Kind, { items, total, more }: Listed<Repo>): string {
  const n = total ?? items?.length ?? 0;
  return `${n}${total === null && more ? "+" : ""} ${WORDS[kind]}${n === 1 ? "" : "s"}`;
}

interface ControlsProps {
  readonly kind: Kind;
  readonly query: Query;
  readonly change: (query: Query) => void;
  readonly found: readonly Repo[];
}

function Controls({ kind, query, change, found }: ControlsProps) {
  const has = (filter: string) => query.filters.includes(filter);
  const add = (filter: string) => change({ ...query, filters: [...query.filters.filter((f) => f !== filter), filter] });
  const without = (...gone: readonly string[]) => query.filters.filter((f) => !gone.includes(f));
  const sdks = [...new Set(found.map((r) => r.sdk).filter(Boolean))];
  const tags = popular(found.flatMap((r) => r.tags)).filter((t) => !has(t) && !TASKS.includes(t) && !sdks.includes(t));
  const task = query.filters.find((f) => TASKS.includes(f)) ?? "";
  return (
    <search class="home-controls">
      <label class="search">
        <Icon name="search" />
        <span class="hidden">Search {TITLES[kind]}</span>
        <input
          type="search"
          class="input"
          placeholder="Search names, tags, cards and source"
          value={query.search}
          onInput={(e) => change({ ...query, search: e.currentTarget.value })}
        />
      </label>
      {kind === "model" && (
        <label class="choice">
          <span class="hidden">Task</span>
          <select class="input" value={task} onChange={(e) => change({ ...query, filters: [...without(...TASKS), ...(e.currentTarget.value ? [e.currentTarget.value] : [])] })}>
            <option value="">Every task</option>
            {TASKS.map((t) => (
              <option key={t} value={t}>
                {taskWords(t)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="choice">
        <span class="hidden">Sort by</span>
        <select class="input" value={query.sort} onChange={(e) => change({ ...query, sort: e.currentTarget.value as Sort })}>
          {Object.entries(SORTS).map(([sort, words]) => (
            <option key={sort} value={sort}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <ul class="chips">
        {without(task).map((filter) => (
          <li key={filter}>
            <button type="button" class="chip on" aria-label={`Without ${filter}`} onClick={() => change({ ...query, filters: without(filter) })}>
              {filter}
              <Icon name="close" />
            </button>
          </li>
        ))}
        {[...(sdks.length > 1 ? sdks.filter((s) => !has(s)) : []), ...tags].map((filter) => (
          <li key={filter}>
            <button type="button" class="chip" aria-label={`Only ${filter}`} onClick={() => add(filter)}>
              {filter}
            </button>
          </li>
        ))}
      </ul>
    </search>
  );
}

function Found({ kind, list, clear }: { kind: Kind; list: Listed<Repo>; clear: (() => void) | null }) {
  if (list.error) return <Problem error={list.error} again={list.again} />;
  if (list.items === null) {
    return <Bones />;
  }
  if (list.items.length === 0) {
    return (
      <div class="empty">
        <p class="empty-title">{clear ? `No ${WORDS[kind]} matches` : `There are no ${TITLES[kind].toLowerCase()} yet`}</p>
        {clear ? (
          <button type="button" class="button secondary small" onClick={clear}>
            Show all
          </button>
        ) : (
          <p>
            A {WORDS[kind]} is a git repo. <a href={`/new?kind=${kind}`}>Make one</a>, or point a Hugging Face client at this address.
          </p>
        )}
      </div>
    );
  }
  return (
    <>
      <RepoCards repos={list.items} />
      {list.more && (
        <p class="more">
          <button type="button" class="button secondary" disabled={list.busy} onClick={list.loadMore}>
            {list.busy ? "Loading…" : "Show more"}
          </button>
        </p>
      )}
    </>
  );
}

const APP = `local ui = require "vitrine.ui"

return ui.interface {
  inputs  = ui.textbox { label = "Name" },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. name .. "!" end,
}
`;

function First() {
  const owner = person.value?.name ?? "YOU";
  const push = `git init -b main && git add . && git commit -m "First version"\ngit push ${location.origin}/spaces/${owner}/hello main`;
  return (
    <section class="first">
      <h1 class="platform-title">Nothing on show yet</h1>
      <p class="lead">A Space is a git repo with an app in it. Push one and it is live a moment later.</p>
      {person.value && (
        <p>
          <a class="button primary" href="/new?kind=space">
            <Icon name="plus" />
            New Space
          </a>
        </p>
      )}
      <ol class="steps">
        <li>
          <h2>Write app.lua</h2>
          <Snippet text={APP} />
        </li>
        <li>
          <h2>Push it</h2>
          <Snippet text={push} />
          <p class="faint">
            Your password for git is an access token from <a href="/-/account">your account</a>.
          </p>
        </li>
      </ol>
    </section>
  );
}
