// People in the browser: the list of Spaces, signing in, tokens, phone width and dark.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { vitrine } from "./lib/platform.mjs";

// Two by two pixels of red.
const redPng = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==", "base64");

let platform, browser, page, repo;

before(async () => {
  platform = await Platform.start();
  browser = await launchBrowser();
  page = await openPage(browser);
  repo = new Repo(platform, "admin/counter");
  await repo.deploy({ "app.lua": apps.counter });
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

test("the first page lists the Spaces and opens one", async () => {
  await page.goto(platform.url);
  await page.locator('a[href="/spaces/admin/counter"]').click();
  await page.waitForURL(/\/spaces\/admin\/counter/);
  await page.getByRole("button", { name: "Add" }).click();
  await until("it counts", async () => (await page.getByLabel("Mine").inputValue()) === "1");
});

test("a Space that does not exist says so with 404", async () => {
  const answer = await page.goto(`${platform.url}/spaces/admin/nothing-here`);

  assert.equal(answer.status(), 404);
  await until("it says so", async () => /not|no such/i.test(await page.innerText("body")));
});

test("a wrong password is refused in words, the right one signs in", async () => {
  await page.goto(`${platform.url}/-/sign-in`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.includes("sign-in"));
});

let token;

test("a token is made, shown once, works for a push, and is revoked", async () => {
  await page.goto(`${platform.url}/-/tokens`);
  await page.getByLabel("New token").fill("laptop");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByText(/hf_[A-Za-z0-9]{10,}/).first().waitFor();
  token = /hf_[A-Za-z0-9]+/.exec(await page.innerText("body"))[0];
  const mine = new Repo(platform, "admin/by-token", { token });

  await mine.deploy({ "app.lua": apps.counter });
  await page.reload();
  await page.getByText("laptop").waitFor();
  assert.ok(!(await page.innerText("body")).includes(token), "the token is shown again");
  await page.getByRole("button", { name: "Revoke laptop" }).click();
  await page.getByRole("button", { name: "Revoke for good" }).click();
  await until("it is gone", async () => (await page.getByText("laptop").count()) === 0);
  await mine.commit({ "app.lua": `${apps.counter}-- more\n` });
  assert.notEqual((await mine.push()).code, 0);
  mine.remove();
});

test("tokens by CLI: create, list without the secret, use, revoke", async () => {
  const made = await platform.cli("token", "create", "script");

  assert.equal(made.code, 0, made.output);
  const secret = /hf_\w+/.exec(made.output)[0];

  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, secret)).json.name, "admin");
  const list = await platform.cli("token", "list");

  assert.ok(list.output.includes("script") && !list.output.includes(secret), list.output);
  const id = list.output.split("\n").find((line) => line.includes("script")).trim().split(/\s+/)[0];

  assert.equal((await platform.cli("token", "revoke", id)).code, 0);
  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, secret)).status, 401);
});

test("a token for one repository does its work there; other private ones do not exist for it", async () => {
  for (const name of ["one", "two"]) {
    const hidden = new Repo(platform, `admin/${name}`);

    await hidden.deploy({ "app.lua": apps.counter });
    hidden.remove();
    assert.equal((await platform.api("PUT", `/api/spaces/admin/${name}/settings`, { private: true })).status, 200);
  }
  const made = await platform.cli("token", "create", "narrow", "--repo", "spaces/admin/one", "--days", "7");

  assert.equal(made.code, 0, made.output);
  const narrow = /hf_\w+/.exec(made.output)[0];
  const ask = async (path, method = "GET", body) => (await platform.api(method, path, body, narrow)).status;

  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, narrow)).json.auth.accessToken.role, "fineGrained");
  assert.match((await platform.cli("token", "list")).output, /narrow.*ends .*only for spaces\/admin\/one/);
  assert.equal(await ask("/api/spaces/admin/one"), 200);
  assert.equal(await ask("/api/spaces/admin/two"), 404);
  assert.equal(await ask("/api/spaces/admin/counter"), 200);
  assert.equal(await ask("/spaces/admin/two/raw/main/app.lua"), 404);
  assert.equal(await ask("/api/spaces/admin/counter/rollback", "POST", {}), 403);
  assert.equal(await ask("/api/tokens", "POST", { name: "more" }), 403);
  assert.equal(await ask("/api/users"), 403);
  const { json: all } = await platform.api("GET", "/api/spaces", undefined, narrow);

  assert.ok(!JSON.stringify(all).includes("admin/two"));
  await until("its Space answers it", async () => (await ask("/spaces/admin/one/-/openapi.json")) === 200);
  assert.equal(await ask("/spaces/admin/two/-/openapi.json"), 404);
  for (const [name, code] of [["one", true], ["two", false], ["new-one", false], ["counter", false]]) {
    const mine = new Repo(platform, `admin/${name}`, { token: narrow });

    await mine.commit({ "app.lua": `${apps.counter}-- ${name}\n` });
    assert.equal((await mine.push("--force", "main")).code === 0, code, name);
    mine.remove();
  }
});

