// Two Spaces, an attacker and a victim. Under each bomb the victim is answered, the services stay
// small and stay the same processes, and the attacker's Space is back afterwards or says why not.
// Alone: how soon the victim is answered is measured.
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { bombApp, bombs, isSanitized, residentMib } from "./lib/bombs.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const ATTACK_MS = process.env.VITRINE_TEST_FULL ? 20_000 : 6_000;
// MiB. What a service may hold under attack; each needs less than a fifth of it in peace.
const MAY_HOLD = { gateway: 160, agent: 48, orchestrator: 96, boxd: 16, inference: 256 };
const services = Object.keys(MAY_HOLD);
let platform, victim;
const repos = [], pids = {};

async function deploy(space, app) {
  const repo = new Repo(platform, space);

  repos.push(repo);
  await repo.deploy({ "app.lua": app });
  return repo;
}

before(async () => {
  platform = await Platform.start();
  await deploy("admin/victim", apps.counter);
  victim = await Visitor.join(platform, "admin/victim");
  await victim.act("add", "click");
  for (const name of services) pids[name] = platform.servicePid(name);
});

after(async () => {
  await victim?.close();
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

/** The victim clicks until it is over; every click is answered. */
async function besiege(over) {
  const peaks = {};
  let clicks = 0, slowest = 0;

  while (!over()) {
    const began = Date.now();

    assert.equal(await victim.act("add", "click", null, {}, 10_000), undefined);
    slowest = Math.max(slowest, Date.now() - began);
    clicks++;
    for (const name of Object.keys(MAY_HOLD)) peaks[name] = Math.max(peaks[name] ?? 0, residentMib(pids[name]));
  }
  return { clicks, slowest, peaks };
}

async function attackerIsBackOrSaysWhy(space) {
  await until("it answers, or says why not", async () => {
    const visitor = await Visitor.join(platform, space);

    try {
      await until("an answer or words", () => visitor.phase?.phase === "running" || visitor.phase?.message, 20_000);
      if (visitor.phase.phase === "failed") return visitor.phase.message.length > 10;
      return await visitor.act("answer", "click", null, {}, 20_000) === undefined;
    } finally {
      await visitor.close();
    }
  }, 90_000);
}

function folderMib(path) {
  let bytes = 0;

  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes / (1 << 20);
}

// catalogue 20, 21, 26, 27, 32, 33, 38
for (const [name, begin] of Object.entries(bombs))
  test(`${name}: a neighbour is answered, the services stay small, and the Space comes back`, async (t) => {
    const space = `admin/${name.replace(" ", "-")}`;

    await deploy(space, bombApp);
    const end = await begin(platform, space);
    const stop = Date.now() + ATTACK_MS;

    try {
      const { clicks, slowest, peaks } = await besiege(() => Date.now() > stop);

      t.diagnostic(`${clicks} clicks, slowest ${slowest} ms, MiB ${JSON.stringify(peaks, (_, v) => typeof v === "number" ? Math.round(v) : v)}`);
      assert.ok(clicks > 10, `${clicks} clicks`);
      for (const [service, most] of Object.entries(MAY_HOLD))
        if (!isSanitized) assert.ok(peaks[service] < most, `${service} held ${peaks[service]} MiB`);
    } finally {
      await end();
    }
    for (const service of services) assert.equal(platform.servicePid(service), pids[service], `${service} was restarted`);
    assert.equal(await victim.act("add", "click"), undefined);
    await attackerIsBackOrSaysWhy(space);
    assert.ok(folderMib(join(platform.data, "orchestrator/logs")) < 8.5 * repos.length);
    assert.ok(folderMib(join(platform.data, "gateway/sessions")) < 400);
  });

// catalogue 33
test("a Space that keeps crashing waits longer each time, and its owner and visitors read so", async () => {
  const space = "admin/crash-loop";
  const end = await bombs["crash loop"](platform, space);
  const visitor = await Visitor.join(platform, space);

  await until("the visitor is told calmly", () => /stopped several times in a row/.test(visitor.phase?.message ?? ""), 60_000);
  await until("the badge says so", async () => (await platform.api("GET", `/api/spaces/${space}`)).json.state === "crashing");
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  const killed = await end();

  // 1 + 1 free ones, then after 1, 2, 4, 8 s: not one per wish. An earlier attack counts too.
  assert.ok(killed <= 6, `${killed} workers were started`);
  const { output } = await platform.cli("logs", space);

  assert.match(output, /\[the worker ended: .*It keeps crashing, so the next start is not before \d+ s/);
  await visitor.close();
});

// catalogue 26
test("the log of a flood has lines of bounded length, a count of the rest, and no control characters", async () => {
  const { output } = await platform.cli("logs", "admin/log-flood");

  assert.match(output, /\[\d+ lines dropped/);
  assert.ok(Math.max(...output.split("\n").map((line) => line.length)) < 8400);
  assert.doesNotMatch(output, /[\x00-\x08\x0b-\x1f\x7f]/);
});
