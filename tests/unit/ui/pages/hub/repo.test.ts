import assert from "node:assert/strict";
import { test } from "node:test";
import { cardAddress, cardText } from "@ui/pages/hub/front_matter";
import { commitBody, listPath, nextOf } from "@ui/pages/hub/hub_api";
import { popular, readQuery } from "@ui/pages/hub/query";
import { apiPath, readCommit, readEntry, readList, readRepo, repoPath, sortEntries, viewPath } from "@ui/pages/hub/repo";
import { readHeader, summary } from "@ui/pages/hub/tensor_header";
import { bytesWords, countWords } from "@ui/pages/words";

const model = { kind: "model", owner: "ada", name: "x" } as const;

test("each kind has its addresses", () => {
  assert.equal(repoPath(model), "/ada/x");
  assert.equal(repoPath({ ...model, kind: "dataset" }), "/datasets/ada/x");
  assert.equal(apiPath({ ...model, kind: "space" }, "tree", "main"), "/api/spaces/ada/x/tree/main");
  assert.equal(viewPath(model, "resolve", "a/b", "c d/e#f"), "/ada/x/resolve/a%2Fb/c%20d/e%23f");
});

test("what is no repo, entry or commit is none, and hostile fields are empty", () => {
  for (const json of [null, 1, "x", [], {}, { id: "noslash" }]) assert.equal(readRepo("model", json), null);
  const read = readRepo("model", { id: "ada/x", likes: "7", tags: [1, "a"], cardData: [], siblings: [{}, { rfilename: "f" }], safetensors: { parameters: { F32: {} } }, spaces: ["a/b", "bad"] });
  assert.equal(read?.likes, 0);
  assert.deepEqual(read?.tags, ["a"]);
  assert.deepEqual(read?.files, ["f"]);
  assert.deepEqual(read?.usedBy, [{ kind: "space", owner: "a", name: "b" }]);
  assert.equal(readEntry({ path: 3 }), null);
  assert.equal(readCommit({}), null);
  assert.deepEqual(readList({ error: "x" }, readEntry), []);
});

test("a model says what it can be called for, or why it cannot, or nothing", () => {
  const served = (json: unknown) => readRepo("model", { id: "ada/x", served: json })?.served;
  assert.deepEqual(served({ state: "ready", task: "chat", words: "" }), { task: "chat", words: "" });
  assert.deepEqual(served({ state: "failed", task: null, words: "no" }), { task: "", words: "no" });
  for (const json of [undefined, 1, { state: "new", words: "" }, { task: 7 }]) assert.equal(served(json), null);
});

test("a model that is only served has no pages to lead to", () => {
  assert.equal(readRepo("model", { id: "vitrine/tiny-writer", _id: "vitrine/tiny-writer", author: "" })?.stored, false);
  assert.equal(readRepo("model", { id: "ada/x", author: "ada" })?.stored, true);
});

test("a stage of Hugging Face's is a state of the pages", () => {
  assert.equal(readRepo("space", { id: "a/b", runtime: { stage: "RUNNING" } })?.state, "running");
  assert.equal(readRepo("space", { id: "a/b", runtime: { stage: "NEW_ONE" } })?.state, "");
});

test("folders stand before files", () => {
  const entries = readList([{ type: "file", path: "a" }, { type: "directory", path: "z" }, { type: "directory", path: "b" }], readEntry);
  assert.deepEqual(sortEntries(entries).map((e) => e.path), ["b", "z", "a"]);
});

test("the next part is on this host, whatever the answer calls it", () => {
  assert.equal(nextOf('<http://elsewhere:9/api/models?limit=2&cursor=Mg%3D%3D>; rel="next"'), "/api/models?limit=2&cursor=Mg%3D%3D");
  for (const none of [null, "", '<http://x/>; rel="prev"', "<", 'rel="next"']) assert.equal(nextOf(none), null);
});

test("a search is an address and a call", () => {
  const query = readQuery("?search=a%26b&sort=likes&filter=lua&filter=demo");
  assert.deepEqual(query, { search: "a&b", sort: "likes", filters: ["lua", "demo"] });
  const asked = new URLSearchParams(listPath("space", query).split("?")[1]);
  assert.deepEqual([asked.get("search"), asked.get("sort"), asked.getAll("filter")], ["a&b", "likes", ["lua", "demo"]]);
  assert.equal(readQuery("?sort=constructor").sort, "trendingScore");
  assert.deepEqual(popular(["b", "a", "b", "license:mit"]), ["b", "a"]);
});

test("a commit is lines of JSON, its header first", async () => {
  const body = commitBody({ summary: "s", parentCommit: "0a" }, [{ key: "file", value: { path: "a\nb", content: "x\n", encoding: "utf-8" } }]);
  const lines = (await body.text()).split("\n");
  assert.equal(lines.length, 3);
  assert.deepEqual(JSON.parse(lines[0]!), { key: "header", value: { summary: "s", parentCommit: "0a" } });
  assert.equal(JSON.parse(lines[1]!).value.path, "a\nb");
});

test("front matter is cut off a card, and nothing else is", () => {
  assert.equal(cardText("---\ntitle: x\n---\n# Hi\n"), "# Hi\n");
  assert.equal(cardText("\ufeff---\r\na: b\r\n---\r\n\r\nHi"), "Hi");
  assert.equal(cardText("---\n---\nHi"), "Hi");
  assert.equal(cardText("Hi\n---\nthere\n---\n"), "Hi\n---\nthere\n---\n");
  assert.equal(cardText("---\nnever closed\n"), "---\nnever closed\n");
});

test("a card's links lead to the files beside it, and not out of the repo", () => {
  const to = (href: string, folder = "") => cardAddress(href, folder, (path) => `/at/${path}`);
  assert.equal(to("img/a%20b.png"), "/at/img/a b.png");
  assert.equal(to("../x.md#y", "docs"), "/at/x.md#y");
  assert.equal(to("../../../etc/passwd", "docs"), "/at/etc/passwd");
  assert.equal(to("./a.md?raw"), "/at/a.md");
  for (const kept of ["https://x/", "//x/", "/abs", "#top", "mailto:a@b", "javascript:alert(1)", ""]) assert.equal(to(kept), kept);
});

test("tensors are counted by their types", () => {
  const tensors = readHeader({ __metadata__: { a: "b" }, w: { dtype: "F32", shape: [2, 3] }, b: { dtype: "F16", shape: [] }, bad: { dtype: "F32", shape: ["x"] }, worse: null });
  assert.deepEqual(summary(tensors), { types: [["F32", 6], ["F16", 1]], total: 7, tensors: 2 });
  assert.deepEqual(readHeader(null), []);
});

test("sizes are words", () => {
  assert.deepEqual([0, 1, 999, 1000, 999_600, 12_345_678].map(bytesWords), ["0 bytes", "1 byte", "999 bytes", "1.00 kB", "1.00 MB", "12.3 MB"]);
  assert.deepEqual([7, 1500, 1_240_000_000].map(countWords), ["7", "1.50 k", "1.24 B"]);
});
