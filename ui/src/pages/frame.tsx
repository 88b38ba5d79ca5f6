/* What the platform's pages share: the bar, who one is, and states of what they show. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "../widgets/icon";
import { ApiError, whoAmI, type Person } from "./api";
import { Header } from "./header";
import { signInPath } from "./route";
import type { Loaded } from "./use_call";

/** Undefined: not known yet; null: nobody. */
export const person = signal<Person | null | undefined>(undefined);

/** Asks once who is here; resolves when it is known, so that calls have their CSRF token. */
export const known: Promise<void> = whoAmI().then(
  (who) => {
    person.value = who;
  },
  () => {
    person.value = null;
  },
);

/** Whose repos somebody may make: their own, and those of their organisations. */
export function namesOf(who: Person): readonly string[] {
  return [who.name, ...(who.orgs ?? []).map((org) => org.name)];
}

const MENU = (who: Person) => [
  { href: `/${who.name}`, words: "What you made" },
  { href: "/new", words: "New…" },
  ...(who.admin ? [{ href: "/-/admin", words: "This platform" }] : []),
];

interface FrameProps {
  readonly title: string;
  readonly where?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}

export function Frame({ title, where, children, class: className }: FrameProps) {
  const who = person.value;
  useEffect(() => {
    document.title = title === "Vitrine" ? title : `${title} · Vitrine`;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <Header user={who === undefined ? undefined : (who?.name ?? null)} where={where} menu={who ? MENU(who) : []} />
      {who?.notice && (
        <p class="notice" role="status">
          <Icon name="alert" />
          {sentence(who.notice)}
        </p>
      )}
      <main id="main" class={`platform ${className ?? ""}`} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** The answer, or its outline, or why there is none. */
export function Show<T>({
  loaded,
  again,
  children,
}: {
  loaded: Loaded<T>;
  again: () => void;
  children: (value: T) => ComponentChildren;
}) {
  if (loaded.state === "ready") return <>{children(loaded.value)}</>;
  if (loaded.state === "failed") return <Problem error={loaded.error} again={again} />;
  return <Bones />;
}

/** The outline of what is on its way. */
export function Bones() {
  return (
    <div class="bones" role="status" aria-busy="true">
      <span class="hidden">Loading</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Problem({ error, again }: { error: Error; again: () => void }) {
  const status = error instanceof ApiError ? error.status : -1;
  if (status === 401) {
    return (
      <div class="empty">
        <p class="empty-title">This is for people who are signed in</p>
        <p>
          <a class="button primary" href={signInPath(location.pathname)}>
            Sign in
          </a>
        </p>
      </div>
    );
  }
  if (status === 403 || status === 404) {
    return (
      <div class="empty">
        <p class="empty-title">{status === 404 ? "There is nothing here" : "This is for its owner"}</p>
        <p>{error.message}</p>
      </div>
    );
  }
  return (
    <section class="card failed" role="alert">
      <Icon name="alert" />
      <div class="card-body">
        <p class="card-title">This could not be loaded</p>
        <p>{error.message}</p>
        <div class="card-actions">
          <button type="button" class="button secondary small" onClick={again}>
            Try again
          </button>
        </div>
      </div>
    </section>
  );
}

const STATES: Readonly<Record<string, readonly [words: string, tone: string]>> = {
  live: ["Live", "good"],
  running: ["Running", "good"],
  ready: ["Ready", "calm"],
  asleep: ["Asleep", "calm"],
  sleeping: ["Asleep", "calm"],
  waking: ["Waking", "busy"],
  building: ["Building", "busy"],
  failed: ["Failed", "bad"],
  crashing: ["Keeps crashing", "bad"],
  stopped: ["Paused", "calm"],
  empty: ["Empty", "calm"],
};

export function StateBadge({ state }: { state: string | undefined }) {
  if (!state) return null;
  const [words, tone] = STATES[state] ?? [state, "calm"];
  return (
    <span class={`badge ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {words}
    </span>
  );
}

/** A line below a form: what was refused, or what was done. */
export function FormNote({ error, done }: { error: string; done?: string }) {
  if (error) {
    return (
      <p class="form-error" role="alert">
        <Icon name="alert" />
        {error}
      </p>
    );
  }
  return done ? (
    <p class="form-done" role="status">
      <Icon name="check" />
      {done}
    </p>
  ) : null;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
