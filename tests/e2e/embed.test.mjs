// A Space inside another site's page: <vitrine-space>, without any cookie of the platform's.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const space = "admin/embedded";
const app = `local ui = require "vitrine.ui"

return ui.page({ title = "Embedded" }, function(page)
  local count = ui.number { label = "Count", value = 0, interactive = false }
  local more  = ui.markdown ""
  local add   = ui.button { "Add" }
  local grow  = ui.button { "Grow" }
  add:on_click(function(session)
    session.count = (session.count or 0) + 1
    count:set(session.count)
  end)
  grow:on_click(function() more:set(("One more line.\\n\\n"):rep(30)) end)
  return ui.column { count, ui.row { add, grow }, more }
end)
`;
let platform, browser, repo, host, hostUrl;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": app });
  browser = await launchBrowser(["--test-third-party-cookie-phaseout"]);
  host = createServer((request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>Blog</title><p>A post.</p>
      <script src="${platform.url}/vitrine-space.js" defer></script>
      <vitrine-space src="${platform.url}/spaces/${space}" title="A counter">
        <a href="${platform.url}/spaces/${space}">Open it</a></vitrine-space>`);
  });
  await new Promise((done) => host.listen(0, "127.0.0.1", done));
  // By another name than the platform's, so that it is another site.
  hostUrl = `http://localhost:${host.address().port}/`;
});

after(async () => {
  host?.close();
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

const count = (frame, n) => until(`the count is ${n}`, async () =>
  (await frame.getByLabel("Count").inputValue()) === String(n));

test("a Space works in another site's page that has blocked its cookies, and outlives the gateway there", async () => {
  const page = await openPage(browser);

  await page.goto(hostUrl);
  const frame = page.frameLocator("vitrine-space iframe");
  const heightOf = async () => (await page.locator("vitrine-space iframe").boundingBox()).height;

  await frame.getByRole("button", { name: "Add" }).click();
  await count(frame, 1);
  assert.equal(await frame.locator("header").count(), 0);

  const inner = page.frames().find((f) => f.url().includes("/-/embed"));

  assert.equal(await inner.evaluate(() => {
    document.cookie = "probe=1; SameSite=None; Secure";
    return document.cookie;
  }), "", "the browser keeps cookies in the frame; this test would prove nothing");
  assert.deepEqual(await page.context().cookies(platform.url), []);

  // The frame is as tall as what it shows, before and after that grows.
  const content = () => inner.evaluate(() => Math.ceil(document.getElementById("app").getBoundingClientRect().height));

  await until("the frame fits", async () => (await heightOf()) === (await content()));
  const low = await heightOf();

  await frame.getByRole("button", { name: "Grow" }).click();
  await until("the frame has grown", async () => (await heightOf()) > low + 300 && (await heightOf()) === (await content()));

  // The page around it chooses light or dark, also later.
  await page.locator("vitrine-space").evaluate((element) => element.setAttribute("theme", "dark"));
  await until("it is dark", () => inner.evaluate(() => document.documentElement.dataset.theme === "dark"));

  await platform.killService("gateway");
  await frame.getByRole("button", { name: "Add" }).click();
  await count(frame, 2);
  await page.context().close();
});

test("only the embed page may be framed by others, and nobody is signed in there", async () => {
  const policy = async (path) => (await fetch(platform.url + path)).headers.get("content-security-policy");

  assert.match(await policy(`/spaces/${space}/-/embed`), /frame-ancestors \*/);
  assert.match(await policy(`/spaces/${space}`), /frame-ancestors 'self'/);
  assert.match(await policy("/-/sign-in"), /frame-ancestors 'self'/);
  for (const noPage of ["/api/spaces", "/healthz", `/spaces/${space}/-/openapi.json`])
    assert.equal(await policy(noPage), "default-src 'none'; frame-ancestors 'none'", noPage);
  assert.equal((await fetch(`${platform.url}/spaces/admin/nothing/-/embed`)).status, 404);

  const answer = await fetch(`${platform.url}/spaces/${space}/-/embed`);
  const data = JSON.parse(/id="vitrine-data">([^<]*)</.exec(await answer.text())[1]);

  assert.equal(answer.headers.get("set-cookie"), null);
  assert.match(data.visitor, /^[a-z0-9]{26}\.[0-9a-f]{32}$/);

  // The administrator's own browser, on a page of the same site: its cookie is sent, and not heeded.
  const page = await openPage(browser);
  const signedIn = await platform.api("POST", "/api/login", { username: "admin", password: platform.password }, null);

  assert.equal(signedIn.status, 200);
  const [cookie] = signedIn.headers.getSetCookie().find((c) => c.startsWith("vitrine_session=")).split(";");

  await page.context().addCookies([{ name: "vitrine_session", value: cookie.slice("vitrine_session=".length), url: platform.url }]);
  await page.goto(`${platform.url}/spaces/${space}`);
  await page.getByRole("button", { name: "Menu of admin" }).waitFor();
  const token = data.visitor;
  const owner = (base) => page.evaluate((path) => new Promise((done, fail) => {
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws")));
    const head = new Uint8Array(16);
    const body = new TextEncoder().encode("{}");

    head[0] = body.length;
    head[2] = 0x40; // JOIN
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(new Blob([head, body]));
    socket.onerror = () => fail(new Error("no socket"));
    socket.onmessage = ({ data }) => {
      const bytes = new Uint8Array(data);

      if (bytes[2] !== 0x50) return; // WELCOME
      socket.close();
      done(JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + bytes[0] + 256 * bytes[1]))).owner ?? false);
    };
  }), `${base}/-/ws`);

  assert.equal(await owner(`/spaces/${space}`), true);
  assert.equal(await owner(`/spaces/${space}/-/as/${token}`), false);
  await page.context().close();
});
