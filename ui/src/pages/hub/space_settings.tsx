/* How a Space runs: paused or not, on what, how long it stays awake, its secrets and variables. */
import { useState } from "preact/hooks";
import { call } from "../api";
import { FormNote, known, Show, StateBadge, words } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { apiPath, readRepo, type RepoId } from "./repo";

export interface Runtime {
  readonly stage: string;
  readonly hardware: { readonly current: string | null; readonly requested: string | null };
  /** Seconds; null: it never sleeps. */
  readonly gcTimeout: number | null;
  readonly errorMessage?: string;
}

interface Flavor {
  readonly name: string;
  readonly prettyName: string;
  readonly cpu: string;
  readonly ram: string;
  /** Where models run on another device than the processor. */
  readonly accelerator: { readonly model: string } | null;
}

const flavorWords = (f: Flavor) => `${f.prettyName} · ${f.cpu}, ${f.ram}${f.accelerator ? `, models on ${f.accelerator.model}` : ""}`;

interface Facts {
  readonly runtime: Runtime;
  readonly flavors: readonly Flavor[];
}

async function load(id: RepoId): Promise<Facts> {
  await known;
  const [runtime, flavors] = await Promise.all([call<Runtime>("GET", apiPath(id, "runtime")), call<Flavor[]>("GET", "/api/spaces/hardware")]);
  return { runtime, flavors };
}

export function SpaceSettings({ id }: { id: RepoId }) {
  const path = apiPath(id);
  const [loaded, again] = useCall(() => load(id), path);
  return (
    <>
      <section class="panel" aria-labelledby="running">
        <h2 id="running">Running</h2>
        <Show loaded={loaded} again={again}>
          {(facts) => <Running id={id} first={facts} />}
        </Show>
      </section>
      <Values id={id} kind="secrets" />
      <Values id={id} kind="variables" />
    </>
  );
}

const SLEEPS: readonly (readonly [seconds: number, words: string])[] = [
  [300, "after 5 minutes"],
  [1800, "after 30 minutes"],
  [3600, "after 1 hour"],
  [86_400, "after 1 day"],
  [172_800, "after 2 days"],
  [-1, "never"],
];

