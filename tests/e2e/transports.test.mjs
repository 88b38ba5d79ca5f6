// Proxies that block, hold up, cut and delay: the page works behind each, over what gets through.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test as plainTest } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { caddy, Caddy, freePort, nginx, Nginx, SlowProxy } from "./lib/proxy.mjs";

const skip = nginx && caddy ? false : "no nginx or no caddy; scripts/test installs them";
const test = (words, run) => plainTest(words, { skip }, run);

const app = `local ui, models, time = require "vitrine.ui", require "vitrine.models", require "vitrine.time"
local llm = models.chat "vitrine/tiny-writer"

return ui.page({ title = "Everything" }, function(page)
  local seen = ui.textbox { id = "seen", label = "Seen" }
  local add = ui.button { "Add", id = "add" }
  local story = ui.textbox { id = "story", label = "Story", lines = 4 }
  local tell = ui.button { "Tell", id = "tell" }
  local picture = ui.image { id = "picture", label = "Picture", upload = true }
  local info = ui.textbox { id = "info", label = "Info" }
  add:on_click(function(session)
    session.count = (session.count or 0) + 1
    session.list = (session.list or "") .. session.count .. " "
    seen:set(session.list)
  end)
  tell:on_click(function()
    local text = ""
    for token in llm:stream { { role = "user", content = "Tell me about the sea" } } do
      for word in token:gmatch("%S*%s*") do
        text = text .. word
        story:set(text)
        time.sleep(0.03)
      end
    end
    info:set("told")
  end)
  picture:on_upload(function(file) info:set(file.name .. " " .. file.size) end)
  local named = {}
  for i, name in ipairs { "One", "Two", "Three", "Four" } do
    named[i] = ui.button { name, id = "named" .. i }
    named[i]:on_click(function(session)
      session.list = (session.list or "") .. name .. " "
      seen:set(session.list)
    end)
  end
  return ui.column { seen, add, story, tell, picture, info, ui.row(named) }
end)
`;
const space = "admin/everything";
const manual = readFileSync(join(root, "docs/operate.md"), "utf8");
let platform, browser, proxy;
const ports = {};
const url = (name) => `http://127.0.0.1:${ports[name]}/spaces/${space}`;

/** A server of nginx before the platform; every one cuts after 10 s of silence. */
const server = (name, location, more = "") => `
  server {
    listen 127.0.0.1:${ports[name]};
    proxy_read_timeout 10s;
    proxy_send_timeout 10s;
    proxy_buffering on;
    client_max_body_size 20m;
    location / { proxy_pass ${platform.url}; proxy_set_header Host $http_host; ${location} }
    ${more}
  }`;
const upgrades = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";

before(async () => {
  if (skip) return;
  platform = await Platform.start({ args: ["--proxy", "127.0.0.1"] });
  browser = await launchBrowser();
  const repo = new Repo(platform, space);

  await repo.deploy({ "README.md": frontMatter("models:\n  - vitrine/tiny-writer\n"), "app.lua": app });
  repo.remove();
  for (const name of ["documented", "passing", "refusing", "old", "holding", "swallowing", "misnamed"]) ports[name] = await freePort();
  const documented = /```nginx\n(.*?)```/s.exec(manual)[1]
    .replace(/listen 443.*;|ssl_.*;/g, "")
    .replace("server_name spaces.example.org;", `listen 127.0.0.1:${ports.documented};`)
    .replace("http://127.0.0.1:8080", platform.url);

  proxy = await Nginx.start(documented +
    server("passing", upgrades) +
    server("refusing", "", "location ~ /-/ws$ { return 403; }") +
    server("old", "") + // as nginx is without a word about WebSockets: HTTP/1.0
    server("holding", "proxy_ignore_headers X-Accel-Buffering;") +
    server("swallowing", "proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.1;",
      "location ~ /-/ws$ { return 400; } location ~ /-/events$ { return 502; }") +
    `server { listen 127.0.0.1:${ports.misnamed}; location / { proxy_pass ${platform.url}; } }`,
  Object.values(ports));
});

after(async () => {
  await browser?.close();
  await proxy?.stop();
  await platform?.remove();
});

const seen = (page) => page.locator("input[type=text], textarea").first().inputValue();
const add = (page) => page.getByRole("button", { name: "Add" }).click();
const counted = (n) => Array.from({ length: n }, (_, i) => `${i + 1} `).join("").trim();

