/* The lines between `---` on top of a card: what they say stands beside the text, not in it. */

const FENCE = /^\ufeff?---[ \t]*\r?\n(?:[\s\S]*?\r?\n)?---[ \t]*(?:\r?\n|$)/;

/** The text of a card without its front matter. */
export function cardText(source: string): string {
  return source.replace(FENCE, "").replace(/^\s*\n/, "");
}

/** Where a card's own links lead: it names files of its repo as they lie beside it. */
export function cardAddress(href: string, folder: string, at: (path: string) => string): string {
  if (/^(?:[a-z][a-z0-9+.-]*:|[/#\\])/i.test(href) || href === "") return href;
  const [, path = "", rest = ""] = /^([^?#]*)(.*)$/.exec(href) ?? [];
  const parts = folder === "" ? [] : folder.split("/");
  for (const part of decoded(path).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.length === 0 ? href : at(parts.join("/")) + rest.replace(/^\?[^#]*/, "");
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
