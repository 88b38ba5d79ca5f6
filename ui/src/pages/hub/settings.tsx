/* What a repo is, and what its owner may change about it: its name, who sees it, its end. */
import { useState } from "preact/hooks";
import { call } from "../api";
import { FormNote, namesOf, person, StateBadge, words } from "../frame";
import { Snippet } from "../snippet";
import { agoWords, bytesWords } from "../words";
import { Addresses } from "./addresses";
import { NAME } from "./create";
import "./hub_style";
import { RepoPage } from "./repo_frame";
import { apiPath, idOf, PLURAL, repoPath, settingsPath, WORDS, type Repo, type RepoId } from "./repo";
import { SpaceSettings } from "./space_settings";

export function Settings({ id }: { id: RepoId }) {
  return (
    <RepoPage id={id} tab="settings">
      {(repo, again) => (
        <>
          <About repo={repo} />
          <section class="panel">
            <h2>Push to it</h2>
            <Snippet text={`git clone ${location.origin}${repoPath(repo)}`} />
            {repo.kind === "space" && (
              <p class="faint">
                What the Space needs is in its own <code>README.md</code>: title, app file, models, how long it stays awake.
                Change it there and push.
              </p>
            )}
          </section>
          {person.value && <Duplicate repo={repo} owners={namesOf(person.value)} />}
          {repo.owned && (
            <>
              {repo.kind === "space" && <SpaceSettings id={repo} />}
              {repo.kind === "space" && <Addresses id={repo} />}
              <Visibility repo={repo} again={again} />
              <Rename repo={repo} />
              <Delete repo={repo} />
            </>
          )}
        </>
      )}
    </RepoPage>
  );
}

function About({ repo }: { repo: Repo }) {
  return (
    <section class="panel">
      <h2 class="about-title">
        {repo.emoji} {repo.title}
      </h2>
      <dl class="facts">
        {repo.kind === "space" && (
          <>
            <dt>State</dt>
            <dd>
              <StateBadge state={repo.state} />
            </dd>
          </>
        )}
        <dt>Seen by</dt>
        <dd>{repo.private ? "its owner and administrators" : "everybody"}</dd>
        <dt>Last commit</dt>
        <dd>{repo.sha ? <code>{repo.sha.slice(0, 12)}</code> : "none"}</dd>
        {repo.size > 0 && (
          <>
            <dt>Size</dt>
            <dd>{bytesWords(repo.size)}</dd>
          </>
        )}
        <dt>Changed</dt>
        <dd>{agoWords(repo.updated) || "never"}</dd>
      </dl>
    </section>
  );
}

function Visibility({ repo, again }: { repo: Repo; again: () => void }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const change = async (hidden: boolean) => {
    setError("");
    setBusy(true);
    try {
      await call("PUT", apiPath(repo, "settings"), { private: hidden });
      again();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="panel">
      <h2>Who sees it</h2>
      <p class="faint">
        {repo.private
          ? `This ${WORDS[repo.kind]} is private: for everybody but its owner and the administrators it does not exist. Programs send an access token.`
          : `Everybody who reaches this platform sees this ${WORDS[repo.kind]}.${repo.kind === "space" ? " Made private, it ends for visitors who are there now." : ""}`}
      </p>
      <div>
        <button type="button" class="button secondary" disabled={busy} onClick={() => void change(!repo.private)}>
          {repo.private ? "Make it public" : "Make it private"}
        </button>
      </div>
      <FormNote error={error} />
    </section>
  );
}

function Duplicate({ repo, owners }: { repo: Repo; owners: readonly string[] }) {
  const [owner, setOwner] = useState(owners[0] ?? "");
  const [name, setName] = useState(owners.includes(repo.owner) ? `${repo.name}-copy` : repo.name);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const duplicate = async (e: SubmitEvent) => {
    e.preventDefault();
    setError("");
    setBusy(true);
    try {
      await call("POST", apiPath(repo, "duplicate"), { repository: `${owner}/${name}` });
      location.assign(settingsPath({ ...repo, owner, name }));
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
    }
  };
  return (
    <form class="panel" onSubmit={(e) => void duplicate(e)}>
      <h2>Duplicate</h2>
      <p class="faint">
        A {WORDS[repo.kind]} of its own with all files and their history, {repo.private ? "private as this one" : "seen by everybody"}.
        {repo.kind === "space" && (repo.owned ? " Its variables go with it, its secrets do not." : " Its variables and secrets stay here.")}
      </p>
      <div class="create-name">
        <label class="form-field">
          <span class="field-label">Owner of the copy</span>
          <select class="input" value={owner} onChange={(e) => setOwner(e.currentTarget.value)}>
            {owners.map((o) => (
              <option key={o} value={o}>
                {o}
              </option>
            ))}
          </select>
        </label>
        <label class="form-field">
          <span class="field-label">Name of the copy</span>
          <input class="input" value={name} required pattern={NAME} autoComplete="off" spellcheck={false} onInput={(e) => setName(e.currentTarget.value)} />
        </label>
      </div>
      <FormNote error={error} />
      <div>
        <button class="button secondary" disabled={busy}>
          {busy ? "Duplicating…" : "Duplicate"}
        </button>
      </div>
    </form>
  );
}

function Rename({ repo }: { repo: Repo }) {
  const [error, setError] = useState("");
  const [name, setName] = useState(repo.name);
  const rename = async (e: SubmitEvent) => {
    e.preventDefault();
    setError("");
    try {
      await call("POST", "/api/repos/move", { fromRepo: idOf(repo), toRepo: `${repo.owner}/${name}`, type: repo.kind });
      location.assign(settingsPath({ ...repo, name }));
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <form class="panel" onSubmit={(e) => void rename(e)}>
      <h2>Rename</h2>
      <p class="faint">Addresses with the old name lead to the new one, for git too, until something else takes the name.</p>
      <div class="inline-form">
        <label class="form-field">
          <span class="field-label">New name</span>
          <input class="input" value={name} required pattern={NAME} autoComplete="off" spellcheck={false} onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <button class="button secondary" disabled={name === repo.name || name === ""}>
          Rename
        </button>
      </div>
      <FormNote error={error} />
    </form>
  );
}

function Delete({ repo }: { repo: Repo }) {
  const id = idOf(repo);
  const [typed, setTyped] = useState("");
  const [error, setError] = useState("");
  const remove = async (e: SubmitEvent) => {
    e.preventDefault();
    setError("");
    try {
      await call("DELETE", "/api/repos/delete", { name: repo.name, organization: repo.owner, type: repo.kind });
      location.assign(`/${PLURAL[repo.kind]}`);
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <form class="panel danger" onSubmit={(e) => void remove(e)}>
      <h2>Delete this {WORDS[repo.kind]}</h2>
      <p class="faint">
        {repo.kind === "space" ? "Its repo, its builds and its visitors' sessions go with it." : "Its files and their history go with it."} An administrator can
        bring it back for some days.
      </p>
      <div class="inline-form">
        <label class="form-field">
          <span class="field-label">
            Type <code>{id}</code> to delete it
          </span>
          <input class="input" value={typed} autoComplete="off" spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} />
        </label>
        <button class="button stop" disabled={typed !== id}>
          Delete
        </button>
      </div>
      <FormNote error={error} />
    </form>
  );
}

