// The operator's desk: what /metrics, /healthz and `vitrine status` say.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/counted";
let platform, repo;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

/** /metrics as text; token: null for none. */
async function scrape(token = platform.token, headers = {}) {
  const answer = await fetch(`${platform.url}/metrics`,
    { headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers } });

  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

/** The value of one line, by its name with labels; undefined: there is no such line. */
function value(text, name) {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));

  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

test("what happens is counted by the service that it happens in", async () => {
  await repo.deploy({ "app.lua": apps.counter });
  await repo.commit({ "app.lua": "return 1 +" });
  assert.notEqual((await repo.push()).code, 0);
  const visitor = await Visitor.join(platform, space);

  await visitor.act("add", "click");
  await visitor.act("add", "click");
  let text;

  await until("the numbers have come", async () => {
    ({ text } = await scrape());
    return value(text, "vitrine_gateway_events_finished_total") === 2 &&
      value(text, 'vitrine_agent_boxes{state="running"}') === 1 && value(text, "vitrine_inference_models") >= 2;
  }, 15_000, 200);
  for (const [name, wanted] of Object.entries({
    "vitrine_gateway_sockets": 1, "vitrine_gateway_sessions": 1, "vitrine_gateway_spaces_awake": 1,
    "vitrine_gateway_events_accepted_total": 2, "vitrine_gateway_events_failed_total": 0,
    "vitrine_gateway_event_seconds_count": 2, "vitrine_gateway_wake_seconds_count": 1,
    'vitrine_gateway_replicas{phase="running"}': 1, 'vitrine_gateway_link_up{peer="agent"}': 1,
    "vitrine_orchestrator_spaces": 1, 'vitrine_orchestrator_pushes_total{result="live"}': 1,
    'vitrine_orchestrator_pushes_total{result="refused"}': 1, 'vitrine_orchestrator_link_up{peer="gateway"}': 1,
    'vitrine_orchestrator_build_phase_seconds_count{phase="app loaded"}': 1,
    "vitrine_agent_workers_started_total": 1,
  })) assert.equal(value(text, name), wanted, name);
  assert.ok(value(text, "vitrine_gateway_session_log_bytes") > 0);
  assert.ok(value(text, 'vitrine_gateway_socket_bytes_total{direction="out"}') > 100);
  assert.ok(value(text, "vitrine_orchestrator_store_bytes") > 4096);
  await visitor.close();
});

test("promtool has nothing to say against the text", async () => {
  const { text, type } = await scrape();
  const { code, output } = await runProgram("promtool", ["check", "metrics"], { input: text });

  assert.equal(type, "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(output.trim(), "");
  assert.equal(code, 0, output);
  for (const service of ["gateway", "orchestrator", "agent", "inference"])
    assert.ok(text.includes(`vitrine_${service}_process_cpu_seconds_total `), service);
});

test("no label names a visitor, a session or a Space", async () => {
  const { text } = await scrape();
  const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, name]) => name));

  assert.deepEqual([...labels].sort(), ["direction", "le", "limit", "peer", "phase", "result", "state", "status"]);
  assert.ok(text.length < 100_000, `${text.length} bytes`);
});

test("numbers are for administrators, also with a token that may only read, and never for the public", async () => {
  const { output } = await platform.cli("token", "create", "prometheus", "--read-only");
  const reading = output.trim();

  await platform.api("POST", "/api/users", { name: "bob", password: "bob's long password" });
  const { token: bobs } = (await platform.api("POST", "/api/tokens", { name: "b", user: "bob" })).json;

  assert.equal((await scrape(reading)).status, 200);
  assert.equal((await platform.api("POST", "/api/tokens", { name: "more" }, reading)).status, 403);
  assert.equal((await scrape(bobs)).status, 403);
  assert.equal((await scrape(null)).status, 401);
  assert.equal((await scrape(null, { "x-vitrine-remote": "127.0.0.1", "x-vitrine-ctl": "1" })).status, 401);
});

