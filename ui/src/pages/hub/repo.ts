/* Repos and their addresses: of the pages, of the REST calls, and of what a file holds. */
export type Kind = "space" | "model" | "dataset";

export interface RepoId {
  readonly kind: Kind;
  readonly owner: string;
  readonly name: string;
}

export const KINDS: readonly Kind[] = ["space", "model", "dataset"];

/** As in the addresses of lists and of REST. */
export const PLURAL = { space: "spaces", model: "models", dataset: "datasets" } as const;
export const WORDS = { space: "Space", model: "model", dataset: "dataset" } as const;
export const TITLES = { space: "Spaces", model: "Models", dataset: "Datasets" } as const;

/** One name of a path in an address; also a revision, whose slashes then stay its own. */
function segment(name: string): string {
  return encodeURIComponent(name);
}

/** A path in an address: its slashes part it, whatever else it holds is a name. */
export function encodePath(path: string): string {
  return path.split("/").map(segment).join("/");
}

function join(base: string, ...parts: readonly string[]): string {
  return [base, ...parts.filter((part) => part !== "")].join("/");
}

export function apiPath({ kind, owner, name }: RepoId, ...parts: readonly string[]): string {
  return join(`/api/${PLURAL[kind]}/${segment(owner)}/${segment(name)}`, ...parts);
}

/** The repo's own address: the app of a Space, the card of the others. Git and files begin there, too. */
export function repoPath({ kind, owner, name }: RepoId): string {
  return `${kind === "model" ? "" : `/${PLURAL[kind]}`}/${segment(owner)}/${segment(name)}`;
}

export type View = "tree" | "blob" | "edit" | "commits" | "resolve" | "raw";

export function viewPath(repo: RepoId, view: View, rev: string, path = ""): string {
  return join(repoPath(repo), view, segment(rev), encodePath(path));
}

export function commitPath(repo: RepoId, id: string): string {
  return `${repoPath(repo)}/commit/${segment(id)}`;
}

/** Settings, logs, builds and API: for Spaces all stand under `/-/`, where no app's own pages are. */
export function settingsPath(repo: RepoId): string {
  return repo.kind === "space" ? `${repoPath(repo)}/-/settings` : `${repoPath(repo)}/settings`;
}

