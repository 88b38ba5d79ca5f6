/* Files into a repo: what is large goes to the store under its SHA-256, all else into the commit. */
import { ApiError, send } from "../api";
import { commit, type Change, type Header } from "./hub_api";
import { apiPath, repoPath, type RepoId } from "./repo";
import { hashFile } from "./sha256";

export interface UploadFile {
  /** In the repo. */
  readonly path: string;
  readonly file: Blob;
}

export interface Progress {
  readonly words: string;
  /** 0 to 1. */
  readonly part: number;
}

const SAMPLE = 512;
const ASKED_AT_ONCE = 100;

export async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  // An argument list has its limit.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** Which of them are large files, and which the repo does not want, as its rules have it. */
async function modes(id: RepoId, branch: string, files: readonly UploadFile[]): Promise<ReadonlyMap<string, "lfs" | "regular" | "ignored">> {
  const found = new Map<string, "lfs" | "regular" | "ignored">();
  for (let at = 0; at < files.length; at += ASKED_AT_ONCE) {
    const asked = await Promise.all(
      files.slice(at, at + ASKED_AT_ONCE).map(async ({ path, file }) => ({ path, size: file.size, sample: await base64Of(file.slice(0, SAMPLE)) })),
    );
    const answer = await send(apiPath(id, "preupload", encodeURIComponent(branch)), { method: "POST", body: JSON.stringify({ files: asked }), type: "application/json" });
    const json = (await answer.json()) as { files?: readonly { path: string; uploadMode: string; shouldIgnore?: boolean }[] };
    for (const { path, uploadMode, shouldIgnore } of json.files ?? []) found.set(path, shouldIgnore ? "ignored" : uploadMode === "lfs" ? "lfs" : "regular");
  }
  return found;
}

interface Action {
  readonly href: string;
  readonly header?: Readonly<Record<string, string>>;
}

/** Null: the store has it already. */
async function uploadAction(id: RepoId, branch: string, oid: string, size: number): Promise<Action | null> {
  const answer = await send(`${repoPath(id)}.git/info/lfs/objects/batch`, {
    method: "POST",
    type: "application/vnd.git-lfs+json",
    accept: "application/vnd.git-lfs+json",
    body: JSON.stringify({ operation: "upload", objects: [{ oid, size }], transfers: ["basic"], ref: { name: `refs/heads/${branch}` }, hash_algo: "sha256" }),
  });
  const json = (await answer.json()) as { objects?: readonly { actions?: { upload?: Action }; error?: { code: number; message: string } }[] };
  const object = json.objects?.[0];
  if (!object || object.error) throw new ApiError(object?.error?.code ?? 502, object?.error?.message ?? "The answer of the server names no place to upload to.");
  return object.actions?.upload ?? null;
}

/** By XMLHttpRequest: fetch does not say how far an upload is. */
function put({ href, header = {} }: Action, file: Blob, tell: (sent: number) => void): Promise<void> {
  // The host may have told us another of its names; its pages may reach only the one they came from.
  const url = new URL(href, location.href);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url.pathname + url.search);
    for (const [name, value] of Object.entries(header)) if (!/^authorization$/i.test(name)) request.setRequestHeader(name, value);
    request.upload.onprogress = (e) => tell(e.loaded);
    request.onload = () => (request.status < 300 ? resolve() : reject(new ApiError(request.status, refusalOf(request))));
    request.onerror = () => reject(new ApiError(0, "The upload broke off. Check the connection and try again."));
    request.send(file);
  });
}

function refusalOf(request: XMLHttpRequest): string {
  return request.getResponseHeader("X-Error-Message") ?? `The server answered with status ${request.status}.`;
}

/** The id of the commit that has them; null: there was nothing to upload. */
export async function uploadFiles(id: RepoId, branch: string, files: readonly UploadFile[], header: Header, tell: (progress: Progress) => void): Promise<string | null> {
  tell({ words: "Asking how…", part: 0 });
  const mode = await modes(id, branch, files);
  const wanted = files.filter((f) => mode.get(f.path) !== "ignored");
  if (wanted.length === 0) return null;
  const all = Math.max(1, wanted.reduce((sum, f) => sum + f.file.size * (mode.get(f.path) === "lfs" ? 2 : 1), 0));
  let done = 0;
  const changes: Change[] = [];
  for (const { path, file } of wanted) {
    const at = (words: string) => (bytes: number) => tell({ words: `${words} ${path}`, part: (done + bytes) / all });
    if (mode.get(path) !== "lfs") {
      at("Reading")(0);
      changes.push({ key: "file", value: { path, content: await base64Of(file), encoding: "base64" } });
      done += file.size;
      continue;
    }
    const oid = await hashFile(file, at("Reading"));
    done += file.size;
    const action = await uploadAction(id, branch, oid, file.size);
    if (action) await put(action, file, at("Sending"));
    done += file.size;
    changes.push({ key: "lfsFile", value: { path, algo: "sha256", oid, size: file.size } });
  }
  tell({ words: "Committing…", part: 1 });
  return commit(id, branch, header, changes);
}
