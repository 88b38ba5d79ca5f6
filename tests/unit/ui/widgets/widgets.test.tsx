import assert from "node:assert/strict";
import { before, test } from "node:test";
import { FAIL_ERROR, FAIL_INVALID, type ComponentType } from "proto";
import { addressOf } from "@ui/widgets/address";
import { options } from "@ui/widgets/choices";
import { colorOf } from "@ui/widgets/color";
import { found } from "@ui/widgets/combobox";
import { loadAll } from "@ui/widgets/lazy";
import { httpLink } from "@ui/widgets/link";
import { WIDGETS } from "@ui/widgets/node";
import { clamp, isExact, parseNumber } from "@ui/widgets/number";
import { loadProse } from "@ui/widgets/prose";
import { placeWords, waitWords } from "@ui/widgets/queue";
import { pairOf } from "@ui/widgets/range_slider";
import { accepted, append, Bench, commit, el, fail, interrupted, queue, set } from "../support/session";
import { assertInert, HOSTILE, html } from "../support/html";

before(async () => {
  await loadProse();
  await loadAll();
});

const page = (...children: object[]) => new Bench().begin({ title: "T", root: el(1, "column", {}, undefined, children) });
const one = (type: string, props: object, on?: object, children?: object[]) => html(page(el(2, type, props, on, children)));