test("what a service told before it stopped telling is left out", async () => {
  const pid = platform.servicePid("inference");

  process.kill(pid, "SIGSTOP");
  try {
    await until("its numbers are too old", async () => !(await scrape()).text.includes("vitrine_inference_"), 20_000, 500);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await until("they are back", async () => (await scrape()).text.includes("vitrine_inference_"), 20_000, 200);
});

async function changePolicy(page) {
  const write = async (text) => {
    await page.locator(".cm-content").click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText(text);
    await page.getByRole("button", { name: "See what it would change" }).click();
  };

  await page.getByRole("link", { name: "Policy" }).click();
  await page.getByRole("heading", { name: "What counts until you apply one" }).waitFor();
  await write("tiers:\n  all: {seconds: many}\nbind:\n  default: {user: all, owner: all, network: all}\n");
  await page.getByRole("alert").filter({ hasText: /2:\d+: .*seconds/ }).waitFor();
  await write("tiers:\n  all: {seconds: 90000}\nbind:\n  default: {user: all, owner: all, network: all}\n");
  await page.getByText(/^\d accounts? gains?; 0 stay as before\.$/).waitFor();
  await page.getByLabel("Reason").fill("everybody alike");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("heading", { name: "Version 1", exact: true }).waitFor();
  await page.locator("section", { hasText: "Versions" }).getByRole("listitem").filter({ hasText: "everybody alike" }).waitFor();
  assert.equal((await platform.api("GET", "/api/usage")).json.budgets[0].secondsPerDay, 90_000);
  await applyTooLate(page, write);
  await planTooLate(page, write);
}

const alike = (seconds) => `tiers:\n  all: {seconds: ${seconds}}\nbind:\n  default: {user: all, owner: all, network: all}\n`;

/** Somebody else applies one meanwhile: what was written stays, and can be applied once that was seen. */
async function applyTooLate(page, write) {
  await write(alike(70_000));
  await page.getByLabel("Reason").fill("less for everybody");
  assert.equal((await platform.api("PUT", "/api/policy", { text: alike(80_000), reason: "by somebody else" })).status, 200);
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("alert").filter({ hasText: "1 is not the one that counts, 2 is" }).waitFor();
  await page.getByRole("button", { name: "Look at version 2" }).click();
  await page.locator("pre", { hasText: "80000" }).waitFor();
  await page.locator(".cm-content", { hasText: "70000" }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "by somebody else" }).waitFor();
  await page.getByText(/22 h 13 min a day to 19 h 26 min a day/).first().waitFor();
  assert.equal(await page.getByLabel("Reason").inputValue(), "less for everybody");
  await screenshot(page, "policy-too-late", { fullPage: true });
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("heading", { name: "Version 3", exact: true }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "less for everybody" }).waitFor();
  assert.equal((await platform.api("GET", "/api/usage")).json.budgets[0].secondsPerDay, 70_000);
}

