// A Space's settings as its owner changes them: secrets and variables, what its app sees of them,
// and how it runs.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/keeper";
const path = `/api/spaces/${space}`;
const app = `local ui = require "vitrine.ui"
local secrets, variables = require "vitrine.secrets", require "vitrine.variables"
return ui.page({ title = "Keeper" }, function(page)
  local shown = ui.textbox { label = "Shown", id = "shown" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session)
    session.n = (session.n or 0) + 1
    print("the key is " .. tostring(secrets.API_KEY))
    shown:set(table.concat({ session.n, tostring(secrets.API_KEY), tostring(variables.MODE),
      variables.SPACE_ID, variables.CPU_CORES }, " "))
  end)
  return ui.column { shown, go }
end)
`;
let platform, repo, owner;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
  await repo.deploy({ "README.md": frontMatter("sleep_after: 300\n"), "app.lua": app });
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

const runtime = async () => (await platform.api("GET", `${path}/runtime`)).json;
const stage = (wanted) => until(`the stage is ${wanted}`, async () => (await runtime()).stage === wanted);

/** Clicks until the page shows it: a change reaches the workers in a moment. */
async function shows(visitor, pattern) {
  await until(`it shows ${pattern}`, async () => {
    await visitor.actAgain("go", "click");
    return pattern.test(visitor.props("shown").value);
  });
}

async function set(kind, body) {
  const answer = await platform.api("POST", `${path}/${kind}`, body);

  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

/** Every file below a folder that holds the text. */
function holders(dir, text) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = join(dir, entry.name);

    if (entry.isDirectory()) return holders(file, text);
    return entry.isFile() && readFileSync(file).includes(text) ? [file] : [];
  });
}

test("secrets and variables reach the app, and a change keeps its visitors' sessions", async () => {
  owner = await Visitor.join(platform, space);
  await owner.act("go", "click");
  assert.equal(owner.props("shown").value, `1 nil nil ${space} 0.5`);

  assert.deepEqual(Object.keys(await set("secrets", { key: "API_KEY", value: "first-value", description: "of the bank" })), ["API_KEY"]);
  await set("variables", { key: "MODE", value: "fast" });
  await shows(owner, /^\d+ first-value fast /);
  assert.ok(Number(owner.props("shown").value.split(" ")[0]) > 1, "the session goes on counting");

  await set("secrets", { key: "API_KEY", value: "second-value" });
  await shows(owner, /second-value/);
  assert.equal((await platform.api("DELETE", `${path}/variables`, { key: "MODE" })).status, 200);
  await shows(owner, /second-value nil /);
});

test("a secret can be set and not be read, and every opening is put down", async () => {
  const list = await platform.api("GET", `${path}/secrets`);
  const audit = (await platform.api("GET", `${path}/secrets/audit`)).json;

  assert.deepEqual(Object.keys(list.json.API_KEY).sort(), ["key", "updatedAt"]);
  assert.ok(!list.text.includes("value\""));
  assert.ok(audit.some(({ what, names, who }) => what === "read" && names === "API_KEY" && who === "agent"));
  assert.ok(audit.some(({ what, who }) => what === "set" && who === "admin"));
  for (const value of ["first-value", "second-value"])
    assert.deepEqual(holders(join(platform.data, "orchestrator"), value), []);
  assert.deepEqual(holders(join(platform.data, "agent"), "second-value"), []);
  assert.equal(statSync(join(platform.data, "orchestrator/secrets.key")).mode & 0o777, 0o600);
});

test("the log has a secret's name where the app printed its value", async () => {
  await until("the line is there", async () =>
    (await platform.cli("logs", space)).output.includes("the key is [secret API_KEY]"));
  assert.ok(!(await platform.cli("logs", space)).output.includes("second-value"));
});

test("bad names and foreigners are refused with words, and a read token sees no settings", async () => {
  const bad = await platform.api("POST", `${path}/secrets`, { key: "1A", value: "x" });

  assert.equal(bad.status, 400);
  assert.match(bad.json.error, /^key: /);
  assert.equal((await platform.api("POST", `${path}/variables`, { key: "SPACE_ID", value: "x" })).status, 400);
  assert.equal((await platform.api("POST", `${path}/variables`, { key: "A" })).status, 400);
  assert.equal((await platform.api("DELETE", `${path}/secrets`, { key: "NOPE" })).status, 404);
  for (const kind of ["secrets", "variables", "secrets/audit"])
    assert.equal((await platform.api("GET", `${path}/${kind}`, undefined, null)).status, 401);
  assert.equal((await platform.api("POST", `${path}/pause`, {}, null)).status, 401);
});

