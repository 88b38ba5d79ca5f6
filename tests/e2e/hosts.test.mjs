// Spaces at hosts of their own: an origin each, and a door by which people are signed in there.
import assert from "node:assert/strict";
import dns from "node:dns";
import { createServer, request } from "node:http";
import { after, before, test } from "node:test";
import { Client } from "@gradio/client";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const app = `local ui = require "vitrine.ui"

return ui.interface {
  title   = "Shout",
  inputs  = ui.textbox { label = "Text" },
  outputs = ui.textbox { label = "Loud" },
  fn      = function(text) return text:upper() end,
}
`;
const site = (name) => ({
  "README.md": `---\ntitle: Site ${name}\nsdk: static\n---\n`,
  "index.html": `<!doctype html><title>${name}</title><h1>${name}</h1><p id="out"></p><script type="module" src="app.js"></script>`,
  "app.js": `document.cookie = "kept=${name}";
localStorage.setItem("kept", "${name}");
document.getElementById("out").textContent = document.cookie + " " + localStorage.getItem("kept");`,
});
const repos = [];
let platform, browser, page, echo, one, two;

// Names below localhost are this machine's for browsers, and for not every C library.
const { lookup } = dns;
dns.lookup = (host, options, done) => lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, options, done);

async function deploy(space, files) {
  const repo = new Repo(platform, space);

  repos.push(repo);
  await repo.deploy(files);
}

before(async () => {
  platform = await Platform.start({ args: ["--spaces-domain", "spaces.localhost"] });
  await deploy("admin/echo", { "app.lua": app });
  await deploy("admin/one", site("one"));
  await deploy("admin/two", site("two"));
  [echo, one, two] = ["echo", "one", "two"].map((name) => `http://admin-${name}.spaces.localhost:${platform.port}`);
  browser = await launchBrowser();
  page = await openPage(browser);
});