/** A plan that comes when another text stands there is not shown, so it cannot be taken for that one's. */
async function planTooLate(page, write) {
  let letGo, come;
  const asked = new Promise((done) => (come = done));

  await page.route("**/api/policy/plan", async (route) => {
    come();
    await new Promise((done) => (letGo = done));
    await route.continue();
  });
  await write(alike(1));
  await asked;
  await page.locator(".cm-content").click();
  await page.keyboard.insertText("# and more\n");
  const answer = page.waitForResponse("**/api/policy/plan");

  letGo();
  await answer;
  await page.getByRole("button", { name: "See what it would change" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Apply" }).count(), 0);
  await page.unroute("**/api/policy/plan");
}

async function giveCredit(page) {
  let letGo;
  const held = new Promise((done) => (letGo = done));

  await page.route("**/api/usage?all=1&days=30", (route) => held.then(() => route.continue()));
  await page.getByRole("link", { name: "Accounts" }).click();
  await page.getByRole("heading", { name: "Models" }).waitFor();
  await page.getByRole("radio", { name: "30 days" }).check();
  await page.getByRole("heading", { name: "Models" }).waitFor({ state: "detached" });
  letGo();
  await page.getByRole("heading", { name: "Models" }).waitFor();
  await page.getByLabel("Who").fill("nobody-there");
  await page.getByLabel("Seconds").fill("3600");
  await page.getByLabel("Reason").fill("a talk");
  await page.getByRole("button", { name: "Give" }).click();
  await page.getByRole("alert").filter({ hasText: "nobody-there" }).waitFor();
  await page.getByLabel("Who").fill("admin");
  await page.getByRole("button", { name: "Give" }).click();
  await page.getByText("admin has 60 min more.").waitFor();
  assert.equal((await platform.api("GET", "/api/usage")).json.budgets[0].creditSeconds, 3600);
}

/** The service that models run in ends in between, and does not forget. */
async function drainAndReturn(page) {
  const { code, output } = await platform.cli("device", "drain", "cpu");

  assert.equal(code, 1, output);
  assert.match(output, /cpu is the last device in service: every model call would be refused/);
  assert.match((await platform.cli("device", "drain", "cpu", "--reason", "a new fan", "--yes")).output, /^cpu +draining [^]*^ +draining since .*: a new fan$/m);
  await platform.killService("inference");
  await until("it is drained still", async () => /^cpu +draining/.test((await platform.cli("device", "show", "cpu")).output));
  await until("it is counted", async () => value((await scrape()).text, 'vitrine_inference_devices{state="draining"}') === 1);
  assert.match((await platform.cli("top", "--once")).output, /draining: a new fan/);
  await until("status says so", async () => {
    const status = await platform.cli("status");

    return status.code === 3 && /^!! no device is in service: every model call is refused$/m.test(status.output);
  });
  await page.getByRole("link", { name: "Devices now" }).click();
  await page.getByText("a new fan").waitFor();
  await page.getByRole("button", { name: "Return cpu" }).click();
  await page.getByRole("button", { name: "Drain cpu" }).click();
  await page.getByText(/It is the last device in service/).waitFor();
  await until("the reason may be typed", () => page.getByLabel("Reason").evaluate((field) => field === document.activeElement));
  await page.getByRole("button", { name: "Leave it" }).click();
  await until("the focus is where it was", () => page.getByRole("button", { name: "Drain cpu" }).evaluate((button) => button === document.activeElement));
  await page.getByRole("button", { name: "Exclude cpu" }).waitFor();
  assert.match((await platform.cli("device")).output, /^cpu +serving/);
  await page.goBack();
}

async function takeDownAndLift(page) {
  const model = "admin/copied";

  assert.equal((await platform.api("POST", "/api/repos/create", { type: "model", name: "copied" })).status, 200);
  await page.getByRole("link", { name: "Takedowns" }).click();
  await page.getByText("Nothing is taken down.").waitFor();
  await page.getByLabel("What").selectOption("Model");
  await page.getByLabel("Its name").fill(model);
  await page.getByLabel("Reason, for its owner to read").fill("for five minutes");
  await page.getByRole("button", { name: "Take down" }).click();
  await page.getByRole("link", { name: model }).waitFor();
  assert.equal((await platform.api("GET", "/api/takedowns")).json[0].reason, "for five minutes");
  await page.getByRole("button", { name: "Lift" }).click();
  await page.getByText("Nothing is taken down.").waitFor();
}

test("administrators see on one page whether anything is wrong, and on others change policy, credits and takedowns", async () => {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser);
    const { status } = await platform.api("GET", "/api/history", undefined, null);

    assert.equal(status, 401);
    assert.equal((await platform.api("GET", "/api/history?span=year")).status, 400);
    await until("the last hour has begun", async () => (await platform.api("GET", "/api/history")).json.series.find((s) => s.name === "awake").values.some((v) => v !== null), 40_000, 500);
    await page.goto(`${platform.url}/-/admin`);
    await page.getByText("This is for people who are signed in").waitFor();
    await page.goto(`${platform.url}/-/sign-in?next=/-/admin`);
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").fill(platform.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/-/admin");
    await page.getByText("Nothing is wrong.").waitFor();
    await page.getByRole("img", { name: /^Spaces awake: now \d/ }).waitFor();
    await page.getByRole("img", { name: /^Device busy: now \d+ %/ }).waitFor();
    await page.getByRole("radio", { name: "Last month" }).check();
    await page.getByRole("img", { name: /^Free on the disk: now [\d.]+ [KMGT]iB/ }).waitFor();
    await changePolicy(page);
    await giveCredit(page);
    await takeDownAndLift(page);
    await drainAndReturn(page);
    await page.getByRole("link", { name: "Audit log" }).click();
    for (const deed of ["signed in", "applied a policy", "gave a credit", "took a repo down", "lifted a takedown", "drained a device", "returned a device"])
      await page.locator("li", { hasText: `admin ${deed}` }).first().waitFor();
    await page.getByRole("searchbox").fill("five minutes TAKEDOWN");
    await until("only rows with these words are shown", async () => (await page.locator("li", { hasText: "admin" }).count()) === 1);
  } finally {
    await browser.close();
  }
});

