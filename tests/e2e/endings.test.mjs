// What is left when something ends: of a service that is killed, and of the platform as a whole.
// Alone: it looks at every mount of the machine.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { descendants, isAlive, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

let platform, repo, visitor;
const boxds = new Set(), everyone = new Set();
const mounts = readFileSync("/proc/self/mountinfo", "utf8");

const boxesOf = (boxd) => descendants(boxd);

/** Remembers who runs, so that it can be asked about afterwards. */
function remember() {
  boxds.add(platform.servicePid("boxd"));
  for (const pid of descendants(platform.child.pid)) everyone.add(pid);
}

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/counter");
  await repo.deploy({ "app.lua": apps.counter });
  visitor = await Visitor.join(platform, "admin/counter");
  await visitor.act("add", "click");
  remember();
});

after(async () => {
  await visitor?.close();
  repo?.remove();
  await platform?.remove();
});

/** Kills the service and returns how long each of these processes outlived it, in ms. */
async function killAndWatch(name, pids) {
  const service = platform.servicePid(name);
  const lived = new Map();

  process.kill(service, "SIGKILL");
  const began = performance.now();

  while (pids.some((pid) => !lived.has(pid)) && performance.now() - began < 5000) {
    for (const pid of pids) if (!lived.has(pid) && !isAlive(pid)) lived.set(pid, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until(`${name} is back`, () => {
    const now = platform.servicePid(name);

    return now && now !== service;
  });
  await platform.untilHealthy();
  remember();
  return lived;
}

const slowest = (lived) => Math.round(Math.max(...lived.values()));

async function sessionGoesOn() {
  const again = await until("joined again", () =>
    Visitor.join(platform, "admin/counter", { session: visitor.welcome.session, cookie: visitor.cookie }));
  const before = again.props("mine").value ?? 0;

  await visitor.close();
  visitor = again;
  assert.equal(visitor.welcome.session, again.welcome.session);
  await visitor.act("add", "click", null, {}, 30_000);
  assert.equal(visitor.props("mine").value, before + 1);
}

// catalogue 86
test("kill -9 of boxd: every box dies with it, and the Space is woken again", async (t) => {
  const boxes = boxesOf(platform.servicePid("boxd"));

  assert.ok(boxes.length >= 2);
  const lived = await killAndWatch("boxd", boxes);

  assert.equal(lived.size, boxes.length, "some outlived it by more than 5 s");
  t.diagnostic(`the last of ${boxes.length} boxes outlived boxd by ${slowest(lived)} ms`);
  await sessionGoesOn();
});

// catalogue 86
test("kill -9 of the agent: boxd ends its boxes, and the Space is woken again", async (t) => {
  const boxes = boxesOf(platform.servicePid("boxd"));
  const lived = await killAndWatch("agent", boxes);

  assert.equal(lived.size, boxes.length, "some outlived it by more than 5 s");
  t.diagnostic(`the last of ${boxes.length} boxes outlived the agent by ${slowest(lived)} ms`);
  await sessionGoesOn();
});

// catalogue 105
for (const name of ["gateway", "orchestrator", "inference"])
  test(`kill -9 of the ${name}: workers are adopted by the next one, the same processes`, async () => {
    const worker = await until("a worker serves", async () => (await platform.workerPids("admin/counter")).find((pid) => pid > 0));
    const boxes = boxesOf(platform.servicePid("boxd")).length;
    const service = platform.servicePid(name);

    process.kill(service, "SIGKILL");
    await until(`${name} is back`, () => {
      const now = platform.servicePid(name);

      return now && now !== service;
    });
    await platform.untilHealthy();
    remember();
    await sessionGoesOn();
    assert.ok(isAlive(worker));
    await until("the orchestrator knows it", async () => (await platform.workerPids("admin/counter")).includes(worker));
    assert.ok(boxesOf(platform.servicePid("boxd")).length <= boxes + 1, "boxes were added beside the old ones");
  });

/** Folders that any of the boxds made, in every cgroup hierarchy. Others come and go meanwhile. */
function cgroupFolders(path = "/sys/fs/cgroup") {
  const names = new Set([...boxds].map((pid) => `vitrine-${pid}`));
  let entries = [];

  try {
    entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch { /* it went */ }
  return entries.flatMap(({ name }) => names.has(name) ? [join(path, name)] : cgroupFolders(join(path, name)));
}

function assertNothingIsLeft() {
  assert.deepEqual([...everyone].filter(isAlive), [], "processes are left");
  assert.deepEqual(cgroupFolders(), [], "cgroup folders are left");
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8"), mounts, "mounts are left");
}

test("after SIGTERM no process, no cgroup and no mount is left", async () => {
  await visitor.close();
  remember();
  await platform.stop();
  assert.equal(platform.exitCode, 0);
  assertNothingIsLeft();
});

test("after kill -9 of the supervisor everything dies, and the next one leaves nothing of either", async () => {
  await platform.restart();
  visitor = await Visitor.join(platform, "admin/counter");
  await visitor.act("add", "click");
  remember();
  const family = descendants(platform.child.pid);

  process.kill(platform.child.pid, "SIGKILL");
  await platform.exited;
  platform.ended = true;
  await until("all of them are gone", () => !family.some(isAlive), 10_000);
  await platform.restart();
  remember();
  await platform.stop();
  assertNothingIsLeft();
});
