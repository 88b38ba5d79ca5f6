import assert from "node:assert/strict";
import { before, test } from "node:test";
import { renderToString } from "preact-render-to-string";
import { sentenceEnd } from "@ui/widgets/chatbot_announce";
import { loadAll } from "@ui/widgets/lazy";
import { loadProse } from "@ui/widgets/prose";
import { renderGrowing, renderProse } from "@ui/widgets/prose_render";
import { readMultimodal } from "@ui/widgets/multimodal_files";
import { readTurns, textOf } from "@ui/widgets/chatbot_value";
import { accepted, append, Bench, commit, el, set } from "../support/session";
import { assertInert, HOSTILE, html } from "../support/html";

before(async () => {
  await loadProse();
  await loadAll();
});

const ALL = { like: {}, retry: {}, undo: {}, edit: {}, clear: {}, example: {} };
const chat = (value: unknown, on: object = ALL, props: object = {}) =>
  html(new Bench().begin({ title: "T", root: el(1, "column", {}, undefined, [el(2, "chatbot", { value, ...props }, on)]) }));

test("a message shows its parts: text, pictures, sound, files, sections", () => {
  const out = chat([
    {
      role: "assistant",
      content: [
        { text: "**look**" },
        { file: "f1", name: "a.png", type: "image/png", size: 3, alt: "Hills" },
        { file: "f2", name: "a.mp3", type: "audio/mpeg", size: 3 },
        { file: "f3", name: "a.csv", type: "text/csv", size: 1234 },
        { title: "Searching", text: "found *it*", status: "running" },
        { title: "Thought", text: "", status: "done", seconds: 1.25 },
      ],
    },
  ]);
  for (const shown of [/<strong>look<\/strong>/, /<img src="\/spaces\/o\/n\/-\/file\/f1" alt="Hills"/, /<audio[^>]*src="[^"]*f2" controls/, /download="a\.csv"/, />1 kB</, /<details class="section" open/, /<em>it<\/em>/, /1\.3 s/]) {
    assert.match(out, shown);
  }
  assertInert(out);
});

test("what can be done is there where a handler is: the last answer can be made again, own words edited", () => {
  const value = [
    { role: "user", content: "a" },
    { role: "assistant", content: "b", liked: true },
    { role: "user", content: "c" },
    { role: "assistant", content: "d" },
  ];
  const out = chat(value);
  const count = (words: string) => out.split(`aria-label="${words}"`).length - 1;
  assert.deepEqual(["Good answer", "Bad answer", "Answer again", "Edit", "Take back"].map(count), [2, 2, 1, 2, 1]);
  assert.match(out, /aria-label="Good answer" aria-pressed="true"/);
  assert.doesNotMatch(chat(value, {}), /Good answer|Answer again|aria-label="Edit"|Take back|>Clear</);
});

test("a question that nobody answered can be asked again, and examples begin a conversation", () => {
  assert.match(chat([{ role: "user", content: "a" }]), /No answer came[\s\S]*Try again/);
  assert.doesNotMatch(chat([{ role: "user", content: "a" }], {}), /No answer came/);
  assert.match(chat([], ALL, { examples: ["Hi", { label: "Long", value: "x" }] }), />Hi<[\s\S]*>Long</);
  assert.doesNotMatch(chat([{ role: "user", content: "a" }], ALL, { examples: ["Hi"] }), />Hi</);
});

test("names, times and signs stand at a message; impossible ones do not break it", () => {
  const out = chat([{ role: "assistant", content: "x", name: "Guide", time: 0 }], {}, { avatars: { assistant: "Guide" } });
  assert.match(out, />Guide</);
  assert.match(out, /dateTime="1970-01-01T00:00:00\.000Z"|datetime="1970-01-01T00:00:00\.000Z"/i);
  assert.match(out, /class="avatar-sign"[^>]*>Gui</);
  for (const time of [1e300, -1e300, Number.NaN, "now", {}]) chat([{ role: "user", content: "x", time }]);
});