test("a user who is not the owner may visit and not push", async () => {
  const added = await runProgram(vitrine, ["user", "add", "bob", "--data", platform.data], { input: "a long password of bob\n" });

  assert.equal(added.code, 0, added.output);
  const made = await platform.cli("token", "create", "bobs", "--user", "bob");
  const theirs = /hf_\w+/.exec(made.output)?.[0];

  assert.ok(theirs, made.output);
  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, theirs)).json.name, "bob");
  const foreign = new Repo(platform, "admin/counter", { token: theirs, user: "bob" });

  await foreign.commit({ "app.lua": apps.counter });
  assert.notEqual((await foreign.push("--force", "main")).code, 0);
  foreign.remove();
  const own = new Repo(platform, "bob/counter", { token: theirs, user: "bob" });

  await own.deploy({ "app.lua": apps.counter });
  own.remove();
  assert.ok([401, 403].includes((await platform.api("GET", "/api/users", undefined, theirs)).status));
  assert.ok([403, 404].includes((await platform.api("POST", "/api/spaces/admin/counter/rollback", {}, theirs)).status));
  assert.ok([403, 404].includes((await platform.api("GET", "/api/spaces/admin/counter/logs/run", undefined, theirs)).status));
});

test("an organisation: its members see and change what their roles let them", async () => {
  const tokens = { admin: platform.token };
  const ask = async (who, path, method = "GET", body) => (await platform.api(method, path, body, tokens[who] ?? null)).status;
  const make = (who, name, type = "model") => ask(who, "/api/repos/create", "POST", { name, type, organization: "lab", visibility: "private" });

  assert.equal((await platform.cli("org", "create", "lab")).code, 0);
  for (const role of ["read", "contributor", "write"]) {
    assert.equal((await platform.api("POST", "/api/users", { name: `a-${role}`, password: "a long password" })).status, 201);
    tokens[role] = (await platform.api("POST", "/api/tokens", { name: "t", user: `a-${role}` })).json.token;
    const added = await platform.cli("org", "add", "lab", `a-${role}`, "--role", role);

    assert.equal(added.code, 0, added.output);
  }
  tokens.bob = (await platform.api("POST", "/api/tokens", { name: "t", user: "bob" })).json.token;
  assert.match((await platform.cli("org", "members", "lab")).output, /admin +admin[^]*a-contributor +contributor/);
  const { json: me } = await platform.api("GET", "/api/whoami-v2", undefined, tokens.write);

  assert.deepEqual(me.orgs.map(({ name, roleInOrg }) => [name, roleInOrg]), [["lab", "write"]]);
  assert.equal(await ask("admin", "/api/users", "POST", { name: "lab", password: "a long password" }), 409);
  assert.equal(await make("write", "weights"), 200);
  assert.equal(await make("contributor", "own"), 200);
  for (const who of ["read", "bob"]) assert.equal(await make(who, "never"), 403, who);
  for (const who of ["read", "contributor", "write", "admin"]) assert.equal(await ask(who, "/api/models/lab/weights"), 200, who);
  assert.equal(await ask("bob", "/api/models/lab/weights"), 404);
  assert.equal(await ask("nobody", "/api/models/lab/weights"), 401);
  const seen = async (who) => JSON.stringify((await platform.api("GET", "/api/models?author=lab", undefined, tokens[who])).json);

  assert.ok((await seen("read")).includes("lab/weights"));
  assert.ok(!(await seen("bob")).includes("lab/weights"));
  const settings = (who, name) => ask(who, `/api/models/lab/${name}/settings`, "PUT", { private: true });

  assert.deepEqual(await Promise.all(["read", "contributor", "write", "bob"].map((who) => settings(who, "weights"))), [403, 403, 200, 404]);
  assert.deepEqual(await Promise.all(["read", "contributor", "write", "bob"].map((who) => settings(who, "own"))), [403, 200, 200, 404]);
  const space = new Repo(platform, "lab/hidden", { token: tokens.contributor });

  await space.deploy({ "app.lua": apps.counter });
  assert.equal(await ask("contributor", "/api/spaces/lab/hidden/settings", "PUT", { private: true }), 200);
  await until("a member reaches it", async () => (await ask("read", "/spaces/lab/hidden/-/openapi.json")) === 200);
  assert.equal(await ask("bob", "/spaces/lab/hidden/-/openapi.json"), 404);
  const foreign = new Repo(platform, "lab/hidden", { token: tokens.read });

  await foreign.commit({ "app.lua": apps.counter });
  assert.notEqual((await foreign.push("--force", "main")).code, 0);
  for (const repo of [space, foreign]) repo.remove();
  assert.equal(await ask("write", "/api/organizations/lab/members/bob", "PUT", { role: "read" }), 403);
  assert.equal(await ask("write", "/api/organizations/lab", "DELETE"), 403);
  assert.equal(await ask("write", "/api/organizations/lab/members/a-read", "DELETE"), 403);
  assert.equal(await ask("nobody", "/api/organizations/lab/members/a-read", "DELETE"), 401);
  assert.equal(await ask("admin", "/api/organizations/lab/members/admin", "DELETE"), 409);
  assert.equal(await ask("admin", "/api/organizations/lab", "DELETE"), 409);
  assert.equal(await ask("read", "/api/organizations/lab/members/a-read", "DELETE"), 204);
  assert.equal(await ask("read", "/api/models/lab/weights"), 404);
  assert.equal((await platform.api("GET", "/api/users/a-write/overview", undefined, null)).json.orgs[0].name, "lab");
});

