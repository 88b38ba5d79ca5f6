/* Widgets as HTML text, and a look at what a browser would make of it. */
import assert from "node:assert/strict";
import { renderToString } from "preact-render-to-string";
import { Node } from "@ui/widgets/node";
import { SpaceContext } from "@ui/widgets/space";
import { Bench } from "./session";

export const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(1)</script>' onmouseover='alert(1) javascript:alert(1) {{7*7}}`;

/** The page of a bench as its visitor sees it. */
export function html(bench: Bench): string {
  const root = bench.session.page.tree.value?.root;
  assert.ok(root);
  const space = { session: bench.session, base: "/spaces/o/n", upload: () => Promise.reject(new Error("no uploads here")), halves: () => [] };
  return renderToString(
    <SpaceContext.Provider value={space}>
      <Node cell={root} />
    </SpaceContext.Provider>,
  );
}

const TAG = /<([a-z][a-z0-9]*)((?:[^>"]|"[^"]*")*)>/g;
const ATTRIBUTE = /\s([^\s=>]+)(?:="([^"]*)")?/g;
const DANGEROUS = new Set(["script", "iframe", "object", "embed", "base", "meta", "link", "form", "style"]);

/** No element or attribute that could run anything: what an app says is text. */
export function assertInert(markup: string): void {
  for (const [, tag = "", attributes = ""] of markup.matchAll(TAG)) {
    // The one frame there is: the platform's own file, where what an app says has no origin.
    const frame = tag === "iframe" && attributes.includes(' src="/frame.html"') && attributes.includes(' sandbox="allow-scripts allow-popups"');
    assert.ok(!DANGEROUS.has(tag) || frame, `<${tag}> in ${markup}`);
    for (const [, name = "", value = ""] of attributes.matchAll(ATTRIBUTE)) {
      assert.doesNotMatch(name, /^on|^srcdoc$|^formaction$/i, `${name} in ${markup}`);
      if (name === "href") assert.match(value, /^(https?:|mailto:|#|\/(?![/\\]))/i, `href ${value}`);
      if (name === "src") assert.match(value, /^\/(?![/\\])/, `src ${value}`);
    }
  }
}
