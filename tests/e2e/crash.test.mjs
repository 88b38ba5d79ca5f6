// kill -9 at bad moments: what was acknowledged is there, the rest wholly there or wholly absent.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const ROUNDS = process.env.VITRINE_TEST_FULL ? 1000 : 14;
let platform, repo;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/crash");
  await repo.deploy({ "app.lua": apps.counter });
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

const titled = (title) => apps.counter.replace('title = "Counter"', `title = "${title}"`);

async function liveTitle() {
  const visitor = await Visitor.join(platform, "admin/crash");

  await visitor.close();
  return visitor.tree.tree.title;
}

/** The new app by git: whether it was acknowledged, what was said, and the commit. */
async function byPush(title) {
  const head = await repo.commit({ "app.lua": titled(title) }, title);
  const push = repo.push("--force", "main");

  return { head, outcome: push.then(({ code, output }) => ({ acknowledged: code === 0, output })) };
}

/** The same by the API, which tells the commit only when it acknowledges it. */
async function byApi(title) {
  const content = Buffer.from(titled(title)).toString("base64");
  const body = [{ key: "header", value: { summary: title } }, { key: "file", value: { path: "app.lua", content, encoding: "base64" } }];
  const answer = fetch(`${platform.url}/api/spaces/admin/crash/commit/main`, {
    method: "POST", body: body.map((line) => JSON.stringify(line)).join("\n"),
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/x-ndjson" },
  });

  return {
    outcome: answer.then(async (response) => {
      const output = await response.text();

      return { acknowledged: response.status === 200, output, head: response.status === 200 && JSON.parse(output).commitOid };
    }).catch((error) => ({ acknowledged: false, output: String(error) })),
  };
}

test("kill -9 of the orchestrator during pushes and commits: acknowledged is live, the rest whole or absent", async () => {
  const mainNow = () => until("git answers again", async () => {
    const { code, output } = await repo.git(["ls-remote", repo.url, "refs/heads/main"]);

    return code === 0 && output.split("\t")[0];
  });
  let last = "Counter", acknowledged = 0, lost = 0, before = await mainNow();

  for (let round = 0; round < ROUNDS; round++) {
    const title = `Round ${round}`;
    const { head, outcome } = await (round % 2 ? byApi : byPush)(title);
    const delay = (round * 37) % 230;

    await new Promise((resolve) => setTimeout(resolve, delay));
    await platform.killService("orchestrator");
    const { acknowledged: yes, output, head: told } = await outcome;
    const seen = await mainNow();
    const live = await liveTitle();

    if (yes) {
      assert.equal(live, title, `acknowledged and not live:\n${output}`);
      assert.equal(seen, told ?? head);
      acknowledged++;
    } else {
      // Either all of it came through without its answer, or nothing of it.
      assert.ok(live === title ? seen === (head ?? seen) && seen !== before : live === last && seen === before,
        `neither: live ${live}, was ${last}, ref ${seen}, was ${before}\n${output}`);
      lost += live === title ? 0 : 1;
    }
    last = live;
    before = seen;
  }
  console.log(`# ${acknowledged} acknowledged, ${lost} wholly absent, of ${ROUNDS}`);
  await repo.commit({ "app.lua": titled("After all") });
  assert.equal((await repo.push("--force", "main")).code, 0);
  assert.equal(await liveTitle(), "After all");
});

test("git fsck is clean and no quarantine is left behind", async () => {
  const repos = join(platform.data, "orchestrator/repos");

  for (const name of readdirSync(repos).filter((entry) => entry.endsWith(".git"))) {
    const dir = join(repos, name);
    const { code, output } = await runProgram("git", ["-c", "safe.directory=*", "--git-dir", dir, "fsck", "--full", "--strict"],
      { env: { PATH: process.env.PATH, HOME: "/nonexistent" } });

    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /error|missing|broken|corrupt/);
    await until("quarantines are swept", () =>
      !readdirSync(join(dir, "objects")).some((entry) => entry.startsWith("tmp_objdir") || entry.startsWith("incoming")), 15_000);
  }
});

test("kill -9 of the worker, the gateway and the agent during clicks loses no finished one", async () => {
  const visitor = { current: await Visitor.join(platform, "admin/crash") };
  let done = 0;

  const rejoin = async () => {
    const { session } = visitor.current.welcome, { cookie } = visitor.current;

    await visitor.current.close();
    visitor.current = await until("joined again", () => Visitor.join(platform, "admin/crash", { session, cookie }));
    assert.equal(visitor.current.welcome.session, session);
  };
  const click = async () => {
    if (await visitor.current.act("add", "click", null, {}, 20_000) === undefined) done++;
  };

  for (const victim of ["worker", "gateway", "agent", "boxd", "inference", "gateway", "worker"]) {
    for (let i = 0; i < 3; i++) await click();
    if (victim === "worker") for (const pid of await platform.workerPids("admin/crash")) process.kill(pid, "SIGKILL");
    else await platform.killService(victim);
    await rejoin();
    const { value } = visitor.current.props("mine");

    // The overlay comes with the group of WELCOME's seq; every finished click is in it.
    await visitor.current.waitFor(`the count after ${victim}`, () => (visitor.current.props("mine").value ?? 0) >= done);
    assert.equal(visitor.current.props("mine").value, done, `after ${victim}, at first ${value}`);
  }
  await visitor.current.close();
});

test("kill -9 of the gateway and the agent together costs no finished click", async () => {
  const visitor = await Visitor.join(platform, "admin/crash");

  await visitor.act("add", "click");
  await visitor.act("add", "click");
  for (const name of ["gateway", "agent"]) process.kill(platform.servicePid(name), "SIGKILL");
  await until("both are back", () => platform.servicePid("gateway") && platform.servicePid("agent"));
  await platform.untilHealthy();
  const again = await until("joined again", () =>
    Visitor.join(platform, "admin/crash", { session: visitor.welcome.session, cookie: visitor.cookie }));

  await again.waitFor("the count", () => again.props("mine").value === 2);
  await again.act("add", "click");
  assert.equal(again.props("mine").value, 3);
  await again.close();
});

test("kill -9 of everything and a start: the Spaces, the sessions and the people are there", async () => {
  const visitor = await Visitor.join(platform, "admin/crash");

  await visitor.act("add", "click");
  await visitor.close();
  const family = ["gateway", "orchestrator", "agent", "boxd", "inference"].map((name) => platform.servicePid(name));

  process.kill(platform.child.pid, "SIGKILL");
  for (const pid of family) {
    try {
      process.kill(pid, "SIGKILL");
    } catch { /* ended by itself */ }
  }
  await platform.exited;
  await until("the supervisor noticed", async () => (await platform.cli("status")).code !== 0);
  await platform.restart();
  assert.equal(await liveTitle(), "After all");
  const again = await Visitor.join(platform, "admin/crash", { session: visitor.welcome.session, cookie: visitor.cookie });

  assert.equal(again.welcome.session, visitor.welcome.session);
  await again.waitFor("the count", () => again.props("mine").value === 1);
  await again.close();
});
