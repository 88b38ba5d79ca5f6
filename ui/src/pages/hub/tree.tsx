/* The files of a repo at a revision: what is in a folder, and what changed it last. Files dropped
 * onto it are a commit to be. */
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Icon } from "../../widgets/icon";
import { Bones, known, Problem } from "../frame";
import { useCall } from "../use_call";
import { agoWords, bytesWords, fullTime } from "../words";
import { gather, type Dropped } from "./gather";
import { nextEntries, refs, treePart } from "./hub_api";
import "./hub_style";
import { RepoFrame, useRepo } from "./repo_frame";
import { commitPath, idOf, nameOf, parentOf, sortEntries, viewPath, type Entry, type RepoId, type View } from "./repo";
import { UploadPanel } from "./upload_panel";
import { usePart } from "./use_part";

interface Props {
  readonly id: RepoId;
  readonly rev: string;
  readonly path: string;
}

export function Tree({ id, rev, path }: Props) {
  const [loaded] = useRepo(id);
  const repo = loaded.state === "ready" ? loaded.value : null;
  const list = usePart(`${idOf(id)} ${rev} ${path}`, () => known.then(() => treePart(id, rev, path)), nextEntries);
  const [dropped, setDropped] = useState<readonly Dropped[] | null>(null);
  const owned = repo?.owned === true;
  const drop = useDrop(owned, setDropped);
  // A repo without a commit has no revision either, and is not wrong for it.
  const empty = repo !== null && repo.sha === "" && list.error !== null;
  return (
    <RepoFrame id={id} tab="files" title={path || "Files"} loaded={loaded}>
      <div class="files" {...drop.on}>
        {drop.over && <p class="drop-here">Drop to upload to {path || "the top folder"}</p>}
        <div class="files-bar">
          <RevisionChoice id={id} rev={rev} view="tree" path={path} />
          <Crumbs id={id} rev={rev} path={path} />
          {owned && <Actions id={id} rev={rev} path={path} take={setDropped} />}
        </div>
        {dropped && <UploadPanel id={id} rev={rev} folder={path} files={dropped} done={() => (setDropped(null), list.again())} cancel={() => setDropped(null)} />}
        {list.error && !empty ? <Problem error={list.error} again={list.again} /> : <Entries {...{ id, rev, path }} entries={empty ? [] : list.items} />}
        {list.more && (
          <p class="more">
            <button type="button" class="button secondary" disabled={list.busy} onClick={list.loadMore}>
              {list.busy ? "Loading…" : "Show more"}
            </button>
          </p>
        )}
      </div>
    </RepoFrame>
  );
}

function useDrop(on: boolean, take: (files: readonly Dropped[]) => void) {
  const [over, setOver] = useState(false);
  if (!on) return { over: false, on: {} };
  const handlers = {
    onDragOver: (e: DragEvent) => {
      if (!e.dataTransfer?.types.includes("Files")) return;
      e.preventDefault();
      setOver(true);
    },
    onDragLeave: (e: DragEvent) => {
      if (!(e.currentTarget as Node).contains(e.relatedTarget as Node | null)) setOver(false);
    },
    onDrop: (e: DragEvent) => {
      e.preventDefault();
      setOver(false);
      if (e.dataTransfer) void gather(e.dataTransfer).then((files) => files.length > 0 && take(files));
    },
  };
  return { over, on: handlers };
}

function Actions({ id, rev, path, take }: Props & { take: (files: readonly Dropped[]) => void }) {
  const choose = (e: Event & { currentTarget: HTMLInputElement }) => {
    const files = [...(e.currentTarget.files ?? [])].map((file) => ({ path: file.name, file }));
    e.currentTarget.value = "";
    if (files.length > 0) take(files);
  };
  return (
    <div class="files-actions">
      <a class="button secondary small" href={`${viewPath(id, "edit", rev, path)}?new`}>
        <Icon name="plus" />
        New file
      </a>
      <label class="button secondary small file-button">
        <Icon name="arrow_up" />
        Upload
        <input class="hidden" type="file" multiple onChange={choose} aria-label="Upload files" />
      </label>
    </div>
  );
}

/** Branches and tags to choose from; a commit stands there as it is. */
export function RevisionChoice({ id, rev, view, path }: Props & { view: View }) {
  const [loaded] = useCall(() => known.then(() => refs(id)), idOf(id));
  const { branches, tags } = loaded.state === "ready" ? loaded.value : { branches: [], tags: [] };
  const option = (name: string) => (
    <option key={name} value={name}>
      {name}
    </option>
  );
  return (
    <label class="revision">
      <span class="hidden">Branch or tag</span>
      <select class="input" value={rev} onChange={(e) => location.assign(viewPath(id, view, e.currentTarget.value, path))}>
        {!branches.includes(rev) && !tags.includes(rev) && <option value={rev}>{/^[0-9a-f]{40}$/.test(rev) ? rev.slice(0, 10) : rev}</option>}
        {branches.map(option)}
        {tags.length > 0 && <optgroup label="Tags">{tags.map(option)}</optgroup>}
      </select>
    </label>
  );
}

/** Where in the tree one is; each folder on the way leads there. */
export function Crumbs({ id, rev, path, children }: Props & { children?: ComponentChildren }) {
  const parts = path === "" ? [] : path.split("/");
  return (
    <nav class="crumbs" aria-label="Folders">
      <a href={viewPath(id, "tree", rev)}>{id.name}</a>
      {parts.map((part, i) => (
        <>
          <span aria-hidden="true">/</span>
          {i === parts.length - 1 ? <b>{part}</b> : <a href={viewPath(id, "tree", rev, parts.slice(0, i + 1).join("/"))}>{part}</a>}
        </>
      ))}
      {children}
    </nav>
  );
}

function Entries({ id, rev, path, entries }: Props & { entries: readonly Entry[] | null }) {
  if (entries === null) {
    return <Bones />;
  }
  if (entries.length === 0) {
    return (
      <div class="empty">
        <p class="empty-title">There are no files here</p>
        <p>Drop some onto this page, or push them with git.</p>
      </div>
    );
  }
  return (
    <div class="files-table" role="region" aria-label="Files">
      <table>
        <thead class="hidden">
          <tr>
            <th>Name</th>
            <th>Size</th>
            <th>Last change</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {path !== "" && (
            <tr>
              <td colSpan={4}>
                <a class="file-name" href={viewPath(id, "tree", rev, parentOf(path))}>
                  <Icon name="folder" />
                  <span>
                    .. <span class="hidden">the folder above</span>
                  </span>
                </a>
              </td>
            </tr>
          )}
          {sortEntries(entries).map((entry) => (
            <Row key={entry.path} id={id} rev={rev} entry={entry} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ id, rev, entry }: { id: RepoId; rev: string; entry: Entry }) {
  return (
    <tr>
      <td>
        <a class="file-name" href={viewPath(id, entry.folder ? "tree" : "blob", rev, entry.path)}>
          <Icon name={entry.folder ? "folder" : "file"} />
          <span>{nameOf(entry.path)}</span>
          {entry.lfs && <span class="badge calm">LFS</span>}
        </a>
      </td>
      <td class="file-size">{entry.folder ? "" : bytesWords(entry.size)}</td>
      <td class="file-change">{entry.last && <a href={commitPath(id, entry.last.id)}>{entry.last.title}</a>}</td>
      <td class="file-time">
        {entry.last && (
          <time dateTime={entry.last.date} title={fullTime(entry.last.date)}>
            {agoWords(entry.last.date)}
          </time>
        )}
      </td>
    </tr>
  );
}
