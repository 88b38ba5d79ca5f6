// A Space whose visitors wait, in real browsers: places in the row, a second worker, calm again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const space = "admin/slow";
const app = `local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({ title = "One at a time" }, function(page)
  local go, out = ui.button { "Work", variant = "primary" }, ui.textbox { label = "Done", interactive = false }
  local quick = ui.button "Quick"
  go:on_click { concurrency = 1, fn = function(session)
    time.sleep(5)
    session.n = (session.n or 0) + 1
    out:set("times: " .. session.n)
  end }
  quick:on_click(function(session) out:set("quick: " .. (session.n or 0)) end)
  return ui.column { ui.row { go, quick }, out }
end)`;

let platform, browser, repo;
const pages = [];

const work = (page) => page.getByRole("button", { name: "Work" });
const done = (page) => page.getByLabel("Done");
const line = (page) => page.locator(".queue");
const served = (page, words) =>
  until(`"${words}" is shown`, async () => (await done(page).inputValue()) === words, 60_000);
const workers = async () => (await platform.workerPids(space)).length;

before(async () => {
  platform = await Platform.start({ args: ["--limit", "calm=3"] });
  repo = new Repo(platform, space);
  await repo.deploy({ "README.md": frontMatter("replicas: 2\n"), "app.lua": app });
  browser = await launchBrowser();
  for (const options of [{}, {}, { viewport: { width: 390, height: 700 }, colorScheme: "dark" }]) {
    const page = await openPage(browser, options);

    await page.goto(`${platform.url}/spaces/${space}`);
    await until("the page is live", async () => (await work(page).getAttribute("aria-busy")) === "false");
    pages.push(page);
  }
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

test("alone nobody waits, and no place is shown", async () => {
  await work(pages[0]).click();
  await served(pages[0], "times: 1");
  assert.equal(await line(pages[0]).count(), 0);
  assert.equal(await workers(), 1);
});

test("three at once: places are shown, a second worker comes, everybody is served", async () => {
  const [first, second, third] = pages;

  await work(first).click();
  await until("the first one runs", async () => (await work(first).getAttribute("aria-busy")) === "true");
  await work(second).click();
  await until("the second one waits", async () => (await work(second).getAttribute("aria-busy")) === "true");
  await work(third).click();
  await line(third).waitFor();
  assert.match(await line(third).getByRole("status").textContent(), /^(2nd|Next) in line, about \d+ s$/);
  await until("the second worker is there", async () => (await workers()) === 2);
  await until("the second one is served by it", async () => (await line(second).count()) === 0);
  await until("the third one is next, and sooner", async () =>
    /^Next in line, (about [1-6] s|any moment)$/.test(await line(third).getByRole("status").textContent()));
  await screenshot(third, "queue-phone-dark");
  await served(first, "times: 2");
  await served(second, "times: 1");
  await until("the third one's turn has come", async () => (await line(third).count()) === 0);
  await served(third, "times: 1");
});

test("when it is calm one worker goes, and no session is lost", async () => {
  await until("there is one worker again", async () => (await workers()) === 1, 60_000);
  for (const [page, words] of [[pages[0], "quick: 2"], [pages[1], "quick: 1"], [pages[2], "quick: 1"]]) {
    await page.getByRole("button", { name: "Quick" }).click();
    await served(page, words);
  }
});

test("the owner reads why there were more", async () => {
  const { output } = await platform.cli("logs", space);

  assert.match(output, /visitors waited \d+ ms for a turn: worker 2 of at most 2 is started/);
});

test("nothing went wrong in the browsers all along", () => {
  for (const page of pages) assert.deepEqual(page.problems, []);
});