/** What carries the page now. */
const carrier = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("vitrine:transport") ?? "{}").kind);

async function open(name) {
  const page = await openPage(browser);

  page.clicks = 0;
  await page.goto(name.startsWith("http") ? name : url(name));
  await page.getByRole("button", { name: "Add" }).waitFor();
  return page;
}

async function click(page, times = 1) {
  for (let i = 0; i < times; i++) await add(page);
  page.clicks += times;
  await until("all clicks are counted", async () => (await seen(page)).trim() === counted(page.clicks), 15_000);
}

async function everything(page) {
  await click(page);
  await click(page, 8);
  await page.evaluate(() => {
    const box = document.querySelector("textarea");

    window.lengths = new Set();
    window.watching = setInterval(() => window.lengths.add(box.value.length), 20);
  });
  await page.getByRole("button", { name: "Tell" }).click();
  await until("the story is told", async () => (await page.locator('input[type="text"]').last().inputValue()) === "told", 30_000);
  assert.ok(await page.evaluate(() => window.lengths.size) >= 4, "the story came in one piece");
  await page.locator('input[type="file"]').setInputFiles({ name: "noise.bin.png", mimeType: "image/png", buffer: Buffer.concat([
    Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==", "base64"),
    Buffer.alloc(2_000_000)]) });
  await until("the upload has arrived", async () =>
    (await page.locator('input[type="text"]').last().inputValue()).startsWith("noise.bin.png 2000"), 15_000);
}

for (const [name, kind, words] of [
  ["documented", "socket", "behind nginx as the manual sets it up, a page works over a WebSocket"],
  ["refusing", "events", "where nginx refuses WebSockets, a page works over an event stream"],
  ["old", "events", "where nginx speaks HTTP/1.0, a page works over an event stream"],
  ["holding", "poll", "where nginx holds event streams up too, a page works by polling"],
  ["swallowing", "poll", "where nginx answers event streams itself, a page works by polling"],
])
  test(words, async () => {
    const page = await open(name);

    await everything(page);
    assert.equal(await carrier(page), kind);
    await page.reload();
    await until("its session is there", async () => (await seen(page)).trim() === counted(page.clicks));
    await click(page);
    assert.equal(await carrier(page), kind, "found out again after a reload");
    await page.context().close();
  });

test("behind Caddy as the manual sets it up, a page works over a WebSocket", async () => {
  const port = await freePort();
  const site = /```\n(spaces\.example\.org \{.*?)```/s.exec(manual)[1]
    .replace("spaces.example.org", `http://127.0.0.1:${port}`)
    .replace("127.0.0.1:8080", new URL(platform.url).host);
  const proxied = await Caddy.start(site, [port]);
  const page = await open(`http://127.0.0.1:${port}/spaces/${space}`);

  await everything(page);
  assert.equal(await carrier(page), "socket");
  await page.context().close();
  await proxied.stop();
});