test("status says that all is well, on one screen, here and from elsewhere", async () => {
  const here = await platform.cli("status");
  const there = await runProgram(vitrine, ["status", "--url", platform.url, "--token", platform.token]);

  for (const { code, output } of [here, there]) {
    assert.equal(code, 0, output);
    assert.match(output, /^All is well\.$/m);
    assert.match(output, /^Spaces +1 registered, 1 awake$/m);
    assert.match(output, /^Disk +\S+ [KMGT]iB free of/m);
    assert.match(output, /^admin\/counted +running/m);
    for (const line of output.split("\n")) assert.ok(line.length <= 80, line);
    assert.ok(output.split("\n").length <= 40, output);
  }
  assert.match(here.output, /^gateway +running +\d+  1 +\S+ MiB$/m);
  assert.match(here.output, /database \S+ [KM]iB, repos /);
  assert.doesNotMatch(there.output, /^SERVICE/m);
});

test("vitrine admin begins with what is wrong, who waits and how long the disk lasts, and leads to the rest", async () => {
  const first = await platform.cli("admin");

  assert.equal(first.code, 0, first.output);
  for (const line of [/^All is well\.$/m, /^Waiting +0 for a handler, \d+ model calls queued or running$/m, /^Disk .* are kept back\n +[A-Z].*\.$/m])
    assert.match(first.output, line);
  assert.match((await platform.cli("admin", "policy", "show")).output, /^tiers:/m);
  assert.match((await platform.cli("admin", "help")).output, /vitrine backup/);
  assert.equal((await platform.cli("admin", "push")).code, 2);
});

test("status says what is wrong, last warnings of each service with it, and exits with 3", async () => {
  const pid = platform.servicePid("boxd");

  process.kill(pid, "SIGSTOP");
  process.kill(platform.servicePid("agent"), "SIGKILL");
  try {
    await until("it is told", async () => {
      const { code, output } = await platform.cli("status");

      return code === 3 && /^!! boxd is not connected: no box can be made$/m.test(output);
    }, 15_000, 200);
    const { output } = await platform.cli("status");

    assert.match(output, /^\d\d:\d\d:\d\d  gateway +the agent is away/m);
    assert.doesNotMatch(output, /All is well/);
    const { problems, warnings } = await platform.status();

    assert.ok(problems.includes("boxd is not connected: no box can be made"), JSON.stringify(problems));
    assert.ok(warnings.some(({ service, level }) => service === "gateway" && level === "warn"));
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await until("all is well again", async () => (await platform.cli("status")).code === 0, 30_000, 200);
});

test("healthz is 200 while the gateway lives; readiness says in words what is missing", async () => {
  const health = async (query) => {
    const answer = await fetch(`${platform.url}/healthz${query}`);

    return { status: answer.status, ...await answer.json().then((json) => ({ json })) };
  };

  assert.equal((await health("?ready")).status, 200);
  assert.deepEqual((await health("")).json.missing, []);
  const pid = platform.servicePid("orchestrator");

  process.kill(pid, "SIGKILL");
  await until("it is not ready", async () => {
    const { status, json } = await health("?ready");

    return status === 503 && /^the orchestrator is away: no sign-in and no push/.test(json.missing[0]);
  }, 10_000, 1);
  assert.equal((await health("")).status, 200);
  await until("it is ready", async () => (await health("?ready")).status === 200);
});

test("an operator may show the numbers to whoever is on the machine", async () => {
  const open = await Platform.start({ args: ["--local-metrics"] });

  try {
    const answer = await fetch(`${open.url}/metrics`);

    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /^vitrine_orchestrator_users 1$/m);
    assert.equal((await fetch(`${open.url}/api/status`)).status, 401);
  } finally {
    await open.remove();
  }
});

test("with --log-format json each line of each service is an object with its fields", async () => {
  const other = await Platform.start({ args: ["--log-format", "json"] });
  const app = new Repo(other, "admin/logged");

  try {
    await app.deploy({ "app.lua": apps.counter });
    const visitor = await Visitor.join(other, "admin/logged");

    await visitor.act("add", "click");
    await visitor.close();
    await other.stop();
    const lines = other.log.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));

    assert.doesNotMatch(other.log, /^(debug|info|warn|error) /m);
    for (const service of ["up", "gateway", "orchestrator", "agent", "boxd", "inference"])
      assert.ok(lines.some((line) => line.service === service), `${service}:\n${other.log}`);
    for (const line of lines) {
      assert.deepEqual(Object.keys(line), ["time", "level", "service", "fields", "message"]);
      assert.match(line.time, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const waking = lines.find((line) => line.message === "waking → loading");

    assert.match(waking.fields.space, /^[0-9a-z]+$/);
    assert.equal(waking.level, "info");
  } finally {
    app.remove();
    await other.remove();
  }
});
