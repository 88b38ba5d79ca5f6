// Who pays for models: a visitor's gesture is theirs, what a Space does by itself its owner's; a
// budget that is used up is said in words; a kill charges what was done.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { TYPE, Visitor, visitorCookie } from "./lib/wire.mjs";

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

test("under a mixed load, with calls cancelled and the orchestrator killed, each millisecond is charged once", async () => {
  const admin = await signedIn();
  const [clicking, first, second] = await Promise.all([1, 2, 3].map(() => Visitor.join(platform, space, { cookie: admin })));
  const long = [first, second].map((visitor) => [visitor, visitor.fire("many", "click")]);

  for (let i = 0; i < 5; i++) assert.equal(await clicking.act("one", "click"), undefined);
  await platform.killService("orchestrator");
  for (let i = 0; i < 5; i++) assert.equal(await clicking.act("one", "click"), undefined);
  for (const [visitor, n] of long) {
    await visitor.waitFor("some are done", () => (visitor.props("n").value ?? 0) >= 3);
    visitor.send({ type: TYPE.CANCEL, seq: n });
    await visitor.waitFor("it has ended", () => visitor.finished.has(n));
  }
  await Promise.all([clicking, first, second].map((visitor) => visitor.close()));
  await until("the orchestrator answers", async () => (await platform.cli("usage", "--json")).code === 0, 20_000, 200);
  let busy, sum;

  await until("all rows have been taken", async () => {
    const before = await metric("vitrine_inference_device_busy_seconds_total");

    sum = (await usage("--all")).accounts.reduce((all, { deviceSeconds }) => all + deviceSeconds, 0);
    busy = await metric("vitrine_inference_device_busy_seconds_total");
    return await metric("vitrine_inference_usage_rows_waiting") === 0 && before === busy && Math.abs(sum - busy) < 0.01 * busy;
  }, 60_000, 500).catch(() => assert.fail(`busy ${busy}, charged ${sum}`));
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

  assert.match(failure.message, /compute of today is used up: 1 second in 24 hours.*again at \d\d:\d\d UTC on \d+ [A-Z]/);
  const again = await visitor.act("one", "click");

  assert.match(again.message, /used up/);
  await visitor.close();
  const spent = seconds(await usage("--all"), "network:");

  assert.ok(spent >= 0.98 && spent < 1.1, `${spent} s were spent of 1`);
});

function policyFile(text) {
  const path = join(platform.data, "policy.yaml");

  writeFileSync(path, text);
  return path;
}

const policy = (network, staff) => `tiers:
  free: {seconds: 14400}
  background: {seconds: 28800}
  network: {seconds: ${network}, weight: 1, concurrent: 4, seconds_per_call: 30}
  staff: {seconds: ${staff}, weight: 4, concurrent: 64, seconds_per_call: 60, memory_mib: 512}
bind:
  default: {user: free, owner: background, network: network}
  users: {admin: staff}
`;

test("a policy that is no good is refused with its place and the reason, and the old one stands", async () => {
  const before = (await platform.cli("policy", "show")).output;

  assert.match(before, /network: \{seconds: 1\}/);
  for (const [text, reason] of [
    [policy(3, 20000).replace("weight: 4", "wait: 4"), /policy\.yaml:5:27: wait: unknown key; a tier takes seconds, weight/],
    [policy(3, 20000).replace("admin: staff", "admin: gold"), /policy\.yaml:8:18: admin: there is no tier 'gold'/],
    [policy(3, 20000).replace("admin: staff", "nobody: staff"), /policy\.yaml:8:11: users: there is no user 'nobody'/],
    [policy(-3, 20000), /policy\.yaml:4:22: seconds: must be a whole number/],
  ]) {
    const check = await platform.cli("policy", "check", policyFile(text));

    assert.equal(check.code, 1);
    assert.match(check.output, reason);
    const apply = await platform.cli("policy", "apply", policyFile(text), "--reason", "to see it refused");

    assert.equal(apply.code, 1);
    assert.match(apply.output, reason);
  }
  assert.equal((await platform.cli("policy", "show")).output, before);
  assert.equal((await platform.cli("policy", "history")).output, "");
});

