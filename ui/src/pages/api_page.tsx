/* How programs use a Space: each function with its arguments, calls of it to copy, and a form that
 * makes them. */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { CopyButton } from "../widgets/copy";
import { Icon } from "../widgets/icon";
import { ApiError } from "./api";
import { beginningOf, readApi, type Api, type Fn, type Parameter } from "./api_model";
import { Highlighted } from "./api_highlight";
import { elementSnippet, FileArgument, frameSnippet, LANGUAGES, snippet, type Language } from "./api_snippets";
import { Control } from "./api_control";
import { sendFile, tryCall } from "./api_try";
import { Outcome, type Run } from "./api_outcome";
import { known, Show } from "./frame";
import { RepoFrame } from "./hub/repo_frame";
import { useCall } from "./use_call";

const KEPT = "vitrine:language";

/** One for the whole page: who reads Python reads it everywhere. */
const language = signal<Language>(keptLanguage());

function keptLanguage(): Language {
  try {
    const kept = localStorage.getItem(KEPT);
    return LANGUAGES.find((l) => l === kept) ?? "curl";
  } catch {
    return "curl";
  }
}

function choose(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // Holds for this page at least.
  }
}

export function ApiPage({ owner, name }: { owner: string; name: string }) {
  const base = `/spaces/${owner}/${name}`;
  const [loaded, again] = useCall(() => known.then(() => readDocument(`${base}/-/openapi.json`)), base);
  return (
    <RepoFrame id={{ kind: "space", owner, name }} tab="api">
      <Show loaded={loaded} again={again}>
        {(api) => <Content api={api} base={base} />}
      </Show>
    </RepoFrame>
  );
}

async function readDocument(path: string): Promise<Api> {
  const answer = await fetch(path);
  const document: unknown = await answer.json();
  if (!answer.ok) throw new ApiError(answer.status, String((document as { error?: unknown }).error ?? answer.status));
  return readApi(document);
}

function Content({ api, base }: { api: Api; base: string }) {
  return (
    <>
      <div class="api-head">
        <h2 class="platform-title">{api.title} for programs</h2>
        <p class="faint">
          Every function below can be called with plain HTTP, Gradio's clients, or as a tool over MCP.
          {api.private && " This Space is private: programs need a token of its owner."}
        </p>
        <div class="api-links">
          {api.url.startsWith(`${location.origin}/`) ? null : <Address words="Address" url={api.url} />}
          <Address words="MCP" url={`${api.url}/-/mcp`} />
          <a class="button secondary small" href={`${base}/-/openapi.json`}>
            OpenAPI
          </a>
          <a class="button secondary small" href={`${base}/-/agents.md`}>
            agents.md
          </a>
        </div>
        {api.functions.length > 1 && (
          <nav class="api-names" aria-label="Functions">
            {api.functions.map((fn) => (
              <a key={fn.name} href={`#${fn.name}`}>
                {fn.name}
              </a>
            ))}
          </nav>
        )}
      </div>
      {api.functions.length === 0 && (
        <div class="empty">
          <p class="empty-title">This Space offers no functions</p>
          <p>
            A handler with an <code>api_name</code> becomes one.
          </p>
        </div>
      )}
      {api.functions.map((fn) => (
        <FunctionPanel key={fn.name} fn={fn} api={api} base={base} />
      ))}
      {!api.private && <Embedding url={api.url} />}
    </>
  );
}

function Address({ words, url }: { words: string; url: string }) {
  return (
    <span class="api-address">
      <b>{words}</b>
      <code>{url}</code>
      <CopyButton text={() => url} label={`Copy the address for ${words}`} quiet />
    </span>
  );
}

/** undefined: left out. A File is sent before the call. */
type Values = Readonly<Record<string, unknown>>;

function FunctionPanel({ fn, api, base }: { fn: Fn; api: Api; base: string }) {
  const [values, setValues] = useState<Values>(() => Object.fromEntries(fn.parameters.map((p) => [p.name, beginningOf(p)])));
  const args = fn.parameters.map((p) => [p.name, shown(p, values[p.name])] as const).filter(([, v]) => v !== undefined);
  return (
    <section class="panel api-function" id={fn.name} aria-labelledby={`${fn.name}-name`}>
      <div class="api-about">
        <h2 id={`${fn.name}-name`}>
          <code>{fn.name}</code>
        </h2>
        {fn.description && <p>{fn.description}</p>}
        <TryForm fn={fn} base={base} values={values} change={(name, v) => setValues({ ...values, [name]: v })} />
      </div>
      <Snippets fn={fn} code={(l) => snippet(l, { url: api.url, private: api.private, fn, args })} />
    </section>
  );
}

/** As a snippet has it. A file that must be there and is not yet chosen has some name. */
function shown(p: Parameter, value: unknown): unknown {
  const file = (v: unknown) => (v instanceof File ? new FileArgument(v.name) : v);
  if (p.kind === "file") return value === undefined && p.required ? new FileArgument("file.png") : file(value);
  if (p.kind === "files")
    return Array.isArray(value) && value.length > 0 ? value.map(file) : p.required ? [new FileArgument("file.png")] : undefined;
  return value;
}

