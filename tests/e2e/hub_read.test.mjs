// What hub clients read of a repo, beyond what ../shared/conformance/hub checks: with Hugging
// Face's own JS client and by hand.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { datasetInfo, downloadFile, fileDownloadInfo, fileExists, listCommits, listFiles, modelInfo, pathsInfo, spaceInfo }
  from "@huggingface/hub";
import * as apps from "./lib/apps.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";

let platform, space, model, first, second;
const repos = [];

const sha1 = (text) => createHash("sha1").update(`blob ${Buffer.byteLength(text)}\0${text}`).digest("hex");
const all = async (items) => {
  const list = [];

  for await (const item of items) list.push(item);
  return list;
};

/** Shape and sums of a safetensors file with these tensors. */
function safetensors(tensors) {
  let at = 0;
  const header = {};

  for (const [name, dtype, shape, bytes] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);

  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(at)]);
}

before(async () => {
  platform = await Platform.start();
  space = new Repo(platform, "admin/read");
  model = new Repo(platform, "admin/weights");
  model.url = model.url.replace("/spaces/", "/");
  repos.push(space, model);
  first = await space.commit({ "app.lua": apps.mood, "README.md": frontMatter("models:\n  - vitrine/tiny-sentiment\ntags:\n  - mood\n"),
    "a/b/deep.txt": "deep", "empty.txt": "", "page.html": "<script>alert(1)</script>", "naïve ☃.txt": "snow" }, "first");
  second = await space.commit({ "a/b/deep.txt": "deeper" }, "second\n\nwith words");
  await space.must(["branch", "feature/x"]);
  await space.must(["tag", "-a", "v1", "-m", "v1", first]);
  const { code, output } = await space.push("main", "feature/x", "v1");

  assert.equal(code, 0, output);
  await model.deploy({ "README.md": "---\npipeline_tag: fill-mask\nlicense: mit\n---\n# Hi\n",
    "model.safetensors": safetensors([["a", "F32", [2, 3], 24], ["b", "BF16", [4], 8]]) }, "weights");
});

