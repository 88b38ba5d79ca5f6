/* Every Space there is, to look through; how to make the first one where there is none. */
import { useState } from "preact/hooks";
import { CopyButton } from "../widgets/copy";
import { Icon } from "../widgets/icon";
import { call, type SpaceInfo } from "./api";
import { Frame, person, Show, StateBadge } from "./frame";
import { useCall } from "./use_call";
import { agoWords, fullTime } from "./words";

/** From this many on, there is something to search. */
const SEARCH_FROM = 4;

export function Home() {
  const [loaded, again] = useCall(() => call<SpaceInfo[]>("GET", "/api/spaces"), "spaces");
  return (
    <Frame title="Vitrine">
      <Show loaded={loaded} again={again}>
        {(spaces) => (spaces.length === 0 ? <First /> : <List spaces={spaces} />)}
      </Show>
    </Frame>
  );
}

function List({ spaces }: { spaces: readonly SpaceInfo[] }) {
  const [search, setSearch] = useState("");
  const found = spaces.filter((s) => matches(s, search)).sort((a, b) => (b.updatedAt ?? "").localeCompare(a.updatedAt ?? ""));
  return (
    <>
      <div class="home-head">
        <div>
          <h1 class="platform-title">Spaces</h1>
          <p class="faint" aria-live="polite">
            {found.length === spaces.length ? count(spaces.length) : `${found.length} of ${count(spaces.length)}`}
          </p>
        </div>
        {spaces.length >= SEARCH_FROM && (
          <label class="search">
            <Icon name="search" />
            <span class="hidden">Search Spaces</span>
            <input
              type="search"
              class="input"
              placeholder="Search by title, name or owner"
              value={search}
              onInput={(e) => setSearch(e.currentTarget.value)}
            />
          </label>
        )}
      </div>
      {found.length > 0 ? (
        <ul class="spaces">
          {found.map((space) => (
            <SpaceCard key={space.id} space={space} />
          ))}
        </ul>
      ) : (
        <div class="empty">
          <p class="empty-title">No Space matches “{search}”</p>
          <button type="button" class="button secondary small" onClick={() => setSearch("")}>
            Show all
          </button>
        </div>
      )}
    </>
  );
}

function SpaceCard({ space }: { space: SpaceInfo }) {
  return (
    <li class="space-card">
      <div class="space-card-top">
        <span class="space-emoji" aria-hidden="true">
          {space.emoji || <span class="space-initial">{(space.title || space.name).slice(0, 1).toUpperCase()}</span>}
        </span>
        <StateBadge state={space.state} />
      </div>
      <h2>
        <a href={`/spaces/${space.owner}/${space.name}`}>{space.title || space.name}</a>
      </h2>
      <p class="faint space-card-end">
        <span>
          {space.owner}/{space.name}
        </span>
        <time dateTime={space.updatedAt} title={fullTime(space.updatedAt)}>
          {agoWords(space.updatedAt)}
        </time>
      </p>
    </li>
  );
}

export function matches(space: SpaceInfo, search: string): boolean {
  const all = `${space.title} ${space.id}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

function count(n: number): string {
  return n === 1 ? "1 Space" : `${n} Spaces`;
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

export function Snippet({ text }: { text: string }) {
  return (
    <div class="snippet">
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={() => text} quiet />
    </div>
  );
}
