// What a push accepts and refuses, and what git can do with a Space.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { Visitor } from "./lib/wire.mjs";

let platform;
const repos = [];

before(async () => {
  platform = await Platform.start();
});

after(async () => {
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

function newRepo(name, options) {
  const repo = new Repo(platform, `admin/${name}`, options);

  repos.push(repo);
  return repo;
}

/** Pushes the files to a new Space and returns what the refusal said. */
async function refused(name, files) {
  const repo = newRepo(name);

  await repo.commit(files);
  const { code, output } = await repo.push();

  assert.notEqual(code, 0, `accepted:\n${output}`);
  assert.equal((await platform.api("GET", `/api/spaces/admin/${name}`)).json?.bundle ?? null, null);
  return output;
}

test("the first example of the design classifies", async () => {
  const repo = newRepo("mood");

  await repo.deploy({ "README.md": frontMatter("models:\n  - vitrine/tiny-sentiment\n"), "app.lua": apps.mood });
  const visitor = await Visitor.join(platform, "admin/mood");

  assert.equal(visitor.tree.title, "How does this sound?");
  const run = [...visitor.nodes.values()].find((node) => node.props?.variant === "primary" && node.on?.click);

  for (const [text, label] of [["I love it.", "positive"], ["This is awful and I hate it.", "negative"]]) {
    assert.equal(await visitor.act(run.key, "click", null, { Text: text }), undefined);
    const { value } = visitor.props("Mood");

    assert.equal(value.label.toLowerCase(), label, JSON.stringify(value));
    assert.ok(value.confidences.every(({ confidence }) => confidence >= 0 && confidence <= 1));
  }
  await visitor.close();
});

test("the second example of the design answers", async () => {
  const repo = newRepo("chat");

  await repo.deploy({ "README.md": frontMatter("models:\n  - vitrine/tiny-writer\n"), "app.lua": apps.chat });
  const visitor = await Visitor.join(platform, "admin/chat");

  assert.equal(await visitor.act("textbox", "submit", null, { textbox: "a story about a fox" }), undefined);
  const { value } = visitor.props("chatbot");

  assert.deepEqual(value.map(({ role }) => role), ["user", "assistant"]);
  assert.equal(value[0].content, "a story about a fox");
  assert.ok(value[1].content.length > 20, value[1].content);
  assert.equal(visitor.props("textbox").value ?? "", "");
  await visitor.close();
});

test("an answer at a reader's pace arrives piece by piece, each a prefix of the next", async () => {
  const repo = newRepo("slow-chat");

  await repo.deploy({ "app.lua": apps.longChat });
  const visitor = await Visitor.join(platform, "admin/slow-chat");
  const seen = new Set();

  visitor.socket.on("message", () => seen.add(visitor.props("chatbot").value?.[1]?.content ?? ""));
  assert.equal(await visitor.act("textbox", "submit", null, { textbox: "a story about a fox" }), undefined);
  const whole = visitor.props("chatbot").value[1].content;

  assert.ok(seen.size >= 5, `${seen.size} pieces`);
  for (const piece of seen) assert.ok(whole.startsWith(piece), piece);
  await visitor.close();
});

test("a syntax error is refused with file and line", async () => {
  const output = await refused("syntax", { "app.lua": "local ui = require 'vitrine.ui'\n\nreturn ui.page{\n  = 5\n}\n" });

  assert.match(output, /remote: .*app\.lua:4\b/);
});

test("a syntax error in a module that nobody requires is refused too", async () => {
  const output = await refused("module", { "app.lua": apps.counter, "lib/unused.lua": "return (\n" });

  assert.match(output, /remote: .*lib\/unused\.lua:\d/);
});

test("an app that raises while loading is refused with file and line", async () => {
  const output = await refused("raises", { "app.lua": "local x = nil\nlocal y = 1\nreturn x.y\n" });

  assert.match(output, /remote: .*app\.lua:3\b/);
});

test("an unknown field is refused with the nearest known name", async () => {
  const app = apps.counter.replace('label = "Say"', 'lable = "Say"');
  const output = await refused("unknown-field", { "app.lua": app });

  assert.match(output, /lable/);
  assert.match(output, /label/);
  assert.match(output, /app\.lua:7\b/);
});

test("an app that never finishes loading is refused", async () => {
  const output = await refused("endless", { "app.lua": "while true do end\n" });

  assert.match(output, /remote: .*(longer than|limit)/i);
});

test("a wrong value in the front matter is refused with key and line", async () => {
  const readme = "---\ntitle: Test\nsdk: nonsense\napp_file: app.lua\n---\n";
  const output = await refused("sdk", { "README.md": readme, "app.lua": apps.counter });

  assert.match(output, /remote: .*README\.md:3\b.*sdk/s);
});

test("front matter that is no YAML is refused with its line", async () => {
  const readme = "---\ntitle: [Test\nsdk: lua\n---\n";
  const output = await refused("yaml", { "README.md": readme, "app.lua": apps.counter });

  assert.match(output, /remote: .*README\.md:\d/);
});

test("a missing app_file is refused by name", async () => {
  const output = await refused("no-file", { "README.md": frontMatter().replace("app.lua", "main.lua"), "app.lua": apps.counter });

  assert.match(output, /remote: .*main\.lua/);
});

test("a model that is not served is refused by name", async () => {
  const output = await refused("no-model", {
    "README.md": frontMatter("models:\n  - vitrine/does-not-exist\n"), "app.lua": apps.counter });

  assert.match(output, /remote: .*vitrine\/does-not-exist/);
});

test("a refused first push leaves a Space that a good push makes live", async () => {
  const repo = newRepo("second-try");

  await repo.commit({ "app.lua": "return (\n" });
  assert.notEqual((await repo.push()).code, 0);
  await repo.deploy({ "app.lua": apps.counter });
  const visitor = await Visitor.join(platform, "admin/second-try");

  assert.equal(visitor.tree.title, "Counter");
  await visitor.close();
});

test("what was pushed is cloned and fetched back, bit for bit", async () => {
  const repo = newRepo("clone");
  const asset = randomBytes(100_000);

  await repo.commit({ "app.lua": apps.counter, "data/noise.bin": asset });
  assert.equal((await repo.push()).code, 0);
  const copy = newRepo("clone");

  await copy.must(["clone", "-q", copy.url, "."]);
  assert.deepEqual(readFileSync(join(copy.dir, "data/noise.bin")), asset);
  const head = await repo.commit({ "app.lua": `${apps.counter}-- more\n` });

  assert.equal((await repo.push()).code, 0);
  await copy.must(["fetch", "-q", "origin"]);
  assert.equal((await copy.must(["rev-parse", "origin/main"])).trim(), head);
  assert.equal((await copy.must(["-c", "protocol.version=2", "ls-remote", copy.url, "refs/heads/main"])).split("\t")[0], head);
  assert.equal((await copy.must(["-c", "protocol.version=0", "ls-remote", copy.url, "refs/heads/main"])).split("\t")[0], head);
  assert.match(await copy.must(["fsck", "--full"]), /^$|notice|dangling/);
});

test("a shallow clone works", async () => {
  const copy = newRepo("clone");

  await copy.must(["clone", "-q", "--depth", "1", copy.url, "."]);
  assert.equal((await copy.must(["rev-list", "--count", "HEAD"])).trim(), "1");
});

test("a push of several megabytes goes through, chunked and gzipped", async () => {
  const repo = newRepo("large");

  await repo.commit({ "app.lua": apps.counter, "assets/big.bin": randomBytes(12 << 20) });
  // A small post buffer makes git send a chunked body; a compressible one is gzipped.
  const chunked = await repo.git(["-c", "http.postBuffer=65536", "push", repo.url, "main"]);

  assert.equal(chunked.code, 0, chunked.output);
  const copy = newRepo("large");

  await copy.must(["clone", "-q", copy.url, "."]);
  assert.deepEqual(readFileSync(join(copy.dir, "assets/big.bin")), readFileSync(join(repo.dir, "assets/big.bin")));
  // Many wants make the fetch request itself long enough for gzip.
  for (let i = 0; i < 40; i++) await repo.commit({ "app.lua": `${apps.counter}-- ${i}\n` }, `commit ${i}`);
  assert.equal((await repo.push()).code, 0);
  await copy.must(["pull", "-q", "--ff-only"]);
});

test("a bundle over its limit is refused in words and the repo stays usable", async () => {
  const repo = newRepo("too-large");

  await repo.deploy({ "app.lua": apps.counter });
  await repo.commit({ "assets/huge.bin": randomBytes(34 << 20) });
  const { code, output } = await repo.push();

  assert.notEqual(code, 0);
  assert.match(output, /remote: .*limit/i);
  await repo.must(["reset", "-q", "--hard", "HEAD~1"]);
  await repo.deploy({ "app.lua": `${apps.counter}-- smaller\n` });
});

test("the same tree gives the same bundle", async () => {
  const one = newRepo("same-one"), two = newRepo("same-two");

  await one.deploy({ "app.lua": apps.counter });
  await two.commit({ "app.lua": "return (" }, "another history");
  await two.deploy({ "app.lua": apps.counter });
  const bundles = await Promise.all(["one", "two"].map(async (name) =>
    (await platform.api("GET", `/api/spaces/admin/same-${name}`)).json.bundle));

  assert.match(bundles[0], /^[0-9a-f]{64}$/);
  assert.equal(bundles[0], bundles[1]);
});

test("rollback by API and by build, and builds say what they were", async () => {
  const repo = newRepo("history");

  for (const word of ["one", "two", "three"])
    await repo.deploy({ "app.lua": apps.counter.replace('title = "Counter"', `title = "Version ${word}"`) }, word);
  await repo.commit({ "app.lua": "return (" }, "four");
  assert.notEqual((await repo.push()).code, 0);

  const builds = (await platform.api("GET", "/api/spaces/admin/history/builds")).json;

  assert.deepEqual(builds.map(({ state }) => state), ["failed", "live", "ready", "ready"]);
  assert.ok(builds.every(({ phases }) => phases.every(({ name, ms }) => typeof name === "string" && ms >= 0)));
  assert.ok(builds[1].phases.length > 0);

  const title = async () => {
    const visitor = await Visitor.join(platform, "admin/history");

    await visitor.close();
    return visitor.tree.tree.title;
  };

  assert.equal(await title(), "Version three");
  assert.equal((await platform.api("POST", "/api/spaces/admin/history/rollback", { build: builds[3].id })).status, 200);
  assert.equal(await title(), "Version one");
  assert.equal((await platform.api("POST", "/api/spaces/admin/history/rollback", { build: builds[0].id })).status >= 400, true);
  assert.equal(await title(), "Version one");
  assert.equal((await platform.api("POST", "/api/spaces/admin/history/rollback", { build: "nonsense" })).status >= 400, true);
});

test("only the holder of a token of the owner may push", async () => {
  for (const [token, user] of [["hf_wrong", "admin"], ["", undefined], ["x".repeat(5000), "admin"]]) {
    const repo = newRepo("counter-auth", { token, user });

    await repo.commit({ "app.lua": apps.counter });
    const { code, output } = await repo.push();

    assert.notEqual(code, 0, output);
    assert.match(output, /Authentication failed|could not read Username|403|401|terminal prompts disabled|500|431|400/);
    assert.doesNotMatch(output, /HTTP 5\d\d|returned error: 5/);
  }
  assert.equal((await platform.api("GET", "/api/spaces/admin/counter-auth")).status, 404);
});

test("names outside [a-z0-9-], with -- or reserved are refused", async () => {
  for (const space of ["admin/Upper", "admin/a--b", "admin/under_score", "api/x", "spaces/x"]) {
    const repo = new Repo(platform, space);

    repos.push(repo);
    await repo.commit({ "app.lua": apps.counter });
    assert.notEqual((await repo.push()).code, 0, space);
  }
});

test("a Space is deleted with everything", async () => {
  const repo = newRepo("gone");

  await repo.deploy({ "app.lua": apps.counter });
  assert.ok((await platform.api("DELETE", "/api/spaces/admin/gone")).status < 300);
  assert.equal((await platform.api("GET", "/api/spaces/admin/gone")).status, 404);
  assert.equal((await fetch(`${platform.url}/spaces/admin/gone`)).status, 404);
  rmSync(join(repo.dir, ".git/refs/remotes"), { recursive: true, force: true });
  await repo.deploy({ "app.lua": `${apps.counter}-- again\n` });
});
