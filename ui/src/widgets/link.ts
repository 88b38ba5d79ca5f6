/* Addresses that apps name: what is neither http nor https is no link. */

/** The address as the browser will go to it; null: it is none that a page may offer. */
export function httpLink(value: unknown): string | null {
  if (typeof value !== "string") return null;
  try {
    const url = new URL(value);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
