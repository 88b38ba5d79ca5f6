/* A new repo, from a template, empty, or as a copy of another one. */
import { useState } from "preact/hooks";
import { ApiError, call } from "../api";
import { FormNote, Frame, namesOf, person, Problem, words } from "../frame";
import { commit } from "./hub_api";
import "./hub_style";
import { KINDS, repoPath, viewPath, WORDS, type Kind } from "./repo";
import { readmeOf, TEMPLATES, type Template } from "./templates";

/** As the server has it; what it refuses besides, it says in words. */
export const NAME = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,95}";

export function Create({ kind, owner }: { kind: Kind; owner: string }) {
  return (
    <Frame title="New" class="narrow">
      {person.value === null && (
        <>
          <h1 class="platform-title">New {WORDS[kind]}</h1>
          <Problem error={new ApiError(401, "")} again={() => location.reload()} />
        </>
      )}
      {person.value && <Form kind={kind} first={owner} owners={namesOf(person.value)} />}
    </Frame>
  );
}

interface Wanted {
  readonly kind: Kind;
  readonly owner: string;
  readonly name: string;
  readonly private: boolean;
}

async function make({ kind, owner, name, private: hidden }: Wanted, template: Template): Promise<string> {
  await call("POST", "/api/repos/create", {
    type: kind,
    name,
    organization: owner === person.value?.name ? null : owner,
    visibility: hidden ? "private" : "public",
    ...(kind === "space" ? { sdk: "lua" } : {}),
  });
  const id = { kind, owner, name };
  if (kind !== "space") return repoPath(id);
  if (Object.keys(template.files).length === 0) return viewPath(id, "tree", "main");
  // A commit like any other, so that it is built and live like any other.
  const files = { "README.md": readmeOf(name, template.emoji), ...template.files };
  const changes = Object.entries(files).map(([path, content]) => ({ key: "file", value: { path, content, encoding: "utf-8" } }) as const);
  await commit(id, "main", { summary: `Begin with ${template.title.toLowerCase()}` }, changes);
  return viewPath(id, "edit", "main", "app.lua");
}

function Form({ kind: wanted, first, owners }: { kind: Kind; first: string; owners: readonly string[] }) {
  const [kind, setKind] = useState(wanted);
  const [owner, setOwner] = useState(owners.includes(first) ? first : (owners[0] ?? ""));
  const [name, setName] = useState("");
  const [hidden, setHidden] = useState(false);
  const [template, setTemplate] = useState(TEMPLATES[0]!);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    setBusy(true);
    setError("");
    try {
      location.assign(await make({ kind, owner, name: name.trim(), private: hidden }, template));
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  return (
    <form class="panel create" onSubmit={(e) => void submit(e)}>
      <h1 class="platform-title">New {WORDS[kind]}</h1>
      <Choice label="What" name="kind" value={kind} options={KINDS.map((k) => [k, { space: "Space", model: "Model", dataset: "Dataset" }[k]])} choose={(k) => setKind(k as Kind)} />
      <div class="create-name">
        <label class="form-field">
          <span class="field-label">Owner</span>
          <select class="input" value={owner} onChange={(e) => setOwner(e.currentTarget.value)}>
            {owners.map((o) => (
              <option key={o} value={o}>
                {o}
              </option>
            ))}
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Name</span>
          <input
            class="input"
            value={name}
            required
            pattern={NAME}
            title="Letters, digits, dots, dashes and underscores; the first is a letter or a digit"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            autoFocus
            onInput={(e) => setName(e.currentTarget.value)}
          />
        </label>
      </div>
      {kind === "space" && (
        <fieldset class="templates">
          <legend class="field-label">Begin with</legend>
          {TEMPLATES.map((t) => (
            <label key={t.id} class="template">
              <input type="radio" name="template" checked={template === t} onChange={() => setTemplate(t)} />
              <span class="template-emoji" aria-hidden="true">
                {t.emoji}
              </span>
              <span>
                <b>{t.title}</b>
                <span class="faint">{t.words}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <Choice
        label="Seen by"
        name="visibility"
        value={hidden ? "private" : "public"}
        options={[
          ["public", "Everybody"],
          ["private", "Its owner only"],
        ]}
        choose={(v) => setHidden(v === "private")}
      />
      <FormNote error={error} />
      <div>
        <button class="button primary" disabled={busy}>
          {busy ? "Creating…" : `Create ${WORDS[kind]}`}
        </button>
      </div>
    </form>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly choose: (value: string) => void;
}

export function Choice({ label, name, value, options, choose }: ChoiceProps) {
  return (
    <fieldset class="choice-row">
      <legend class="field-label">{label}</legend>
      <div class="switch">
        {options.map(([option, words]) => (
          <label key={option}>
            <input type="radio" name={name} checked={option === value} onChange={() => choose(option)} />
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
