/* Which platform page an address means. */
import type { Kind, RepoId } from "./hub/repo";

/** Which of the administrators' pages; "": the first. */
export type AdminTab = "" | "policy" | "accounts" | "audit" | "takedowns";

export type Route =
  | { readonly page: "home"; readonly kind: Kind }
  | { readonly page: "create"; readonly kind: Kind; readonly owner: string }
  | { readonly page: "profile"; readonly owner: string }
  | { readonly page: "sign-in"; readonly next: string }
  | { readonly page: "sign-up"; readonly invitation: string }
  | { readonly page: "account" }
  | { readonly page: "admin"; readonly part: AdminTab }
  | { readonly page: "connection" }
  | { readonly page: "top" }
  | { readonly page: "api" | "builds" | "logs"; readonly owner: string; readonly name: string }
  | { readonly page: "card" | "settings"; readonly id: RepoId }
  | { readonly page: "tree" | "blob" | "edit" | "commits"; readonly id: RepoId; readonly rev: string; readonly path: string }
  | { readonly page: "commit"; readonly id: RepoId; readonly commit: string }
  | { readonly page: "not-found" };

const NAME = "[A-Za-z0-9][A-Za-z0-9._-]*";
const SPACE = new RegExp(`^/spaces/(${NAME})/(${NAME})/-/(api|builds|logs|settings)/?$`);
const REPO = new RegExp(`^/(?:(spaces|datasets)/)?(${NAME})/(${NAME})(?:/([a-z]+)((?:/[^/]+)*))?/?$`);
const OWNER = new RegExp(`^/(${NAME})/?$`);
/** What stands where an owner would; the server refuses people such names. */
const TAKEN = new Set(["spaces", "datasets", "models", "api", "assets"]);

export function routeOf(path: string, query: string): Route {
  const space = SPACE.exec(path);
  if (space) {
    const [, owner = "", name = "", page] = space;
    if (page === "settings") return { page, id: { kind: "space", owner, name } };
    return { page: page as "builds", owner, name };
  }
  switch (path.replace(/\/$/, "")) {
    case "":
    case "/spaces":
      return { page: "home", kind: "space" };
    case "/models":
      return { page: "home", kind: "model" };
    case "/datasets":
      return { page: "home", kind: "dataset" };
    case "/new":
      return { page: "create", kind: kindOf(new URLSearchParams(query).get("kind")), owner: new URLSearchParams(query).get("owner") ?? "" };
    case "/-/sign-in":
    case "/-/login":
      return { page: "sign-in", next: localPath(new URLSearchParams(query).get("next")) };
    case "/-/sign-up":
      return { page: "sign-up", invitation: new URLSearchParams(query).get("invitation") ?? "" };
    case "/-/account":
    case "/-/tokens":
      return { page: "account" };
    case "/-/admin":
      return { page: "admin", part: "" };
    case "/-/admin/policy":
      return { page: "admin", part: "policy" };
    case "/-/admin/accounts":
      return { page: "admin", part: "accounts" };
    case "/-/admin/audit":
      return { page: "admin", part: "audit" };
    case "/-/admin/takedowns":
      return { page: "admin", part: "takedowns" };
    case "/-/top":
      return { page: "top" };
    case "/-/connection":
      return { page: "connection" };
  }
  return repoRoute(path) ?? { page: "not-found" };
}

function repoRoute(path: string): Route | null {
  const owner = OWNER.exec(path)?.[1];
  if (owner !== undefined) return { page: "profile", owner };
  const [, prefix, who = "", name = "", page, rest = ""] = REPO.exec(path) ?? [];
  if (name === "" || TAKEN.has(who)) return null;
  const id: RepoId = { kind: prefix === "spaces" ? "space" : prefix === "datasets" ? "dataset" : "model", owner: who, name };
  const parts = decoded(rest.split("/").slice(1));
  if (parts === null) return null;
  const [first = "", ...more] = parts;
  switch (page) {
    case undefined:
      // The address of a Space itself is its app; this page is shown only where there is none.
      return { page: "card", id };
    case "settings":
      return id.kind === "space" || first !== "" ? null : { page, id };
    case "commit":
      return first === "" || more.length > 0 ? null : { page, id, commit: first };
    case "tree":
    case "commits":
      return { page, id, rev: first || "main", path: more.join("/") };
    case "blob":
      return more.length === 0 ? null : { page, id, rev: first, path: more.join("/") };
    case "edit":
      return first === "" ? null : { page, id, rev: first, path: more.join("/") };
    default:
      return null;
  }
}

function decoded(parts: readonly string[]): readonly string[] | null {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return null;
  }
}

function kindOf(kind: string | null): Kind {
  return kind === "model" || kind === "dataset" ? kind : "space";
}

/** Where to go after signing in: never off this site, whatever the address says. */
export function localPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) && !next.includes("\\") ? next : "/";
}

/** The address of the sign-in page that leads back here. */
export function signInPath(here: string): string {
  return here === "/" ? "/-/sign-in" : `/-/sign-in?next=${encodeURIComponent(here)}`;
}
