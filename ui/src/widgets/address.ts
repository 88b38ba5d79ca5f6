/* Where a file that a value names is loaded from. */

/** {file} is an upload or something the app made; a text is a path that the SDK has published. */
export function addressOf(value: unknown, base: string): string | null {
  const file = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["file"] : value;
  if (typeof file !== "string" || file === "") return null;
  const parts = file.split("/");
  // A browser walks such parts before it asks: the address would name something else.
  if (parts.some((p) => p === "" || p === "." || p === "..")) return null;
  return `${base}/-/file/${parts.map(encodeURIComponent).join("/")}`;
}
