// The main path, from git push to a conversation that outlives everything: issue 2, "Done when".
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { isAlive, until } from "./lib/process.mjs";

const space = "admin/chat";
let platform, browser, page, repo;
let turns = 0;

before(async () => {
  platform = await Platform.start();
  browser = await launchBrowser();
  repo = new Repo(platform, space);
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

// A finished or growing message; the dots of one that has no text yet are not one.
const messages = (role) => page.locator(`.turn.${role} .bubble:not(.typing)`);
const input = () => page.getByPlaceholder("Message…");

/** Sends a message and returns the whole answer. */
async function talk(text) {
  await input().fill(text);
  await input().press("Enter");
  turns++;
  await until("the answer is complete", async () =>
    (await messages("user").count()) === turns && (await messages("assistant").count()) === turns &&
    (await page.locator('[aria-busy="true"]').count()) === 0 &&
    (await messages("assistant").last().innerText()).trim().length > 0, 60_000);
  return (await messages("assistant").last().innerText()).trim();
}

/** What the visitor sees of the conversation. */
async function conversation() {
  return page.locator(".turn .bubble:not(.typing)").evaluateAll((all) =>
    all.map((element) => `${element.closest(".turn").classList[1]}: ${element.innerText.trim()}`));
}

async function sameAfterReload() {
  const seen = await conversation();

  assert.equal(seen.length, 2 * turns);
  await page.reload();
  await until("the conversation is there again", async () => (await conversation()).length === seen.length);
  assert.deepEqual(await conversation(), seen);
}

test("a push is built with its phases told and ends in the URL", async () => {
  await repo.commit({ "README.md": frontMatter("models:\n  - vitrine/tiny-writer\n"), "app.lua": apps.longChat });
  const { code, output } = await repo.push();

  assert.equal(code, 0, output);
  const remote = output.split("\n").filter((line) => line.startsWith("remote: "));

  assert.ok(remote.filter((line) => /\d ms/.test(line)).length >= 3, output);
  assert.match(output, new RegExp(`remote: .*${platform.url}/spaces/${space}\\s`));
});

test("a visitor types and sees the answer of the model as it is written", async () => {
  page = await openPage(browser);
  await page.goto(`${platform.url}/spaces/${space}`);
  await page.evaluate(() => {
    window.lengths = new Set();
    new MutationObserver(() => {
      for (const element of document.querySelectorAll(".turn.assistant .bubble:not(.typing)"))
        window.lengths.add(element.innerText.length);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const answer = await talk("Tell me about the sea");

  assert.ok(answer.length > 10, answer);
  assert.ok(await page.evaluate(() => window.lengths.size) >= 3, "the answer came in one piece");
  await screenshot(page, "chat");
});

test("after a reload the session is there", () => sameAfterReload());

test("after kill -9 of the worker the session is there and goes on", async () => {
  const [pid] = await platform.workerPids(space);

  assert.ok(pid, "no worker");
  process.kill(pid, "SIGKILL");
  await until("the worker is gone", () => !isAlive(pid));
  await sameAfterReload();
  await talk("And about the sky?");
  await sameAfterReload();
});

for (const service of ["gateway", "agent", "orchestrator", "inference", "boxd"])
  test(`after kill -9 of ${service} the session is there and goes on`, async () => {
    await platform.killService(service);
    await sameAfterReload();
    await talk(`Something after the end of ${service}`);
    await sameAfterReload();
  });

test("an open page survives kill -9 of the gateway without a reload", async () => {
  const seen = await conversation();

  await platform.killService("gateway");
  await talk("Still there?");
  assert.deepEqual((await conversation()).slice(0, seen.length), seen);
});

test("version 2 appears in the open page and the session goes on", async () => {
  const seen = await conversation();

  await repo.deploy({ "app.lua": apps.chatWith("Second version") }, "version 2");
  await page.getByText("Second version", { exact: true }).waitFor({ timeout: 30_000 });
  assert.deepEqual(await conversation(), seen);
  await talk("Do you like the second version?");
  await sameAfterReload();
  assert.equal(await page.getByText("Second version", { exact: true }).count(), 1);
});

test("a broken version 3 fails the push with file and line, and version 2 serves", async () => {
  const lines = apps.chatWith("Third version").split("\n");

  lines.splice(5, 0, "  local = 3");
  await repo.commit({ "app.lua": lines.join("\n") }, "version 3");
  const { code, output } = await repo.push();

  assert.notEqual(code, 0);
  assert.match(output, /remote: .*app\.lua:6\b/);
  assert.equal(await page.getByText("Second version", { exact: true }).count(), 1);
  await talk("Are you still there?");
  const fresh = await openPage(browser);

  await fresh.goto(`${platform.url}/spaces/${space}`);
  await fresh.getByText("Second version", { exact: true }).waitFor();
  await fresh.context().close();
});

test("a rollback brings version 1 back without a push, and the session goes on", async () => {
  const seen = await conversation();
  const { code, output } = await platform.cli("rollback", space);

  assert.equal(code, 0, output);
  await until("version 1 is shown", async () => (await page.getByText("Second version", { exact: true }).count()) === 0);
  assert.deepEqual(await conversation(), seen);
  await talk("Back at the first version");
  await sameAfterReload();
});

test("nothing went wrong in the browser all along", () => {
  const expected = /ERR_CONNECTION|WebSocket connection|ERR_EMPTY_RESPONSE|502|503/;

  assert.deepEqual(page.problems.filter((problem) => !expected.test(problem)), []);
});