after(async () => {
  await browser?.close();
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

async function signIn(where = page, name = "admin", password = platform.password) {
  await where.goto(`${platform.url}/-/sign-in`);
  await where.getByLabel("Name").fill(name);
  await where.getByLabel("Password").fill(password);
  await where.getByRole("button", { name: "Sign in" }).click();
  await where.waitForURL((url) => !url.pathname.includes("sign-in"));
}

async function shout(where, text) {
  await where.getByLabel("Text").fill(text);
  await where.getByRole("button", { name: "Submit" }).click();
  await until("it is loud", async () => (await where.getByLabel("Loud").inputValue()) === text.toUpperCase());
}

test("a Space works at its host, and the platform's pages lead there", async () => {
  await page.goto(`${platform.url}/spaces/admin/echo?x=1`);
  assert.equal(page.url(), `${echo}/?x=1`);
  await shout(page, "hello");
  await page.reload();
  await until("the session goes on", async () => (await page.getByLabel("Loud").inputValue()) === "HELLO");
  assert.equal(await page.getByRole("link", { name: /Vitrine: all Spaces/ }).getAttribute("href"), `${platform.url}/`);
  assert.deepEqual(page.problems, []);
});

test("the platform's addresses are 404 there", async () => {
  for (const path of ["/api/whoami-v2", "/api/spaces", "/-/sign-in", "/-/admin", "/healthz", "/metrics", "/spaces/admin/one"])
    assert.equal((await fetch(echo + path)).status, 404, path);
  assert.equal((await fetch(`${echo}/api/login`, { method: "POST", body: "{}" })).status, 404);
});

test("static Spaces keep their own cookies and storage, and neither's script can read the other or the platform", async () => {
  await page.goto(`${platform.url}/spaces/admin/one`);
  await until("one keeps its own", async () => (await page.locator("#out").innerText()) === "kept=one one");
  await page.goto(two);
  await until("two keeps its own", async () => (await page.locator("#out").innerText()) === "kept=two two");
  const reach = (url) => page.evaluate((to) => fetch(to, { credentials: "include" }).then((a) => a.text(), (e) => e.name), url);

  assert.equal(await reach(`${one}/index.html`), "TypeError");
  assert.equal(await reach(`${platform.url}/api/whoami-v2`), "TypeError");
});

test("who signs in from a host comes back to it and is known there, and one host's cookie is no other's", async () => {
  await page.goto(echo);
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL(/\/-\/sign-in\?next=/);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${echo}/`);
  await page.getByRole("button", { name: "Menu of admin" }).waitFor();
  const names = async (url) => (await page.context().cookies(url)).map((c) => c.name).sort();

  assert.deepEqual(await names(echo), ["vitrine_enter", "vitrine_pass", "vitrine_visitor"]);
  assert.ok(!(await names(two)).includes("vitrine_pass"));
  assert.ok(!(await names(echo)).includes("vitrine_session"));
  await shout(page, "signed in");
});

test("a private Space is 404 at its host for strangers, and there for its owner until they sign out of the platform", async () => {
  for (const name of ["echo", "one"])
    assert.equal((await platform.api("PUT", `/api/spaces/admin/${name}/settings`, { private: true })).status, 200);
  const stranger = await openPage(browser);

  await until("strangers see nothing", async () => (await fetch(echo)).status === 404 && (await fetch(one)).status === 404);
  await stranger.goto(echo);
  await stranger.getByText("There is nothing here").waitFor();
  await stranger.context().close();
  await page.goto(echo);
  await shout(page, "mine");
  await page.goto(`${platform.url}/spaces/admin/one`);
  await until("its files come", async () => (await page.locator("#out").innerText()) === "kept=one one");
  assert.equal(page.url(), `${one}/`);
  await page.goto(`${platform.url}/-/account`);
  await page.getByRole("button", { name: "Menu of admin" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await until("it is over everywhere", async () => (await page.goto(echo)).status() === 404 && (await page.goto(one)).status() === 404);
  for (const name of ["echo", "one"])
    assert.equal((await platform.api("PUT", `/api/spaces/admin/${name}/settings`, { private: false })).status, 200);
  await until("everybody sees it again", async () => (await fetch(echo)).status === 200);
});

test("signing out at a host ends it there and leaves the platform's", async () => {
  await signIn();
  await page.goto(`${platform.url}/spaces/admin/echo`);
  assert.equal(page.url(), `${echo}/`);
  await page.getByRole("button", { name: "Menu of admin" }).click();
  await page.getByRole("button", { name: "Sign out here" }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  await page.goto(`${platform.url}/-/account`);
  await page.getByRole("button", { name: "Menu of admin" }).waitFor();
});

test("programs call it by its host or by its path, and read its host", async () => {
  for (const url of [echo, `${platform.url}/spaces/admin/echo`]) {
    const client = await Client.connect(url);

    assert.deepEqual((await client.predict("/predict", ["ab"])).data, ["AB"]);
    client.close();
  }
  const { json } = await platform.api("GET", "/api/spaces/admin/echo");

  assert.equal(json.host, echo);
  assert.equal(json.subdomain, "admin-echo");
});

test("its page for programs says its address, and other sites frame it by that", async () => {
  await page.goto(`${platform.url}/spaces/admin/echo/-/api`);
  await page.getByText(`${echo}/-/mcp`).first().waitFor();
  const host = createServer((_, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><script src="${echo}/vitrine-space.js" defer></script><vitrine-space src="${echo}"></vitrine-space>`);
  });

  await new Promise((done) => host.listen(0, "127.0.0.1", done));
  await page.goto(`http://127.0.0.1:${host.address().port}/`);
  await shout(page.frameLocator("vitrine-space iframe"), "framed");
  host.close();
});

test("a renamed Space's host leads to the new one", async () => {
  assert.equal((await platform.api("POST", "/api/repos/move", { fromRepo: "admin/two", toRepo: "admin/three", type: "space" })).status, 200);
  await until("it has moved", async () => (await fetch(`${two}/app.js`, { redirect: "manual" })).status === 307);
  await page.goto(`${two}/`);
  assert.equal(page.url(), two.replace("two", "three") + "/");
});

