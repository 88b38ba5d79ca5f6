// Models of one's own: `vitrine model` puts a checked folder where the running service finds it.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";

const shipped = join(root, "models/tiny-sentiment");
let platform, work;

before(async () => {
  work = mkdtempSync(join(tmpdir(), "vitrine-models-"));
  platform = await Platform.start();
});

after(async () => {
  await platform?.remove();
  rmSync(work, { recursive: true, force: true });
});

const ask = async (model) => {
  const response = await fetch(`${platform.url}/models/${model}`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify({ inputs: "I love this, it is wonderful." }),
  });

  return { status: response.status, json: await response.json() };
};

const imported = () => readdirSync(join(platform.data, "models"), { recursive: true }).map(String);

test("an imported folder answers without a restart, and without what it does not need", async () => {
  const folder = join(work, "mood");

  cpSync(shipped, folder, { recursive: true });
  writeFileSync(join(folder, "pytorch_model.bin"), "never read");
  const pid = platform.servicePid("inference");
  const { code, output } = await platform.cli("model", "import", "--name", "ann/mood", folder);

  assert.equal(code, 0, output);
  assert.match(output, /^ann\/mood: text-classification, BertForSequenceClassification, 1\.2 M parameters/m);
  await until("the model answers", async () => (await ask("ann/mood")).status === 200, 30_000, 300);
  assert.match(JSON.stringify((await ask("ann/mood")).json), /POSITIVE/);
  assert.equal(platform.servicePid("inference"), pid);
  assert.ok(imported().includes("ann/mood/model.safetensors"));
  assert.ok(!imported().some((name) => name.endsWith(".bin")));
  const list = await platform.cli("model", "list");

  assert.match(list.output, /^ann\/mood +text-classification /m);
  assert.match(list.output, /^vitrine\/tiny-writer +chat /m);
});

test("what would not be loaded is refused with its reason, and nothing of it stays", async () => {
  const folder = join(work, "broken"), before = imported();
  const refuse = async (words, ...args) => {
    const { code, output } = await platform.cli("model", "import", ...args);

    assert.equal(code, 1, output);
    assert.match(output, words);
    assert.deepEqual(imported(), before);
  };

  cpSync(shipped, folder, { recursive: true });
  const weights = readFileSync(join(folder, "model.safetensors"));

  writeFileSync(join(folder, "model.safetensors"), weights.subarray(0, weights.length - 100));
  await refuse(/model\.safetensors: .*outside the file/, folder);
  weights.fill(0xff, weights.length - 4);
  writeFileSync(join(folder, "model.safetensors"), weights);
  await refuse(/'[a-z._0-9]+': holds NaN or infinite numbers/, folder);
  rmSync(join(folder, "model.safetensors"));
  writeFileSync(join(folder, "pytorch_model.bin"), "PK");
  await refuse(/pytorch_model\.bin: pickled weights are never read.*save_pretrained/, folder);
  await refuse(/there is a model ann\/mood already/, "--name", "ann/mood", shipped);
  await refuse(/come with the platform/, "--name", "vitrine/mine", shipped);
  await refuse(/is no name of a model/, "--name", "../mine", shipped);
  await refuse(/no such|No such/, join(work, "nowhere"));
});

test("a removed model is gone from the running service too", async () => {
  const { code, output } = await platform.cli("model", "remove", "ann/mood");

  assert.equal(code, 0, output);
  assert.ok(!existsSync(join(platform.data, "models/ann")));
  await until("it is not found any more", async () => (await ask("ann/mood")).status === 404, 30_000, 300);
  assert.equal((await platform.cli("model", "remove", "ann/mood")).code, 1);
});

// --- a model of a repo ---

const git = async (cwd, ...args) => {
  const env = {
    PATH: process.env.PATH, HOME: work, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*",
    GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
    GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
  };
  const { code, output } = await runProgram("git", args, { cwd, env });

  assert.equal(code, 0, output);
};
const served = (...path) => join(platform.data, "served", ...path);
const labels = async (id) => JSON.stringify((await ask(id)).json);
const untilAnswers = (id, words) => until(`${id} answers ${words}`, async () => words.test(await labels(id)), 30_000, 200);

/** What its page says. */
const told = async (id) => (await platform.api("GET", `/api/models/${id}`)).json.served;

async function push(folder) {
  await git(folder, "add", "-A");
  await git(folder, "commit", "-q", "-m", "a model");
  await git(folder, "push", "-q", "origin", "HEAD:main");
}

