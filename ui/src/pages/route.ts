/* Which platform page an address means. */
export type Route =
  | { readonly page: "home" }
  | { readonly page: "sign-in"; readonly next: string }
  | { readonly page: "account" }
  | { readonly page: "connection" }
  | { readonly page: "api" | "builds" | "logs" | "settings"; readonly owner: string; readonly name: string }
  | { readonly page: "not-found" };

const SPACE = /^\/spaces\/([a-z0-9-]+)\/([A-Za-z0-9._-]+)\/-\/(api|builds|logs|settings)\/?$/;

export function routeOf(path: string, query: string): Route {
  const space = SPACE.exec(path);
  if (space) {
    return { page: space[3] as "builds", owner: space[1] ?? "", name: space[2] ?? "" };
  }
  switch (path.replace(/\/$/, "")) {
    case "":
      return { page: "home" };
    case "/-/sign-in":
    case "/-/login":
      return { page: "sign-in", next: localPath(new URLSearchParams(query).get("next")) };
    case "/-/account":
    case "/-/tokens":
      return { page: "account" };
    case "/-/connection":
      return { page: "connection" };
    default:
      return { page: "not-found" };
  }
}

/** Where to go after signing in: never off this site, whatever the address says. */
export function localPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) && !next.includes("\\") ? next : "/";
}

/** The address of the sign-in page that leads back here. */
export function signInPath(here: string): string {
  return here === "/" ? "/-/sign-in" : `/-/sign-in?next=${encodeURIComponent(here)}`;
}
