/* A Space's page: the header, what the Space is doing, and the app. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Session } from "../state/session";
import type { Kind } from "../wire/carrier";
import { PAGE } from "../wire/messages";
import { FailureAt } from "../widgets/failure";
import { Icon } from "../widgets/icon";
import { Node } from "../widgets/node";
import { PriceLine } from "../widgets/price";
import { ProgressBar } from "../widgets/progress";
import { QueueAt } from "../widgets/queue";
import { SpaceContext, type Space } from "../widgets/space";
import { Header } from "./header";
import { StatusLine, Toasts } from "./status";
import { halves } from "./half";
import { UPLOAD_MAX } from "proto";

async function sender() {
  try {
    return await import("./upload");
  } catch {
    throw new Error("The connection is away. Try again in a moment.");
  }
}

/** A branch of a Space, at an address of its own for a time. */
export interface Preview {
  /** The Space, of the same owner. */
  readonly of: string;
  readonly branch: string;
  /** Since 1970. */
  readonly endsSec: number;
}

export interface SpacePageProps {
  readonly session: Session;
  readonly owner: string;
  readonly name: string;
  readonly base: string;
  /** Address of the platform's pages; "": this host. */
  readonly platform: string;
  readonly preview: Preview | undefined;
  /** What a preview shows above the app. */
  readonly bar: ComponentChildren;
  /** Where its requests go. */
  readonly wire: string;
  /** Inside another site's page: only the app is shown. */
  readonly embedded: boolean;
  /** Joins again after the connection was ended for good. */
  readonly comeBack: () => void;
  /** Its author is at work: refused builds are told over the page. */
  readonly dev: boolean;
}

/** The way to the page about it; says so where it is not the best. */
const CARRIERS: Readonly<Record<Kind, string>> = {
  socket: "Connection",
  events: "Connection: no WebSocket",
  poll: "Connection: polling",
};

export function SpacePage({ session, owner, name, base, platform, preview, bar, wire, embedded, comeBack, dev }: SpacePageProps) {
  const space = useMemo<Space>(
    () => ({
      session,
      base,
      upload: async (cell, file, progress, signal) =>
        (await sender()).uploadFile(wire, cell.key, file, session.welcome.peek()?.upload_max ?? UPLOAD_MAX, progress, signal),
      halves: (cell) => halves(wire, cell.key),
    }),
    [session, base, wire],
  );
  const welcome = session.welcome.value;
  const own = `${platform}/spaces/${owner}/${name}`;
  const home = preview ? `${platform}/spaces/${owner}/${preview.of}` : own;
  const files = { href: `${home}/tree/${preview ? encodeURIComponent(preview.branch) : "main"}`, words: "Files" };
  const menu = session.owner.value
    ? [
        files,
        { href: `${home}/-/builds`, words: "Builds" },
        { href: `${own}/-/logs`, words: "Logs" },
        { href: `${home}/-/settings`, words: "Settings" },
        { href: `${platform}/-/connection`, words: CARRIERS[session.carrier.value] },
      ]
    : [files];
  return (
    <SpaceContext.Provider value={space}>
      <a class="skip" href="#main">
        Skip to the app
      </a>
      {!embedded && (
        <Header
          user={welcome ? (welcome.user ?? null) : undefined}
          menu={menu}
          platform={platform}
          where={
            <>
              <span class="where-owner">{owner}</span>
              <span class="where-slash" aria-hidden="true">
                /
              </span>
              <a href={preview ? home : base || "/"} {...(preview ? {} : { "aria-current": "page" as const })}>
                {preview ? preview.of : name}
              </a>
            </>
          }
        />
      )}
      {!embedded && bar}
      <main id="main" class="space" tabIndex={-1}>
        <Body session={session} comeBack={comeBack} />
        <PriceLine />
      </main>
      <footer class="space-foot">
        {embedded ? (
          <a href={base || "/"} target="_blank" rel="noopener">
            {owner}/{name} on Vitrine
          </a>
        ) : (
          <a href={`${own}/-/api`}>Use by API or embed it</a>
        )}
      </footer>
      <StatusLine session={session} />
      <Toasts session={session} />
      {dev && platform === "" && session.owner.value && <Author owner={owner} name={name} />}
    </SpaceContext.Provider>
  );
}

/** Only authors load it. */
function Author({ owner, name }: { owner: string; name: string }) {
  const [part, setPart] = useState<typeof import("./dev") | null>(null);
  useEffect(() => {
    void import("./dev").then((module) => setPart(() => module));
  }, []);
  return part && <part.DevErrors owner={owner} name={name} />;
}

function Body({ session, comeBack }: { session: Session; comeBack: () => void }) {
  const { page } = session;
  const tree = page.tree.value;
  const progress = page.progress.value;
  return (
    <>
      {page.title.value && <h1 class="space-title">{page.title.value}</h1>}
      {session.connection.value === "ended" && <Ended reason={session.ended.value} comeBack={comeBack} />}
      <QueueAt node={PAGE} />
      <FailureAt node={PAGE} />
      {progress && (
        <div class="page-progress">
          <ProgressBar state={progress} label="Working" />
        </div>
      )}
      {tree ? <Node cell={tree.root} /> : <Waiting session={session} />}
    </>
  );
}

function Ended({ reason, comeBack }: { reason: string; comeBack: () => void }) {
  return (
    <section class="card failed" role="alert">
      <Icon name="alert" />
      <div class="card-body">
        <p class="card-title">The connection was closed</p>
        <p class="source">{reason}</p>
        <div class="card-actions">
          <button type="button" class="button primary small" onClick={comeBack}>
            Connect again
          </button>
        </div>
      </div>
    </section>
  );
}

const EMPTY: Readonly<Record<string, string>> = {
  empty: "Nothing here yet",
  failed: "This Space is not running",
  stopped: "This Space is paused",
};

/** No tree yet: its outline, or why there will be none. */
function Waiting({ session }: { session: Session }) {
  const phase = session.phase.value;
  const title = EMPTY[phase?.phase ?? ""];
  if (title || session.refusal.value) {
    return (
      <div class="empty">
        <p class="empty-title">{title ?? "This Space cannot be shown yet"}</p>
        <p>{session.refusal.value || phase?.message || "It will appear here as soon as there is something to show."}</p>
      </div>
    );
  }
  return (
    <div class="skeleton" aria-label="Loading" aria-busy="true">
      <div class="row panels">
        <div class="node is-column">
          <i class="bone short" />
          <i class="bone box" />
          <i class="bone button-bone" />
        </div>
        <div class="node is-column">
          <i class="bone short" />
          <i class="bone tall" />
        </div>
      </div>
    </div>
  );
}