test("what the agent holds starts a worker while the orchestrator is away", async () => {
  const pid = platform.servicePid("orchestrator");
  const [worker] = await platform.workerPids(space);

  process.kill(pid, "SIGSTOP");
  try {
    process.kill(worker, "SIGKILL");
    await shows(owner, /second-value/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await platform.untilHealthy();
  assert.ok(!(await platform.workerPids(space)).includes(worker));
});

test("the runtime says what it does, on what, and what was asked for", async () => {
  await stage("RUNNING");
  const now = await runtime();

  assert.deepEqual(now.hardware, { current: "cpu-basic", requested: "cpu-basic" });
  assert.equal(now.gcTimeout, 300);
  assert.match(now.sha, /^[0-9a-f]{40}$/);

  const wish = await platform.api("POST", `${path}/hardware`, { flavor: "t4-small", sleepTimeSeconds: 600 });

  assert.equal(wish.json.hardware.requested, "t4-small");
  assert.equal(wish.json.hardware.current, "cpu-basic", "what this host has not is never pretended");
  assert.equal(wish.json.gcTimeout, 600);
  assert.equal((await platform.api("POST", `${path}/sleeptime`, { seconds: -1 })).json.gcTimeout, null);
  assert.equal((await platform.api("POST", `${path}/hardware`, { flavor: "A B" })).status, 400);

  const have = (await platform.api("GET", "/api/spaces/hardware", undefined, null)).json;

  assert.deepEqual(have.map(({ name }) => name), ["cpu-basic", "cpu-medium", "cpu-large"]);
  await platform.api("POST", `${path}/hardware`, { flavor: "cpu-medium" });
  await shows(owner, / 1$/);
  await stage("RUNNING");
  assert.equal((await runtime()).hardware.current, "cpu-medium");
});

test("a paused Space says so to its visitors, starts nothing, and a restart lets it go on", async () => {
  const browser = await launchBrowser();

  try {
    assert.equal((await platform.api("POST", `${path}/pause`)).json.stage, "PAUSED");
    await until("its workers have ended", async () => (await platform.workerPids(space)).length === 0);
    const page = await openPage(browser);

    await page.goto(`${platform.url}/spaces/${space}`);
    await page.getByText("Paused by its owner.").first().waitFor();
    for (const [width, scheme] of [[360, "light"], [1280, "dark"]]) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme: scheme });
      await screenshot(page, `paused-${width}-${scheme}`);
    }
    assert.equal((await platform.workerPids(space)).length, 0);
    assert.equal((await runtime()).stage, "PAUSED");

    assert.notEqual((await platform.api("POST", `${path}/restart`)).json.stage, "PAUSED");
    await page.getByText("Paused by its owner.").first().waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Go" }).click();
    await until("the app answers", async () =>
      /second-value/.test(await page.getByRole("textbox", { name: "Shown" }).inputValue()));
    assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});

test("a factory rebuild builds the same commit again and serves it", async () => {
  const builds = async () => (await platform.api("GET", `${path}/builds`)).json;
  const before = await builds();

  assert.equal((await platform.api("POST", `${path}/restart?factory=true`)).status, 200);
  await until("there is one more build, live", async () => {
    const now = await builds();

    return now.length === before.length + 1 && now[0].state === "live";
  });
  assert.equal((await builds())[0].commit, before[0].commit);
  await shows(owner, /second-value/);
});

test("a push whose app does not load without its secret is refused, and one that has it is not", async () => {
  const other = new Repo(platform, "admin/needy");
  const needy = `local secrets = require "vitrine.secrets"\nlocal key = secrets.get("NEEDED")\n${app}`;

  try {
    await other.commit({ "app.lua": needy });
    const refused = await other.push();

    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /there is no secret 'NEEDED'/);
    assert.equal((await platform.api("GET", "/api/spaces/admin/needy/runtime")).json.stage, "BUILD_ERROR");
    await platform.api("POST", "/api/spaces/admin/needy/secrets", { key: "NEEDED", value: "given-now" });
    const { code, output } = await other.push();

    assert.equal(code, 0, output);
    assert.equal((await platform.api("GET", "/api/spaces/admin/needy/runtime")).json.stage, "SLEEPING");

    assert.equal((await platform.api("POST", "/api/spaces/admin/needy/restart")).json.stage, "APP_STARTING");
    await until("it runs, though nobody visits it", async () =>
      (await platform.api("GET", "/api/spaces/admin/needy/runtime")).json.stage === "RUNNING");
    await until("its log tells", async () => /\[version [0-9a-f]{12} is live\][^]*\[restarted\][^]*\[the app has started in \d+ ms\]/
      .test((await platform.cli("logs", "admin/needy")).output));
  } finally {
    other.remove();
  }
});
