// Every command of docs/clients does what its page says, with the clients as they are published.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Platform, root } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";
import { pythonWith } from "./lib/python.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const pages = join(root, "docs/clients");
const work = mkdtempSync(join(tmpdir(), "vitrine-clients-"));
const ran = new Set();
let platform, token;

before(async () => {
  platform = await Platform.start();
  symlinkSync(join(here, "node_modules"), join(work, "node_modules"));
  await platform.api("POST", "/api/users", { name: "ada", password: "a good password" });
  const { code, output } = await platform.cli("token", "create", "docs", "--user", "ada");

  assert.equal(code, 0, output);
  token = output.trim();
});

after(async () => {
  await platform?.remove();
  rmSync(work, { recursive: true, force: true });
});

// What runs a block of that language from a shell, so that a page is one script in its order.
const interpreters = {
  sh: (text) => text,
  python: (text) => `python3 - <<'END_OF_PYTHON'\n${text}END_OF_PYTHON\n`,
  js: (text) => `cat > page.mjs <<'END_OF_JS'\n${text}END_OF_JS\nnode page.mjs\n`,
};

/** Runs a page as it is written but for the address; what it printed. */
async function follow(page, bin = []) {
  const text = readFileSync(join(pages, page), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language, code]) => interpreters[language](code));
  const script = blocks.join("\n").replaceAll("https://hub.example.org", platform.url)
    .replaceAll(/https:\/\/(\S+@)hub\.example\.org/g, `http://$1${new URL(platform.url).host}`);

  ran.add(page);
  assert.ok(blocks.length > 0 && !script.includes("hub.example.org"));
  const { code, output } = await runProgram("bash", ["--norc", "-euxo", "pipefail", "-c", script], {
    cwd: work,
    env: {
      PATH: [...bin, process.env.PATH].join(":"), HOME: work, HF_TOKEN: token, no_proxy: "*",
      GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", HF_HUB_DISABLE_PROGRESS_BARS: "1",
      GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
      GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
    },
  });

  assert.equal(code, 0, output);
  return output;
}

test("git.md: a Space is pushed, cloned and pulled", async () => {
  assert.match(await follow("git.md"), /live in \d+ ms/);
});

test("git-lfs.md: a large file goes there and back whole", () => follow("git-lfs.md"));

test("curl.md: files in parts, a commit, a function and a model", async () => {
  const said = await follow("curl.md");

  for (const words of ['"name":"ada"', "oid sha256:", '"success":true', "Hello, Ada!", '"text_completion"'])
    assert.ok(said.includes(words), `${words} is not in:\n${said}`);
});

test("huggingface-hub-js.md: a dataset is made, written and read", async () => {
  const said = await follow("huggingface-hub-js.md");

  assert.match(said, /^big\.bin 12000000$/m);
  assert.match(said, /^two$/m);
  assert.doesNotMatch(said, /^one\.txt/m);
});

test("openai.md: the client lists models and writes", async () => {
  assert.match(await follow("openai.md"), /^vitrine\/tiny-writer$/m);
});

test("gradio.md: both clients call a Space's function", async (t) => {
  const { python, reason } = await pythonWith("gradio-2.6.0", "gradio_client==2.6.0");

  ran.add("gradio.md");
  if (!python) return t.skip(reason);
  assert.equal((await follow("gradio.md", [dirname(python)])).match(/^(\[ 'Hello, Ada!' \]|Hello, Ada!)$/gm)?.length, 2);
});

test("huggingface-hub-python.md, inference.md: repos and models from Python and hf", async (t) => {
  const { python, reason } = await pythonWith("hub-2.4.0", "huggingface_hub==2.4.0");

  for (const page of ["huggingface-hub-python.md", "inference.md"]) ran.add(page);
  if (!python) return t.skip(reason);
  assert.match(await follow("huggingface-hub-python.md", [dirname(python)]), /^RUNNING$/m);
  assert.match(await follow("inference.md", [dirname(python)]), /^positive$/im);
});

test("no page is left out", () => {
  assert.deepEqual([...ran].sort(), readdirSync(pages).filter((name) => name !== "README.md").sort());
});