export function idOf({ owner, name }: RepoId): string {
  return `${owner}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/* --- what the server says about one --- */

export interface Repo extends RepoId {
  /** It has pages of its own; a model that is only served here has none. */
  readonly stored: boolean;
  readonly title: string;
  readonly emoji: string;
  readonly words: string;
  readonly private: boolean;
  readonly likes: number;
  readonly updated: string;
  readonly sha: string;
  readonly task: string;
  readonly library: string;
  readonly sdk: string;
  readonly license: string;
  readonly tags: readonly string[];
  /** Of a Space, as the badge knows it. */
  readonly state: string;
  /** Whoever asks may change it. */
  readonly owned: boolean;
  readonly size: number;
  readonly files: readonly string[];
  readonly models: readonly string[];
  readonly datasets: readonly string[];
  readonly usedBy: readonly RepoId[];
  /** Of a model: the task for which it can be called, or why it cannot; null: not known yet. */
  readonly served: { readonly task: string; readonly words: string } | null;
  readonly tensors: Tensors | null;
  /** Why an administrator has taken it down; "" where none has. */
  readonly takenDown: string;
}

export interface Tensors {
  /** Of each data type the number of parameters. */
  readonly types: readonly (readonly [type: string, parameters: number])[];
  readonly total: number;
  readonly tensors: number;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** A list of names; front matter has one of them as a plain word. */
function names(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
}

const STAGES: Readonly<Record<string, string>> = {
  NO_APP_FILE: "empty",
  CONFIG_ERROR: "failed",
  BUILDING: "building",
  BUILD_ERROR: "failed",
  APP_STARTING: "waking",
  RUNNING: "running",
  RUNNING_BUILDING: "building",
  RUNNING_APP_STARTING: "running",
  RUNTIME_ERROR: "failed",
  STOPPED: "stopped",
  SLEEPING: "asleep",
  PAUSED: "stopped",
};

/** An info object of the server; a field that is missing or no such thing is empty. Null: no repo. */
export function readRepo(kind: Kind, json: unknown): Repo | null {
  const info = fields(json);
  const card = fields(info["cardData"]);
  const [owner = "", name = ""] = text(info["id"]).split("/");
  if (owner === "" || name === "") return null;
  const stage = text(fields(info["runtime"])["stage"]);
  return {
    kind,
    owner,
    name,
    stored: info["author"] !== "",
    title: text(info["title"]) || text(card["title"]) || name,
    emoji: text(info["emoji"]) || text(card["emoji"]),
    words: text(card["short_description"]) || text(info["short_description"]),
    private: info["private"] === true,
    likes: count(info["likes"]),
    updated: text(info["lastModified"]) || text(info["updatedAt"]),
    sha: text(info["sha"]) || text(info["commit"]),
    task: text(info["pipeline_tag"]) || text(card["pipeline_tag"]),
    library: text(info["library_name"]) || text(card["library_name"]),
    sdk: text(info["sdk"]) || text(card["sdk"]),
    license: names(card["license"])[0] ?? "",
    tags: [...new Set([...names(info["tags"]), ...names(card["tags"])])],
    state: text(info["state"]) || (STAGES[stage] ?? ""),
    owned: info["owned"] === true,
    size: count(info["usedStorage"]),
    files: (Array.isArray(info["siblings"]) ? info["siblings"] : []).map((s) => text(fields(s)["rfilename"])).filter(Boolean),
    models: names(info["models"] ?? card["models"]),
    datasets: names(info["datasets"] ?? card["datasets"]),
    usedBy: readUsers(info),
    served: readServed(info["served"]),
    tensors: readTensors(info["safetensors"]),
    takenDown: text(fields(info["takedown"])["reason"]),
  };
}

function readServed(json: unknown): Repo["served"] {
  const served = fields(json);
  const task = text(served["task"]), words = text(served["words"]);
  return task || words ? { task, words } : null;
}

function readUsers(info: Fields): readonly RepoId[] {
  return names(info["spaces"]).flatMap((id) => {
    const [owner = "", name = ""] = id.split("/");
    return owner && name ? [{ kind: "space" as const, owner, name }] : [];
  });
}

function readTensors(json: unknown): Tensors | null {
  const header = fields(json);
  const types = Object.entries(fields(header["parameters"])).map(([type, n]) => [type, count(n)] as const);
  if (types.length === 0) return null;
  const sum = types.reduce((all, [, n]) => all + n, 0);
  return { types, total: count(header["total"]) || sum, tensors: count(header["tensors"]) };
}

/* --- files --- */

export interface LastCommit {
  readonly id: string;
  readonly title: string;
  readonly date: string;
}

export interface Entry {
  readonly folder: boolean;
  readonly path: string;
  readonly oid: string;
  readonly size: number;
  /** Held apart from git, under its SHA-256. */
  readonly lfs: { readonly oid: string; readonly pointerSize: number } | null;
  readonly last: LastCommit | null;
}

export function readEntry(json: unknown): Entry | null {
  const e = fields(json);
  const lfs = fields(e["lfs"]);
  const last = fields(e["lastCommit"]);
  if (text(e["path"]) === "") return null;
  return {
    folder: e["type"] === "directory",
    path: text(e["path"]),
    oid: text(e["oid"]),
    size: count(e["size"]),
    lfs: text(lfs["oid"]) ? { oid: text(lfs["oid"]), pointerSize: count(lfs["pointerSize"]) } : null,
    last: text(last["id"]) ? { id: text(last["id"]), title: text(last["title"]), date: text(last["date"]) } : null,
  };
}

/** Folders first, then by name, as people look for them. */
export function sortEntries(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((a, b) => Number(b.folder) - Number(a.folder) || a.path.localeCompare(b.path));
}

export interface Commit {
  readonly id: string;
  readonly title: string;
  readonly message: string;
  readonly authors: readonly string[];
  readonly date: string;
  readonly parents: readonly string[];
}

export function readCommit(json: unknown): Commit | null {
  const c = fields(json);
  if (text(c["id"]) === "") return null;
  const authors = Array.isArray(c["authors"]) ? c["authors"] : [];
  return {
    id: text(c["id"]),
    title: text(c["title"]),
    message: text(c["message"]),
    authors: authors.map((a) => text(fields(a)["user"])).filter(Boolean),
    date: text(c["date"]),
    parents: names(c["parents"]),
  };
}

/** What of a list of JSON values is one. */
export function readList<T>(json: unknown, read: (json: unknown) => T | null): readonly T[] {
  return (Array.isArray(json) ? json : []).map(read).filter((one): one is T => one !== null);
}