function Snippets({ fn, code }: { fn: Fn; code: (language: Language) => string }) {
  const now = language.value;
  const text = code(now);
  const tab = (l: Language) => `${fn.name}-${l}`;
  const move = (e: KeyboardEvent) => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    const next = LANGUAGES[(LANGUAGES.indexOf(now) + step + LANGUAGES.length) % LANGUAGES.length];
    if (!step || !next) return;
    e.preventDefault();
    choose(next);
    document.getElementById(tab(next))?.focus();
  };
  return (
    <div class="api-code">
      <div class="api-code-head">
        <div role="tablist" aria-label="Language" onKeyDown={move}>
          {LANGUAGES.map((l) => (
            <button
              key={l}
              type="button"
              role="tab"
              id={tab(l)}
              aria-selected={l === now}
              aria-controls={`${fn.name}-code`}
              tabIndex={l === now ? 0 : -1}
              onClick={() => choose(l)}
            >
              {l}
            </button>
          ))}
        </div>
        <CopyButton text={() => text} quiet />
      </div>
      <pre role="tabpanel" id={`${fn.name}-code`} aria-labelledby={tab(now)} tabIndex={0}>
        <code>
          <Highlighted code={text} />
        </code>
      </pre>
    </div>
  );
}

interface TryProps {
  readonly fn: Fn;
  readonly base: string;
  readonly values: Values;
  readonly change: (name: string, value: unknown) => void;
}

function TryForm({ fn, base, values, change }: TryProps) {
  const [run, setRun] = useState<Run>({ state: "idle" });
  const [stop, setStop] = useState<AbortController | null>(null);
  const refused = run.state === "failed" ? run.field : null;
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const abort = new AbortController();
    let last: unknown;
    setStop(abort);
    setRun({ state: "running", words: "Calling…", value: undefined });
    try {
      const args = await withFiles(base, fn, values);
      const begun = performance.now();
      const told = {
        progress: (words: string) => setRun({ state: "running", words, value: last }),
        value: (value: unknown) => {
          last = value;
          setRun({ state: "running", words: "Running…", value });
        },
      };
      const value = await tryCall(base, fn.name, args, told, abort.signal);
      setRun({ state: "done", value, ms: performance.now() - begun });
    } catch (error) {
      if (abort.signal.aborted) setRun({ state: "idle" });
      else setRun({ state: "failed", words: error instanceof Error ? error.message : String(error), field: error instanceof ApiError ? error.field : null });
    }
    setStop(null);
  };
  return (
    <form class="api-form" onSubmit={(e) => void submit(e)} noValidate>
      {fn.parameters.map((p) => (
        <Control
          key={p.name}
          parameter={p}
          id={`${fn.name}-${p.name}`}
          value={values[p.name]}
          refused={refused === p.name}
          change={(v) => change(p.name, v)}
        />
      ))}
      {fn.parameters.length === 0 && <p class="faint">It takes no arguments.</p>}
      <dl class="api-returns">
        <dt>Returns</dt>
        {fn.results.length === 0 && <dd class="faint">nothing</dd>}
        {fn.results.map((r) => (
          <dd key={r.name}>
            <code>{r.name}</code> <span class="api-type">{r.type}</span> {r.title && r.title.toLowerCase() !== r.name && <span class="faint">{r.title}</span>}
          </dd>
        ))}
      </dl>
      <div class="api-actions">
        <button type="submit" class="button primary small" disabled={stop !== null}>
          Call {fn.name}
        </button>
        {stop && (
          <button type="button" class="button stop small" onClick={() => stop.abort()}>
            <Icon name="stop" />
            Stop
          </button>
        )}
      </div>
      <Outcome run={run} base={base} />
    </form>
  );
}

async function withFiles(base: string, fn: Fn, values: Values): Promise<Record<string, unknown>> {
  const args: Record<string, unknown> = {};
  const send = (v: unknown) => (v instanceof File ? sendFile(base, v) : v);
  for (const p of fn.parameters) {
    const value = values[p.name];
    if (value === undefined || (p.kind === "files" && Array.isArray(value) && value.length === 0)) continue;
    args[p.name] = p.kind === "files" && Array.isArray(value) ? await Promise.all(value.map(send)) : await send(value);
  }
  return args;
}

function Embedding({ url }: { url: string }) {
  return (
    <section class="panel api-embed" aria-labelledby="embed-title">
      <div class="api-about">
        <h2 id="embed-title">In another page</h2>
        <p>
          The element is as tall as what the Space shows and follows light and dark. A plain frame works wherever
          scripts are not allowed. Neither needs cookies.
        </p>
      </div>
      <Fixed label="Element" code={elementSnippet(url)} />
      <Fixed label="Frame" code={frameSnippet(url)} />
    </section>
  );
}

function Fixed({ label, code }: { label: string; code: string }) {
  return (
    <div class="api-code">
      <div class="api-code-head">
        <span class="api-code-label">{label}</span>
        <CopyButton text={() => code} quiet />
      </div>
      <pre tabIndex={0}>
        <code>
          <Highlighted code={code} />
        </code>
      </pre>
    </div>
  );
}
