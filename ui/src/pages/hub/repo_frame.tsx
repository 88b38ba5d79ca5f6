/* What every page of a repo shows: its name, its likes, and the ways to its other pages. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../widgets/icon";
import { ApiError } from "../api";
import { Frame, known, person, Show, words } from "../frame";
import { NotFound } from "../not_found";
import { signInPath } from "../route";
import { useCall, type Loaded } from "../use_call";
import { countWords } from "../words";
import { KIND_ICONS, PrivateBadge } from "./cards";
import { like, likes, repo } from "./hub_api";
import { apiPath, idOf, repoPath, settingsPath, viewPath, WORDS, type Repo, type RepoId } from "./repo";

const TABS = {
  app: "App",
  card: "Card",
  files: "Files",
  history: "History",
  api: "API",
  builds: "Builds",
  logs: "Logs",
  settings: "Settings",
} as const;
export type Tab = keyof typeof TABS;

/** No Space's own name has it. */
const PREVIEW_MARK = "--";
const SPACE_TABS: readonly Tab[] = ["app", "files", "history", "builds", "logs", "api", "settings"];
/** Of a preview of a branch, which has an address like a Space's; the rest is its Space's. */
const PREVIEW_TABS: readonly Tab[] = ["app", "logs", "api"];
const OTHER_TABS: readonly Tab[] = ["card", "files", "history", "settings"];

function tabPath(id: RepoId, tab: Tab): string {
  switch (tab) {
    case "app":
    case "card":
      return repoPath(id);
    case "files":
      return viewPath(id, "tree", "main");
    case "history":
      return viewPath(id, "commits", "main");
    case "settings":
      return settingsPath(id);
    default:
      return `${repoPath(id)}/-/${tab}`;
  }
}

/** The repo itself, known who asks. */
export function useRepo(id: RepoId): readonly [Loaded<Repo>, () => void] {
  return useCall(() => known.then(() => repo(id)), apiPath(id));
}

interface FrameProps {
  readonly id: RepoId;
  readonly tab: Tab;
  /** What the page is about, for the window's title; else the tab. */
  readonly title?: string;
  /** What is known of the repo; a page that needs none of it gives none. */
  readonly loaded?: Loaded<Repo>;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function RepoFrame({ id, tab, title, loaded, class: className, children }: FrameProps) {
  const given = loaded?.state === "ready" ? loaded.value : null;
  if (loaded?.state === "failed" && isMissing(loaded.error)) return <NotFound />;
  const tabs = id.kind !== "space" ? OTHER_TABS : id.name.includes(PREVIEW_MARK) ? PREVIEW_TABS : SPACE_TABS;
  return (
    <Frame
      title={`${title ?? TABS[tab]} of ${idOf(id)}`}
      class={className ?? ""}
      where={
        <>
          <a class="where-owner" href={`/${id.owner}`}>
            {id.owner}
          </a>
          <span class="where-slash" aria-hidden="true">
            /
          </span>
          <a href={repoPath(id)}>{id.name}</a>
        </>
      }
    >
      <div class="repo-head">
        <h1 class="repo-title">
          <Icon name={KIND_ICONS[id.kind]} />
          <span class="hidden">{`${TABS[tab]} of the ${WORDS[id.kind]}`} </span>
          <span>
            {id.owner}
            <span class="where-slash">/</span>
            <b>{id.name}</b>
          </span>
        </h1>
        {given?.private && <PrivateBadge />}
        {given && <Like repo={given} />}
      </div>
      {given?.takenDown && (
        <p class="notice" role="status">
          <Icon name="alert" />
          <span>
            <b>Taken down by an administrator.</b> {given.takenDown} Only you and those who may see its private pages see it.
          </span>
        </p>
      )}
      <nav class="tabs repo-tabs" aria-label={`Pages of this ${WORDS[id.kind]}`}>
        {tabs.map((t) => (
          <a key={t} href={tabPath(id, t)} {...(t === tab ? { "aria-current": "page" as const } : {})}>
            {TABS[t]}
          </a>
        ))}
      </nav>
      {children}
    </Frame>
  );
}

/** Private to others and not there at all are one, to the server as here. */
function isMissing(error: Error): boolean {
  return error instanceof ApiError && (error.status === 404 || (error.status === 401 && person.value === null));
}

/** A page that needs the repo before it can show anything of its own. */
export function RepoPage({ id, tab, title, children }: Omit<FrameProps, "children" | "loaded"> & { children: (repo: Repo, again: () => void) => ComponentChildren }) {
  const [loaded, again] = useRepo(id);
  return (
    <RepoFrame id={id} tab={tab} {...(title ? { title } : {})} loaded={loaded}>
      <Show loaded={loaded} again={again}>
        {(value) => children(value, again)}
      </Show>
    </RepoFrame>
  );
}

function Like({ repo: given }: { repo: Repo }) {
  const [now, setNow] = useState({ liked: false, likes: given.likes });
  const [error, setError] = useState("");
  const name = person.value?.name;
  useEffect(() => {
    // Who does not know yet whether it is liked shows it as not liked.
    if (name) void likes(given, name).then((liked) => setNow((n) => ({ ...n, liked })), () => {});
  }, [given, name]);
  const toggle = async () => {
    if (!person.value) return location.assign(signInPath(location.pathname));
    const before = now;
    setNow({ liked: !now.liked, likes: Math.max(0, now.likes + (now.liked ? -1 : 1)) });
    setError("");
    try {
      const { liked, likes: n } = await like(given, !before.liked);
      setNow({ liked, likes: n });
    } catch (failure) {
      setNow(before);
      setError(words(failure));
    }
  };
  return (
    <>
      <button type="button" class="like" aria-pressed={now.liked} onClick={() => void toggle()}>
        <Icon name="heart" />
        {now.liked ? "Liked" : "Like"}
        <span class="like-count">{countWords(now.likes)}</span>
      </button>
      {error && (
        <span class="form-error" role="alert">
          {error}
        </span>
      )}
    </>
  );
}
