// Whole repos as one file, out of one platform and into another that reaches nothing.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { frontMatter } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";

const app = `local ui = require "vitrine.ui"

return ui.interface {
  title = "Carried", inputs = ui.textbox { label = "In" }, outputs = ui.textbox { label = "Out" }, fn = function(x) return x end,
}
`;
let here, work, env, ada, bob;

const file = (name) => join(work, name);

before(async () => {
  work = mkdtempSync(join(tmpdir(), "vitrine-bundles-"));
  env = {
    PATH: process.env.PATH, HOME: work, TMPDIR: work, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*",
    GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
    GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
  };
  here = await Platform.start({ args: ["--large-files", "40,1,600"] });
  ada = await add("ada");
});

after(async () => {
  await here?.remove();
  rmSync(work, { recursive: true, force: true });
});

/** A new user's token. */
async function add(user) {
  assert.equal((await here.api("POST", "/api/users", { name: user, password: "a long password" })).status, 201);
  const { json, text, status } = await here.api("POST", "/api/tokens", { name: "test", user });

  assert.ok(status < 300, text);
  return json.token;
}

/** The CLI as a user of the hub has it: an address and a token. */
async function cli(who, ...args) {
  const { code, output } = await runProgram(vitrine, [...args, "--url", here.url], { cwd: work, env: { ...env, VITRINE_TOKEN: who } });

  return { code, output };
}

async function must(...args) {
  const { code, output } = await cli(...args);

  assert.equal(code, 0, output);
  return output;
}

