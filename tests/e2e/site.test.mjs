// A static Space: a folder of pages, shown in a frame from which nothing of the platform can be reached.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const files = (words) => ({
  "README.md": "---\ntitle: A folder\nsdk: static\n---\n",
  "index.html": `<!doctype html><link rel="stylesheet" href="look/style.css"><h1>${words}</h1><p id="out"></p><script type="module" src="app.js"></script>`,
  "look/style.css": "h1 { color: rgb(1, 2, 3) }",
  "app.js": `const tried = (fn) => { try { return String(fn()); } catch (e) { return e.name; } };
document.getElementById("out").textContent = [tried(() => document.cookie), tried(() => localStorage.length), tried(() => parent.document.title)].join(" ");`,
});
let platform, browser, page, repo;

before(async () => {
  platform = await Platform.start();
  browser = await launchBrowser();
  page = await openPage(browser);
  repo = new Repo(platform, "admin/site");
  await repo.deploy(files("First"));
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

const shown = async (selector) => page.frameLocator("iframe.site").locator(selector).innerText();

test("its pages, styles and scripts are shown, and the scripts reach no cookie, no storage and no page of ours", async () => {
  await page.goto(`${platform.url}/spaces/admin/site`);
  await until("the page is there", async () => (await shown("h1")) === "First");
  await until("its script has run", async () => (await shown("#out")) === "SecurityError SecurityError SecurityError");
  const color = await page.frameLocator("iframe.site").locator("h1").evaluate((e) => getComputedStyle(e).color);

  assert.equal(color, "rgb(1, 2, 3)");
});

test("the same file opened by itself has no origin either, and what is not in the live version is not there", async () => {
  const answer = await fetch(`${platform.url}/spaces/admin/site/-/site/index.html`);

  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^text\/html/);
  assert.match(answer.headers.get("content-security-policy"), /^sandbox (?!.*allow-same-origin)/);
  assert.equal((await fetch(`${platform.url}/spaces/admin/site/-/site/nothing.html`)).status, 404);
});

test("no page of the platform can load them as its own", async () => {
  const status = async (site, use) =>
    (await fetch(`${platform.url}/spaces/admin/site/-/site/app.js`, { headers: { "sec-fetch-site": site, "sec-fetch-dest": use } })).status;

  assert.equal(await status("same-origin", "script"), 403);
  assert.equal(await status("same-origin", "empty"), 403);
  assert.equal(await status("same-origin", "iframe"), 200);
  assert.equal(await status("same-origin", "document"), 200);
  assert.equal(await status("cross-site", "script"), 200);
});

test("a push shows the new pages, and a rollback the ones before", async () => {
  await repo.deploy(files("Second"));
  await page.reload();
  await until("the new ones", async () => (await shown("h1")) === "Second");
  assert.equal((await platform.api("POST", "/api/spaces/admin/site/rollback", {}, platform.token)).status, 200);
  await page.reload();
  await until("the old ones", async () => (await shown("h1")) === "First");
});

test("the API says that it runs", async () => {
  const { json } = await platform.api("GET", "/api/spaces/admin/site");

  assert.equal(json.sdk, "static");
  assert.equal(json.runtime.stage, "RUNNING");
});

test("once it is private its files are as if absent to strangers, and whoever may see it sees all of it", async () => {
  const path = "/spaces/admin/site/-/site/index.html";

  assert.equal((await platform.api("PUT", "/api/spaces/admin/site/settings", { private: true }, platform.token)).status, 200);
  assert.equal((await fetch(platform.url + path)).status, 401);
  const led = await fetch(platform.url + path, { headers: { authorization: `Bearer ${platform.token}` }, redirect: "manual" });
  const to = led.headers.get("location");

  assert.equal(led.status, 307);
  assert.match(to, /^\/spaces\/admin\/site\/-\/site\/~\d+\.[0-9a-f]{64}\/index\.html$/);
  assert.equal((await fetch(platform.url + to)).status, 200);
  assert.equal((await fetch(platform.url + to.replace("/~", "/~9"))).status, 401);
  await page.goto(`${platform.url}/-/sign-in`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.includes("sign-in"));
  await page.goto(`${platform.url}/spaces/admin/site`);
  await until("its script has run", async () => (await shown("#out")) === "SecurityError SecurityError SecurityError");
  const color = await page.frameLocator("iframe.site").locator("h1").evaluate((e) => getComputedStyle(e).color);

  assert.equal(color, "rgb(1, 2, 3)");
});
