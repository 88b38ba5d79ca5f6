// Pages that the fake gateway shows: every component once, and the two examples of the design.
import { crc32c } from "./crc32c.mjs";

/** Numbers and keys as docs/UI-TREE.md says: paths of kinds, crc32c. */
function number(node, key = node.type) {
  const seen = {};
  node.key = node.props?.id ?? key;
  node.n = crc32c(node.key);
  for (const child of node.children ?? []) {
    seen[child.type] = (seen[child.type] ?? 0) + 1;
    number(child, `${key}/${child.type}${seen[child.type] > 1 ? `:${seen[child.type]}` : ""}`);
  }
  return node;
}

const el = (type, props = {}, on = undefined) => ({ type, props, ...(on ? { on } : {}) });
const box = (type, children, props = {}) => ({ type, props, children });
const page = (title, root, extra = {}) => ({ title, root: number(root), ...extra });

export function find(tree, id) {
  const walk = (node) => (node.key === id ? node : (node.children ?? []).map(walk).find(Boolean));
  return walk(tree.root);
}

export function chat() {
  return page(
    "Tiny writer",
    box("column", [
      el("chatbot", { id: "chat", height: 460, placeholder: "Ask for a **story**, a table or some code." }, { clear: {} }),
      el("textbox", { id: "input", placeholder: "Message…", submit: true }, { submit: { inputs: [], queue: true } }),
      el("examples", { id: "ideas", rows: [["Tell me a story"], ["Show me some code"], ["Make a table"]], inputs: [crc32c("input")] }),
    ]),
  );
}

export function mood() {
  return page(
    "How does this sound?",
    box("row", [
      box("column", [
        el("textbox", { id: "text", label: "Text", lines: 3, max_length: 2000, placeholder: "Write a sentence" }),
        el("button", { id: "run", value: "Classify", variant: "primary" }, { click: { outputs: [crc32c("mood")] } }),
        el("examples", { id: "examples", rows: [["I love it."], ["Not again."], ["It arrived on a Tuesday."]], inputs: [crc32c("text")], run: true }, { example: {} }),
      ]),
      box("column", [el("label", { id: "mood", label: "Mood" })]),
    ]),
  );
}

export function kitchen() {
  return page(
    "Kitchen sink",
    box("column", [
      el("markdown", { id: "intro", value: INTRO }),
      box("row", [
        box("column", [
          el("textbox", { id: "name", label: "Name", info: "As it should appear on the card.", placeholder: "Ada Lovelace" }),
          el("textbox", { id: "story", label: "Story", lines: 4, placeholder: "Once upon a time…", value: "A short one, over two lines.\nHere is the second." }),
          el("textbox", { id: "secret", label: "Password", password: true }),
          box("row", [
            el("number", { id: "age", label: "Age", value: 36, min: 0, max: 120 }),
            el("dropdown", { id: "city", label: "City", choices: ["London", "Turin", "Paris", "Marylebone"], placeholder: "Choose a city" }),
          ]),
          el("slider", { id: "heat", label: "Temperature", info: "Higher is bolder.", min: 0, max: 2, step: 0.1, value: 0.7 }, { change: {} }),
          el("checkbox", { id: "agree", label: "Keep a copy of the result", info: "It is stored for seven days.", value: true }),
          el("radio", { id: "size", label: "Size", choices: ["Small", { label: "Medium", value: "m" }, "Large"], value: "m" }),
          el("dropdown", { id: "tags", label: "Topics", multiple: true, choices: ["Art", "Biology", "Chess", "Dance", "Engines", "Fungi", "Games", "History", "Islands", "Jazz"], value: ["Chess", "Engines"] }),
          box("row", [
            el("button", { id: "run", value: "Run", variant: "primary" }, { click: {} }),
            el("button", { id: "fail", value: "Fail" }, { click: {} }),
            el("button", { id: "halt", value: "Cancel run", variant: "stop" }, { click: { cancels: [crc32c("run")] } }),
          ]),
        ]),
        box("column", [
          el("label", { id: "verdict", label: "Verdict", value: VERDICT }),
          el("textbox", { id: "out", label: "Answer", lines: 2, interactive: false, value: "The engine weaves algebraical patterns." }),
          el("image", { id: "photo", label: "Photo", upload: true }, { upload: {}, clear: {} }),
          el("file", { id: "sheets", label: "Tables", types: ".csv,.tsv,.txt", max_size: 50_000_000, multiple: true, value: [{ file: "f1", name: "measurements.csv", type: "text/plain", size: 48_213 }] }, { upload: {} }),
          el("file", { id: "report", label: "Reports", interactive: false, value: [{ file: "f2", name: "report.pdf", type: "application/pdf", size: 2_400_000 }, { file: "f3", name: "a-very-long-name-of-a-file-that-somebody-exported-from-a-program-which-puts-everything-into-it-2026-11-25T23-59-59.csv", type: "text/plain", size: 1_100 }] }),
          el("image", { id: "shown", label: "Picture", value: { file: "picture", name: "p.svg", type: "image/svg+xml", size: 900 }, alt: "Hills at dusk" }),
          el("json", { id: "data", label: "Details", value: DATA }),
          el("progress", { id: "step", label: "Batch", value: { fraction: 0.42, message: "Reading page 5 of 12" } }),
        ]),
      ]),
      el("examples", { id: "examples", rows: [["Ada", "Notes on the engine", 36], ["Charles", "A difference engine", 50], ["Mary", "On the connexion of the sciences", 63]], inputs: [crc32c("name"), crc32c("story"), crc32c("age")] }),
    ]),
    { load: true },
  );
}

const VERDICT = {
  label: "Analytical",
  confidences: [
    { label: "Analytical", confidence: 0.871 },
    { label: "Poetical", confidence: 0.094 },
    { label: "Mechanical", confidence: 0.03 },
    { label: "Nothing in particular, said at some length", confidence: 0.005 },
  ],
};

const DATA = {
  model: "vitrine/tiny-sentiment",
  tokens: [101, 2023, 2003],
  timing: { queue_ms: 0.4, device_ms: 1.9, cached: false },
  note: null,
  nested: { deeper: { still: { here: ["it", "is"] } } },
};

const INTRO = `This page has **every component** once. Text may be *Markdown*, with \`code\`, [links](https://example.org/) and lists:

- [x] written once
- [ ] rendered as elements, so <b>HTML</b> stays text

| Component | Value | Events |
|---|---|---:|
| textbox | string | 3 |
| slider | number | 2 |

\`\`\`lua
local ui = require "vitrine.ui"
return ui.interface { fn = string.upper, inputs = ui.textbox {}, outputs = ui.textbox {} }
\`\`\`
`;
