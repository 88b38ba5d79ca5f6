// What is written to a repo by the API: the same checks and the same way live as by a push.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { Visitor } from "./lib/wire.mjs";

const SPACE = "/api/spaces/admin/write", MODEL = "/api/models/admin/weights";
const titled = (title) => apps.counter.replace('title = "Counter"', `title = "${title}"`);
let platform, space, model;

before(async () => {
  platform = await Platform.start();
  space = new Repo(platform, "admin/write");
  await space.deploy({ "app.lua": apps.counter });
  model = new Repo(platform, "admin/weights");
  model.url = model.url.replace("/spaces/", "/");
  await model.deploy({ "README.md": "---\nlicense: mit\n---\n# Weights\n", "a.txt": "a\n", "d/b.txt": "b\n" });
});

after(async () => {
  space?.remove();
  model?.remove();
  await platform?.remove();
});

const file = (path, content) => ({ key: "file", value: { path, content: Buffer.from(content).toString("base64"), encoding: "base64" } });
const remove = (path) => ({ key: "deletedFile", value: { path } });

/** POST …/commit as the clients send it; the answer with its JSON. */
async function commit(repo, lines, { branch = "main", token = platform.token, header = {} } = {}) {
  const body = [{ key: "header", value: { summary: "change", ...header } }, ...lines].map((line) => JSON.stringify(line)).join("\n");
  const answer = await fetch(`${platform.url}${repo}/commit/${encodeURIComponent(branch)}`, {
    method: "POST", body, duplex: "half",
    headers: { "content-type": "application/x-ndjson", ...(token ? { authorization: `Bearer ${token}` } : {}) },
  });

  return { status: answer.status, headers: answer.headers, json: await answer.json() };
}

async function head(repo, ref = "refs/heads/main") {
  return (await repo.must(["ls-remote", repo.url, ref])).split("\t")[0];
}

async function liveTitle() {
  const visitor = await Visitor.join(platform, "admin/write");

  await visitor.close();
  return visitor.tree.tree.title;
}

test("a commit by the API is live for the next visitor, and git's own for the next clone", async () => {
  const { status, json } = await commit(SPACE, [file("app.lua", titled("By API")), file("notes/x.txt", "x")],
    { header: { summary: "Title", description: "Why\n\nand how" } });

  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(json.success, true);
  assert.equal(json.commitUrl, `${platform.url}/spaces/admin/write/commit/${json.commitOid}`);
  assert.match(json.hookOutput, /live in \d+ ms/);
  assert.equal(await liveTitle(), "By API");
  await space.must(["pull", "-q", space.url, "main"]);
  assert.equal((await space.must(["rev-parse", "HEAD"])).trim(), json.commitOid);
  assert.equal((await space.must(["log", "-1", "--format=%an|%s|%b"])).trim(), "admin|Title|Why\n\nand how");
  await space.must(["fsck", "--strict"]);
});

test("a commit whose app does not load is refused with file and line, and the version before serves", async () => {
  const before = await head(space);
  const { status, json, headers } = await commit(SPACE, [file("app.lua", "local x =\n\nreturn +\n")]);

  assert.equal(status, 422);
  assert.match(json.error, /^app\.lua:3: /);
  assert.match(headers.get("x-error-message"), /^app\.lua:3: /);
  assert.match(json.hookOutput, /keeps serving/);
  assert.equal(await head(space), before);
  assert.equal(await liveTitle(), "By API");
});