/** What is on stdout, after what git said on stderr. */
const answer = (output) => JSON.parse(output.slice(output.search(/^\[/m)));

async function git(cwd, ...args) {
  const { code, output } = await runProgram("git", args, { cwd, env });

  assert.equal(code, 0, `git ${args.join(" ")}: ${output}`);
  return output;
}

const address = (path, secret) => {
  const url = new URL(`${here.url}/${path}`);

  [url.username, url.password] = ["ada", secret];
  return url.href;
};

const weights = randomBytes(3 << 20);
const refs = (path, secret) => git(work, "ls-remote", address(path, secret));

async function fill() {
  const folder = file("mood");

  await git(work, "init", "-q", "-b", "main", folder);
  await git(folder, "lfs", "install", "--local");
  await git(folder, "lfs", "track", "*.bin");
  writeFileSync(join(folder, "README.md"), "---\nlicense: mit\ntags: [weather]\n---\n# Mood\n");
  writeFileSync(join(folder, "weights.bin"), weights);
  await git(folder, "add", "-A");
  await git(folder, "commit", "-q", "-m", "first");
  await git(folder, "tag", "v1");
  writeFileSync(join(folder, "weights.bin"), randomBytes(1000));
  await git(folder, "commit", "-q", "-am", "second");
  await git(folder, "branch", "next");
  await here.api("POST", "/api/repos/create", { type: "model", name: "mood", organization: "ada", private: true }, ada);
  await git(folder, "push", "-q", "--force", address("ada/mood", ada), "main", "next", "v1");
}

async function fillSpace() {
  const folder = file("hello");

  await git(work, "init", "-q", "-b", "main", folder);
  writeFileSync(join(folder, "README.md"), frontMatter());
  writeFileSync(join(folder, "app.lua"), app);
  await git(folder, "add", "-A");
  await git(folder, "commit", "-q", "-m", "first");
  await git(folder, "push", "-q", address("spaces/ada/hello", ada), "main");
  await here.api("POST", "/api/spaces/ada/hello/variables", { key: "COLOUR", value: "blue", description: "of it" }, ada);
  await here.api("POST", "/api/spaces/ada/hello/secrets", { key: "DOOR", value: "sesame-7f3a" }, ada);
}

test("repos of all their history, large files and settings are one file that only its maker reads", async () => {
  await fill();
  await fillSpace();
  const said = await must(ada, "export", "models/ada/mood", "spaces/ada/hello", "-o", "two.tar");

  assert.match(said, /^model ada\/mood: 3 branches and tags, 2 large files, 3\.\d MiB$/m);
  assert.match(said, /^space ada\/hello: 1 branches and tags, 0 large files/m);
  assert.equal(statSync(file("two.tar")).mode & 0o777, 0o600);
  const names = (await runProgram("tar", ["-tf", "two.tar"], { cwd: work, env })).output.trim().split("\n");
  const hash = createHash("sha256").update(weights).digest("hex");

  assert.ok(names.includes(`1/large/${hash}`));
  assert.equal(names.at(-1), "manifest.txt");
  assert.ok(!readFileSync(file("two.tar")).includes("sesame-7f3a"), "no secret leaves");
  assert.equal((await cli(ada, "export", "spaces/ada/hello", "-o", "two.tar")).code, 1, "nothing is written over");
  assert.deepEqual(readdirSync(work).filter((name) => name.startsWith("vitrine-")), [], "nothing is left beside it");
});

test("a stranger exports no private repo, and of a public one no settings", async () => {
  const eve = await add("eve");
  const { code } = await cli(eve, "export", "models/ada/mood", "-o", "eve.tar");

  assert.equal(code, 1);
  assert.ok(!existsSync(file("eve.tar")) && !existsSync(file("eve.tar.part")));
  assert.match(await must(eve, "export", "ada/hello", "-o", "eve.tar"), /its variables are its owner's/);
  assert.ok(!readFileSync(file("eve.tar")).includes("COLOUR"));
});

test("one command brings them in as they were, and a second one changes nothing", async () => {
  bob = await add("bob");
  const done = answer(await must(bob, "import", "two.tar", "--owner", "bob", "--json"));

  assert.deepEqual(done.map(({ kind, id, ok, made, sent }) => [kind, id, ok, made, sent]),
    [["model", "bob/mood", true, true, 2], ["space", "bob/hello", true, true, 0]]);
  assert.equal(await refs("bob/mood", bob), await refs("ada/mood", ada));
  const info = await here.api("GET", "/api/models/bob/mood", undefined, bob);

  assert.equal(info.json.private, true);
  assert.ok(info.json.tags.includes("weather"));
  const got = await fetch(`${here.url}/bob/mood/resolve/v1/weights.bin`, { headers: { authorization: `Bearer ${bob}` } });

  assert.ok(Buffer.from(await got.arrayBuffer()).equals(weights));
  assert.equal((await here.api("GET", "/api/spaces/bob/hello/variables", undefined, bob)).json.COLOUR.value, "blue");
  assert.deepEqual((await here.api("GET", "/api/spaces/bob/hello/secrets", undefined, bob)).json, {});
  assert.match(await (await fetch(`${here.url}/spaces/bob/hello`)).text(), /Carried/);
  const again = answer(await must(bob, "import", "two.tar", "--owner", "bob", "--json"));

  assert.deepEqual(again.map(({ ok, made, sent }) => [ok, made, sent]), [[true, false, 0], [true, false, 0]]);
});

test("a repo with another history is left alone, unless it is to be replaced", async () => {
  const folder = file("mood"), before = await refs("ada/mood", ada);

  writeFileSync(join(folder, "README.md"), "# Third\n");
  await git(folder, "commit", "-q", "-am", "third");
  await git(folder, "push", "-q", address("ada/mood", ada), "main");
  const moved = await refs("ada/mood", ada);
  const { code, output } = await cli(ada, "import", "two.tar");

  assert.equal(code, 1);
  assert.match(output, /model ada\/mood: the push was refused; why is above\. --replace/);
  assert.match(output, /^space ada\/hello: was there/m);
  assert.equal(await refs("ada/mood", ada), moved);
  await must(ada, "import", "two.tar", "--replace");
  assert.equal(await refs("ada/mood", ada), before);
});

test("a damaged file brings nothing in", async () => {
  const bytes = readFileSync(file("two.tar")), at = bytes.indexOf(weights.subarray(0, 64));
  const refuse = async (name, words) => {
    const { code, output } = await cli(ada, "import", name, "--owner", "ada");

    assert.equal(code, 1);
    assert.match(output, words);
  };

  assert.ok(at > 0);
  bytes[at + 100] ^= 1;
  writeFileSync(file("bad.tar"), bytes);
  await refuse("bad.tar", /1\/large\/[0-9a-f]{64} is damaged/);
  writeFileSync(file("short.tar"), bytes.subarray(0, bytes.length - 4096));
  await refuse("short.tar", /it ends in the middle|longer than the archive|no header/);
  copyFileSync(vitrine, file("none.tar"));
  await refuse("none.tar", /at byte 0: this is no header of tar's/);
});

test("what no push may bring is refused, and nothing of it stays", async () => {
  const folder = file("leak");

  await here.api("POST", "/api/repos/create", { type: "dataset", name: "leak", organization: "ada" }, ada);
  await git(work, "clone", "-q", address("datasets/ada/leak", ada), folder);
  writeFileSync(join(folder, "key.txt"), `hf_${"aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE4f"}\n`);
  await git(folder, "add", "-A");
  await git(folder, "commit", "-q", "-m", "a key\n\nSecrets-Allowed: a test");
  await git(folder, "push", "-q", "origin", "HEAD:main");
  await must(ada, "export", "datasets/ada/leak", "-o", "leak.tar");
  await git(folder, "commit", "-q", "--amend", "-m", "a key");

  // The same with a history that was not allowed: the archive is made of what it would be.
  await git(folder, "bundle", "create", "-q", file("history.bundle"), "main");
  const sha = (await git(folder, "rev-parse", "main")).trim();

  await rebuild("leak.tar", "evil.tar", { "history.bundle": readFileSync(file("history.bundle")) }, { "refs/heads/main": sha });
  const { code, output } = await cli(bob, "import", "evil.tar", "--owner", "bob");

  assert.equal(code, 1, output);
  assert.match(output, /key\.txt/);
  assert.equal((await here.api("GET", "/api/datasets/bob/leak", undefined, bob)).status, 404);
});

/** A dataset of large files that nobody else has. */
async function fillData(owner, secret, name, sizes) {
  const folder = file(`${owner}-${name}`), url = new URL(address(`datasets/${owner}/${name}`, secret));

  url.username = owner;
  await here.api("POST", "/api/repos/create", { type: "dataset", name, organization: owner }, secret);
  await git(work, "clone", "-q", url.href, folder);
  await git(folder, "lfs", "install", "--local");
  await git(folder, "lfs", "track", "*.bin");
  sizes.forEach((mib, i) => writeFileSync(join(folder, `${i}.bin`), randomBytes(mib << 20)));
  await git(folder, "add", "-A");
  await git(folder, "commit", "-q", "-m", "large");
  await git(folder, "push", "-q", "origin", "HEAD:main");
}

test("what is over the storage is refused, and nothing of it stays", async () => {
  const carol = await add("carol"); // of 40 MiB

  await fillData("carol", carol, "own", [30]);
  await fillData("ada", ada, "big", [7, 8]);
  await must(ada, "export", "datasets/ada/big", "-o", "big.tar");
  const { code, output } = await cli(carol, "import", "big.tar", "--owner", "carol");

  assert.equal(code, 1, output);
  assert.match(output, /dataset carol\/big: large file [0-9a-f]{12}…: .*(storage|left)/);
  assert.equal((await here.api("GET", "/api/datasets/carol/big", undefined, carol)).status, 404);
});

/** An archive with other parts of its first repo, and a manifest that vouches for them. */
async function rebuild(from, to, parts, newRefs) {
  const folder = mkdtempSync(file("parts-"));

  await runProgram("tar", ["-xf", file(from), "-C", folder], { env });
  for (const [name, bytes] of Object.entries(parts)) writeFileSync(join(folder, "1", name), bytes);
  const about = JSON.parse(readFileSync(join(folder, "1/repo.json"), "utf8"));

  writeFileSync(join(folder, "1/repo.json"), JSON.stringify({ ...about, refs: newRefs }));
  const [head, ...lines] = readFileSync(join(folder, "manifest.txt"), "utf8").trim().split("\n");
  const names = lines.map((line) => line.split(" ")[2]);
  const list = names.map((name) => {
    const bytes = readFileSync(join(folder, name));

    return `${createHash("sha256").update(bytes).digest("hex")} ${bytes.length} ${name}`;
  });

  writeFileSync(join(folder, "manifest.txt"), `${[head, ...list].join("\n")}\n`);
  const { code, output } = await runProgram("tar", ["--format=ustar", "-cf", file(to), "-C", folder, ...names, "manifest.txt"], { env });

  assert.equal(code, 0, output);
}
