// Large files with the real git-lfs, and with the addresses that Hugging Face's clients are given.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const MIB = 1 << 20;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const pointer = (bytes) => `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${bytes.length}\n`;
let platform, home, env;

before(async () => {
  // 40 MiB for each owner; parts of 1 MiB; what nothing points to goes after 20 s, which a slow
  // machine needs between an upload and the push that points to it.
  platform = await Platform.start({ args: ["--large-files", "40,1,20"] });
  home = mkdtempSync(join(tmpdir(), "vitrine-lfs-"));
  env = {
    PATH: process.env.PATH, HOME: home, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*",
    GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
    GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
  };
  await must(home, "git", "lfs", "install", "--skip-repo");
});

after(async () => {
  rmSync(home, { recursive: true, force: true });
  await platform?.remove();
});

const run = (cwd, program, ...args) => runProgram(program, args, { cwd, env });

async function must(cwd, program, ...args) {
  const { code, output } = await run(cwd, program, ...args);

  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${output}`);
  return output;
}

function url(path, token = platform.token) {
  const it = new URL(`${platform.url}/${path}`);

  if (token) [it.username, it.password] = ["admin", token];
  return it.href;
}

const dir = (name) => join(home, name);

/** A clone-to-be: a new repo of ours that keeps *.bin outside of git. */
async function begin(name) {
  await must(home, "git", "init", "-q", "-b", "main", name);
  await must(dir(name), "git", "lfs", "track", "*.bin");
}

async function commit(name, files) {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir(name), path)), { recursive: true });
    writeFileSync(join(dir(name), path), content);
  }
  await must(dir(name), "git", "add", "-A");
  await must(dir(name), "git", "commit", "-q", "-m", "change");
}

const batch = (repo, operation, objects, { token = platform.token, transfers = ["basic"] } = {}) =>
  platform.api("POST", `/${repo}.git/info/lfs/objects/batch`, { operation, objects, transfers, hash_algo: "sha_256" }, token);

const object = (bytes) => ({ oid: sha256(bytes), size: bytes.length });

async function uploadAddress(repo, bytes) {
  const { json } = await batch(repo, "upload", [object(bytes)]);

  return json.objects[0].actions.upload.href;
}

const put = (href, body) => fetch(href, { method: "PUT", body });

function blobs() {
  const root = join(platform.data, "orchestrator/blobs"), found = [];

  for (const shard of readdirSync(root))
    if (shard.length === 2) found.push(...readdirSync(join(root, shard)));
    else found.push(shard);
  return found;
}

const big = randomBytes(5 * MIB);

test("a push stores the file outside of git, a clone without a token has it whole", async () => {
  await begin("one");
  await commit("one", { "big.bin": big, "config.json": "{}" });
  await must(dir("one"), "git", "push", "-q", url("admin/one"), "main");
  const inGit = await must(dir("one"), "git", "cat-file", "-p", "HEAD:big.bin");

  assert.equal(inGit, pointer(big));
  await must(home, "git", "clone", "-q", url("admin/one", null), "two");
  assert.ok(readFileSync(join(dir("two"), "big.bin")).equals(big));
});

test("a cut download goes on where it was", async () => {
  const oid = sha256(big), part = join(dir("three"), ".git/lfs/incomplete", `${oid}.part`);

  env.GIT_LFS_SKIP_SMUDGE = "1";
  await must(home, "git", "clone", "-q", url("admin/one"), "three");
  delete env.GIT_LFS_SKIP_SMUDGE;
  mkdirSync(dirname(part), { recursive: true });
  writeFileSync(part, big);
  truncateSync(part, 2 * MIB);
  env.GIT_CURL_VERBOSE = "1";
  const { code, output } = await run(dir("three"), "git", "lfs", "pull");

  delete env.GIT_CURL_VERBOSE;
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`Range: bytes=${2 * MIB}-`));
  assert.match(output, /HTTP\/1\.1 206/);
  assert.ok(readFileSync(join(dir("three"), "big.bin")).equals(big));
});

test("ranges of a file: the middle, the end, and past it", async () => {
  const { json } = await batch("admin/one", "download", [object(big)]);
  const { href } = json.objects[0].actions.download;
  const range = async (value) => {
    const answer = await fetch(href, { headers: { range: value } });

    return [answer.status, answer.headers.get("content-range"), Buffer.from(await answer.arrayBuffer())];
  };

  assert.deepEqual(await range("bytes=10-19"), [206, `bytes 10-19/${big.length}`, big.subarray(10, 20)]);
  assert.deepEqual(await range("bytes=-4"), [206, `bytes ${big.length - 4}-${big.length - 1}/${big.length}`, big.subarray(-4)]);
  assert.deepEqual((await range(`bytes=${big.length}-`)).slice(0, 2), [416, `bytes */${big.length}`]);
});

test("an upload that is not what it says is refused with words, however it lies", async () => {
  const bytes = randomBytes(2 * MIB), href = await uploadAddress("admin/one", bytes);
  const lies = [
    [bytes.subarray(1), /announced/],
    [Buffer.concat([bytes, Buffer.from("x")]), /announced/],
    [randomBytes(bytes.length), /SHA-256/],
  ];

  for (const [body, words] of lies) {
    const answer = await put(href, body);

    assert.equal(answer.status, 422);
    assert.match((await answer.json()).error, words);
  }
  // Without a length said beforehand.
  const chunked = await fetch(href, { method: "PUT", body: new Blob([bytes, bytes]).stream(), duplex: "half" });

  assert.equal(chunked.status, 422);
  assert.equal((await platform.api("POST", "/admin/one.git/info/lfs/verify", object(bytes))).status, 404);
  assert.equal((await put(href, bytes)).status, 200);
  assert.equal((await platform.api("POST", "/admin/one.git/info/lfs/verify", object(bytes))).status, 200);
  assert.equal((await platform.api("POST", "/admin/one.git/info/lfs/verify", { ...object(bytes), size: 1 })).status, 422);
});

test("an address is good for nothing but what it was given for", async () => {
  const bytes = randomBytes(1000), href = await uploadAddress("admin/one", bytes);

  for (const changed of [href.replace(/exp=\d/, "exp=9"), href.replace(/size=1/, "size=2"), href.replace(/sig=../, "sig=00"),
    href.replace("/put/", "/get/")]) {
    const answer = changed.includes("/get/") ? await fetch(changed) : await put(changed, bytes);

    assert.equal(answer.status, 403, changed);
  }
  assert.equal((await platform.api("POST", "/admin/one.git/info/lfs/locks/verify", {})).status, 404);
});

test("a refused upload of many megabytes hears why", async () => {
  const href = (await uploadAddress("admin/one", randomBytes(1000))).replace(/sig=../, "sig=00");

  for (let i = 0; i < 4; i++) {
    const answer = await put(href, Buffer.alloc(20 * MIB));

    assert.equal(answer.status, 403);
    assert.match((await answer.json()).error, /not one that was given out/);
  }
});

test("parts come in any order and become the file; a part that lies is found out", async () => {
  const bytes = randomBytes(9 * MIB + 5);
  const { json } = await batch("admin/one", "upload", [object(bytes)], { transfers: ["basic", "multipart"] });
  const { href, header } = json.objects[0].actions.upload;
  const size = Number(header.chunk_size), names = Object.keys(header).filter((k) => /^\d+$/.test(k)).sort();
  const send = async (name, body) => {
    const answer = await put(header[name], body);

    assert.equal(answer.status, 200);
    return { partNumber: Number(name), etag: answer.headers.get("etag") };
  };
  const slice = (name) => bytes.subarray((Number(name) - 1) * size, Number(name) * size);
  const complete = (parts) => fetch(href, {
    method: "POST", headers: { "content-type": "application/vnd.git-lfs+json" }, body: JSON.stringify({ oid: sha256(bytes), parts }),
  });

  assert.equal(json.transfer, "multipart");
  assert.equal(names.length, 10);
  assert.equal((await put(header["00002"], slice("00001").subarray(1))).status, 422);
  const first = await Promise.all(names.map((name) => send(name, name === "00003" ? slice("00004") : slice(name))));
  const refused = await complete(first);

  assert.equal(refused.status, 422);
  assert.match((await refused.json()).error, /SHA-256/);
  const parts = await Promise.all([...names].reverse().map((name) => send(name, slice(name))));

  parts.sort((a, b) => a.partNumber - b.partNumber);
  assert.equal((await complete(parts.slice(1))).status, 422);
  assert.equal((await complete(parts)).status, 200);
  assert.equal((await complete(parts)).status, 200, "asked again");
  const down = (await batch("admin/one", "download", [object(bytes)])).json.objects[0].actions.download.href;

  assert.equal(sha256(Buffer.from(await (await fetch(down)).arrayBuffer())), sha256(bytes));
});

test("an owner's storage has an end, and the words say what is left", async () => {
  const { json } = await batch("admin/one", "upload", [{ oid: sha256("x"), size: 60 * MIB }]);

  assert.equal(json.objects[0].error.code, 507);
  assert.match(json.objects[0].error.message, /'admin' has \d+\.\d MB left of its 41\.9 MB/);
});

test("nobody learns from an upload what a private repo of somebody else holds", async () => {
  const made = await platform.api("POST", "/api/users", { name: "bob", password: "correct horse" });

  assert.ok(made.status < 300, made.text);
  const { token } = (await platform.api("POST", "/api/tokens", { name: "lfs", scope: "write", user: "bob" })).json;
  const secret = randomBytes(3000);

  await begin("hidden");
  await commit("hidden", { "secret.bin": secret, "app.lua": 'local ui = require "vitrine.ui"\nreturn ui.page({}, function() return ui.markdown "hi" end)\n',
    "README.md": "---\ntitle: Test\nsdk: lua\napp_file: app.lua\n---\n# Test\n" });
  await must(dir("hidden"), "git", "push", "-q", url("spaces/admin/hidden"), "main");
  assert.equal((await platform.api("PUT", "/api/spaces/admin/hidden/settings", { private: true })).status, 200);
  const wants = async (bytes) => (await batch("bob/mine", "upload", [object(bytes)], { token })).json.objects[0];

  assert.ok((await wants(secret)).actions.upload, "as for one that nobody has");
  assert.equal((await wants(big)).actions, undefined, "a public repo has it");
  assert.equal((await batch("spaces/admin/hidden", "download", [object(secret)], { token })).status, 404);
});

test("a Space's build has the file, not its pointer", async () => {
  await begin("space");
  await commit("space", {
    "words.lua": 'return "the large words"\n',
    ".gitattributes": "words.lua filter=lfs diff=lfs merge=lfs -text\n",
    "README.md": "---\ntitle: Test\nsdk: lua\napp_file: app.lua\n---\n# Test\n",
    "app.lua": `local ui = require "vitrine.ui"
local words = require "words"
return ui.page({}, function() return ui.markdown(words) end)
`,
  });
  await must(dir("space"), "git", "push", "-q", url("spaces/admin/large"), "main");
  const visitor = await Visitor.join(platform, "admin/large");

  assert.match(JSON.stringify(visitor.tree), /the large words/);
  await visitor.close();
});

test("a pointer to what was never uploaded is refused in words, an old one is not asked about", async () => {
  await commit("one", { "lost.bin": randomBytes(2000) });
  env.GIT_LFS_SKIP_PUSH = "1";
  const { code, output } = await run(dir("one"), "git", "push", url("admin/one"), "main");

  delete env.GIT_LFS_SKIP_PUSH;
  assert.notEqual(code, 0);
  assert.match(output, /remote: .*lost\.bin/);
  await must(dir("one"), "git", "push", "-q", url("admin/one"), "main");
});

test("what nothing points to goes after its time, while others upload; what is pointed to stays", async () => {
  const loose = randomBytes(4000), kept = sha256(big);

  assert.equal((await put(await uploadAddress("admin/one", loose), loose)).status, 200);
  assert.ok(blobs().includes(sha256(loose)));
  let going = true, pushed = 0;
  const others = (async () => {
    await begin("busy");
    while (going && pushed < 40) {
      await commit("busy", { [`${pushed++}.bin`]: randomBytes(1000) });
      await must(dir("busy"), "git", "push", "-q", url("admin/busy"), "main");
    }
  })();

  await until("the loose one is gone", () => !blobs().includes(sha256(loose)), 120_000);
  going = false;
  await others;
  assert.ok(blobs().includes(kept));
  await must(home, "git", "clone", "-q", url("admin/busy", null), "busy-again");
  await must(home, "git", "clone", "-q", url("admin/one", null), "one-again");
  assert.ok(readFileSync(join(dir("one-again"), "big.bin")).equals(big));
  for (let i = 0; i < pushed; i++)
    assert.equal(statSync(join(dir("busy-again"), `${i}.bin`)).size, 1000);
  await until("no part of an upload is left", () => !blobs().some((name) => /^new-/.test(name)));
});