test("what cannot be done is answered as clients expect it, and leaves the branch where it was", async () => {
  const before = await head(model);
  const cases = [
    [422, null, [file("../evil.txt", "x")]],
    [422, null, [file(".git/config", "x")]],
    [422, null, [file("a.txt/b", "x")]],
    [404, "EntryNotFound", [remove("nope")], {}, /^A file with this name doesn't exist$/],
    [404, "RevisionNotFound", [file("x", "x")], { branch: "no-such" }],
    [412, null, [file("x", "x")], { header: { parentCommit: "0".repeat(40) } }],
    [400, null, [{ key: "what", value: {} }]],
    [400, null, [], { header: { summary: "" } }],
    [422, null, [{ key: "lfsFile", value: { path: "m.bin", algo: "sha256", oid: "0".repeat(64), size: 3 } }]],
    [401, null, [file("x", "x")], { token: "hf_wrongwrongwrongwrongwrongwrongwrongw" }],
    [401, null, [file("x", "x")], { token: null }],
    [422, null, [file("keys.py", `t = 1\nk = "hf_${"aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"}"\n`)], {}, /^keys\.py:2: holds an access token/],
    [422, null, [file("m.pt", Buffer.from([0x80, 2, 0x5d, 0x71, 1, 0x4b, 1, 0x61, 0x2e]))], {}, /^m\.pt: is a Python pickle/],
    [422, null, [file("D/x", "x")], {}, /is the same file as/],
  ];

  for (const [status, code, lines, options = {}, words] of cases) {
    const answer = await commit(MODEL, lines, options);

    assert.equal(answer.status, status, `${JSON.stringify(lines)}: ${JSON.stringify(answer.json)}`);
    if (code) assert.equal(answer.headers.get("x-error-code"), code);
    if (words) assert.match(answer.json.error, words);
  }
  const missing = await commit("/api/models/admin/none", [file("x", "x")]);

  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("x-error-code"), "RepoNotFound");
  assert.equal(await head(model), before);
});

test("of commits that race for one branch one wins and the others are told", async () => {
  const parentCommit = await head(model);
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) =>
    commit(MODEL, [file(`race-${i}`, "x")], { header: { parentCommit } })));
  const won = answers.filter(({ status }) => status === 200);

  assert.equal(won.length, 1, JSON.stringify(answers.map(({ status }) => status)));
  assert.ok(answers.every(({ status }) => status === 200 || status === 412));
  assert.equal(await head(model), won[0].json.commitOid);
});

test("a push and a commit race for one branch: one wins and the other is told", async () => {
  await space.must(["pull", "-q", space.url, "main"]);
  for (let round = 0; round < 3; round++) {
    const parentCommit = await head(space); // before the push: whoever asks later may be its child
    const pushed = await space.commit({ "app.lua": titled(`Push ${round}`) });
    const [push, api] = await Promise.all([
      space.push(),
      commit(SPACE, [file("app.lua", titled(`API ${round}`))], { header: { parentCommit } }),
    ]);
    const now = await head(space);

    assert.ok((push.code === 0) !== (api.status === 200), `${push.code} ${push.output} ${api.status} ${JSON.stringify(api.json)}`);
    assert.equal(now, push.code === 0 ? pushed : api.json.commitOid);
    assert.equal(await liveTitle(), push.code === 0 ? `Push ${round}` : `API ${round}`);
    await space.must(["fetch", "-q", space.url, "main"]);
    await space.must(["reset", "-q", "--hard", "FETCH_HEAD"]);
  }
});

test("branches and tags are made, refused twice, written to and removed", async () => {
  const post = (path, body) => platform.api("POST", `${MODEL}${path}`, body);
  const drop = (path) => platform.api("DELETE", `${MODEL}${path}`);
  const main = await head(model);

  assert.equal((await post("/branch/feature%2Fx", {})).status, 200);
  assert.equal((await post("/branch/feature%2Fx", {})).status, 409);
  assert.equal((await post("/branch/feature", {})).status, 409);
  assert.equal((await post("/branch/a..b", {})).status, 422);
  assert.equal((await post("/branch/y", { startingPoint: "no-such" })).headers.get("x-error-code"), "RevisionNotFound");
  assert.equal((await post("/branch/empty", { emptyBranch: true })).status, 200);
  const made = await commit(MODEL, [file("on-branch", "x")], { branch: "feature/x" });

  assert.equal(made.status, 200);
  assert.equal(await head(model, "refs/heads/feature/x"), made.json.commitOid);
  assert.equal(await head(model), main);
  assert.equal((await post("/branch/feature%2Fx", { startingPoint: "main", overwrite: true })).status, 200);
  assert.equal(await head(model, "refs/heads/feature/x"), main);
  assert.equal((await post("/branch/main", { startingPoint: "empty", overwrite: true })).status, 403);
  assert.equal((await post("/tag/main", { tag: "v1" })).status, 200);
  assert.equal((await post("/tag/main", { tag: "v1" })).status, 409);
  assert.equal((await post("/tag/feature%2Fx", { tag: "v2", message: "words" })).status, 200);
  assert.match(await model.must(["ls-remote", model.url]), /refs\/tags\/v1\n[^]*refs\/tags\/v2\n[^]*refs\/tags\/v2\^\{\}/);
  for (const path of ["/branch/feature%2Fx", "/branch/empty", "/tag/v1", "/tag/v2"]) {
    assert.equal((await drop(path)).status, 200, path);
    assert.equal((await drop(path)).status, 404, path);
  }
  assert.equal((await drop("/branch/main")).status, 403);
  assert.equal((await platform.api("POST", `${MODEL}/branch/z`, {}, null)).status, 401);
});

