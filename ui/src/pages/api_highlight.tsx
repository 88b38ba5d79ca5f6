/* Colours for the API page's own few lines of code: strings, comments, words and numbers. Knows no
 * grammar. */
import type { ComponentChildren } from "preact";

const PARTS =
  /("(?:\\.|[^"\\\n])*"|'(?:'\\''|[^'\n])*'|\[(=*)\[[\s\S]*?\]\2\])|((?:^|\s)(?:\/\/|# ).*$)|\b(import|from|const|await|local|print|return|assert)\b|(?<![\w./:-])(\d+(?:\.\d+)?|true|false|null|True|False|None)(?![\w.])/gm;

export function Highlighted({ code }: { code: string }) {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const m of code.matchAll(PARTS)) {
    const kind = m[1] ? "string" : m[3] ? "comment" : m[4] ? "word" : "number";
    parts.push(code.slice(at, m.index), <span class={`code-${kind}`}>{m[0]}</span>);
    at = m.index + m[0].length;
  }
  parts.push(code.slice(at));
  return <>{parts}</>;
}
