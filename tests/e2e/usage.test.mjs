// Who pays for models: a visitor's gesture is theirs, what a Space does by itself its owner's; a
// budget that is used up is said in words; a kill charges what was done.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor, visitorCookie } from "./lib/wire.mjs";

const app = `local ui, models = require "vitrine.ui", require "vitrine.models"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")
local writer = models.generate "vitrine/tiny-writer"

return ui.page({ title = "Spender" }, function(page)
  local out, n, ticked = ui.textbox { id = "out" }, ui.number { id = "n" }, ui.number { id = "ticked" }
  local one, many, pulse = ui.button { "One", id = "one" }, ui.button { "Many", id = "many" }, ui.timer { every = 0.5 }

  one:on_click(function() out:set(mood("I love it.")[1].label) end)
  many:on_click(function()
    for i = 1, 1e6 do
      writer:complete("Once upon a time", { max_tokens = 200 })
      n:set(i)
    end
  end)
  pulse:on_tick(function() mood("It ticks.") ticked:set((ticked.value or 0) + 1) end)
  return ui.column { out, n, ticked, one, many, pulse }
end)
`;
const space = "admin/spender";
let platform, repo;

before(async () => {
  platform = await Platform.start({ args: ["--quota", "network=1"] });
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": app });
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

async function usage(...args) {
  const { code, output } = await platform.cli("usage", "--json", ...args);

  assert.equal(code, 0, output);
  return JSON.parse(output);
}

const seconds = (all, name) => all.accounts.find(({ account }) => account.startsWith(name))?.deviceSeconds ?? 0;

async function metric(name) {
  const answer = await fetch(`${platform.url}/metrics`, { headers: { authorization: `Bearer ${platform.token}` } });
  const line = (await answer.text()).split("\n").find((one) => one.startsWith(`${name} `));

  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

async function signedIn() {
  const answer = await platform.api("POST", "/api/login", { username: "admin", password: platform.password }, null);

  assert.equal(answer.status, 200);
  const session = answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");

  return `${await visitorCookie(platform, space)}; ${session}`;
}

test("a click is charged to who is signed in, or to their network, and a timer to the owner", async () => {
  const anonymous = await Visitor.join(platform, space);

  assert.equal(await anonymous.act("one", "click"), undefined);
  let all;

  await until("the network and the owner are charged", async () => {
    all = await usage("--all");
    return seconds(all, "network:") > 0 && seconds(all, "owner:admin") > 0;
  }, 20_000, 200);
  assert.equal(seconds(all, "user:admin"), 0);
  await anonymous.close();
  const admin = await Visitor.join(platform, space, { cookie: await signedIn() });

  assert.equal(admin.welcome.user, "admin");
  assert.equal(await admin.act("one", "click"), undefined);
  await until("who is signed in is charged", async () => seconds(await usage("--all"), "user:admin") > 0, 20_000, 200);
  await admin.close();
  const own = await usage();
  const call = own.calls.find(({ account }) => account === "user:admin");

  assert.deepEqual(own.budgets.map(({ account }) => account), ["user:admin", "owner:admin"]);
  assert.equal(call.space, space);
  assert.equal(call.model, "vitrine/tiny-sentiment");
  assert.equal(call.outcome, "done");
  assert.equal(call.event, 1);
  assert.ok(call.tokensIn > 0 && call.deviceSeconds > 0);
  assert.match(call.commit, /^[0-9a-f]{40}$/);
});

test("the ledger's sum is what the device was busy", async () => {
  let busy, sum;

  await until("all rows have been taken", async () => {
    // Nobody is there, so nothing ticks: the numbers come to rest.
    busy = await metric("vitrine_inference_device_busy_seconds_total");
    sum = (await usage("--all")).accounts.reduce((all, { deviceSeconds }) => all + deviceSeconds, 0);
    return await metric("vitrine_inference_usage_rows_waiting") === 0 && Math.abs(sum - busy) < 2e-6;
  }, 20_000, 500).catch(() => assert.fail(`busy ${busy}, charged ${sum}`));
});

test("who has used up the budget is told so, and when there will be more", async () => {
  const visitor = await Visitor.join(platform, space);
  const n = visitor.fire("many", "click");

  await until("it has ended", () => visitor.finished.has(n), 60_000, 50);
  const failure = visitor.failures.get(n);

  assert.match(failure.message, /compute of today is used up: 1 second in 24 hours.*again at \d\d:\d\d:\d\d UTC/);
  const again = await visitor.act("one", "click");

  assert.match(again.message, /used up/);
  await visitor.close();
  const spent = seconds(await usage("--all"), "network:");

  assert.ok(spent >= 0.98 && spent < 1.1, `${spent} s were spent of 1`);
});

test("kill -9 of inference in the middle charges what was done, and the next call works", async () => {
  const visitor = await Visitor.join(platform, space, { cookie: await signedIn() });
  const rows = async () => (await usage()).models.find(({ model }) => model === "vitrine/tiny-writer")?.calls ?? 0;
  const before = await rows();
  const n = visitor.fire("many", "click");

  await visitor.waitFor("some are done", () => (visitor.props("n").value ?? 0) >= 3);
  await platform.killService("inference");
  await until("the event has ended", () => visitor.finished.has(n), 30_000, 50);
  assert.ok(visitor.failures.get(n).message);
  const done = visitor.props("n").value;
  let charged;

  await until("every row has come", async () => {
    charged = (await rows()) - before;
    // The app's timer ticks every half second, as often as the metric is told: its row may be on
    // the way whenever that looks.
    return charged >= done && await metric("vitrine_inference_usage_rows_waiting") <= 1;
  }, 20_000, 200);
  // One more may have been done whose answer did not get through.
  assert.ok(charged <= done + 1, `${charged} were charged, ${done} were answered`);
  assert.equal(await visitor.act("one", "click"), undefined);
  await visitor.close();
});