test("plan says who gains and who loses, apply counts at once, and history says who and why", async () => {
  const file = policyFile(policy(3, 20000));
  const check = await platform.cli("policy", "check", file);

  assert.equal(check.code, 0, check.output);
  const plan = await platform.cli("policy", "plan", file);

  assert.equal(plan.code, 0, plan.output);
  assert.match(plan.output, /gains +user:admin +user -> staff: seconds 14400 -> 20000, weight 1 -> 4/);
  assert.match(plan.output, /mixed +network:\* +network -> network: seconds 1 -> 3, concurrent 32 -> 4/);
  assert.match(plan.output, /1 gain, 0 lose, 1 both/);
  assert.match(plan.output, /user:admin .*memory_mib 256 -> 512/);
  assert.equal((await platform.cli("policy", "history")).output, "", "a plan applies nothing");
  const visitor = await Visitor.join(platform, space);

  assert.match((await visitor.act("one", "click")).message, /used up/);
  const apply = await platform.cli("policy", "apply", file, "--reason", "three seconds for all");

  assert.equal(apply.code, 0, apply.output);
  assert.match(apply.output, /applied as version 1/);
  await until("what is left now counts", async () => await visitor.act("one", "click") === undefined, 10_000, 200);
  await visitor.close();
  assert.match((await platform.cli("policy", "history")).output, /1 .*admin +three seconds for all/);
  assert.equal((await usage()).budgets[0].tier.name, "staff");
  const stale = await platform.api("PUT", "/api/policy", { text: policy(4, 1), reason: "late", version: 0 });

  assert.equal(stale.status, 409);
});

test("anonymous visitors of a network with a tier of its own have that tier", async () => {
  const text = policy(3, 20000).replace("bind:", "  closed: {seconds: 0}\nbind:");
  const apply = await platform.cli("policy", "apply", policyFile(`${text}  networks: {127.0.0.0/8: closed}\n`), "--reason", "exam");

  assert.match(apply.output, /network:127\.0\.0\.0\/8 +network -> closed: seconds 3 -> 0/);
  const visitor = await Visitor.join(platform, space);

  await until("it counts", async () => (await visitor.act("one", "click"))?.message.includes("No compute") ?? false, 10_000, 200);
  await platform.cli("policy", "apply", policyFile(policy(3, 20000)), "--reason", "the exam is over");
  await until("it counts no more", async () => await visitor.act("one", "click") === undefined, 10_000, 200);
  await visitor.close();
});

test("a page is told what its handlers take and what is left, before anybody clicks", async () => {
  const visitor = await Visitor.join(platform, space);

  await visitor.waitFor("what it costs", () => visitor.cost?.left_ms !== undefined);
  const before = visitor.cost;
  const many = before.handlers.find(([node]) => node === visitor.nodes.get("many").n);

  assert.equal(before.day_ms, 3000);
  assert.ok(before.left_ms > 500 && before.left_ms < 2100, `${before.left_ms} ms are left`);
  assert.match(before.words, /comes? back at/);
  assert.ok(many[2] >= 900 && many[2] < 1200, `it took all of the one second there was, ${many[2]} ms`);
  assert.equal(await visitor.act("one", "click"), undefined);
  await visitor.waitFor("it is told anew", () => visitor.cost !== before);
  assert.ok(visitor.cost.left_ms <= before.left_ms);
  await visitor.close();
});

test("what takes more than is left as a rule is refused before it runs, and what fits still runs", async () => {
  const visitor = await Visitor.join(platform, space);
  let failure, seconds = 2;

  await platform.cli("policy", "apply", policyFile(policy(seconds, 20000)), "--reason", "two seconds");
  // It takes all that there is: how much of the last second that leaves is not for us to say.
  await until("less is left", async () => {
    failure = await visitor.act("many", "click");
    if (failure?.message.startsWith("This takes about") && visitor.cost.left_ms > 100) return true;
    if (failure) await platform.cli("policy", "apply", policyFile(policy(++seconds, 20000)), "--reason", "one more");
    return false;
  }, 40_000, 200);
  assert.match(failure.message, /^This takes about \S+ s of compute, and you have \S+ s left.*comes? back at .* UTC.*What takes less/);
  assert.equal(await visitor.act("one", "click"), undefined);
  await visitor.close();
  await platform.cli("policy", "apply", policyFile(policy(60, 20000)), "--reason", "enough for the others");
});

test("a policy that takes away says who is over at once", async () => {
  const plan = await platform.cli("policy", "plan", policyFile(policy(60, 0)));

  assert.match(plan.output, /user:admin .*seconds 20000 -> 0.*; over at once, \d/);
  assert.match(plan.output, /over at once: 1/);
});