/** One honest and complete example of every component. */
const HONEST: Readonly<Record<ComponentType, { props: object; on?: object; children?: object[]; shows: readonly RegExp[] }>> = {
  textbox: {
    props: { label: "Name", info: "As on the card", value: "Ada", placeholder: "p" },
    shows: [/<label[^>]*for="c2"[^>]*>Name<\/label>/, /<input[^>]*id="c2"/, /value="Ada"/, /aria-describedby="c2-info"/, /As on the card/],
  },
  number: { props: { label: "Age", value: 3, min: 0, max: 9 }, shows: [/type="number"/, /value="3"/, /min="0"/, /max="9"/, /for="c2"/] },
  slider: { props: { label: "Heat", value: 5, min: 0, max: 10 }, shows: [/type="range"/, /type="number"/, /aria-label="Heat: value"/, /--at: ?50%/] },
  checkbox: { props: { label: "Agree", value: true }, shows: [/type="checkbox"[^>]* checked/, /<span>Agree<\/span>/] },
  range_slider: { props: { label: "Span", value: [20, 60] }, shows: [/--from: ?20%/, /--to: ?60%/, /type="range"[^>]*aria-label="Span: from"/, /aria-label="Span: to, value"/] },
  checkbox_group: { props: { label: "Extras", choices: ["Milk", { label: "Oat", value: "o" }], value: ["o"] }, shows: [/role="group"/, /type="checkbox"[^>]*>[^<]*<span>Milk/, /checked[^>]*>[^<]*<span>Oat/] },
  datetime: { props: { label: "Day", value: "2026-11-26", min: "2026-01-01" }, shows: [/type="date"/, /value="2026-11-26"/, /min="2026-01-01"/, /for="c2"/] },
  color: { props: { label: "Wall", value: "#0b6b5d", choices: ["#ff0000"] }, shows: [/type="color"[^>]*aria-label="Wall: picker"/, /type="text"[^>]*id="c2"[^>]*value="#0b6b5d"|value="#0b6b5d"/, /aria-label="#ff0000"/] },
  upload_button: { props: { label: "Send it", types: ".csv" }, shows: [/type="file"[^>]*accept="\.csv"|accept="\.csv"/, /<button[^>]*id="c2"/, />Send it</] },
  download_button: { props: { label: "Get it", value: { file: "f1", name: "a.csv" } }, shows: [/<button[^>]*id="c2"/, />Get it</] },
  radio: { props: { label: "Size", choices: ["s", { label: "Large", value: "l" }], value: "l" }, shows: [/role="radiogroup"/, /value="l" checked/, />Large</] },
  dropdown: { props: { label: "City", choices: ["Paris", "Rome"], value: "Rome" }, shows: [/<select[^>]*id="c2"/, /<option[^>]*selected[^>]*>Rome/] },
  button: { props: { value: "Go", variant: "primary" }, on: { click: {} }, shows: [/<button[^>]*class="button primary"/, />Go</] },
  label: {
    props: { label: "Mood", value: { label: "good", confidences: [{ label: "bad", confidence: 0.1 }, { label: "good", confidence: 0.9 }] } },
    shows: [/class="verdict-top">good</, /90\.0 %/, /good[\s\S]*bad/, /aria-live="polite"/],
  },
  markdown: { props: { value: "**hi**" }, shows: [/<strong>hi<\/strong>/] },
  json: { props: { value: { a: [1, "x", null] } }, shows: [/<details open/, />a: </, /&quot;x&quot;|"x"/, />null</] },
  dataframe: {
    props: { label: "Prices", value: { headers: ["name", "price"], rows: [["tea", 3.5]], tail: '["coffee",4]\n', edits: { r0: ["tea", 9] } } },
    shows: [/role="grid"[^>]*aria-label="Prices"/, /aria-rowcount="3"/, /role="columnheader"[^>]*is-number/, />tea</, />9</, />coffee</],
  },
  gallery: {
    props: { label: "Cats", value: [{ file: "f1", name: "a.png", type: "image/png", size: 1, caption: "Tom" }, { file: "f2", name: "b.png" }], selected: 2 },
    shows: [/role="list"[^>]*aria-label="Cats"/, /src="\/spaces\/o\/n\/-\/file\/f1" alt="Tom"/, /alt="b\.png"/, /aria-current="true"/],
  },
  plot: {
    props: { label: "Trend", value: { series: [{ name: "a", x: [1, 2], y: [3, 4] }, { name: "b", kind: "bar", x: [1], y: [2] }], tail: "[0,3,5]\n" } },
    shows: [/role="application"[^>]*aria-label="Trend: a \(line, 3 points\), b \(bar, 1 points\)/, /aria-pressed="true"[\s\S]*>a</, /<canvas/],
  },
  image: { props: { label: "Photo", value: { file: "f1", name: "n", type: "image/png", size: 1 }, alt: "Hills" }, shows: [/<img src="\/spaces\/o\/n\/-\/file\/f1" alt="Hills"/] },
  sketch: { props: { label: "Digit", grid: 28 }, shows: [/<canvas[^>]*id="c2"/, /role="toolbar" aria-label="Tools of Digit"/, /Undo/] },
  audio: {
    props: { label: "Voice", interactive: false, value: { file: "f1", name: "a.wav", type: "audio/wav", size: 1 } },
    shows: [/<audio[^>]*src="\/spaces\/o\/n\/-\/file\/f1"/, /aria-label="Play Voice"/, /role="slider"[^>]*aria-label="Place in Voice"/, /download="a\.wav"/],
  },
  video: {
    props: { label: "Film", value: { file: "f1", name: "a.mp4", type: "video/mp4", size: 1 } },
    shows: [/<video[^>]*src="\/spaces\/o\/n\/-\/file\/f1"/, /controls/, /aria-label="Film"/],
  },
  file: {
    props: { label: "Table", types: ".csv", value: { file: "f1", name: "a.csv", type: "text/plain", size: 1234567 } },
    shows: [/type="file"[^>]*accept="\.csv"|accept="\.csv"[^>]*type="file"/, />a\.csv</, /1\.2 MB/, /aria-label="Remove a\.csv"/],
  },
  chatbot: {
    props: { value: [{ role: "user", content: "**q**" }, { role: "assistant", content: "**a**" }] },
    shows: [/role="log"/, /\*\*q\*\*/, /<strong>a<\/strong>/, /aria-live="polite"/],
  },
  code: {
    props: { label: "Program", value: "return 1", language: "lua" },
    shows: [/<textarea[^>]*id="c2"/, /<span class="tok-keyword">return<\/span>/, /for="c2"[^>]*>Program</, /Escape, then Tab/],
  },
  highlighted: {
    props: { label: "Entities", value: [{ text: "Ada", label: "PER", score: 0.91 }, { text: " in " }, { text: "Rome", label: "LOC" }] },
    shows: [/aria-label="Labels"/, /<mark class="mark mark-0">Ada<small>PER<\/small>/, /91 %/, /class="mark mark-1"/],
  },
  html: {
    props: { label: "Page", value: "<b>hi</b>" },
    shows: [/<iframe[^>]*src="\/frame\.html"[^>]*sandbox="allow-scripts allow-popups"|sandbox="allow-scripts allow-popups"[^>]*src="\/frame\.html"/, /title="Page"/],
  },
  multimodal: {
    props: { label: "Message", value: { text: "look", files: [{ file: "f1", name: "a.png", type: "image/png", size: 9 }] } },
    on: { submit: {} },
    shows: [/<textarea[^>]*id="c2"/, />look</, /aria-label="Add files"/, /aria-label="Remove a\.png"/, /src="\/spaces\/o\/n\/-\/file\/f1"/, /aria-label="Send"/],
  },
  examples: { props: { rows: [["one"], ["two"]], inputs: [1] }, shows: [/<button[^>]*class="chip"[^>]*>one</, />Examples</] },
  progress: { props: { value: { fraction: 0.25, message: "Reading" } }, shows: [/<progress[^>]*value="0.25"/, /25 %/, /Reading/] },
  pages: {
    props: { label: "Parts" },
    children: [el(3, "subpage", { label: "Home" }, {}, [el(5, "markdown", { value: "first" })]), el(4, "subpage", { label: "About", name: "about" }, {}, [el(6, "markdown", { value: "second" })])],
    shows: [/<nav class="page-links" aria-label="Parts"/, /href="\/spaces\/o\/n" aria-current="page"[^>]*>Home</, /href="\/spaces\/o\/n\/p\/about"/, /^((?!second).)*$/s, /first/],
  },
  subpage: { props: { label: "Alone" }, children: [el(3, "markdown", { value: "in it" })], shows: [/in it/] },
  state: { props: { value: 3 }, shows: [/^((?!is-state).)*$/s] },
  render: { props: {}, shows: [/class="node is-render"><div class="column/] },
  timer: { props: { every: 0.5, active: false }, shows: [/^((?!is-timer).)*$/s] },
  row: { props: {}, shows: [/class="row gap-medium"/] },
  column: { props: { gap: "small" }, shows: [/class="column gap-small"/] },
  group: { props: { label: "Address" }, children: [el(3, "markdown", { value: "in it" })], shows: [/role="group" aria-labelledby="c2-label"/, />Address</, /in it/] },
  tabs: {
    props: { label: "Parts", value: "b" },
    children: [el(3, "tab", { label: "A" }, {}, [el(5, "markdown", { value: "first" })]), el(4, "tab", { label: "B", name: "b" }, {}, [el(6, "markdown", { value: "second" })])],
    shows: [/role="tablist" aria-label="Parts"/, /id="c4-tab" aria-selected="true" aria-controls="c4-panel" tabindex="0"/, /id="c3-tab" aria-selected="false"[^>]*tabindex="-1"/, /id="c3-panel"[^>]* hidden/, /second/],
  },
  accordion: { props: { label: "More" }, children: [el(3, "markdown", { value: "in it" })], shows: [/aria-expanded="true" aria-controls="c2-body"/, />More</, /in it/] },
  sidebar: { props: { label: "Settings" }, children: [el(3, "markdown", { value: "in it" })], shows: [/<aside[^>]*aria-label="Settings"/, /aria-expanded="true"/, /in it/] },
  modal: { props: { label: "Really?", value: true }, children: [el(3, "markdown", { value: "in it" })], shows: [/<dialog[^>]*aria-labelledby="c2-label"/, />Really\?</, /aria-label="Close"/, /in it/] },
  tab: { props: { label: "Alone" }, children: [el(3, "markdown", { value: "in it" })], shows: [/in it/] },
};

for (const [type, { props, on, children, shows }] of Object.entries(HONEST)) {
  test(`${type} shows what it is given`, () => {
    const out = one(type, props, on, children);
    for (const pattern of shows) assert.match(out, pattern);
    assertInert(out);
  });
}

test("every component has a widget and an example here", () => {
  assert.deepEqual(Object.keys(WIDGETS).sort(), Object.keys(HONEST).sort());
});

const WRONG = [null, 0, -1.5, true, "", HOSTILE, [], {}, [[]], [null], { file: HOSTILE }, { label: HOSTILE, confidences: [{ label: HOSTILE, confidence: 7 }] }, [{ role: HOSTILE, content: HOSTILE }], { a: { b: [HOSTILE] } }];
const FIELDS = ["value", "label", "info", "placeholder", "choices", "rows", "inputs", "min", "max", "step", "lines", "top", "open", "height", "alt", "gap", "scale", "variant", "size", "icon", "link", "types", "kind", "prefix", "multiple", "custom", "min_width", "max_length"];

for (const type of Object.keys(HONEST)) {
  test(`${type} withstands any value in any field`, () => {
    for (const field of FIELDS) {
      for (const value of WRONG) {
        const out = html(page(el(2, type, { ...HONEST[type as ComponentType].props, [field]: value }, { click: {}, clear: {} })));
        assertInert(out);
      }
    }
  });
}

test("hostile names of events, types and keys are words", () => {
  assertInert(html(page({ n: 2, key: HOSTILE, type: HOSTILE, props: {}, on: { [HOSTILE]: {} } })));
});

test("a component this page does not know says so and spares the rest", () => {
  const out = html(page(el(2, "hologram"), el(3, "markdown", { value: "here" })));
  assert.match(out, /too old for a “hologram”/);
  assert.match(out, /here/);
});

test("what is not visible is not there", () => {
  assert.doesNotMatch(one("markdown", { value: "secret", visible: false }), /secret/);
});

test("an output that cannot be changed is read only, an input is not", () => {
  assert.match(one("textbox", { interactive: false, value: "x" }), /<input[^>]* readonly/);
  assert.doesNotMatch(one("textbox", { value: "x" }), /readonly/);
});

test("a textbox has the form that its fields ask for", () => {
  assert.match(one("textbox", { lines: 3 }), /<textarea[^>]*rows="3"/);
  assert.match(one("textbox", { submit: true }), /aria-label="Send"/);
  assert.match(one("textbox", { password: true }), /type="password"/);
  assert.match(one("textbox", { max_length: 10, value: "123456789" }), /9 of 10 bytes/);
});

test("what is folded away is not made before it is opened", () => {
  for (const type of ["accordion", "modal", "sidebar"]) {
    assert.doesNotMatch(one(type, { value: false }, {}, [el(3, "markdown", { value: "inside" })]), /inside/);
  }
});

test("a tab that was never open is not made, and a hidden one is not in the row", () => {
  const tab = (n: number, props: object) => el(n, "tab", props, {}, [el(n + 10, "markdown", { value: `inside ${n}` })]);
  const out = one("tabs", {}, {}, [tab(3, { label: "A", visible: false }), tab(4, { label: "B" }), tab(5, { label: "C" })]);
  assert.doesNotMatch(out, /inside 3|c3-tab|inside 5/);
  assert.match(out, /inside 4/);
});

const many = Array.from({ length: 5000 }, (_, i) => `Star ${i}`);

test("a long list is a field to type in; several are chips, each with its way out", () => {
  const single = one("dropdown", { label: "Star", choices: many, value: "Star 7" });
  assert.match(single, /role="combobox"[^>]*aria-expanded="false"/);
  assert.match(single, /value="Star 7"/);
  assert.ok(single.length < 3000, "no row exists before the list is open");
  const several = one("dropdown", { multiple: true, choices: ["a", "b"], value: ["b", "gone"] });
  assert.match(several, /aria-label="Remove b"/);
});

test("what is typed finds what begins with it first, and may be a value of its own", () => {
  const all = options(["beta", "alphabet", { label: "Alpha", value: "a" }]);
  assert.deepEqual(found(all, "alpha", false).map((r) => r.value), ["alphabet", "a"]);
  assert.deepEqual(found(all, "bet", false).map((r) => r.value), ["beta", "alphabet"]);
  assert.deepEqual(found(all, "new", true).map((r) => [r.value, r.written]), [["new", true]]);
  assert.deepEqual(found(all, "ALPHA ", true).map((r) => r.value), ["alphabet", "a"]);
  assert.equal(found(options(many), "4711", false).length, 1);
});

test("only http and https are links", () => {
  assert.equal(httpLink("https://example.org/a?b"), "https://example.org/a?b");
  for (const bad of ["javascript:alert(1)", " javascript:alert(1)", "data:image/svg+xml,<svg/>", "//x", "/a", "mailto:a@b", HOSTILE, 7, null]) {
    assert.equal(httpLink(bad), null);
  }
  assert.match(one("button", { value: "Out", link: "https://example.org/" }), /<a[^>]*href="https:\/\/example\.org\/"[^>]*rel="noopener noreferrer"/);
  assert.doesNotMatch(one("button", { value: "Out", link: "javascript:alert(1)" }), /<a|javascript:/);
});

test("a range and a colour are what they can be, whatever comes", () => {
  assert.deepEqual([pairOf([20, 60], 0, 100), pairOf(null, 0, 9), pairOf([8, 3], 0, 9), pairOf([-5, 50], 0, 9), pairOf("x", 1, 2)], [
    [20, 60], [0, 9], [8, 8], [0, 9], [1, 2],
  ]);
  assert.deepEqual([colorOf("#0B6b5D"), colorOf("red"), colorOf("#fff"), colorOf({})], ["#0b6b5d", null, null, null]);
});

test("a whole number that would become another one is told, not sent", () => {
  assert.deepEqual([isExact("9007199254740991"), isExact("9007199254740993"), isExact("-9007199254740993"), isExact("1e300"), isExact("0.5"), isExact("")], [
    true, false, false, true, true, true,
  ]);
});

test("what is needed is marked, in words for who does not see the mark", () => {
  const out = one("textbox", { label: "Name", required: true });
  assert.match(out, /<span class="needed" aria-hidden/);
  assert.match(out, /aria-required="true"|aria-required/);
  assert.doesNotMatch(one("textbox", { label: "Name" }), /needed|aria-required/);
});

test("a textbox says its kind, its direction and what stands around it", () => {
  assert.match(one("textbox", { kind: "email" }), /type="email"[^>]*autocomplete="email"|autocomplete="email"[^>]*type="email"/i);
  assert.match(one("textbox", { direction: "rtl" }), /dir="rtl"/);
  assert.match(one("textbox", { prefix: "€", suffix: "kg" }), /<span class="affix">€<\/span>[\s\S]*<span class="affix">kg<\/span>/);
  assert.match(one("textbox", { count: true, value: "abc", max_length: 100 }), /3 of 100 bytes/);
  assert.match(one("textbox", { copy: true, value: "abc" }), /title="Copy"/);
});

test("a button is busy while its event runs, and can be stopped", () => {
  const b = page(el(2, "button", { value: "Go" }, { click: {} }), el(3, "button", { value: "Other" }, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  const busy = html(b);
  assert.match(busy, /aria-busy="true"[^>]*>[\s\S]*?Go/);
  assert.equal(busy.match(/aria-busy="true"/g)?.length, 1);
  assert.match(busy, />Stop</);
  b.get(accepted(1), commit(1, 1));
  assert.doesNotMatch(html(b), /aria-busy="true"|>Stop</);
});

test("outputs wait for the event that names them", () => {
  const b = page(el(2, "button", {}, { click: { outputs: [3] } }), el(3, "label"), el(4, "label"));
  b.session.fire(b.cell("button2"), "click");
  assert.equal(html(b).match(/field waits/g)?.length, 1);
});

test("a chat shows that an answer is being written", () => {
  const b = page(el(2, "chatbot", { value: [] }), el(3, "textbox", { submit: true }, { submit: {} }));
  assert.match(html(b), /Nothing said yet/);
  b.session.setValue(b.cell("textbox3"), "hi");
  b.session.fire(b.cell("textbox3"), "submit");
  b.get(accepted(1), set(2, "value/0", { role: "user", content: "hi" }), commit(1, 1, false));
  assert.match(html(b), /is writing/);
  assert.match(html(b), /aria-label="Stop"/);
  b.get(set(2, "value/1", { role: "assistant", content: "" }), append(2, "value/1/content", "hel"), commit(2, 1, false));
  assert.match(html(b), /<p>hel<\/p>/);
  assert.doesNotMatch(html(b), /is writing/);
});

test("its owner sees where it failed, in words a screen reader is told", () => {
  const b = page(el(2, "button", {}, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), fail(1, FAIL_ERROR, { message: "boom", file: "app.lua", line: 7 }), commit(1, 1));
  const out = html(b);
  assert.match(out, /role="alert"/);
  assert.match(out, /app\.lua:7/);
});

test("a failure in a row is told below the row", () => {
  const b = page(el(5, "row", {}, undefined, [el(2, "button", {}, { click: {} }), el(3, "button")]));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), fail(1, FAIL_INVALID, { message: "too short" }), commit(1, 1));
  assert.match(html(b), /is-button[\s\S]*is-button[\s\S]*too short/);
});

test("who waits is told the place and when the turn comes, below the component", () => {
  const b = page(el(2, "button", {}, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), queue(1, 2, 3, 4, 11_200));
  assert.match(html(b), /role="status">3rd in line, about 12 s<[\s\S]*4 waiting/);
  b.get(queue(1, 2, 0, 0));
  assert.doesNotMatch(html(b), /in line/);
});

test("who waits for a model is told what it waits for", () => {
  const b = page(el(2, "button", {}, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), queue(1, 2, 1, 3, 4200, "waits for the model alice/draw, held by 2 others for 3.1 s; you are next"));
  const out = html(b);
  assert.match(out, /Waits for the model alice\/draw, held by 2 others for 3\.1 s; you are next, about 5 s/);
  assert.match(out, /role="status">Next in line</); // what changes each second is not read out
  b.get(queue(1, 2, 0, 0));
  assert.doesNotMatch(html(b), /alice/);
});

test("places and waits are plain words", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111].map(placeWords), [
    "Next in line", "2nd in line", "3rd in line", "4th in line", "11th in line", "12th in line",
    "13th in line", "21st in line", "22nd in line", "103rd in line", "111th in line",
  ]);
  assert.deepEqual([null, -5000, 900, 1001, 20_000, 21_000, 90_000, 91_000, 600_000].map(waitWords), [
    "", ", any moment", ", any moment", ", about 2 s", ", about 20 s", ", about 25 s", ", about 90 s",
    ", about 2 min", ", about 10 min",
  ]);
});

