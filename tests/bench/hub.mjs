// The hub beside its peers: 1 GB by git-lfs beside nginx writing the same bytes, a clone beside git
// daemon, a commit until a visitor sees it, and lists among 10,000 repos (repos.mjs).
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../e2e/lib/platform.mjs";
import { until } from "../e2e/lib/process.mjs";
import { Visitor } from "../e2e/lib/wire.mjs";
import { benchRepos } from "./repos.mjs";
import { freePort, makeFile, startNginx, status } from "./upload.mjs";

const SIZE = Number(process.env.VITRINE_BENCH_BYTES ?? 1 << 30);
const CLONE = Math.min(SIZE, 200e6);
const ROUNDS = 3;
const MEMORY_MB = 64;
const COMMITS = 30, VISIBLE_MS = 300;
const ada = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];

async function sha256(file) {
  const hash = createHash("sha256");

  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest("hex");
}

const timed = async (fn) => {
  const began = performance.now();

  await fn();
  return (performance.now() - began) / 1000;
};

const best = (list) => Math.max(...list);

function withToken(platform, path) {
  const url = new URL(`${platform.url}/${path}`);

  [url.username, url.password] = ["admin", platform.token];
  return url.href;
}

/** MB/s of the same bytes by PUT, turn by turn, and the peak memory of our two processes meanwhile. */
async function upload({ platform, file, run, say, cleanups }) {
  const nginx = await startNginx({ cleanups });
  const oid = await sha256(file);
  const rates = { ours: [], peer: [] };
  const put = (url) => run("curl", ["-sS", "--fail-with-body", "-H", "Expect:", "-T", file, url]);

  // The address may be used again: the bytes are taken, hashed and written as at first.
  const { json } = await platform.api("POST", "/admin/sent.git/info/lfs/objects/batch",
    { operation: "upload", objects: [{ oid, size: SIZE }], transfers: ["basic"] });
  const { href } = json.objects[0].actions.upload;

  for (let i = 0; i < ROUNDS; i++) {
    // Else the disk still writes one round's bytes during the other's.
    await run("sync", []);
    rates.peer.push(SIZE / 1e6 / await timed(() => put(`${nginx.url}/${oid}`)));
    await run("sync", []);
    rates.ours.push(SIZE / 1e6 / await timed(() => put(href)));
    say(`round ${i + 1}: nginx ${rates.peer.at(-1).toFixed(0)}, ours ${rates.ours.at(-1).toFixed(0)} MB/s`);
  }
  return rates;
}

async function startDaemon({ dir, cleanups }) {
  const port = await freePort();
  const daemon = spawn("git", ["daemon", "--export-all", "--listen=127.0.0.1", `--port=${port}`, `--base-path=${dir}`, dir], { stdio: "ignore" });

  cleanups.push(async () => {
    daemon.kill("SIGTERM");
    await new Promise((resolve) => daemon.on("close", resolve));
  });
  return `git://127.0.0.1:${port}`;
}

async function clone({ platform, dir, run, say, cleanups }) {
  const work = join(dir, "work"), env = { ...process.env, HOME: dir, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args) => run("git", args, { env });
  const rates = { ours: [], peer: [] };

  await git("init", "-q", "-b", "main", work);
  for (let i = 0; i < 10; i++) {
    const part = makeFile(dir, CLONE / 10);

    await run("mv", [part, join(work, `${i}.dat`)]);
  }
  await git("-C", work, "-c", "core.compression=0", "add", "-A");
  await git("-C", work, ...ada, "commit", "-q", "-m", "large");
  await git("-C", work, "-c", "core.compression=0", "push", "-q", withToken(platform, "datasets/admin/large"), "main");
  await git("clone", "-q", "--bare", work, join(dir, "large.git"));
  const daemon = await startDaemon({ dir, cleanups });

  await until("git daemon answers", async () => (await git("ls-remote", `${daemon}/large.git`)).length > 0);
  for (let i = 0; i < ROUNDS; i++)
    for (const [who, url] of [["peer", `${daemon}/large.git`], ["ours", `${platform.url}/datasets/admin/large`]]) {
      const to = join(dir, "clone");

      rates[who].push(CLONE / 1e6 / await timed(() => git("clone", "-q", "--bare", url, to)));
      rmSync(to, { recursive: true });
    }
  say(`clone: git daemon ${rates.peer.map((n) => n.toFixed(0))}, ours ${rates.ours.map((n) => n.toFixed(0))} MB/s`);
  return rates;
}