test("what is hostile in a message stays text", () => {
  for (const v of [HOSTILE, null, 5, [], {}, [HOSTILE]]) {
    assertInert(chat([{ role: v, content: v, name: v, time: v, liked: v, error: v }]));
    assertInert(chat([{ role: "assistant", content: [{ text: v }, { title: v, text: v, status: v, open: v, seconds: v }, { file: v, name: v, type: v, size: v, alt: v }, v] }]));
    assertInert(chat(v, ALL, { avatars: { user: v, assistant: v }, examples: v, placeholder: v }));
  }
});

test("a message that did not change is the same object after a patch, and so is not rendered again", () => {
  const b = new Bench().begin({ title: "T", root: el(1, "column", {}, undefined, [el(2, "chatbot", { value: [{ role: "user", content: "a" }, { role: "assistant", content: "" }] })]) });
  const turns = () => readTurns(b.cell("chatbot2").props.peek()["value"]);
  const [first, second] = turns();
  b.get(append(2, "value/1/content", "x"), commit(1, 0));
  assert.equal(turns()[0], first);
  assert.notEqual(turns()[1], second);
});

test("a running event of the chat's own can be stopped there", () => {
  const b = new Bench().begin({ title: "T", root: el(1, "column", {}, undefined, [el(2, "chatbot", { value: [{ role: "user", content: "a" }] }, ALL)]) });
  b.session.fire(b.cell("chatbot2"), "retry", { index: 1 });
  assert.match(html(b), /> Stop</);
  b.get(accepted(1), set(2, "value/1", { role: "assistant", content: "b" }), commit(1, 1));
  assert.doesNotMatch(html(b), /> Stop</);
});

const LONG = "# a\n\nb *c*\n\n- d\n- e\n\n  f\n\n```lua\nlocal x = 1\n\nreturn x\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> q\n> r\n\n1. x\n2. y\n\nlast\r\nline\twith tab";

test("a text that grows ends as the same text at once", () => {
  for (const step of [1, 3, 7, 50]) {
    const grown = { text: "", shown: [] };
    for (let n = step; n < LONG.length; n += step) renderToString(renderGrowing(grown, LONG.slice(0, n), true));
    assert.equal(renderToString(renderGrowing(grown, LONG, true)), renderToString(renderProse(LONG, true)));
  }
  const other = { text: "", shown: [] };
  renderGrowing(other, "a\n\nb\n\nc");
  assert.equal(renderToString(renderGrowing(other, "x\n\ny")), "<p>x</p><p>y</p>");
});

test("whole blocks of a growing text are the very same elements", () => {
  const grown: { text: string; shown: unknown[] } = { text: "", shown: [] };
  renderGrowing(grown as never, "a\n\nb\n\nc");
  const before = [...grown.shown];
  renderGrowing(grown as never, "a\n\nb\n\nc d\n\ne");
  assert.ok(before.length > 1);
  before.forEach((node, i) => assert.equal(grown.shown[i], node));
});

test("whole sentences are read out", () => {
  assert.equal(sentenceEnd("One. Two. Thr", 0), 9);
  assert.equal(sentenceEnd("One. Two. Thr", 9), 9);
  assert.equal(sentenceEnd("version 1.5 is", 0), 0);
  assert.equal(sentenceEnd("a\nb", 0), 2);
});

test("the words of a message are its texts; a message box holds a text and files, whatever came", () => {
  assert.equal(textOf([{ text: "a" }, { title: "t", text: "no" }, { file: "f" }, { text: "b" }]), "a\n\nb");
  assert.deepEqual(readMultimodal("x"), { text: "x", files: [] });
  for (const v of [null, 5, [], { text: 5, files: 7 }, { files: [null, 1, {}] }]) assert.deepEqual(readMultimodal(v), { text: "", files: [] });
});
