// Large pushes and slow clients: what passes through is not held, and of two pushes one wins.
// Alone: it measures how much memory the services take.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync, openSync, writeSync, closeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const MIB = process.env.VITRINE_TEST_FULL ? 1024 : 64;
const GROWTH_MIB = 32;
const SLOW = 12;
let platform, repo;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/large");
  await repo.deploy({ "app.lua": apps.counter });
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

function statusMib(pid, key) {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").split("\n").find((l) => l.startsWith(`${key}:`));

  return line ? Number(line.split(/\s+/)[1]) / 1024 : 0;
}

function descendants(pid) {
  try {
    const direct = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);

    return direct.flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return []; // it has ended
  }
}

/** Not a branch: those are built, and bounded by what a bundle may hold. */
const TAG = "large:refs/tags/large";

/** Growth of both services while fn runs, and the largest git below the orchestrator, in MiB. */
async function peaksOf(fn) {
  const pids = { gateway: platform.servicePid("gateway"), orchestrator: platform.servicePid("orchestrator") };
  const idle = {}, peaks = { git: 0 };
  const look = () => {
    for (const pid of descendants(pids.orchestrator))
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("git")) peaks.git = Math.max(peaks.git, statusMib(pid, "VmHWM"));
      } catch {
        // it has ended
      }
  };

  for (const [name, pid] of Object.entries(pids)) {
    writeFileSync(`/proc/${pid}/clear_refs`, "5"); // proc(5): the peak is what is resident now
    idle[name] = statusMib(pid, "VmRSS");
  }
  const timer = setInterval(look, 50);

  try {
    await fn();
    look();
  } finally {
    clearInterval(timer);
  }
  for (const [name, pid] of Object.entries(pids)) peaks[name] = statusMib(pid, "VmHWM") - idle[name];
  return peaks;
}

/** AddressSanitizer keeps what was freed for a while: memory says nothing then. */
const sanitized = () => readFileSync(join(platform.build, "bin/vitrine-gateway")).includes("libasan");

function assertSmall(peaks, what) {
  if (sanitized()) return;
  for (const [name, mib] of Object.entries(peaks)) assert.ok(mib <= GROWTH_MIB, `${what}: ${name} took ${mib.toFixed(1)} MiB`);
}

async function commitLarge() {
  const fd = openSync(join(repo.dir, "large.bin"), "w");

  for (let i = 0; i < MIB; i += 16) writeSync(fd, randomBytes(16 << 20));
  closeSync(fd);
  for (const args of [["config", "core.bigFileThreshold", "1m"], ["config", "core.compression", "0"],
    ["checkout", "-q", "-b", "large"], ["add", "large.bin"], ["commit", "-q", "-m", "large"]])
    await repo.must(args);
}

test(`a pack of ${MIB} MiB goes up and comes back through every process without being held`, { timeout: 900_000 }, async () => {
  await commitLarge();
  const up = await peaksOf(() => repo.must(["push", "-q", repo.url, TAG], { timeoutMs: 600_000 }));

  console.log(`  push ${JSON.stringify(up)}`);
  assertSmall(up, "push");
  const copy = new Repo(platform, "admin/large");

  try {
    await copy.must(["init", "-q"]);
    const down = await peaksOf(() => copy.must(["fetch", "-q", copy.url, "refs/tags/large"], { timeoutMs: 600_000 }));

    console.log(`  fetch ${JSON.stringify(down)}`);
    assertSmall(down, "fetch");
    assert.equal((await copy.git(["rev-parse", "FETCH_HEAD"])).output.trim(), (await repo.git(["rev-parse", "large"])).output.trim());
  } finally {
    copy.remove();
  }
});

/** A client that sends what it is told to and reads nothing unless it is asked. */
function client(lines, body = "") {
  const socket = connect(platform.port, "127.0.0.1");

  socket.on("error", () => {});
  socket.pause();
  socket.write(`${[...lines, "Host: x", `Authorization: Basic ${Buffer.from(`admin:${platform.token}`).toString("base64")}`].join("\r\n")}\r\n\r\n${body}`);
  return socket;
}

test("clients that send a byte a second, and clients that read nothing, hold no memory and nobody up", async () => {
  const want = (await repo.git(["rev-parse", "large"])).output.trim();
  const ask = `0032want ${want}\n00000009done\n`;
  const sockets = [];
  const peaks = await peaksOf(async () => {
    for (let i = 0; i < SLOW; i++) {
      sockets.push(client(["POST /spaces/admin/large/git-upload-pack HTTP/1.1", "Content-Type: application/x-git-upload-pack-request", `Content-Length: ${ask.length}`], ask));
      sockets.push(client(["POST /spaces/admin/large/git-receive-pack HTTP/1.1", "Content-Type: application/x-git-receive-pack-request", "Transfer-Encoding: chunked"], "1\r\n0\r\n"));
    }
    for (let second = 0; second < 3; second++) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      for (const socket of sockets.filter((_, i) => i % 2)) socket.write("1\r\n0\r\n");
    }
    // Others are served meanwhile.
    assert.equal((await fetch(`${platform.url}/spaces/admin/large`)).status, 200);
    await repo.must(["ls-remote", repo.url]);
  });

  console.log(`  slow ${JSON.stringify(peaks)}`);
  assertSmall(peaks, `${SLOW} slow readers and ${SLOW} slow writers`);
  for (const socket of sockets) socket.destroy();
  await until("a push goes through", async () => {
    await repo.git(["commit", "-q", "--allow-empty", "-m", "next"]);
    return (await repo.git(["push", "-q", "-f", repo.url, TAG])).code === 0;
  });
});

test("of two pushes to one branch at once, one wins and the other is told", async () => {
  const repos = [new Repo(platform, "admin/large"), new Repo(platform, "admin/large")];

  try {
    for (const [i, one] of repos.entries()) {
      await one.must(["init", "-q", "-b", "main"]);
      await one.must(["pull", "-q", one.url, "main"]);
      one.started = true;
      await one.commit({ "app.lua": apps.counter.replace('title = "Counter"', `title = "Of ${i}"`) }, `of ${i}`);
    }
    const results = await Promise.all(repos.map((one) => one.git(["push", one.url, "HEAD:refs/heads/main"])));
    const won = results.findIndex(({ code }) => code === 0), lost = results[1 - won];

    assert.deepEqual(results.map(({ code }) => code === 0).sort(), [false, true], results.map(({ output }) => output).join("\n---\n"));
    assert.match(lost.output, /rejected|another push|failed to push/);
    const head = (await repos[won].git(["rev-parse", "HEAD"])).output.trim();

    assert.equal((await repo.git(["ls-remote", repo.url, "refs/heads/main"])).output.split("\t")[0], head);
  } finally {
    for (const one of repos) one.remove();
  }
});
