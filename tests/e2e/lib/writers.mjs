// Writers without a pause: pushes, commits by the API and large files, each as soon as the one before has
// been acknowledged; and what of it must be in a copy of the platform's folder.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Repo } from "./git.mjs";
import { runProgram, until } from "./process.mjs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const git = (dir, ...args) => runProgram("git", ["-c", "safe.directory=*", "--git-dir", dir, ...args],
  { env: { PATH: process.env.PATH, HOME: "/nonexistent" } });

export class Writers {
  acknowledged = []; // { commit } or { oid }, in their order
  repos = [];

  constructor(platform) {
    this.platform = platform;
    this.counts = { pushes: 0, commits: 0, files: 0 };
  }

  async start() {
    for (const name of ["by-api", "by-lfs", "by-push"]) {
      const { status, text } = await this.platform.api("POST", "/api/repos/create", { type: "dataset", name });

      assert.equal(status, 200, text);
    }
    this.loops = [this.#push("by-push"), this.#commit("by-api"), this.#upload("by-lfs")].map((loop) => loop.catch((error) => {
      this.error ??= error;
    }));
    await until("each of them writes", () => this.error || Object.values(this.counts).every((n) => n > 2), 60_000, 20);
    if (this.error) throw this.error;
  }

  async stop() {
    this.over = true;
    await Promise.all(this.loops);
    for (const repo of this.repos) repo.remove();
    if (this.error) throw this.error;
  }

  async #push(name) {
    const repo = new Repo(this.platform, `admin/${name}`);

    this.repos.push(repo);
    repo.url = repo.url.replace("/spaces/", "/datasets/");
    await repo.must(["init", "-q", "-b", "main"]);
    await repo.must(["fetch", "-q", repo.url, "main"]);
    await repo.must(["reset", "-q", "--hard", "FETCH_HEAD"]);
    repo.started = true;
    for (let i = 0; !this.over; i++) {
      const commit = await repo.commit({ [`file-${i % 7}.txt`]: randomBytes(40_000).toString("hex") });
      const { code, output } = await repo.push();

      assert.equal(code, 0, output);
      this.acknowledged.push({ commit });
      this.counts.pushes++;
    }
  }

  async #byApi(name, ...files) {
    const lines = [{ key: "header", value: { summary: "more" } }, ...files];
    const answer = await fetch(`${this.platform.url}/api/datasets/admin/${name}/commit/main`, {
      method: "POST", body: lines.map((line) => JSON.stringify(line)).join("\n"),
      headers: { authorization: `Bearer ${this.platform.token}`, "content-type": "application/x-ndjson" },
    });
    const text = await answer.text();

    assert.equal(answer.status, 200, text);
    this.acknowledged.push({ commit: JSON.parse(text).commitOid });
  }

  async #commit(name) {
    for (let i = 0; !this.over; i++) {
      await this.#byApi(name, { key: "file", value: { path: `a/${i % 11}.txt`, encoding: "base64", content: randomBytes(3000).toString("base64") } });
      this.counts.commits++;
    }
  }

  async #upload(name) {
    for (let i = 0; !this.over; i++) {
      const bytes = randomBytes(1 << 20), oid = sha256(bytes);
      const { json, text } = await this.platform.api("POST", `/datasets/admin/${name}.git/info/lfs/objects/batch`,
        { operation: "upload", transfers: ["basic"], objects: [{ oid, size: bytes.length }] });

      assert.ok(json?.objects?.[0]?.actions, text);
      const put = await fetch(json.objects[0].actions.upload.href, { method: "PUT", body: bytes });

      assert.equal(put.status, 200, await put.text());
      this.acknowledged.push({ oid });
      await this.#byApi(name, { key: "lfsFile", value: { path: `${i % 5}.bin`, algo: "sha256", oid, size: bytes.length } });
      this.counts.files++;
    }
  }
}

/** Every repo of a data folder: git fsck finds nothing, and each pointer's file is there as its SHA-256
 * says. Returns all commits and all large files. */
export async function checkRepos(data) {
  const repos = join(data, "orchestrator/repos"), blobs = join(data, "orchestrator/blobs");
  const commits = new Set(), files = new Set();

  for (const name of readdirSync(repos).filter((entry) => entry.endsWith(".git") && entry !== "empty.git")) {
    const dir = join(repos, name), { code, output } = await git(dir, "fsck", "--full", "--strict");

    assert.equal(code, 0, `${name}: ${output}`);
    assert.doesNotMatch(output, /missing|broken|error/, name);
    for (const id of (await git(dir, "rev-list", "--all")).output.trim().split("\n")) commits.add(id);
    const pointers = await git(dir, "log", "--all", "--format=", "-p", "--", "*.bin");

    for (const [, oid] of pointers.output.matchAll(/^\+oid sha256:([0-9a-f]{64})$/gm)) {
      const path = join(blobs, oid.slice(0, 2), oid);

      assert.ok(existsSync(path), `${name} points to ${oid}, which is not there`);
      assert.equal(sha256(readFileSync(path)), oid, "a large file is torn");
    }
  }
  for (const shard of readdirSync(blobs).filter((entry) => entry.length === 2))
    for (const file of readdirSync(join(blobs, shard))) {
      assert.equal(sha256(readFileSync(join(blobs, shard, file))), file, "a blob is torn");
      files.add(file);
    }
  return { commits, files };
}