test("who is invited makes an account, once; nobody else does", async () => {
  const post = (body) => platform.api("POST", "/api/signup", body, null);

  assert.equal((await post({ username: "eve", password: "a long password" })).status, 403);
  assert.equal((await post({ username: "eve", password: "a long password", invitation: "0".repeat(52) })).status, 403);
  const made = await platform.cli("invite");

  assert.equal(made.code, 0, made.output);
  const { pathname, search, searchParams } = new URL(made.output.trim());
  const guest = await openPage(browser, { viewport: { width: 360, height: 740 } });

  await guest.goto(`${platform.url}/-/sign-up`);
  await guest.getByText("This takes an invitation").waitFor();
  await guest.goto(platform.url + pathname + search);
  await guest.getByLabel("Name").fill("grace");
  await guest.getByLabel("Password").fill("a long password");
  await screenshot(guest, "sign-up");
  await guest.getByRole("button", { name: "Sign up" }).click();
  await guest.getByRole("button", { name: "Menu of grace" }).waitFor();
  await guest.context().close();
  assert.equal((await post({ username: "eve", password: "a long password", invitation: searchParams.get("invitation") })).status, 403);
});

test("signing out ends the session", async () => {
  await page.goto(platform.url);
  await page.getByRole("button", { name: "Menu of admin" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await until("signed out", async () => (await page.request.get(`${platform.url}/api/whoami-v2`)).status() === 401);
});

for (const [name, options] of Object.entries({
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  dark: { colorScheme: "dark" },
  "phone-dark": { viewport: { width: 360, height: 740 }, colorScheme: "dark", isMobile: true, hasTouch: true },
}))
  test(`a Space on ${name}: nothing sticks out and text can be read`, async () => {
    const visitor = await openPage(browser, options);

    await visitor.goto(`${platform.url}/spaces/admin/counter`);
    await visitor.getByRole("button", { name: "Add" }).click();
    await until("it counts", async () => (await visitor.getByLabel("Mine").inputValue()) === "1");
    const { width, inner, dark } = await visitor.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);

      return { width: document.documentElement.scrollWidth, inner: window.innerWidth, dark: r + g + b < 384 };
    });

    assert.ok(width <= inner, `${width} > ${inner}`);
    if (options.colorScheme === "dark") assert.ok(dark, "light in the dark");
    await screenshot(visitor, `space-${name}`);
    await visitor.goto(platform.url);
    await screenshot(visitor, `list-${name}`);
    await visitor.context().close();
  });

test("a picture is chosen in the page, comes back from its handler and is shown", async () => {
  const pictures = new Repo(platform, "admin/pictures");

  await pictures.deploy({ "app.lua": apps.withImage });
  pictures.remove();
  const visitor = await openPage(browser);

  await visitor.goto(`${platform.url}/spaces/admin/pictures`);
  await visitor.locator('input[type="file"]').setInputFiles({ name: "red dot.png", mimeType: "image/png", buffer: redPng });
  await until("it is shown", () => visitor.evaluate(() =>
    [...document.images].filter((image) => image.naturalWidth === 2).length >= 2));
  await visitor.getByText("red dot.png").first().waitFor();
  await screenshot(visitor, "picture");
  await visitor.context().close();
});

test("a Space works by keyboard alone", async () => {
  const visitor = await openPage(browser);

  await visitor.goto(`${platform.url}/spaces/admin/counter`);
  await visitor.getByRole("button", { name: "Add" }).waitFor();
  for (let i = 0; i < 40; i++) {
    await visitor.keyboard.press("Tab");
    if (await visitor.evaluate(() => document.activeElement?.textContent?.trim() === "Add")) break;
  }
  await visitor.keyboard.press("Enter");
  await until("it counts", async () => (await visitor.getByLabel("Mine").inputValue()) === "1");
  await visitor.context().close();
});

test("nothing is loaded from anywhere else, and the first load is small", async () => {
  const visitor = await openPage(browser);
  const foreign = [];
  let bytes = 0;

  visitor.on("request", (request) => {
    if (!request.url().startsWith(platform.url) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  const client = await visitor.context().newCDPSession(visitor);

  await client.send("Network.enable");
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await visitor.goto(`${platform.url}/spaces/admin/counter`, { waitUntil: "networkidle" });
  assert.deepEqual(foreign, []);
  assert.ok(bytes > 0 && bytes < 60_000, `${bytes} bytes`);
  await visitor.context().close();
});