/** What a host that no DNS knows is answered. */
function ask(host, path) {
  return new Promise((done, failed) => {
    request({ host: "127.0.0.1", port: platform.port, path, headers: { host: `${host}:${platform.port}`, accept: "text/html" } }, (answer) => {
      let text = "";

      answer.on("data", (bytes) => (text += bytes));
      answer.on("end", () => done({ status: answer.statusCode, text }));
    })
      .on("error", failed)
      .end();
  });
}

test("a host that an administrator binds, by CLI or page, is that Space's and no other's until it is removed", async () => {
  const host = "demo.company.test";

  assert.equal((await platform.cli("domain", "add", "admin/echo", host, "--proved")).code, 0);
  await until("it is served there", async () => (await ask(host, "/")).text.includes('"name":"echo"'));
  assert.equal((await ask(host, "/api/whoami-v2")).status, 404);
  assert.match((await platform.cli("domain", "list")).output, /demo\.company\.test +admin\/echo/);
  assert.match((await platform.cli("domain", "list", "admin/echo")).output, /demo\.company\.test +READY/);
  const { output } = await platform.cli("domain", "add", "admin/one", host, "--proved");

  assert.match(output, /another Space's host/);
  assert.match((await platform.cli("domain", "add", "admin/one", "x.spaces.localhost", "--proved")).output, /belongs to the Spaces' hosts/);
  await page.goto(`${platform.url}/spaces/admin/echo/-/settings`);
  await page.getByText("leads here").waitFor();
  await page.getByLabel("Host").fill("other.company.test");
  await page.getByRole("button", { name: "Add host" }).click();
  await page.getByText(/added by administrators here/).waitFor();
  await page.getByLabel("without proof").check();
  await page.getByRole("button", { name: "Add host" }).click();
  await page.getByRole("link", { name: "other.company.test" }).waitFor();
  await screenshot(page, "hosts-settings", { fullPage: true });
  await page.setViewportSize({ width: 360, height: 800 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await screenshot(page, "hosts-settings-360", { fullPage: true });
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.getByRole("button", { name: `Remove ${host}` }).click();
  await until("it is not served any more", async () => !(await ask(host, "/")).text.includes('"name":"echo"'));
});

test("where owners bring no hosts they read who adds them, and are shown no form", async () => {
  const password = "bob's long password";

  assert.ok((await platform.api("POST", "/api/users", { name: "bob", password })).status < 300);
  const { token } = (await platform.api("POST", "/api/tokens", { name: "b", user: "bob" })).json;

  assert.equal((await platform.api("POST", "/api/repos/create", { type: "space", name: "mine", sdk: "static" }, token)).status, 200);
  const bob = await openPage(browser, { viewport: { width: 360, height: 800 } });

  await signIn(bob, "bob", password);
  await bob.goto(`${platform.url}/spaces/bob/mine/-/settings`);
  await bob.getByText("Administrators add it here: ask one of them.").waitFor();
  assert.equal(await bob.getByRole("button", { name: "Add host" }).count(), 0);
  assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 360);
  await bob.context().close();
  const open = await Platform.start({ args: ["--custom-domains"] });

  try {
    assert.equal((await open.api("POST", "/api/repos/create", { type: "space", name: "mine", sdk: "static" })).status, 200);
    assert.equal((await open.api("GET", "/api/spaces/admin/mine")).json.customDomains, true);
  } finally {
    await open.remove();
  }
  assert.equal((await platform.api("GET", "/api/spaces/admin/echo")).json.customDomains, false);
});

test("its page fits a telephone's width, and works there", async () => {
  const small = await openPage(browser, { viewport: { width: 360, height: 700 } });

  await small.goto(echo);
  await shout(small, "small");
  assert.equal(await small.evaluate(() => document.documentElement.scrollWidth), 360);
  await screenshot(small, "hosts-360");
  await small.context().close();
});