test("a credit has a reason, counts at once, is shown, and is used after the day's seconds", async () => {
  await platform.cli("policy", "apply", policyFile(policy(60, 0)), "--reason", "nothing for staff");
  const visitor = await Visitor.join(platform, space, { cookie: await signedIn() });

  await until("nothing is left", async () => (await visitor.act("one", "click"))?.message.includes("No compute") ?? false, 10_000, 200);
  assert.equal((await platform.cli("credit", "admin", "30")).code, 2, "without a reason");
  assert.match((await platform.cli("credit", "nobody", "30", "--reason", "x")).output, /nobody called 'nobody'/);
  const given = await platform.cli("credit", "admin", "30", "--reason", "a talk on Friday", "--days", "3");

  assert.equal(given.code, 0, given.output);
  await until("the credit counts", async () => await visitor.act("one", "click") === undefined, 10_000, 200);
  await visitor.close();
  let mine;

  await until("it has been used", async () => {
    [mine] = (await usage()).budgets;
    return mine.credits[0].usedSeconds > 0;
  }, 10_000, 100);
  assert.equal(mine.credits[0].seconds, 30);
  assert.equal(mine.credits[0].reason, "a talk on Friday");
  assert.equal(mine.credits[0].by, "admin");
  assert.ok(Date.parse(mine.credits[0].expires) - Date.now() > 2 * 86400e3);
  assert.ok(mine.creditSeconds < 30 && mine.secondsLeft === mine.creditSeconds);
  assert.match((await platform.cli("usage")).output, /credit of 30 s, \d.* used, until .*: a talk on Friday \(admin\)/);
  await platform.cli("policy", "apply", policyFile(policy(60, 20000)), "--reason", "as it was");
});