test("preupload says which files go to git-lfs, which are left out and what is there", async () => {
  const sample = (text) => Buffer.from(text).toString("base64");
  const { status, json } = await platform.api("POST", `${MODEL}/preupload/main`, {
    files: [
      { path: "a.txt", size: 2, sample: sample("a\n") },
      { path: "zero.bin", size: 0, sample: "" },
      { path: "nul.dat", size: 3, sample: sample("a\0b") },
      { path: "large.txt", size: 11 << 20, sample: sample("a") },
      { path: "x.raw", size: 5, sample: sample("plain") },
      { path: "logs/x.log", size: 5, sample: sample("plain") },
    ],
    gitAttributes: "*.raw filter=lfs diff=lfs merge=lfs -text\n", gitIgnore: "*.log\n",
  });

  assert.equal(status, 200);
  assert.equal(json.commitOid, await head(model));
  assert.deepEqual(json.files.map(({ path, uploadMode, shouldIgnore }) => [path, uploadMode, shouldIgnore]), [
    ["a.txt", "regular", false], ["zero.bin", "regular", false], ["nul.dat", "lfs", false],
    ["large.txt", "lfs", false], ["x.raw", "lfs", false], ["logs/x.log", "regular", true],
  ]);
  assert.equal(json.files[0].oid, "78981922613b2afb6025042ff6bd878ac1994e85");
  assert.equal((await platform.api("POST", `${MODEL}/preupload/main`, { files: [{ path: "../x", size: 1 }] })).status, 422);
  assert.equal((await platform.api("POST", `${MODEL}/preupload/none`, { files: [] })).headers.get("x-error-code"), "RevisionNotFound");
});

test("front matter is judged before a commit as it would be in one", async () => {
  const ask = (content, repoType) => platform.api("POST", "/api/validate-yaml", { content, repoType });
  const bad = await ask("---\nsdk: nonsense\n---\n", "space");

  assert.equal(bad.status, 400);
  assert.match(bad.json.errors[0].message, /^README\.md:2: sdk: 'nonsense'/);
  const remarked = await ask(frontMatter("titel: x\n"), "space");

  assert.equal(remarked.status, 200);
  assert.match(remarked.json.warnings[0].message, /did you mean 'title'/);
  assert.equal((await ask("---\nlicense: mit\n---\n", "model")).status, 200);
  assert.equal((await ask("---\nlicense: [mit\n---\n", "dataset")).status, 400);
});

test("thirteen hundred files in one commit", async () => {
  const { status, json } = await commit(MODEL, Array.from({ length: 1300 }, (_, i) => file(`lots/f${i}.txt`, `n${i}`)));

  assert.equal(status, 200, JSON.stringify(json));
  await model.must(["fetch", "-q", model.url, "main"]);
  assert.equal((await model.must(["ls-tree", "--name-only", "FETCH_HEAD", "lots/"])).trim().split("\n").length, 1300);
  await model.must(["fsck", "--strict"]);
});