function Running({ id, first }: { id: RepoId; first: Facts }) {
  const [runtime, setRuntime] = useState(first.runtime);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const act = async (name: string, path: string, body?: object) => {
    setBusy(name);
    setError("");
    try {
      setRuntime(await call<Runtime>("POST", apiPath(id, path), body));
    } catch (failure) {
      setError(words(failure));
    } finally {
      setBusy("");
    }
  };
  const paused = runtime.stage === "PAUSED";
  const sleep = runtime.gcTimeout ?? -1;
  const asked = runtime.hardware.requested ?? runtime.hardware.current ?? "";
  return (
    <>
      <p class="lead">
        <StateBadge state={readRepo("space", { id: "a/b", runtime })?.state || runtime.stage.toLowerCase()} />
        {runtime.errorMessage && <span class="faint">{runtime.errorMessage}</span>}
      </p>
      <div class="button-row">
        {paused ? (
          <button type="button" class="button primary" disabled={busy !== ""} onClick={() => void act("restart", "restart")}>
            Resume
          </button>
        ) : (
          <>
            <button type="button" class="button secondary" disabled={busy !== ""} onClick={() => void act("restart", "restart")}>
              {busy === "restart" ? "Restarting…" : "Restart"}
            </button>
            <button type="button" class="button secondary" disabled={busy !== ""} onClick={() => void act("pause", "pause")}>
              {busy === "pause" ? "Pausing…" : "Pause"}
            </button>
          </>
        )}
        <button type="button" class="button secondary" disabled={busy !== ""} onClick={() => void act("factory", "restart?factory=true")}>
          {busy === "factory" ? "Rebuilding…" : "Rebuild from scratch"}
        </button>
      </div>
      <div class="inline-form">
        <label class="form-field">
          <span class="field-label">Hardware</span>
          <select
            class="input"
            value={asked}
            disabled={busy !== ""}
            onChange={(e) => void act("hardware", "hardware", { flavor: e.currentTarget.value })}
          >
            {!first.flavors.some((f) => f.name === asked) && <option value={asked}>{`${asked} (not here)`}</option>}
            {first.flavors.map((f) => (
              <option key={f.name} value={f.name}>
                {flavorWords(f)}
              </option>
            ))}
          </select>
          {runtime.hardware.current !== null && runtime.hardware.current !== asked && (
            <span class="faint">{`It runs on ${runtime.hardware.current}: ${asked} is not for it now.`}</span>
          )}
        </label>
        <label class="form-field">
          <span class="field-label">Sleeps when nobody is there</span>
          <select class="input" value={String(sleep)} disabled={busy !== ""} onChange={(e) => void act("sleep", "sleeptime", { seconds: Number(e.currentTarget.value) })}>
            {!SLEEPS.some(([s]) => s === sleep) && <option value={String(sleep)}>after {sleep} seconds</option>}
            {SLEEPS.map(([seconds, words]) => (
              <option key={seconds} value={String(seconds)}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <FormNote error={error} />
    </>
  );
}

/* --- secrets and variables --- */

interface Value {
  readonly key: string;
  readonly value?: string;
  readonly description?: string;
  readonly updatedAt?: string;
}

const VALUES = {
  secrets: {
    title: "Secrets",
    one: "secret",
    words: "Kept sealed, never shown again. The app reads them with vitrine.secrets; logs have dots in their place.",
  },
  variables: { title: "Variables", one: "variable", words: "For what everybody may know. The app reads them with vitrine.variables." },
} as const;

function Values({ id, kind }: { id: RepoId; kind: keyof typeof VALUES }) {
  const { title, one, words: about } = VALUES[kind];
  const path = apiPath(id, kind);
  const [loaded, again] = useCall(() => known.then(() => call<Record<string, Value>>("GET", path)), path);
  const [error, setError] = useState("");
  const change = async (method: "POST" | "DELETE", body: object) => {
    setError("");
    try {
      await call(method, path, body);
      again();
      return true;
    } catch (failure) {
      setError(words(failure));
      return false;
    }
  };
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const done = await change("POST", { key: String(fields.get("key")).trim(), value: String(fields.get("value")) });
    if (done) form.reset();
  };
  return (
    <section class="panel" aria-labelledby={kind}>
      <h2 id={kind}>{title}</h2>
      <p class="faint">{about}</p>
      <Show loaded={loaded} again={again}>
        {(values) =>
          Object.keys(values).length === 0 ? (
            <p class="nothing-here">No {kind} yet.</p>
          ) : (
            <ul class="rows">
              {Object.values(values).map((v) => (
                <ValueRow key={v.key} value={v} one={one} remove={() => void change("DELETE", { key: v.key })} />
              ))}
            </ul>
          )
        }
      </Show>
      <form class="inline-form" onSubmit={(e) => void add(e)}>
        <label class="form-field">
          <span class="field-label">Name</span>
          <input class="input mono" name="key" required pattern="[A-Za-z_][A-Za-z0-9_]*" placeholder="API_KEY" autoComplete="off" spellcheck={false} />
        </label>
        <label class="form-field">
          <span class="field-label">Value</span>
          {kind === "secrets" ? (
            <input class="input mono" name="value" type="password" required autoComplete="off" spellcheck={false} />
          ) : (
            <input class="input mono" name="value" required autoComplete="off" spellcheck={false} />
          )}
        </label>
        <button class="button secondary">Save {one}</button>
      </form>
      <FormNote error={error} />
    </section>
  );
}

function ValueRow({ value, one, remove }: { value: Value; one: string; remove: () => void }) {
  const [sure, setSure] = useState(false);
  return (
    <li class="row-item">
      <div class="row-words">
        <code>{value.key}</code>
        {value.value !== undefined && <span class="value-text"> = {value.value}</span>}
        <p class="faint" title={fullTime(value.updatedAt)}>
          {value.updatedAt ? `set ${agoWords(value.updatedAt)}` : ""}
        </p>
      </div>
      {sure ? (
        <div class="row-actions">
          <button type="button" class="button stop small" onClick={remove}>
            Delete it
          </button>
          <button type="button" class="button secondary small" onClick={() => setSure(false)}>
            Keep
          </button>
        </div>
      ) : (
        <button type="button" class="button secondary small" aria-label={`Delete the ${one} ${value.key}`} onClick={() => setSure(true)}>
          Delete
        </button>
      )}
    </li>
  );
}
