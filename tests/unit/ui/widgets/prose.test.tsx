import assert from "node:assert/strict";
import { test } from "node:test";
import { renderToString } from "preact-render-to-string";
import { renderProse, safeAddress } from "@ui/widgets/prose_render";
import { assertInert, HOSTILE } from "../support/html";

const render = (text: string) => renderToString(renderProse(text));

for (const [claim, source, expected] of [
  ["paragraphs and emphasis", "a **b** *c* ~~d~~ `e`", "<p>a <strong>b</strong> <em>c</em> <del>d</del> <code>e</code></p>"],
  ["headings below the page's own", "# one\n\n###### six", "<h2>one</h2><h6>six</h6>"],
  ["tight lists", "- a\n- b", "<ul><li>a</li><li>b</li></ul>"],
  ["ordered lists from their number", "3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
  ["quotes", "> a", "<blockquote><p>a</p></blockquote>"],
  ["hard breaks", "a  \nb", "<p>a<br/>b</p>"],
  ["rules", "---", "<hr/>"],
  ["character references", "a &amp; b &lt;b&gt; &#233; &unknown;", "<p>a &amp; b &lt;b> é &amp;unknown;</p>"],
  ["escapes", "\\*not\\*", "<p>*not*</p>"],
  ["HTML as text", "a <b>c</b>", "<p>a &lt;b>c&lt;/b></p>"],
  ["blocks of HTML as text", "<div onclick=x>\nhi\n</div>", '<p class="source">&lt;div onclick=x>\nhi\n&lt;/div></p>'],
] as const) {
  test(`renders ${claim}`, () => {
    assert.equal(render(source), expected);
  });
}

test("a line break is one in a chat, and a space elsewhere", () => {
  assert.equal(renderToString(renderProse("a\nb", true)), "<p>a<br/>b</p>");
  assert.equal(render("a\nb"), "<p>a\nb</p>");
});

test("renders a fenced block with its language and something to copy it by", () => {
  const out = render("```lua\nreturn 1 < 2\n```");
  assert.match(out, /<span>lua<\/span>/);
  assert.match(out, /<code><span class="tok-keyword">return<\/span> <span class="tok-number">1<\/span> &lt; <span class="tok-number">2<\/span><\/code>/);
  assert.match(out, /<button[^>]*>/);
});

test("renders tables with their alignment, and task lists", () => {
  const out = render("| a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done\n- [ ] open");
  assert.match(out, /<th class="align-right">b<\/th>/);
  assert.match(out, /<td class="align-right">2<\/td>/);
  assert.equal(out.match(/type="checkbox"/g)?.length, 2);
  assert.equal(out.match(/ checked/g)?.length, 1);
  assert.doesNotMatch(out, /\[[ x]\]/);
});

test("a link leads out without telling where from", () => {
  assert.match(render("[a](https://example.org/?q=1 'b')"), /<a href="https:\/\/example\.org\/\?q=1" title="b" target="_blank" rel="noopener noreferrer nofollow">a<\/a>/);
});

test("a picture from elsewhere is a link, one from here is a picture", () => {
  assert.doesNotMatch(render("![a](https://tracker.example/p.png)"), /<img/);
  assert.match(render("![a](/spaces/o/n/-/file/x)"), /<img src="\/spaces\/o\/n\/-\/file\/x" alt="a"/);
});

const BAD = [
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  " javascript:alert(1)",
  "java\nscript:alert(1)",
  "java\tscript:alert(1)",
  "\u0001javascript:alert(1)",
  "javascript&colon;alert(1)",
  "javascript&#58;alert(1)",
  "javascript&#x3A;alert(1)",
  "&#106;avascript:alert(1)",
  "&#x6A;&#x61;vascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "data:image/svg+xml,<svg onload=alert(1)>",
  "vbscript:msgbox(1)",
  "file:///etc/passwd",
  "blob:https://x/1",
  "//evil.example/x",
  "/\\evil.example/x",
  "\\\\evil.example",
  "ftp://x",
  "x:y",
  "",
];
for (const address of BAD) {
  test(`no link to ${JSON.stringify(address)}`, () => {
    assert.equal(safeAddress(address), null);
    for (const source of [`[a](<${address}>)`, `[a](${address})`, `![a](${address})`, `<${address}>`, `[a][r]\n\n[r]: ${address}`]) {
      assertInert(render(source));
    }
  });
}

for (const source of [
  HOSTILE,
  `**${HOSTILE}**`,
  `# ${HOSTILE}`,
  `- ${HOSTILE}`,
  `> ${HOSTILE}`,
  `| ${HOSTILE} |\n|---|\n| ${HOSTILE} |`,
  "```\"><script>\n" + HOSTILE + "\n```",
  `[${HOSTILE}](https://x/ "${HOSTILE}")`,
  `[a](https://x/"onclick="alert(1))`,
  `<svg><script>alert(1)</script></svg>`,
  `<a href="javascript:alert(1)">x</a>`,
  `<style>*{display:none}</style>`,
  `<iframe srcdoc="<script>alert(1)</script>">`,
  `<details open ontoggle=alert(1)>`,
  `&lt;script&gt;alert(1)&lt;/script&gt;`,
  `\u0000<script>`,
]) {
  test(`what is hostile stays text: ${source.slice(0, 40)}`, () => {
    assertInert(render(source));
  });
}

test("no depth of nesting ends the page", () => {
  for (const source of [">".repeat(5000) + "x", "- ".repeat(2000) + "x", "**".repeat(20_000), "[".repeat(20_000), "*a **b ".repeat(3000), "`".repeat(20_000)]) {
    assertInert(render(source));
  }
});
