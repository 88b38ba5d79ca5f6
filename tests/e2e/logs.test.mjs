// Logs and events of a whole platform, as an owner reads them with the CLI.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/talker";
const app = `local ui, log = require "vitrine.ui", require "vitrine.log"
return ui.page({ title = "Talker" }, function(page)
  local say = ui.button { "Say", id = "say" }
  local fail = ui.button { "Fail", id = "fail" }
  local flood = ui.button { "Flood", id = "flood" }
  flood:on_click(function()
    for i = 1, 30 do print(("row " .. i .. "\\n"):rep(30)) end
  end)
  say:on_click(function(session)
    session.n = (session.n or 0) + 1
    print("number " .. session.n)
    log.warn { "spoke", n = session.n }
  end)
  fail:on_click(function() print "before it" error "the owner's secret" end)
  return ui.column { say, fail, flood }
end)
`;
let platform, repo, commit;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
  await repo.deploy({ "README.md": frontMatter("sleep_after: 1\n"), "app.lua": app });
  commit = (await platform.api("GET", `/api/spaces/${space}`)).json.commit;
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

/** The JSON objects that a CLI command printed. */
async function read(...args) {
  const { code, output } = await platform.cli(...args, "--json");

  assert.equal(code, 0, output);
  return output.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** A CLI that follows: the objects so far, and how it ended. */
function follow(...args) {
  const child = platform.cliChild(...args, "-f", "--json");
  const seen = [];
  let rest = "";

  child.stdout.on("data", (bytes) => {
    const lines = (rest + bytes).split("\n");

    rest = lines.pop();
    seen.push(...lines.map((line) => JSON.parse(line)));
  });
  const ended = new Promise((done) => child.on("close", (code, signal) => done({ code, signal })));

  return { child, seen, ended };
}

test("each line says for whom it was: commit, session, event, and the failure's reference", async () => {
  const ada = await Visitor.join(platform, space), bob = await Visitor.join(platform, space);

  await ada.act("say", "click");
  await bob.act("say", "click");
  const failure = await ada.act("fail", "click");

  await until("all is kept", async () => (await read("logs", space)).some((l) => l.ref === failure.reference));
  const [error] = await read("logs", "--ref", failure.reference, space);

  assert.match(error.line, /app\.lua:\d+: the owner's secret/);
  assert.deepEqual([error.stream, error.level, error.commit], ["stderr", "error", commit.slice(0, 12)]);
  const hers = await read("logs", "--session", error.session, space);

  assert.deepEqual(hers.map((l) => l.line).slice(0, 3), ["number 1", "spoke n=1", "before it"]);
  assert.deepEqual(hers.map((l) => [l.stream, l.level]).slice(0, 3), [["stdout", "info"], ["log", "warn"], ["stdout", "info"]]);
  assert.equal(hers[2].event, error.event);
  assert.ok(hers.every((l) => l.session === error.session && !l.line.includes(ada.welcome.session)));
  const all = await read("logs", space);

  assert.equal(new Set(all.map((l) => l.session).filter(Boolean)).size, 2);
  assert.ok(!JSON.stringify(all).includes(ada.welcome.session), "the log gives a session's id away");
  assert.deepEqual((await read("logs", "--level", "error", space)).map((l) => l.level).filter((l) => l !== "error"), []);
  assert.equal((await read("logs", "-n", "1", space)).length, 1);
  assert.equal((await read("logs", "--since", "1d", space)).length, all.length);
  await ada.close();
  await bob.close();
});

test("a follower goes on over kill -9 of the orchestrator, without a hole and without a repetition", async () => {
  const visitor = await Visitor.join(platform, space);
  const follower = follow("logs", "-n", "0", space);
  const numbers = () => follower.seen.map((l) => /^number (\d+)$/.exec(l.line ?? "")?.[1]).filter(Boolean).map(Number);

  for (let round = 0; round < 3; round++) {
    const before = numbers().length;

    for (let i = 0; i < 5; i++) await visitor.act("say", "click");
    if (round === 0) await until("the follower hears", async () => {
      if (numbers().length > 0) return true;
      await visitor.act("say", "click"); // it may have begun to listen later
      return false;
    });
    const last = numbers().at(-1);

    await until("the follower has all", () => numbers().length > before && numbers().at(-1) >= last);
    await platform.killService("orchestrator");
  }
  await visitor.act("say", "click");
  const { output } = await platform.cli("logs", "-n", "20", space);
  const want = Number(/number (\d+)/.exec(output.split("\n").filter((l) => l.includes("number")).at(-1))[1]);

  await until("the follower has all", () => numbers().at(-1) >= want);
  const got = numbers();

  assert.deepEqual(got, got.map((_, i) => got[0] + i));
  follower.child.kill("SIGINT");
  assert.deepEqual(await follower.ended, { code: 0, signal: null });
  await visitor.close();
});

test("what happened is told as typed events, from the push to the sleep", async () => {
  const follower = follow("events", space);
  const types = () => follower.seen.map((e) => e.type);

  await until("it slept", () => types().includes("worker.sleeping"), 30_000);
  const order = ["push.received", "build.started", "build.phase", "build.ready", "build.live", "worker.waking",
    "worker.loading", "worker.running", "worker.sleeping"];

  for (let i = 1; i < order.length; i++)
    assert.ok(types().indexOf(order[i - 1]) < types().indexOf(order[i]), `${order[i - 1]} is not before ${order[i]}: ${types()}`);
  const running = follower.seen.find((e) => e.type === "worker.running");

  assert.ok(running.ms > 0 && running.space === space);
  follower.child.kill("SIGTERM");
  assert.equal((await follower.ended).code, 0);
  const { output } = await platform.cli("events", space);

  assert.match(output, /admin\/talker build\.phase commit=[0-9a-f]{40} name=app loaded ms=\d/);
  assert.equal((await read("events")).length, (await read("events", space)).length);
});

test("a stream passes the gateway as it comes and tells proxies not to hold it", async () => {
  const answer = await fetch(`${platform.url}/api/spaces/${space}/logs/run?follow=1&tail=0`,
    { headers: { authorization: `Bearer ${platform.token}` } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";

  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.equal(answer.headers.get("x-accel-buffering"), "no");
  const visitor = await Visitor.join(platform, space);

  await visitor.act("say", "click");
  while (!/data: .*"line":"number 1"/.test(text)) {
    const { done, value } = await reader.read();

    assert.ok(!done, text);
    text += value;
  }
  await reader.cancel();
  const id = /id: (\d+)\ndata: .*number 1/.exec(text)[1];
  const again = await fetch(`${platform.url}/api/spaces/${space}/logs/run`,
    { headers: { authorization: `Bearer ${platform.token}`, "last-event-id": id } });

  assert.doesNotMatch(await again.text(), /number 1"/);
  await visitor.close();
});

test("a build's lines are read by its id", async () => {
  const { output } = await platform.cli("logs", "--build", space);

  assert.match(output, /✓ app loaded/);
  const [{ build }] = await read("logs", "--build", space);

  assert.equal((await platform.cli("logs", `--build=${build}`, space)).output, output);
  const unknown = await platform.cli("logs", "--build=nothing", space);

  assert.equal(unknown.code, 1);
  assert.match(unknown.output, /there is no build nothing/);
});

test("what cannot be asked for is refused in words", async () => {
  for (const [args, words] of [[["--since", "yesterday", space], /a number with s, m, h or d/],
    [["--session", "a/b", space], /letters and digits/], [["admin/none"], /no Space|404/]]) {
    const { code, output } = await platform.cli("logs", ...args);

    assert.notEqual(code, 0);
    assert.match(output, words);
  }
});

/* --- the pages --- */

const rows = (page) => page.locator(".log-line").count();
const texts = (page) => page.locator(".log-words").allInnerTexts();

async function signIn(page, next) {
  await page.goto(`${platform.url}/-/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.includes("sign-in"));
  page.problems.length = 0; // "nobody is signed in" is one for the browser
}

test("the page follows, finds a visitor's reference, and goes on over kill -9 of the orchestrator", async () => {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser);
    const visitor = await Visitor.join(platform, space);

    await signIn(page, `/spaces/${space}/-/logs`);
    await page.getByText("Live", { exact: true }).waitFor();
    const failure = await visitor.act("fail", "click");

    await page.getByText(`reference ${failure.reference}`).first().waitFor();
    await page.getByLabel("Search the lines").fill(failure.reference);
    await until("only the failure is there", async () => (await texts(page))[0]?.includes(failure.reference) &&
      (await rows(page)) === (await page.locator(".log-line.error").count()));
    await until("the address names it", () => page.url().endsWith(`#${failure.reference}`));
    await page.reload();
    await page.getByRole("button", { name: `Reference ${failure.reference}` }).waitFor();
    await page.getByRole("button", { name: "Show the whole session" }).click();
    await page.getByText("before it").waitFor();
    await page.goto(`${platform.url}/spaces/${space}/-/logs`);
    await page.getByText("Live", { exact: true }).waitFor();
    const numbers = async () => (await texts(page)).filter((t) => /^number/.test(t)).length;

    await visitor.act("say", "click");
    await page.getByText("number 1", { exact: true }).last().waitFor();
    const before = await numbers();

    await platform.killService("orchestrator");
    await visitor.act("say", "click");
    await page.getByText("number 2", { exact: true }).last().waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    assert.equal(await numbers(), before + 1);
    await screenshot(page, "logs");
    await visitor.close();
  } finally {
    await browser.close();
  }
});

test("who reads further up is left alone, and the page stays bounded", async () => {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser, { viewport: { width: 390, height: 800 }, colorScheme: "dark" });
    const visitor = await Visitor.join(platform, space);

    await signIn(page, `/spaces/${space}/-/logs`);
    await visitor.act("flood", "click");
    await page.getByText("row 30", { exact: true }).last().waitFor();
    await until("the page is full", async () => (await rows(page)) === 800);
    const log = page.getByRole("log");

    await log.evaluate((box) => box.scrollTo(0, box.scrollHeight / 2));
    await page.getByRole("button", { name: "Jump to now" }).waitFor();
    const at = await log.evaluate((box) => box.scrollTop);

    await visitor.act("say", "click");
    await page.getByRole("button", { name: /2 new lines · Jump to now/ }).waitFor();
    assert.equal(await log.evaluate((box) => box.scrollTop), at);
    await page.getByRole("button", { name: "Jump to now" }).click();
    await page.getByText("number 1", { exact: true }).last().waitFor();
    await until("the end is shown", () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40));
    assert.equal(await rows(page), 800);
    await log.evaluate((box) => box.scrollTo(0, 0));
    await page.getByRole("button", { name: "Show earlier lines" }).click();
    await until("there is more", async () => (await rows(page)) > 800);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
    await screenshot(page, "logs-phone-dark");
    await visitor.close();
  } finally {
    await browser.close();
  }
});

test("an owner who meets an error on the page is one link from its lines", async () => {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser);

    await signIn(page, `/spaces/${space}`);
    await page.getByRole("button", { name: "Fail" }).click();
    const link = page.locator(".card.failed a");
    const reference = await link.innerText();

    await link.click();
    await page.getByRole("button", { name: `Reference ${reference}` }).waitFor();
    await page.getByText("the owner's secret").waitFor();
  } finally {
    await browser.close();
  }
});

test("a push shows up in the open page of builds, and its lines are a link away", async () => {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser);

    await signIn(page, `/spaces/${space}/-/builds`);
    await page.locator(".build.live").waitFor();
    const before = await page.locator(".builds .build").count();

    await repo.deploy({ "app.lua": `${app}-- again\n` });
    await until("it is listed", async () => (await page.locator(".builds .build").count()) === before + 1);
    await page.locator(".build.live .build-lines").click();
    await page.getByText("✓ app loaded").waitFor();
    await page.getByText("Complete").waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});
