/* What a page and the Space inside it say to each other. Both ends check all of it: the other one
 * is a stranger. */

/** A host page's frame is never taller, whatever the page in it says. */
export const HEIGHT_MAX = 20_000;

export type Theme = "light" | "dark" | "auto";

export interface HeightMessage {
  readonly vitrine: "height";
  readonly height: number;
}

export interface ThemeMessage {
  readonly vitrine: "theme";
  readonly theme: Theme;
}

/** CSS pixels, or null: not a message of ours. */
export function readHeight(data: unknown): number | null {
  const { vitrine, height } = fieldsOf(data);
  if (vitrine !== "height" || typeof height !== "number" || !Number.isFinite(height)) return null;
  return Math.min(Math.max(Math.ceil(height), 0), HEIGHT_MAX);
}

export function readTheme(data: unknown): Theme | null {
  const { vitrine, theme } = fieldsOf(data);
  return vitrine === "theme" && typeof theme === "string" && isTheme(theme) ? theme : null;
}

export function isTheme(text: string | null): text is Theme {
  return text === "light" || text === "dark" || text === "auto";
}

function fieldsOf(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
}

/**
 * The address of the frame for a Space's address, "https://host/spaces/owner/name" or that of a host
 * of its own, with a query for its app. Null: that is no Space.
 */
export function frameAddress(src: string, from: string, theme: Theme): URL | null {
  let url: URL;
  try {
    url = new URL(src, from);
  } catch {
    return null;
  }
  const path = /^(\/spaces\/[a-z0-9-]+\/[A-Za-z0-9._-]+|)\/?(?:-\/embed)?$/.exec(url.pathname);
  if (!path || (url.protocol !== "https:" && url.protocol !== "http:")) return null;
  url.pathname = `${path[1]}/-/embed`;
  url.hash = "";
  if (theme !== "auto") url.searchParams.set("theme", theme);
  return url;
}
