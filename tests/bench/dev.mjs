// scripts/bench dev: from a save to the new version in an open page, with vitrine dev.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, vitrine } from "../e2e/lib/platform.mjs";
import { until } from "../e2e/lib/process.mjs";
import { Visitor } from "../e2e/lib/wire.mjs";

const milliseconds = () => Number(process.hrtime.bigint() / 1000n) / 1000;

async function startDev(folder, dir, cleanups) {
  const child = spawn(vitrine, ["dev", folder],
    { env: { PATH: process.env.PATH, HOME: dir, TMPDIR: dir, no_proxy: "*" }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let said = "";

  child.stdout.on("data", (bytes) => {
    said += bytes;
  });
  cleanups.push(() => {
    child.kill("SIGINT");
    return ended;
  });
  const [, url] = await until("vitrine dev is ready", () => /(http:\/\/localhost:\d+)\/api\/login\/links/.exec(said));

  return { url, port: Number(new URL(url).port) };
}

/** The same save as git alone would keep it: into a bare repo of this disk. */
async function startPeer(dir, run) {
  const bare = join(dir, "bare.git"), work = join(dir, "peer");
  const env = { PATH: process.env.PATH, HOME: dir, GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" };
  const git = (...args) => run("git", args, { cwd: work, env });

  cpSync(join(root, "templates/hello"), work, { recursive: true });
  await run("git", ["init", "-q", "--bare", bare], { env });
  await git("init", "-q", "-b", "main");
  return async (text) => {
    writeFileSync(join(work, "app.lua"), text);
    const start = milliseconds();

    await git("add", "-A");
    await git("commit", "-q", "-m", "as it is");
    await git("push", "-q", bare, "main");
    return milliseconds() - start;
  };
}

export async function benchDev({ run, figure, percentile, cleanups }, rounds = 40) {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-bench-dev-"));
  const folder = join(dir, "hello");

  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  cpSync(join(root, "templates/hello"), folder, { recursive: true });
  const app = readFileSync(join(folder, "app.lua"), "utf8");
  const platform = await startDev(folder, dir, cleanups);
  const peer = await startPeer(dir, run);
  const visitor = await Visitor.join(platform, "admin/hello");
  const saves = [], peers = [];

  for (let i = 0; i < rounds + 3; i++) {
    const title = `Version ${i}`;
    const text = app.replace(/title +=.*/, `title = "${title}",`);
    const bare = await peer(text);
    const start = milliseconds();

    writeFileSync(join(folder, "app.lua"), text);
    await until(`the page says ${title}`, () => visitor.tree.title === title, 30_000, 1);
    if (i < 3) continue; // the first ones warm the file caches of both
    saves.push(milliseconds() - start);
    peers.push(bare);
    await new Promise((done) => setTimeout(done, 100)); // dev has printed what it says
  }
  await visitor.close();
  const floor = percentile(peers, 50);

  return [
    figure("vitrine dev: save → the open page has the new version, its tests passed, p50", percentile(saves, 50), "ms",
      { peer: floor, goal: "≤ git add, commit and push to a bare repo on disk + 150 ms", limit: floor + 150 }),
    figure("the same, p95", percentile(saves, 95), "ms", { peer: percentile(peers, 95) }),
  ];
}
