/*
 * A file, changed in the browser: the commit names the one it was opened at, so that nobody's work
 * is written over unseen. Beside the source of a Space stands the Space, which changes by itself
 * when the commit is live.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../widgets/icon";
import { ApiError } from "../api";
import { FormNote, known, person, Problem, Show, words } from "../frame";
import { useCall } from "../use_call";
import { Conflict } from "./conflict";
import type { Editor } from "./code_editor";
import { fileBytes, languageOf, textOf } from "./file_text";
import { commit, entryAt, refs, repo as repoAt } from "./hub_api";
import "./hub_style";
import { Preview } from "./preview";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, nameOf, parentOf, viewPath, type RepoId } from "./repo";
import { Source } from "./source";
import { Crumbs } from "./tree";

interface Props {
  readonly id: RepoId;
  readonly rev: string;
  readonly path: string;
}

interface Opened {
  /** The commit that the text is of; empty: the repo has none yet. */
  readonly head: string;
  readonly text: string;
  /** There is no such file yet. */
  readonly fresh: boolean;
}

async function open(id: RepoId, branch: string, path: string, asNew: boolean): Promise<Opened> {
  const { branches } = await refs(id);
  if (branches.length === 0) return { head: "", text: "", fresh: true };
  if (!branches.includes(branch)) throw new ApiError(404, `${branch} is no branch, and only on a branch something can be changed.`);
  const { sha } = await repoAt(id, branch);
  const entry = asNew || path === "" ? null : await entryAt(id, sha, path);
  if (!entry) return { head: sha, text: "", fresh: true };
  if (entry.folder) throw new ApiError(404, `${path} is a folder.`);
  const text = entry.lfs ? null : textOf(await fileBytes(id, sha, path));
  if (text === null) throw new ApiError(415, "This file is no text, so it cannot be changed here. Upload another one in its place.");
  return { head: sha, text, fresh: false };
}

export function Edit({ id, rev, path }: Props) {
  const asNew = new URLSearchParams(location.search).has("new");
  const [repo] = useRepo(id);
  const [loaded, again] = useCall(() => known.then(() => open(id, rev, path, asNew)), `${idOf(id)} ${rev} ${path}`);
  const given = repo.state === "ready" ? repo.value : null;
  if (person.value === null) {
    return (
      <RepoFrame id={id} tab="files" title="Edit" loaded={repo}>
        <Problem error={new ApiError(401, "")} again={again} />
      </RepoFrame>
    );
  }
  return (
    <RepoFrame id={id} tab="files" title={`Edit ${path}`} loaded={repo} class="wide">
      <Show loaded={loaded} again={again}>
        {(opened) =>
          given && !given.owned ? (
            <Problem error={new ApiError(403, `Only those who may write to ${idOf(id)} can change its files.`)} again={again} />
          ) : (
            <Form key={opened.head} id={id} rev={rev} folder={asNew ? path : parentOf(path)} name={asNew ? "" : nameOf(path)} opened={opened} />
          )
        }
      </Show>
    </RepoFrame>
  );
}

interface FormProps {
  readonly id: RepoId;
  readonly rev: string;
  readonly folder: string;
  readonly name: string;
  readonly opened: Opened;
}

interface Done {
  readonly commit: string;
  /** performance.now() when it was asked for. */
  readonly asked: number;
}

function Form({ id, rev, folder, name: given, opened }: FormProps) {
  const [head, setHead] = useState(opened.head);
  const [saved, setSaved] = useState(opened.text);
  const [fresh, setFresh] = useState(opened.fresh);
  const [name, setName] = useState(given);
  const [changed, setChanged] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [conflict, setConflict] = useState(false);
  const [done, setDone] = useState<Done | null>(null);
  const [summary, setSummary] = useState("");
  const editor = useRef<Editor | null>(null);
  const path = folder ? `${folder}/${name}` : name;
  const suggestion = `${fresh ? "Create" : "Update"} ${name || "file"}`;
  useLeaveGuard(changed);

  const save = async (parent: string) => {
    const text = editor.current?.text() ?? "";
    if (name.trim() === "") return setError("The file needs a name.");
    setBusy(true);
    setError("");
    setConflict(false);
    const asked = performance.now();
    try {
      const made = await commit(id, rev, { summary: summary.trim() || suggestion, ...(parent ? { parentCommit: parent } : {}) }, [
        { key: "file", value: { path, content: text, encoding: "utf-8" } },
      ]);
      setHead(made);
      setSaved(text);
      setChanged((editor.current?.text() ?? "") !== text);
      setFresh(false);
      setSummary("");
      setDone({ commit: made, asked });
      history.replaceState(null, "", viewPath(id, "edit", rev, path));
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 412) setConflict(true);
      else setError(words(failure));
    } finally {
      setBusy(false);
    }
  };
  const latest = useRef(() => {});
  latest.current = () => void save(head);
  const isApp = id.kind === "space" && rev === "main";

  return (
    <div class={isApp ? "edit-columns" : ""}>
      <form
        class="edit-form"
        onSubmit={(e) => {
          e.preventDefault();
          latest.current();
        }}
      >
        <div class="files-bar">
          <span class="badge calm" title="Branch">
            {rev}
          </span>
          <Crumbs id={id} rev={rev} path={fresh ? folder : path} />
          {fresh && (
            <label class="edit-name">
              <span class="hidden">Name of the file</span>
              <input class="input" value={name} placeholder="name, or folder/name" required spellcheck={false} autoComplete="off" autoFocus onInput={(e) => setName(e.currentTarget.value.replace(/^\/+/, ""))} />
            </label>
          )}
        </div>
        <Source
          text={saved}
          language={languageOf(name)}
          label={`Source of ${name || "the new file"}`}
          ready={(made) => (editor.current = made)}
          changed={() => setChanged(editor.current !== null && editor.current.text() !== saved)}
          save={() => latest.current()}
        />
        <div class="inline-form">
          <label class="form-field">
            <span class="field-label">Commit message</span>
            <input class="input" value={summary} placeholder={suggestion} maxLength={500} autoComplete="off" onInput={(e) => setSummary(e.currentTarget.value)} />
          </label>
          <button class="button primary" disabled={busy || (!changed && !fresh)}>
            {busy ? "Committing…" : `Commit to ${rev}`}
          </button>
          <a class="button secondary" href={fresh ? viewPath(id, "tree", rev, folder) : viewPath(id, "blob", rev, path)}>
            {changed ? "Discard" : "Close"}
          </a>
        </div>
        {conflict && <Conflict id={id} rev={rev} path={path} opened={head} mine={() => editor.current?.text() ?? ""} overwrite={(parent) => void save(parent)} />}
        <FormNote error={error} />
        {done && !error && !conflict && (
          <p class="form-done" role="status">
            <Icon name="check" />
            <span>
              Committed as{" "}
              <a href={commitPath(id, done.commit)}>
                <code>{done.commit.slice(0, 8)}</code>
              </a>
            </span>
          </p>
        )}
      </form>
      {isApp && <Preview id={id} done={done} />}
    </div>
  );
}

/** Asks before a tab with work in it is closed. */
function useLeaveGuard(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const ask = (e: BeforeUnloadEvent) => e.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [on]);
}
