// The commands of a page of docs/, as published.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./platform.mjs";

/** Every fenced block of a page, in its order: { language, text, part, runBy }. part: the heading of
 * the second level that it is under. runBy: the file that an HTML comment "run by FILE" before the
 * fence names, for what cannot run where the page does. */
export function blocksOf(page) {
  const text = readFileSync(join(root, page), "utf8");

  return [...text.matchAll(/^(?:<!-- run by (\S+?),?(?: [^>]*)?-->\n)?```(\w*)\n(.*?)^```$/gms)].map((found) => ({
    runBy: found[1], language: found[2], text: found[3],
    part: [...text.slice(0, found.index).matchAll(/^## (.*)$/gm)].at(-1)?.[1],
  }));
}