test("a folder is imported into a repo: made where it is missing, with nothing sent twice", async () => {
  const folder = join(work, "kept");
  const take = async (...args) => {
    const { code, output } = await platform.cli("model", "import", "--repo", "admin/kept", ...args);

    assert.equal(code, 0, output);
    return output;
  };

  cpSync(shipped, folder, { recursive: true });
  writeFileSync(join(folder, "pytorch_model.bin"), "never sent");
  assert.match(await take(folder), /^admin\/kept: 8 files, 2\.\d MiB, 1 of them large, 1 sent$/m);
  await untilAnswers("admin/kept", /POSITIVE/);
  assert.match(await take(`${folder}/`), / 1 of them large, 0 sent$/m);
  const { json } = await platform.api("GET", "/api/models/admin/kept/tree/main");

  assert.ok(json.some(({ path, lfs }) => path === "model.safetensors" && lfs));
  assert.ok(!json.some(({ path }) => path.endsWith(".bin")));
  writeFileSync(join(folder, "config.json"), "{}");
  const { code, output } = await platform.cli("model", "import", "--repo", "admin/kept", folder);

  assert.equal(code, 1);
  assert.match(output, /config\.json: architectures/);
  assert.equal((await platform.cli("model", "import", "--repo", "admin/kept", "--name", "a/b", folder)).code, 2);
  assert.equal((await platform.api("DELETE", "/api/repos/delete", { type: "model", name: "kept", organization: "admin" })).status, 200);
});

test("a model that was pushed with git-lfs answers under the name of its repo", async () => {
  const folder = join(work, "pushed"), url = new URL(`${platform.url}/admin/mood`);

  [url.username, url.password] = ["admin", platform.token];
  cpSync(shipped, folder, { recursive: true });
  await git(work, "lfs", "install", "--skip-repo");
  await git(folder, "init", "-q", "-b", "main");
  await git(folder, "lfs", "track", "*.safetensors");
  await git(folder, "remote", "add", "origin", url.href);
  await push(folder);
  await untilAnswers("admin/mood", /POSITIVE/);
  assert.ok(statSync(served("admin/mood/model.safetensors")).nlink > 1, "the weights lie on the disk once");
  const { json } = await platform.api("GET", "/v1/models");

  assert.ok(json.data.some(({ id }) => id === "admin/mood"));
  assert.equal((await told("admin/mood")).task, "text-classification");
  assert.match((await platform.cli("model", "list")).output, /^admin\/mood +text-classification /m);
});

test("a Space names it in its front matter as any other model", async () => {
  const repo = new Repo(platform, "admin/teller"), app = readFileSync(join(root, "templates/chat/app.lua"), "utf8");
  const name = (id) => ({ "README.md": frontMatter(`models: [${id}]\n`), "app.lua": app });

  try {
    await repo.deploy(name("admin/mood"));
    await repo.commit(name("admin/moods"));
    const { code, output } = await repo.push();

    assert.notEqual(code, 0);
    assert.match(output, /README\.md:5: models: 'admin\/moods' is not served here/);
  } finally {
    repo.remove();
  }
});

test("a new push takes its place, a broken one says why, and the next one answers again", async () => {
  const folder = join(work, "pushed"), config = readFileSync(join(folder, "config.json"), "utf8");

  writeFileSync(join(folder, "config.json"), config.replace("POSITIVE", "SUNNY"));
  await push(folder);
  await untilAnswers("admin/mood", /SUNNY/);
  writeFileSync(join(folder, "config.json"), "{}");
  await push(folder);
  await untilAnswers("admin/mood", /architectures/);
  assert.match((await told("admin/mood")).words, /config\.json: architectures/);
  writeFileSync(join(folder, "config.json"), config);
  await push(folder);
  await untilAnswers("admin/mood", /POSITIVE/);
});

test("a private model is not served, a renamed one by its new name, a deleted one not at all", async () => {
  const settle = async (id, status) => until(`${id} gives ${status}`, async () => (await ask(id)).status === status, 30_000, 200);
  const change = async (method, path, body) => assert.equal((await platform.api(method, path, body)).status, 200);

  await change("PUT", "/api/models/admin/mood/settings", { private: true });
  await settle("admin/mood", 404);
  assert.match((await told("admin/mood")).words, /only public models are served/);
  await change("PUT", "/api/models/admin/mood/settings", { private: false });
  await settle("admin/mood", 200);
  await change("POST", "/api/repos/move", { type: "model", fromRepo: "admin/mood", toRepo: "admin/weather" });
  await settle("admin/weather", 200);
  await settle("admin/mood", 404);
  await platform.restart();
  await settle("admin/weather", 200);
  await change("DELETE", "/api/repos/delete", { type: "model", name: "weather", organization: "admin" });
  await settle("admin/weather", 404);
  assert.deepEqual(readdirSync(served()), []);
});
