/* The files that are about to become a commit. */
import { useState } from "preact/hooks";
import { Icon } from "../../widgets/icon";
import { FormNote, words } from "../frame";
import { bytesWords } from "../words";
import type { Dropped } from "./gather";
import type { RepoId } from "./repo";
import { uploadFiles, type Progress } from "./upload";

interface Props {
  readonly id: RepoId;
  readonly rev: string;
  readonly folder: string;
  readonly files: readonly Dropped[];
  readonly done: () => void;
  readonly cancel: () => void;
}

const SHOWN = 12;

export function UploadPanel({ id, rev, folder, files, done, cancel }: Props) {
  const [progress, setProgress] = useState<Progress | null>(null);
  const [error, setError] = useState("");
  const suggestion = files.length === 1 ? `Upload ${files[0]!.path}` : `Upload ${files.length} files`;
  const upload = async (e: SubmitEvent) => {
    e.preventDefault();
    const summary = String(new FormData(e.currentTarget as HTMLFormElement).get("summary")).trim() || suggestion;
    setError("");
    setProgress({ words: "Beginning…", part: 0 });
    try {
      const placed = files.map((f) => ({ path: folder ? `${folder}/${f.path}` : f.path, file: f.file }));
      const made = await uploadFiles(id, rev, placed, { summary }, setProgress);
      if (made === null) setError("This repo's .gitignore wants none of these files.");
      else done();
    } catch (failure) {
      setError(words(failure));
    } finally {
      setProgress(null);
    }
  };
  return (
    <form class="panel upload-panel" aria-label="Upload" onSubmit={(e) => void upload(e)}>
      <ul class="upload-list">
        {files.slice(0, SHOWN).map((f) => (
          <li key={f.path}>
            <Icon name="file" />
            <span>{f.path}</span>
            <span class="faint">{bytesWords(f.file.size)}</span>
          </li>
        ))}
        {files.length > SHOWN && <li class="faint">and {files.length - SHOWN} more</li>}
      </ul>
      <div class="inline-form">
        <label class="form-field">
          <span class="field-label">Commit message</span>
          <input class="input" name="summary" placeholder={suggestion} maxLength={500} autoComplete="off" />
        </label>
        <button class="button primary" disabled={progress !== null}>
          {progress ? "Uploading…" : `Commit to ${rev}`}
        </button>
        <button type="button" class="button secondary" disabled={progress !== null} onClick={cancel}>
          Cancel
        </button>
      </div>
      {progress && (
        <div class="upload-progress" role="status">
          <progress max={1} value={progress.part} aria-label="Uploaded" />
          <p class="faint">{progress.words}</p>
        </div>
      )}
      <FormNote error={error} />
    </form>
  );
}