test("an interrupted event offers to go on", () => {
  const b = page(el(2, "button", {}, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), interrupted(1, 2));
  assert.match(html(b), /Retry[\s\S]*Dismiss/);
});

test("hostile failures and progress are words", () => {
  const b = page(el(2, "button", {}, { click: {} }));
  b.session.fire(b.cell("button2"), "click");
  b.get(accepted(1), fail(1, FAIL_ERROR, { message: HOSTILE, file: HOSTILE, line: 1 }), set(0, "progress", { message: HOSTILE }), commit(1, 1));
  assertInert(html(b));
});

test("examples of several inputs are a table with their labels", () => {
  const b = page(
    el(2, "textbox", { label: "Who" }),
    el(3, "number", { label: "How old" }),
    el(4, "examples", { rows: [["Ada", 36], ["Mary", null]], inputs: [2, 3] }),
  );
  const out = html(b);
  assert.match(out, /<th>Who<\/th><th>How old<\/th>/);
  assert.match(out, /<button type="button">Ada<\/button><\/td><td>36<\/td>/);
});

test("a file's address cannot leave its folder", () => {
  assert.equal(addressOf({ file: "a b?#" }, "/spaces/o/n"), "/spaces/o/n/-/file/a%20b%3F%23");
  assert.equal(addressOf("img/a.png", "/spaces/o/n"), "/spaces/o/n/-/file/img/a.png");
  assert.equal(addressOf({ file: "../../../api/logout" }, "/spaces/o/n"), null);
  assert.equal(addressOf({ file: "a/./b" }, "/spaces/o/n"), null);
  assert.equal(addressOf({}, "/spaces/o/n"), null);
});

test("numbers are read as they are typed", () => {
  assert.deepEqual([parseNumber(""), parseNumber(" "), parseNumber("-"), parseNumber("1e3"), parseNumber("0.5"), parseNumber("Infinity")], [null, null, null, 1000, 0.5, null]);
  assert.deepEqual([clamp(5, 0, 3), clamp(-5, 0, 3), clamp(2), clamp(9, undefined, 8)], [3, 0, 2, 8]);
});
