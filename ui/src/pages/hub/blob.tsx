/* One file at a revision: shown as what it is, and where it can be had. */
import { useState } from "preact/hooks";
import { CopyButton } from "../../widgets/copy";
import { highlighted } from "../../widgets/highlight";
import { Icon } from "../../widgets/icon";
import { ApiError } from "../api";
import { FormNote, known, Show, words } from "../frame";
import { useCall } from "../use_call";
import { agoWords, bytesWords, fullTime } from "../words";
import { CardProse } from "./card";
import { fileBytes, languageOf, lookOf, SHOWN_MAX, textOf } from "./file_text";
import { cardText } from "./front_matter";
import { commit, entryAt } from "./hub_api";
import "./hub_style";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, nameOf, parentOf, viewPath, type Entry, type RepoId } from "./repo";
import { TensorTable } from "./tensors";
import { Crumbs, RevisionChoice } from "./tree";

interface Props {
  readonly id: RepoId;
  readonly rev: string;
  readonly path: string;
}

export function BlobPage({ id, rev, path }: Props) {
  const [loaded] = useRepo(id);
  const repo = loaded.state === "ready" ? loaded.value : null;
  const [found, again] = useCall(() => known.then(() => entry(id, rev, path)), `${idOf(id)} ${rev} ${path}`);
  return (
    <RepoFrame id={id} tab="files" title={path} loaded={loaded}>
      <div class="files-bar">
        <RevisionChoice id={id} rev={rev} view="blob" path={path} />
        <Crumbs id={id} rev={rev} path={path}>
          <CopyButton text={() => path} label="Copy the path" quiet />
        </Crumbs>
      </div>
      <Show loaded={found} again={again}>
        {(file) => <File id={id} rev={rev} file={file} owned={repo?.owned === true} />}
      </Show>
    </RepoFrame>
  );
}

async function entry(id: RepoId, rev: string, path: string): Promise<Entry> {
  const found = await entryAt(id, rev, path);
  if (!found) throw new ApiError(404, `There is no file ${path} in ${rev}.`);
  if (found.folder) location.replace(viewPath(id, "tree", rev, path));
  return found;
}

function File({ id, rev, file, owned }: { id: RepoId; rev: string; file: Entry; owned: boolean }) {
  const { path } = file;
  const isText = !file.lfs && file.size <= SHOWN_MAX && ["text", "markdown"].includes(lookOf(path));
  return (
    <section class="file" aria-label={nameOf(path)}>
      <div class="file-head">
        <p class="faint file-facts">
          {file.last && (
            <>
              <a href={commitPath(id, file.last.id)}>{file.last.title}</a>
              <time dateTime={file.last.date} title={fullTime(file.last.date)}>
                {agoWords(file.last.date)}
              </time>
            </>
          )}
          <span>{bytesWords(file.size)}</span>
        </p>
        <div class="file-actions">
          {owned && isText && (
            <a class="button secondary small" href={viewPath(id, "edit", rev, path)}>
              <Icon name="edit" />
              Edit
            </a>
          )}
          <a class="button secondary small" href={viewPath(id, file.lfs ? "resolve" : "raw", rev, path)}>
            Raw
          </a>
          <a class="button secondary small" href={viewPath(id, "resolve", rev, path)} download={nameOf(path)}>
            <Icon name="download" />
            Download
          </a>
          {owned && <Delete id={id} rev={rev} path={path} />}
        </div>
      </div>
      {file.lfs && <LargeFile file={file} />}
      <Contents id={id} rev={rev} file={file} />
    </section>
  );
}

function Contents({ id, rev, file }: { id: RepoId; rev: string; file: Entry }) {
  const { path } = file;
  const url = viewPath(id, "resolve", rev, path);
  switch (lookOf(path)) {
    case "picture":
      return (
        <div class="file-picture">
          <img src={url} alt={nameOf(path)} />
        </div>
      );
    case "sound":
      return <audio class="file-sound" controls src={url} preload="metadata" />;
    case "film":
      return <video class="file-film" controls src={url} preload="metadata" />;
    case "tensors":
      return <TensorTable url={url} />;
    case "other":
      return <NotShown words="This file is no text." />;
    default:
      if (file.lfs) return <NotShown words="Large files are not shown as text." />;
      if (file.size > SHOWN_MAX) return <NotShown words={`With ${bytesWords(file.size)} this file is too long to be shown.`} />;
      return <Text id={id} rev={rev} path={path} oid={file.oid} />;
  }
}

function NotShown({ words: why }: { words: string }) {
  return (
    <div class="empty">
      <p>{why} Download it to look into it.</p>
    </div>
  );
}

function LargeFile({ file }: { file: Entry }) {
  const oid = file.lfs?.oid ?? "";
  return (
    <dl class="facts file-lfs">
      <dt>Stored</dt>
      <dd>as a large file (git LFS), its pointer takes {bytesWords(file.lfs?.pointerSize ?? 0)} in git</dd>
      <dt>SHA-256</dt>
      <dd class="file-hash">
        <code>{oid}</code>
        <CopyButton text={() => oid} label="Copy the SHA-256" quiet />
      </dd>
    </dl>
  );
}

function Text({ id, rev, path, oid }: { id: RepoId; rev: string; path: string; oid: string }) {
  const [loaded, again] = useCall(() => fileBytes(id, rev, path).then(textOf), oid);
  const markdown = lookOf(path) === "markdown";
  const [source, setSource] = useState(!markdown);
  return (
    <Show loaded={loaded} again={again}>
      {(text) => {
        if (text === null) return <NotShown words="This file is no text." />;
        if (text === "") return <div class="empty">This file is empty.</div>;
        return (
          <>
            {markdown && (
              <div class="switch file-switch">
                {["Preview", "Source"].map((words) => (
                  <label key={words}>
                    <input type="radio" name="look" checked={source === (words === "Source")} onChange={() => setSource(words === "Source")} />
                    <span>{words}</span>
                  </label>
                ))}
              </div>
            )}
            {source ? <Code text={text} path={path} /> : <CardProse repo={id} rev={rev} path={path} text={cardText(text)} />}
          </>
        );
      }}
    </Show>
  );
}

/** The lines with their numbers, which copying leaves out. */
function Code({ text, path }: { text: string; path: string }) {
  const lines = text.replace(/\n$/, "").split("\n").length;
  const numbers = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  return (
    <div class="file-code" tabIndex={0} role="region" aria-label="Source">
      <pre class="line-numbers" aria-hidden="true">
        {numbers}
      </pre>
      <pre>
        <code>{highlighted(text, languageOf(path))}</code>
      </pre>
    </div>
  );
}

function Delete({ id, rev, path }: Props) {
  const [sure, setSure] = useState(false);
  const [error, setError] = useState("");
  const remove = async () => {
    try {
      await commit(id, rev, { summary: `Delete ${path}` }, [{ key: "deletedFile", value: { path } }]);
      location.assign(viewPath(id, "tree", rev, parentOf(path)));
    } catch (failure) {
      setError(words(failure));
    }
  };
  return (
    <>
      {sure ? (
        <button type="button" class="button stop small" onClick={() => void remove()}>
          Delete it in a commit
        </button>
      ) : (
        <button type="button" class="button secondary small" aria-label={`Delete ${path}`} onClick={() => setSure(true)}>
          <Icon name="trash" />
        </button>
      )}
      <FormNote error={error} />
    </>
  );
}