test("a page that was idle for 25 s behind a cut of 10 s goes on, whatever carries it", async () => {
  const pages = await Promise.all([["passing", "socket"], ["refusing", "events"], ["holding", "poll"]].map(async ([name, kind]) => {
    const page = await open(name);

    await click(page, 2);
    assert.equal(await carrier(page), kind);
    page.notices = await page.evaluateHandle(() => {
      const seen = [];

      new MutationObserver(() => {
        const words = document.querySelector(".status-line")?.innerText;

        if (words) seen.push(words);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
      return seen;
    });
    return page;
  }));

  await new Promise((resolve) => setTimeout(resolve, 25_000));
  for (const page of pages) {
    await click(page, 2);
    assert.deepEqual(await page.notices.jsonValue(), [], "it never said that it reconnects");
    await page.context().close();
  }
});

test("over a way that takes 200 ms in each direction, clicks keep their order over each carrier", async () => {
  const slow = await Promise.all([platform.port, ports.refusing, ports.holding].map((port) => SlowProxy.start(port, 200)));

  for (const [i, kind] of ["socket", "events", "poll"].entries()) {
    const page = await open(`${slow[i].url}/spaces/${space}`);

    await click(page, 2);
    assert.equal(await carrier(page), kind);
    // All at once, faster than any answer.
    await page.evaluate((names) => {
      for (const name of names) [...document.querySelectorAll("button")].find((b) => b.textContent === name).click();
    }, ["One", "Two", "Three", "Four"]);
    await until("they are there in order", async () => (await seen(page)).trim() === "1 2 One Two Three Four", 15_000);
    await page.context().close();
  }
  for (const one of slow) await one.stop();
});

test("a gateway that is killed under a page on an event stream, and on polls, costs nothing", async () => {
  const pages = [await open("refusing"), await open("holding")];

  for (const page of pages) await click(page, 3);
  await platform.killService("gateway");
  for (const page of pages) {
    await click(page, 3);
    await page.context().close();
  }
});

test("POSTs that come twice and answers that are lost change nothing", async () => {
  const page = await open("refusing");
  let sent = 0;

  await page.route(/\/-\/send\?/, async (route) => {
    sent++;
    // Each piece arrives, some twice, and every third answer is lost.
    await route.fetch();
    if (sent % 3 === 0) return route.abort();
    if (sent % 2 === 0) return route.fulfill({ response: await route.fetch() });
    return route.continue();
  });
  for (let i = 0; i < 4; i++) await click(page, 3);
  assert.ok(sent >= 8, `${sent} POSTs`);
  await page.context().close();
});

/** The page about the connection, once it has tried everything. */
async function connection(base, options) {
  const page = await openPage(browser, options);

  await page.goto(`${base}/-/connection`);
  await page.locator(".verdict-panel:not(.busy)").waitFor({ timeout: 150_000 });
  await until("all is tried out", async () => (await page.locator(".finding.busy").count()) === 0, 150_000);
  page.verdict = await page.locator(".verdict-panel h2").innerText();
  page.finding = (title) => page.locator(".finding", { has: page.getByRole("heading", { name: title, exact: true }) }).innerText();
  return page;
}

test("the page about the connection says which hop breaks what, and what to change", async () => {
  const phone = { viewport: { width: 390, height: 844 }, colorScheme: "dark" };
  const [direct, documented, passing, old, holding] = await Promise.all([
    connection(platform.url), connection(`http://127.0.0.1:${ports.documented}`),
    connection(`http://127.0.0.1:${ports.passing}`), connection(`http://127.0.0.1:${ports.old}`, phone),
    connection(`http://127.0.0.1:${ports.holding}`, phone)]);

  assert.equal(direct.verdict, "Everything gets through");
  assert.equal(documented.verdict, "Everything gets through");
  assert.match(await documented.locator(".hops").innerText(), /A proxy, HTTP\/1\.1/);
  assert.equal(passing.verdict, "Pages work");
  assert.match(await passing.finding("Polling"), /cuts an answer that takes longer than 1\d s[^]*proxy_read_timeout 60s;/);
  assert.equal(old.verdict, "Pages work, over an event stream");
  assert.match(await old.finding("WebSocket"), /speaks HTTP\/1\.0[^]*proxy_http_version 1\.1;/);
  assert.match(await old.finding("Event stream"), /It flows/);
  assert.equal(holding.verdict, "Pages work, by polling");
  assert.match(await holding.finding("Event stream"), /holds it up[^]*proxy_buffering off;/);
  assert.match(await holding.finding("Uploads"), /20 MB arrive/);
  for (const [name, page] of Object.entries({ direct, documented, passing, old, holding })) {
    await screenshot(page, `connection-${name}`, { fullPage: true });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is too wide`);
    await page.context().close();
  }
});

test("a page whose address does not arrive says what is in the way", async () => {
  const page = await openPage(browser, { viewport: { width: 390, height: 844 } });

  await page.goto(url("misnamed"));
  await page.getByText("Not connected.").waitFor({ timeout: 90_000 });
  await screenshot(page, "connection-stuck");
  await page.getByRole("link", { name: "What is in the way?" }).click();
  await page.locator(".verdict-panel.bad").waitFor({ timeout: 150_000 });
  await until("all is tried out", async () => (await page.locator(".finding.busy").count()) === 0, 150_000);
  const words = await page.locator(".findings").innerText();

  assert.match(words, new RegExp(`Vitrine is asked for 127\\.0\\.0\\.1:${platform.port}[^]*proxy_set_header Host \\$http_host;`));
  await screenshot(page, "connection-misnamed", { fullPage: true });
  await page.context().close();
});
