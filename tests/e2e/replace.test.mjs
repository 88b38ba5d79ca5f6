// The platform replaced by another version under visitors who go on clicking: each click that was taken
// has had its effect exactly once, and everybody keeps their session. scripts/bench upgrade does the same
// with a thousand.
import assert from "node:assert/strict";
import { copyFileSync, renameSync } from "node:fs";
import { after, before, test } from "node:test";
import { Build } from "./lib/builds.mjs";
import { countingApp, Crowd } from "./lib/crowd.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, root, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";

const COUNT = process.env.VITRINE_TEST_FULL ? 1000 : 100;
const SPACES = ["admin/crowd-a", "admin/crowd-b", "admin/crowd-c"];
const SERVICES = ["orchestrator", "inference", "fetch", "boxd", "agent", "gateway"];
let build, platform, crowd;
const repos = [];

before(async () => {
  build = Build.make(root, "0.0.1");
  platform = await Platform.start({ buildDir: build.dir });
  for (const space of SPACES) {
    const repo = new Repo(platform, space);

    repos.push(repo);
    await repo.deploy({ "app.lua": countingApp });
  }
  crowd = await Crowd.gather(platform, SPACES, COUNT, { everyMs: 500 });
});

after(async () => {
  crowd?.leave();
  for (const repo of repos) repo.remove();
  await platform?.remove();
  build?.remove();
});

/** Everybody clicks before, while and after it happens. */
async function under(happens) {
  crowd.forget();
  crowd.go();
  await crowd.answered();
  await happens();
  await crowd.answered();
  await crowd.rest();
}

/** Nothing lost, nothing twice; and the same after everybody has come again with nothing. */
async function allIsThere() {
  assert.deepEqual(crowd.wrongs.slice(0, 5), []);
  await crowd.reload();
  assert.deepEqual(crowd.wrongs.slice(0, 5), []);
}

/** Sockets are closed as of a restart; who does not take it for seconds (a busy machine) is cut off. */
function toldWhy() {
  assert.ok(crowd.codes.get(1012) > COUNT / 2, JSON.stringify([...crowd.codes]));
  assert.deepEqual([...crowd.codes.keys()].filter((code) => ![1012, 1006].includes(code)), []);
}

const pids = () => Object.fromEntries(SERVICES.map((name) => [name, platform.servicePid(name)]));

test("vitrine upgrade replaces each service under clicks: none is lost, none done twice, nobody begins anew", async () => {
  const old = pids();

  await under(async () => {
    build.install("0.0.2");
    const { code, output } = await runProgram(vitrine, ["upgrade", "--data", platform.data]);

    assert.equal(code, 0, output);
    assert.match(output, /orchestrator replaced[^]*boxd and agent replaced[^]*gateway replaced/);
  });
  const now = pids();

  for (const name of SERVICES) {
    assert.notEqual(now[name], old[name], name);
    if (process.getuid() === 0) assert.ok(build.isRunBy(now[name], `vitrine-${name}`), `${name} is the old program`);
  }
  assert.equal((await platform.status()).version, "0.0.2");
  toldWhy();
  await allIsThere();
});

test("the whole platform stopped and started as another version under clicks: the same", async () => {
  await under(async () => {
    build.install("0.0.3");
    await platform.restart();
  });
  assert.equal((await platform.status()).version, "0.0.3");
  toldWhy();
  await allIsThere();
});

test("a program that is gone from the disk is started as it was", async () => {
  const { code, output } = await runProgram("rm", [`${build.dir}/bin/vitrine-fetch`]);

  assert.equal(code, 0, output);
  await platform.killService("fetch");
  assert.match(platform.log, /vitrine-fetch: No such file or directory; it is started as it was/);
});

test("vitrine upgrade says of a service that does not stay that it is not back, and leaves the others", async () => {
  const file = `${build.dir}/bin/vitrine-fetch`, old = pids();

  copyFileSync("/bin/false", `${file}.new`);
  renameSync(`${file}.new`, file);
  const { code, output } = await runProgram(vitrine, ["upgrade", "--data", platform.data]);

  assert.equal(code, 1, output);
  assert.match(output, /inference replaced/);
  assert.doesNotMatch(output, /fetch replaced/);
  assert.match(output, /fetch ends as soon as it is started, and nothing behind it was replaced; see its log/);
  assert.equal(platform.servicePid("gateway"), old.gateway);
});