/** One push by git-lfs itself: seconds, and the peaks of our two processes in MB. */
async function push({ platform, dir, file, run }) {
  const work = join(dir, "lfs"), env = { ...process.env, HOME: dir, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args) => run("git", args, { env });
  const pids = ["gateway", "orchestrator"].map((name) => [name, platform.servicePid(name)]);

  await git("lfs", "install", "--skip-repo");
  await git("init", "-q", "-b", "main", work);
  await run("cp", [file, join(work, "large.bin")]);
  await run("git", ["lfs", "track", "*.bin"], { env, cwd: work });
  await git("-C", work, "add", "-A");
  await git("-C", work, ...ada, "commit", "-q", "-m", "large");
  const seconds = await timed(() => git("-C", work, "push", "-q", withToken(platform, "admin/pushed"), "main"));

  return { seconds, peaks: pids.map(([name, pid]) => [name, status(pid, "VmHWM") * 1.048576]) };
}

/** Milliseconds from a commit by the API, as the editor in the browser makes it, until the page of a
 * visitor who is there has the new version. */
async function visible({ platform, newRepo }) {
  const app = (title) => `local ui = require "vitrine.ui"\n\nreturn ui.page({ title = "${title}" }, function() return ui.textbox {} end)\n`;
  const repo = newRepo(platform, "admin/edited");
  const took = [];

  await repo.deploy({ "app.lua": app("At first") });
  const visitor = await Visitor.join(platform, "admin/edited");

  for (let i = 0; i < COMMITS; i++) {
    const title = `Version ${i}`;
    const lines = [{ key: "header", value: { summary: title } },
      { key: "file", value: { path: "app.lua", content: Buffer.from(app(title)).toString("base64"), encoding: "base64" } }];
    const began = performance.now();
    const committed = fetch(`${platform.url}/api/spaces/admin/edited/commit/main`, {
      method: "POST", body: lines.map((line) => JSON.stringify(line)).join("\n"),
      headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/x-ndjson" },
    });

    await visitor.waitFor(`version ${i} is there`, () => visitor.tree.tree.title === title);
    took.push(performance.now() - began);
    if (!(await committed).ok) throw new Error(`commit ${i}: ${(await committed).status}`);
  }
  await visitor.close();
  return took;
}

export async function benchHub({ startPlatform, newRepo, run, percentile, figure, say, cleanups }) {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-hub-"));

  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const platform = await startPlatform();
  const file = makeFile(dir, SIZE);
  const sent = await upload({ platform, file, run, say, cleanups });
  const pushed = await push({ platform, dir, file, run });

  rmSync(file);
  const cloned = await clone({ platform, dir, run, say, cleanups });
  const seen = await visible({ platform, newRepo });
  const listed = await benchRepos({ platform, newRepo, run, percentile, figure, words: join(root, "docs/sdk.md") });
  const beside = (what, rates, goal) => figure(what, best(rates.ours), "MB/s",
    { peer: best(rates.peer), goal: `≥ ${goal} × the peer`, floor: goal * best(rates.peer) });

  return [
    beside(`${SIZE / 1e6} MB by the address that git-lfs is given, hashed and on the disk when it is answered; best of ${ROUNDS} (peer: PUT to nginx, in its page cache)`, sent, 0.7),
    figure("the same by git lfs push, git-lfs's own reading and hashing in it", SIZE / 1e6 / pushed.seconds, "MB/s", { peer: best(sent.peer) }),
    ...pushed.peaks.map(([name, mb]) => figure(`both: ${name}, peak memory`, mb, "MB", { goal: `≤ ${MEMORY_MB} MB`, limit: MEMORY_MB })),
    beside(`clone of ${CLONE / 1e6} MB over HTTP; best of ${ROUNDS} (peer: git daemon)`, cloned, 0.8),
    figure(`a commit by the API until a visitor's page has the new version, p50 of ${COMMITS}`, percentile(seen, 50), "ms", { goal: `≤ ${VISIBLE_MS} ms`, limit: VISIBLE_MS }),
    figure("the same, p90", percentile(seen, 90), "ms"),
    ...listed,
  ];
}
