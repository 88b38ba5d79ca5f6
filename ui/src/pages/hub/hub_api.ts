/* The hub's REST calls, the ones other clients make too: lists with pages, files, commits. */
import { ApiError, call, send } from "../api";
import { readChanges, type Changes } from "./diff";
import { apiPath, encodePath, PLURAL, readCommit, readEntry, readList, readRepo, type Commit, type Entry, type Kind, type Repo, type RepoId } from "./repo";

/** Some of a list, and where the rest of it is. */
export interface Part<T> {
  readonly items: readonly T[];
  readonly next: string | null;
  /** Of all there are, where the server says. */
  readonly total: number | null;
}

async function part<T>(path: string, read: (json: unknown) => T | null): Promise<Part<T>> {
  const answer = await send(path);
  const total = Number(answer.headers.get("X-Total-Count") ?? NaN);
  return {
    items: readList(await answer.json(), read),
    next: nextOf(answer.headers.get("Link")),
    total: Number.isNaN(total) ? null : total,
  };
}

/** The address of `Link: <…>; rel="next"`, on this host whatever name it gives itself. */
export function nextOf(link: string | null): string | null {
  const found = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "")?.[1];
  if (found === undefined) return null;
  try {
    const url = new URL(found, "http://here/");
    return url.pathname + url.search;
  } catch {
    return null;
  }
}

/* --- lists --- */

export const SORTS = { trendingScore: "Trending", lastModified: "Recently changed", likes: "Most liked", createdAt: "Newest" } as const;
export type Sort = keyof typeof SORTS;

export interface Query {
  readonly search: string;
  readonly sort: Sort;
  /** A task for models, an SDK for Spaces, a tag: the server takes all of them as filters. */
  readonly filters: readonly string[];
  readonly author?: string;
}

const PAGE = 30;

export function listPath(kind: Kind, { search, sort, filters, author }: Query): string {
  const query = new URLSearchParams({ sort, limit: String(PAGE), full: "true" });
  if (search.trim() !== "") query.set("search", search.trim());
  if (author) query.set("author", author);
  for (const filter of filters) query.append("filter", filter);
  return `/api/${PLURAL[kind]}?${query.toString()}`;
}

export function repos(kind: Kind, path: string): Promise<Part<Repo>> {
  return part(path, (json) => readRepo(kind, json));
}

/* --- one repo --- */

export async function repo(id: RepoId, rev?: string): Promise<Repo> {
  const json = await call<unknown>("GET", rev === undefined ? apiPath(id) : apiPath(id, "revision", encodeURIComponent(rev)));
  const read = readRepo(id.kind, json);
  if (!read) throw new ApiError(502, "The answer of the server is no repo.");
  return read;
}

export interface Likes {
  readonly liked: boolean;
  readonly likes: number;
}

export function like(id: RepoId, liked: boolean): Promise<Likes> {
  return call(liked ? "POST" : "DELETE", apiPath(id, "like"));
}

/** Whether somebody is among those who like it. */
export async function likes(id: RepoId, name: string): Promise<boolean> {
  const people = await call<readonly { readonly user?: string }[]>("GET", apiPath(id, "likers"));
  return Array.isArray(people) && people.some((p) => p.user === name);
}

export interface Refs {
  readonly branches: readonly string[];
  readonly tags: readonly string[];
}

export async function refs(id: RepoId): Promise<Refs> {
  const json = await call<Record<string, unknown>>("GET", apiPath(id, "refs"));
  const name = (ref: unknown) => {
    const named = (ref as Record<string, unknown> | null)?.["name"];
    return typeof named === "string" ? named : null;
  };
  return { branches: readList(json["branches"], name), tags: readList(json["tags"], name) };
}

export function treePart(id: RepoId, rev: string, path: string): Promise<Part<Entry>> {
  return part(`${apiPath(id, "tree", encodeURIComponent(rev), encodePath(path))}?expand=true`, readEntry);
}

export function nextEntries(path: string): Promise<Part<Entry>> {
  return part(path, readEntry);
}

/** What stands at a path; null: nothing. */
export async function entryAt(id: RepoId, rev: string, path: string): Promise<Entry | null> {
  const json = await call<unknown>("POST", apiPath(id, "paths-info", encodeURIComponent(rev)), { paths: [path], expand: true });
  return readList(json, readEntry).find((e) => e.path === path) ?? null;
}

export function commits(id: RepoId, rev: string, limit = 50): Promise<Part<Commit>> {
  return part(`${apiPath(id, "commits", encodeURIComponent(rev))}?limit=${limit}`, readCommit);
}

/** A commit, and what it changed against its first parent. */
export async function changesOf(id: RepoId, rev: string): Promise<Changes> {
  return readChanges(await call("GET", apiPath(id, "commit", encodeURIComponent(rev))));
}

export function nextCommits(path: string): Promise<Part<Commit>> {
  return part(path, readCommit);
}

/* --- commits --- */

export interface Header {
  readonly summary: string;
  readonly description?: string;
  readonly parentCommit?: string;
}

/** One change of a commit; text is UTF-8, bytes are base64 already. */
export type Change =
  | { readonly key: "file"; readonly value: { readonly path: string; readonly content: string; readonly encoding: "utf-8" | "base64" } }
  | { readonly key: "lfsFile"; readonly value: { readonly path: string; readonly algo: "sha256"; readonly oid: string; readonly size: number } }
  | { readonly key: "deletedFile"; readonly value: { readonly path: string } };

/** The lines of a commit; a Blob, so that many files need not be one string. */
export function commitBody(header: Header, changes: readonly Change[]): Blob {
  return new Blob([{ key: "header", value: header }, ...changes].map((line) => `${JSON.stringify(line)}\n`));
}

/** The id of the new commit. */
export async function commit(id: RepoId, branch: string, header: Header, changes: readonly Change[]): Promise<string> {
  const answer = await send(apiPath(id, "commit", encodeURIComponent(branch)), {
    method: "POST",
    body: commitBody(header, changes),
    type: "application/x-ndjson",
  });
  const json = (await answer.json()) as Record<string, unknown>;
  return String(json["commitOid"] ?? "");
}