after(async () => {
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

const ours = () => ({ hubUrl: platform.url, repo: { type: "space", name: "admin/read" } });
const get = (path, init) => fetch(`${platform.url}/spaces/admin/read/${path}`, init);

test("a branch with a slash, a tag and a part of an id are revisions", async () => {
  for (const [revision, deep] of [["feature/x", "deeper"], ["v1", "deep"], [first.slice(0, 8), "deep"], ["HEAD", "deeper"]]) {
    const blob = await downloadFile({ ...ours(), path: "a/b/deep.txt", revision });

    assert.equal(await blob.text(), deep, revision);
    assert.ok((await all(listFiles({ ...ours(), revision, path: "a" }))).some(({ path }) => path === "a/b"), revision);
  }
  assert.deepEqual((await all(listCommits({ ...ours(), revision: "v1" }))).map(({ title }) => title), ["first"]);
  for (const revision of ["main~1", "main^{tree}", "-h", "v1:a"])
    assert.equal(await fileExists({ ...ours(), path: "a/b/deep.txt", revision }), false, revision);
});

test("history tells titles, words and their number, in pages", async () => {
  const base = `${platform.url}/api/spaces/admin/read/commits/main`;
  const page = await fetch(`${base}?limit=1`), commits = await page.json();

  assert.equal(page.headers.get("x-total-count"), "2");
  assert.equal(commits[0].id, second);
  assert.equal(commits[0].title, "second");
  assert.equal(commits[0].message, "with words");
  assert.deepEqual(commits[0].parents, [first]);
  const link = /^<(http[^>]+)>; rel="next"$/.exec(page.headers.get("link"))[1];
  const next = await fetch(link);

  assert.deepEqual((await next.json()).map(({ id }) => id), [first]);
  assert.equal(next.headers.get("link"), null);
});

test("every entry tells the commit that changed it last", async () => {
  const files = await all(listFiles({ ...ours(), recursive: true, expand: true }));
  const titles = Object.fromEntries(files.map(({ path, lastCommit }) => [path, lastCommit?.title]));

  assert.equal(titles["a/b/deep.txt"], "second");
  assert.equal(titles.a, "second");
  assert.equal(titles["app.lua"], "first");
  const some = await pathsInfo({ ...ours(), paths: ["a/b/deep.txt", "none"], expand: true });

  assert.deepEqual(some.map(({ path, lastCommit }) => [path, lastCommit.id]), [["a/b/deep.txt", second]]);
});

test("Python's form of paths-info and small pages give the same entries", async () => {
  const answer = await fetch(`${platform.url}/api/spaces/admin/read/paths-info/${encodeURIComponent("feature/x")}`, {
    method: "POST", body: new URLSearchParams([["paths", "naïve ☃.txt"], ["paths", "a"], ["expand", "False"]]) });

  assert.deepEqual((await answer.json()).map(({ path, type }) => [path, type]), [["naïve ☃.txt", "file"], ["a", "directory"]]);
  let url = `${platform.url}/api/spaces/admin/read/tree/main?recursive=true&limit=1`;
  const paths = [];

  while (url) {
    const page = await fetch(url);

    paths.push(...(await page.json()).map(({ path }) => path));
    url = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1];
  }
  assert.deepEqual(paths.sort(), (await all(listFiles({ ...ours(), recursive: true }))).map(({ path }) => path).sort());
});

test("files have ETags, ranges, names, and run nowhere", async () => {
  const page = await get("resolve/main/page.html");

  assert.equal(page.headers.get("etag"), `"${sha1("<script>alert(1)</script>")}"`);
  assert.equal(page.headers.get("x-repo-commit"), second);
  assert.match(page.headers.get("content-type"), /^text\/plain/);
  assert.match(page.headers.get("x-content-type-options"), /^nosniff/);
  assert.match(page.headers.get("content-security-policy"), /sandbox/);
  await page.text();
  const same = await get("resolve/main/page.html", { headers: { "if-none-match": page.headers.get("etag") } });

  assert.equal(same.status, 304);
  assert.equal(await same.text(), "");
  for (const [range, status, content, text] of [["bytes=0-0", 206, "bytes 0-0/25", "<"], ["bytes=-3", 206, "bytes 22-24/25", "pt>"],
    ["bytes=22-", 206, "bytes 22-24/25", "pt>"], ["bytes=25-", 416, "bytes */25", undefined]]) {
    const part = await get("resolve/main/page.html", { headers: { range } });

    assert.equal(part.status, status, range);
    assert.equal(part.headers.get("content-range"), content, range);
    const got = await part.text();

    if (text !== undefined) assert.equal(got, text, range);
  }
  const empty = await get("raw/main/empty.txt", { headers: { range: "bytes=0-0" } });

  assert.equal(empty.status, 200);
  assert.equal(empty.headers.get("content-range"), "bytes */0");
  const head = await get(`resolve/main/${encodeURIComponent("naïve ☃.txt")}`, { method: "HEAD" });

  assert.equal(head.headers.get("content-length"), "4");
  assert.match(head.headers.get("content-disposition"), /^inline; filename\*=UTF-8''na%C3%AFve%20%E2%98%83\.txt; filename="na__ve ___\.txt";$/);
  assert.deepEqual([(await fileDownloadInfo({ ...ours(), path: "empty.txt" })).size, await fileDownloadInfo({ ...ours(), path: "none" })], [0, null]);
});

test("nothing outside of a repo's files can be had", async () => {
  for (const path of ["main/..%2F..%2Fvitrine.db", "main/a%2F..%2Fapp.lua", "main/.git/config", "main/%2Fetc%2Fpasswd", "main/a"]) {
    const answer = await get(`resolve/${path}`);

    assert.equal(answer.status, 404, path);
    assert.equal(answer.headers.get("x-error-code"), "EntryNotFound", path);
    assert.equal(answer.headers.get("x-repo-commit"), second);
    await answer.text();
  }
  const gone = await get("resolve/gone/app.lua");

  assert.equal(gone.headers.get("x-error-code"), "RevisionNotFound");
  assert.match((await gone.json()).error, /^Invalid rev id/);
});

test("an info object has the card, the files and what the rows know", async () => {
  const info = await spaceInfo({ hubUrl: platform.url, name: "admin/read", additionalFields: ["sha", "cardData", "tags", "models", "author", "runtime"] });

  assert.deepEqual([info.sha, info.author, info.sdk, info.cardData.title], [second, "admin", "lua", "Test"]);
  assert.deepEqual([info.tags, info.models], [["mood"], ["vitrine/tiny-sentiment"]]);
  const at = await (await fetch(`${platform.url}/api/spaces/admin/read/revision/v1?blobs=true`)).json();

  assert.equal(at.sha, first);
  assert.equal(at.siblings.find(({ rfilename }) => rfilename === "a/b/deep.txt").blobId, sha1("deep"));
});

test("a model tells its parameters and the tensors of a file", async () => {
  const info = await modelInfo({ hubUrl: platform.url, name: "admin/weights", additionalFields: ["safetensors", "sha", "cardData"] });

  assert.deepEqual(info.safetensors, { parameters: { F32: 6, BF16: 4 }, total: 10 });
  assert.deepEqual([info.task, info.cardData.license], ["fill-mask", "mit"]);
  const file = await (await fetch(`${platform.url}/api/models/admin/weights/safetensors/main/model.safetensors`)).json();

  assert.deepEqual(file.tensors, [{ name: "a", dtype: "F32", shape: [2, 3], bytes: 24 }, { name: "b", dtype: "BF16", shape: [4], bytes: 8 }]);
  const readme = await fetch(`${platform.url}/api/models/admin/weights/safetensors/main/README.md`);

  assert.equal(readme.status, 400);
  await assert.rejects(datasetInfo({ hubUrl: platform.url, name: "admin/weights" }), { statusCode: 401 });
});

test("a commit shows what it changed, two revisions how they differ", async () => {
  const api = `${platform.url}/api/spaces/admin/read`;
  const commit = await (await fetch(`${api}/commit/${second}`)).json();

  assert.deepEqual([commit.parent, commit.commit.title, commit.total], [first, "second", 1]);
  assert.deepEqual([commit.files[0].path, commit.files[0].additions, commit.files[0].deletions], ["a/b/deep.txt", 1, 1]);
  assert.match(commit.files[0].patch, /^@@ .*\n-deep\n.*\n\+deeper\n/);
  const compared = await (await fetch(`${api}/compare/feature/x..v1`)).json();

  assert.match(compared.files[0].patch, /-deeper\n[^]*\+deep\n/);
  assert.equal((await fetch(`${api}/compare/main`)).status, 404);
});

/** Uploads bytes to a repo as large file; returns its pointer. */
async function upload(repo, bytes) {
  const oid = createHash("sha256").update(bytes).digest("hex");
  const { json } = await platform.api("POST", `/${repo}.git/info/lfs/objects/batch`,
    { operation: "upload", transfers: ["basic"], objects: [{ oid, size: bytes.length }], hash_algo: "sha256" });

  assert.equal((await fetch(json.objects[0].actions.upload.href, { method: "PUT", body: bytes })).status, 200);
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.length}\n`;
}

test("a large file is itself by resolve, its pointer by raw, and nobody's through another repo", async () => {
  const bytes = safetensors([["big", "F16", [1000, 1000], 2_000_000]]), web = `${platform.url}/admin/weights`;
  const pointer = await upload("admin/weights", bytes), oid = /sha256:(\S+)/.exec(pointer)[1];

  await model.deploy({ "large.safetensors": pointer }, "large");
  const head = await fetch(`${web}/resolve/main/large.safetensors`, { method: "HEAD" });

  assert.deepEqual(["etag", "x-linked-etag", "x-linked-size", "content-length"].map((name) => head.headers.get(name)),
    [`"${oid}"`, `"${oid}"`, `${bytes.length}`, `${bytes.length}`]);
  const part = await fetch(`${web}/resolve/main/large.safetensors`, { headers: { range: "bytes=8-20" } });

  assert.equal(part.headers.get("content-range"), `bytes 8-20/${bytes.length}`);
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(8, 21));
  assert.equal(await (await fetch(`${web}/raw/main/large.safetensors`)).text(), pointer);
  // Twice: the second time what is in the file is known.
  for (let i = 0; i < 2; i++) {
    const info = await modelInfo({ hubUrl: platform.url, name: "admin/weights", additionalFields: ["safetensors"] });

    assert.deepEqual(info.safetensors, { parameters: { F32: 6, BF16: 4, F16: 1_000_000 }, total: 1_000_010 });
  }
  const file = await (await fetch(`${platform.url}/api/models/admin/weights/safetensors/main/large.safetensors`)).json();

  assert.deepEqual(file.tensors.map(({ name }) => name), ["big"]);
  const [entry] = await pathsInfo({ hubUrl: platform.url, repo: { type: "model", name: "admin/weights" }, paths: ["large.safetensors"] });

  assert.deepEqual([entry.size, entry.lfs], [bytes.length, { oid, size: bytes.length, pointerSize: pointer.length }]);

  // Somebody else who knows its name.
  const secret = await upload("admin/weights", Buffer.from(`a secret of ${Math.random()}`));

  await platform.api("POST", "/api/users", { name: "bob", password: "correct horse" });
  const { token } = (await platform.api("POST", "/api/tokens", { name: "read", scope: "write", user: "bob" })).json;
  const thief = new Repo(platform, "bob/thief", { token, user: "bob" });

  repos.push(thief);
  thief.url = thief.url.replace("/spaces/", "/");
  await thief.commit({ "README.md": "# Hi\n", "stolen.safetensors": secret });
  const { code, output } = await thief.push();

  if (code !== 0) assert.match(output, /stolen\.safetensors/);
  for (const path of ["bob/thief/resolve/main/stolen.safetensors", "api/models/bob/thief/safetensors/main/stolen.safetensors"]) {
    const stolen = await fetch(`${platform.url}/${path}`, { headers: { authorization: `Bearer ${token}` } });

    assert.equal(stolen.status, 404, path);
    assert.doesNotMatch(await stolen.text(), /a secret of/);
  }
});
