// The first paint: a Space's page as HTML, before and without its script.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const app = `
local ui = require "vitrine.ui"
return ui.page({ title = "Painted <page>" }, function()
  local name = ui.textbox { label = "Name", info = "As on your passport.", value = "Ada" }
  local text = ui.textbox { label = "Story", lines = 4, value = "Once\\nupon </textarea><script>a" }
  local many = ui.slider { label = "Many", value = 30 }
  local deep = ui.number { label = "Depth", value = 4.5 }
  local yes  = ui.checkbox { label = "Certainly", value = true }
  local size = ui.radio { label = "Size", choices = { "small", "large" }, value = "large" }
  local kind = ui.dropdown { label = "Kind", choices = { "fish", "fowl" }, value = "fowl" }
  local go   = ui.button { "Go", variant = "primary" }
  local out  = ui.label { label = "Mood" }
  local said = ui.markdown "## Said\\n\\nSome **strong** words, and a list:\\n\\n- one\\n- two\\n"
  local json = ui.json { label = "Values", value = { one = 1 } }
  go:on_click { inputs = { name }, fn = function(who) said:set("Hello " .. who) end }
  return ui.column { ui.row { ui.column { name, text, many, deep, yes }, ui.column { out, size, kind } },
    ui.row { go, ui.button "Leave" }, said, json, ui.examples { inputs = { name }, rows = { "Grace", "Edsger" } } }
end)
`;
const space = "admin/painted";
let platform, browser;

before(async () => {
  platform = await Platform.start();
  browser = await launchBrowser();
  const repo = new Repo(platform, space);
  await repo.commit({ "README.md": frontMatter(), "app.lua": app });
  const { code, output } = await repo.push();
  repo.remove();
  assert.equal(code, 0, output);
});

after(async () => {
  await browser?.close();
  await platform?.remove();
});

const url = () => `${platform.url}/spaces/${space}`;

test("without JavaScript the whole page is read, and nothing in it can be used", async () => {
  const page = await openPage(browser, { javaScriptEnabled: false });
  await page.goto(url());
  const text = await page.locator("main").innerText();

  for (const words of ["Painted <page>", "needs JavaScript", "Name", "As on your passport.", "Certainly", "large",
    "fowl", "Go", "No result yet", "strong words", "Grace"])
    assert.ok(text.includes(words), `${words} in ${text}`);
  assert.equal(await page.getByLabel("Name").inputValue(), "Ada");
  assert.equal(await page.getByLabel("Story").inputValue(), "Once\nupon </textarea><script>a");
  assert.ok(await page.getByRole("heading", { name: "Said" }).isVisible());
  assert.ok(await page.getByRole("button", { name: "Go" }).isDisabled());
  assert.equal(await page.locator("main form, main script").count(), 0);
  await screenshot(page, "painted-without-script");
  await page.context().close();
});

/** Where everything that has a face stands. */
const boxes = (page) => page.evaluate(() => {
  const seen = {};
  for (const element of document.querySelectorAll(".header, main, main h1, .node, .field-label, .field-body > *, .button, .prose > *")) {
    const box = element.getBoundingClientRect();
    const key = `${element.tagName} ${element.className.replace(/ ?(busy|waits|unset|live)/g, "")}`;
    (seen[key] ??= []).push([box.x, box.y, box.width, box.height].map(Math.round).join(" "));
  }
  return seen;
});

for (const width of [360, 1280])
  test(`the script takes the page over without moving anything, ${width} px wide`, async () => {
    const bare = await openPage(browser, { viewport: { width, height: 900 } });
    const page = await openPage(browser, { viewport: { width, height: 900 } });

    await bare.route("**/*.js", (route) => route.abort());
    await bare.goto(url());
    await page.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((list) => {
        for (const e of list.getEntries()) window.shifts += e.value;
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto(url());
    await page.locator("#app:not(.painted) .button.primary:enabled").waitFor();
    await until("its widgets are drawn", async () => (await page.locator(".lazy-place").count()) === 0);
    const painted = await page.evaluate(() => window.shifts);

    assert.ok(painted < 0.01, `layout shift ${painted}`);
    assert.deepEqual(page.problems, []);
    const was = await boxes(bare), is = await boxes(page);
    for (const [key, at] of Object.entries(was))
      assert.deepEqual(is[key], at, key);
    await bare.context().close();
    await page.context().close();
  });

test("a click on the page taken over reaches the app, under a policy without inline script", async () => {
  const page = await openPage(browser);
  const response = await page.goto(url());

  assert.match(response.headers()["content-security-policy"], /script-src 'self';/);
  await page.getByLabel("Name").fill("Grace");
  await page.getByRole("button", { name: "Go" }).click();
  await page.getByText("Hello Grace").waitFor();
  await page.context().close();
});