test("a pool that borrows nothing has its share of an idle device, and top shows it", async () => {
  const pools = "pools:\n  course: {share: 20, borrow: false}\n";
  const text = `${pools}${policy(60, 20000).replace("memory_mib: 512}", "memory_mib: 512, pool: course}")}`;
  const plan = await platform.cli("policy", "plan", policyFile(text));

  assert.match(plan.output, /mixed +user:admin +staff -> staff: pool - \(100 %\) -> course \(20 %, borrows nothing\)/);
  assert.equal((await platform.cli("policy", "apply", policyFile(text), "--reason", "a course")).code, 0);
  const visitor = await Visitor.join(platform, space, { cookie: await signedIn() });
  const n = visitor.fire("many", "click");
  const shares = [];

  await until("it has been seen at work for a while", async () => {
    const course = (await platform.api("GET", "/api/top")).json.pools?.find(({ name }) => name === "course");

    if (course !== undefined && course.requests > 0 && shares.at(-1) !== course.used) shares.push(course.used);
    return shares.filter((used) => used > 0.05).length >= 3;
  }, 60_000, 200);
  // Alone on the device it would have nearly all of it.
  assert.ok(Math.max(...shares) < 0.5, `${shares} of the device`);
  assert.match((await platform.cli("top", "--once")).output, /course +20 % +\d+ % .*borrows nothing/);
  visitor.send({ type: TYPE.CANCEL, seq: n });
  await until("it has ended", () => visitor.finished.has(n), 30_000, 50);
  await visitor.close();
  await platform.cli("policy", "apply", policyFile(policy(60, 20000)), "--reason", "the course is over");
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

async function tokenOf(name) {
  assert.equal((await platform.api("POST", "/api/users", { name, password: "a long password" })).status, 201);
  const made = await platform.api("POST", "/api/tokens", { name: "t", user: name, scope: "write" });

  assert.equal(made.status, 201, made.text);
  return made.json.token;
}

const complete = (token, tokens) => platform.api("POST", "/models/vitrine/tiny-writer/v1/completions",
  { prompt: "Once upon a time", max_tokens: tokens, temperature: 2 }, token);

/** No step of the device took longer, as far as its histogram tells. */
async function longestStep() {
  const answer = await fetch(`${platform.url}/metrics`, { headers: { authorization: `Bearer ${platform.token}` } });
  const text = await answer.text();
  const all = /^vitrine_inference_step_seconds_count (\d+)$/m.exec(text)[1];
  const [, bound] = new RegExp(`^vitrine_inference_step_seconds_bucket{le="([^"]+)"} ${all}$`, "m").exec(text);

  return bound === "+Inf" ? Infinity : Number(bound);
}

test("forty programs of somebody with a second left get that second and one step, and hear when there is more", async () => {
  const token = await tokenOf("ivo");
  const text = policy(60, 20000).replace("bind:", "  second: {seconds: 1}\nbind:").replace("{admin: staff}", "{admin: staff, ivo: second}");
  const words = new Set();

  assert.equal((await platform.cli("policy", "apply", policyFile(text), "--reason", "a second")).code, 0);
  await Promise.all(Array.from({ length: 40 }, async () => {
    for (;;) {
      const { status, json } = await complete(token, 200);

      if (status === 200) continue;
      assert.equal(status, 429, JSON.stringify(json));
      if (/used up/.test(json.error.message)) {
        words.add(json.error.message);
        return;
      }
      await sleep(50); // it has as many under way as one may
    }
  }));
  for (const one of words) assert.match(one, /again at \d\d:\d\d UTC|comes? back/);
  await until("all rows have come", async () => await metric("vitrine_inference_usage_rows_waiting") === 0, 20_000, 200);
  const used = seconds(await usage("--all"), "user:ivo");

  assert.ok(used >= 1 && used <= 1 + await longestStep(), `${used} s were used of 1, no step took more than ${await longestStep()} s`);
});

/** Clicks again and again, whatever happens to the platform; what takes long is cancelled. */
async function clicking(cookie, key, load) {
  while (load.on) {
    let visitor;

    try {
      visitor = await Visitor.join(platform, space, { cookie });
      while (load.on && !visitor.closed) {
        const n = visitor.fire(key, "click");
        const since = Date.now();

        await until("it has ended", () => visitor.finished.has(n) || visitor.closed || !load.on || Date.now() - since > 700, 5_000, 20);
        if (!visitor.finished.has(n) && !visitor.closed) visitor.send({ type: TYPE.CANCEL, seq: n });
      }
    } catch {
      await sleep(50);
    }
    await visitor?.close();
  }
}

async function asking(token, load) {
  while (load.on) {
    await complete(token, 60).catch(() => {});
    await sleep(20);
  }
}

/** What the device was busy, and what is charged, once both have come to rest. */
async function atRest() {
  let busy, sum;

  await until("all rows have been taken", async () => {
    const before = await metric("vitrine_inference_device_busy_seconds_total");

    sum = (await usage("--all")).accounts.reduce((all, { deviceSeconds }) => all + deviceSeconds, 0);
    await sleep(2100); // numbers are told every other second
    busy = await metric("vitrine_inference_device_busy_seconds_total");
    return before !== undefined && before === busy && await metric("vitrine_inference_usage_rows_waiting") === 0;
  }, 40_000, 50);
  return { busy, sum };
}

const ledger = `
import json, sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
one = lambda sql: db.execute(sql).fetchone()[0]
print(json.dumps({
    "rows": one("SELECT count(*) FROM usage"),
    "open": one("SELECT count(*) FROM usage WHERE outcome = 'running'"),
    "numbers": one("SELECT count(*) - count(DISTINCT journal || '/' || n) FROM usage"),
    "outcomes": [r[0] for r in db.execute("SELECT DISTINCT outcome FROM usage")],
    "payers": db.execute("SELECT DISTINCT payer, account, space, event > 0 FROM usage WHERE ended_usec > ?", (int(sys.argv[2]),)).fetchall(),
    "eva": [one("SELECT sum(device_nsec) FROM usage WHERE account = 'user:eva'"), one("SELECT sum(nsec) FROM account_slots WHERE account = 'user:eva'")],
}))`;

test("kill -9 of every service in turn under a mixed load: each ms is charged once, and to whom it belongs", async () => {
  const since = Date.now() * 1000;
  const eva = await tokenOf("eva");
  const load = { on: true };
  const admin = await signedIn();
  const all = [clicking(admin, "many", load), clicking(admin, "one", load), clicking(undefined, "one", load), asking(eva, load), asking(eva, load)];

  await sleep(1000);
  await platform.killService("inference"); // it counts from nothing again, and the others are killed in this life of it
  load.on = false;
  await Promise.all(all);
  const before = await atRest();

  load.on = true;
  all.splice(0, all.length, clicking(admin, "many", load), clicking(admin, "one", load), clicking(undefined, "one", load), asking(eva, load), asking(eva, load));
  for (const service of ["gateway", "orchestrator", "agent"]) {
    await sleep(1000);
    await platform.killService(service);
  }
  await sleep(1000);
  load.on = false;
  await Promise.all(all);
  const after = await atRest();
  const busy = after.busy - before.busy, charged = after.sum - before.sum;

  assert.ok(busy > 0.5, `the device was busy for ${busy} s`);
  assert.ok(Math.abs(charged - busy) < 0.01 * busy, `busy ${busy} s, charged ${charged} s`);
  const { code, output } = await runProgram("python3", ["-c", ledger, join(platform.data, "orchestrator/vitrine.db"), String(since)]);

  assert.equal(code, 0, output);
  const found = JSON.parse(output);

  assert.deepEqual([found.open, found.numbers], [0, 0], output);
  assert.equal(found.eva[0], found.eva[1], "the window has what the rows have");
  assert.ok(found.outcomes.includes("cancelled") && found.outcomes.includes("done"), output);
  for (const [payer, account, where, gesture] of found.payers) {
    if (payer === "platform") continue; // what was read again is nobody's
    if (where === "") assert.equal(payer, "user:eva");
    else if (gesture) assert.match(payer, /^(user:admin|network:[0-9a-f]+(@network)?)$/);
    else assert.match(payer, /^space:/);
    assert.ok(payer.startsWith(account) || account === "owner:admin", `${payer} → ${account}`);
  }
  for (const payer of ["user:eva", "user:admin", "network:", "space:"])
    assert.ok(found.payers.some(([one]) => one.startsWith(payer)), `${payer}: ${output}`);
});
