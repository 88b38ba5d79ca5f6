// Repos in the browser: a model is made, uploaded to, read, changed and looked back at; a Space is
// changed and live at once; what is private is not there for others; phone width, dark, axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";

const axe = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules/axe-core/axe.min.js"), "utf8");
const CARD = "---\nlicense: mit\ntags:\n- tiny\n---\n# A tiny model\n\nSee [its notes](docs/notes.md). <script>alert(1)</script>\n";

/** A file of weights with two tensors. */
function weights() {
  const header = Buffer.from(JSON.stringify({
    up: { dtype: "F32", shape: [4, 8], data_offsets: [0, 128] }, down: { dtype: "F16", shape: [8], data_offsets: [128, 144] } }));
  const length = Buffer.alloc(8);

  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(144)]);
}

let platform, browser, page;

before(async () => {
  platform = await Platform.start();
  const added = await runProgram(vitrine, ["user", "add", "bob", "--data", platform.data], { input: "a long password of bob\n" });

  assert.equal(added.code, 0, added.output);
  browser = await launchBrowser();
  page = await openPage(browser);
  await signIn(page, "admin", platform.password);
});

after(async () => {
  await browser?.close();
  await platform?.remove();
});

async function signIn(on, name, password) {
  await on.goto(`${platform.url}/-/sign-in`);
  await on.getByLabel("Name").fill(name);
  await on.getByLabel("Password").fill(password);
  await on.getByRole("button", { name: "Sign in" }).click();
  await on.waitForURL((url) => !url.pathname.includes("sign-in"));
}

const go = (path, on = page) => on.goto(platform.url + path);
const text = (words, on = page) => on.getByText(words).first().waitFor();
const editor = () => page.locator(".cm-content");

/** Puts a text in the place of what the editor has. */
async function write(source) {
  await editor().waitFor();
  await editor().click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(source);
}

async function clean(path, what, on) {
  await go(path, on);
  await until(`${path} is there`, async () => (await on.locator("main h1").count()) > 0 && (await on.locator(".bones, .boot").count()) === 0);
  await on.evaluate(axe);
  const { violations } = await on.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact)).flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)}`));

  assert.deepEqual(serious, [], `${path} ${what}`);
  const wide = await on.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  assert.ok(wide <= 0, `${path} ${what} scrolls sideways by ${wide} px`);
}

test("a model is created, files are dropped onto it, and its card and weights are shown", async () => {
  await go("/new?kind=model");
  await page.getByLabel("Name").fill("tiny");
  await page.getByRole("button", { name: "Create model" }).click();
  await page.waitForURL("**/admin/tiny");
  await go("/admin/tiny/tree/main");
  await page.getByLabel("Upload files").setInputFiles([
    { name: "README.md", mimeType: "text/markdown", buffer: Buffer.from(CARD) },
    { name: "model.safetensors", mimeType: "application/octet-stream", buffer: weights() },
  ]);
  await page.getByRole("button", { name: "Commit to main" }).click();
  await page.getByRole("link", { name: "model.safetensors" }).waitFor();
  await text("LFS");
  await page.getByRole("link", { name: "Card", exact: true }).click();
  await page.getByRole("heading", { name: "A tiny model" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "its notes" }).getAttribute("href"), "/admin/tiny/blob/main/docs/notes.md");
  await text("<script>alert(1)</script>");
  assert.ok(!(await page.locator(".card-prose").innerText()).includes("license: mit"));
  await page.getByRole("button", { name: /^Like \d/ }).click();
  await page.getByRole("button", { name: /^Liked 1/ }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: /^Liked 1/ }).waitFor();
  await go("/admin/tiny/blob/main/model.safetensors");
  await text("40 parameters in 2 tensors");
});

test("a file is written and changed in the browser, and its history tells both", async () => {
  await go("/admin/tiny/edit/main/docs?new");
  await page.getByLabel("Name of the file").fill("notes.md");
  await write("one\ntwo\n");
  await page.getByRole("button", { name: "Commit to main" }).click();
  await text("Committed as");
  await write("one\n2\n");
  await page.getByLabel("Commit message").fill("Two is a digit");
  await page.keyboard.press("Enter");
  await until("it is committed", async () => (await page.getByRole("button", { name: "Commit to main" }).isDisabled()) && (await page.getByText("Committed as").count()) > 0);
  await go("/admin/tiny/commits/main");
  await page.getByRole("link", { name: "Two is a digit" }).click();
  await page.locator(".diff-removed", { hasText: "two" }).waitFor();
  await page.locator(".diff-added", { hasText: "2" }).waitFor();
});

test("who was faster is told, with the difference, and nothing is written over unasked", async () => {
  await go("/admin/tiny/edit/main/docs/notes.md");
  await editor().waitFor();
  const body = [{ key: "header", value: { summary: "Faster" } }, { key: "file", value: { path: "docs/notes.md", content: "theirs\n", encoding: "utf-8" } }];
  const answer = await fetch(`${platform.url}/api/models/admin/tiny/commit/main`, {
    method: "POST", headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/x-ndjson" }, body: body.map((l) => JSON.stringify(l)).join("\n") });

  assert.equal(answer.status, 200, await answer.text());
  await write("mine\n");
  await page.getByRole("button", { name: "Commit to main" }).click();
  await page.locator(".conflict .diff-removed", { hasText: "theirs" }).waitFor();
  await page.getByRole("button", { name: "Commit mine in its place" }).click();
  await text("Committed as");
  await go("/admin/tiny/blob/main/docs/notes.md");
  await text("mine");
});

test("a Space is made of a template, changed, and live beside its source", async () => {
  await go("/new");
  await page.getByLabel("Name").fill("greeter");
  await page.getByRole("button", { name: "Create Space" }).click();
  await page.waitForURL("**/spaces/admin/greeter/edit/main/app.lua");
  const app = page.frameLocator(".preview iframe");

  await app.getByLabel("Your name").fill("Ada");
  await editor().waitFor();
  const source = (await page.evaluate(() => fetch("/spaces/admin/greeter/raw/main/app.lua").then((a) => a.text()))).replace("Hello, ", "Good day, ");

  assert.match(source, /Good day, /);
  await write(source.replace("Greeting", "What it says"));
  await page.getByRole("button", { name: "Commit to main" }).click();
  await page.locator(".preview-head", { hasText: /after “Commit”/ }).waitFor();
  await app.getByLabel("What it says").waitFor();
  assert.equal(await app.getByLabel("Your name").inputValue(), "Ada", "what was typed is kept");
  await write(source.replace("return ui", "retrun ui"));
  await page.getByRole("button", { name: "Commit to main" }).click();
  await page.locator(".edit-form [role=alert]", { hasText: "app.lua:3" }).waitFor();
  assert.equal(await app.getByLabel("Your name").inputValue(), "Ada", "a commit that does not build is refused, and the Space goes on");
});

test("what is private is not there for others", async () => {
  await go("/admin/tiny/settings");
  await page.getByRole("button", { name: "Make it private" }).click();
  await page.getByRole("button", { name: "Make it public" }).waitFor();
  const other = await openPage(browser);

  await signIn(other, "bob", "a long password of bob");
  for (const path of ["/admin/tiny", "/admin/tiny/tree/main", "/admin/tiny/blob/main/README.md", "/admin/never"]) {
    assert.equal((await go(path, other)).status(), 404, path);
    await other.getByRole("heading", { name: "There is nothing at this address" }).waitFor();
  }
  await go("/models", other);
  await other.getByRole("heading", { name: "Models" }).waitFor();
  await until("the list is there", async () => (await other.locator(".bones").count()) === 0);
  assert.equal(await other.getByRole("link", { name: "tiny", exact: true }).count(), 0);
  await other.getByRole("heading", { name: "tiny-writer" }).waitFor();
  assert.equal(await other.getByRole("link", { name: "tiny-writer" }).count(), 0, "a model that is only served has no page");
  await other.context().close();
});

test("an organisation is made on the account's page, has a model, and ends when it is empty", async () => {
  await go("/-/account");
  await page.getByLabel("New organisation").fill("lab");
  await page.getByLabel("Full name").fill("The laboratory");
  await page.getByRole("button", { name: "Create organisation" }).click();
  await page.waitForURL("**/lab");
  await page.getByRole("heading", { name: "Members of The laboratory" }).waitFor();
  await page.getByRole("link", { name: "New", exact: true }).click();
  await page.getByRole("combobox", { name: "Owner" }).waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Owner" }).inputValue(), "lab");
  await page.getByRole("radio", { name: "Model" }).check();
  await page.getByLabel("Name").fill("net");
  await page.getByRole("button", { name: "Create model" }).click();
  await page.waitForURL("**/lab/net");
  await go("/lab");
  await page.getByRole("button", { name: "Delete the organisation" }).click();
  await page.getByRole("button", { name: "Delete lab for good" }).click();
  await text(/repositories/);
  await go("/-/account");
  await page.getByRole("link", { name: "The laboratory (lab)" }).waitFor();
});

test("the pages of repos fit a phone and are free of what axe calls serious", async () => {
  const paths = ["/models", "/admin/tiny", "/admin/tiny/blob/main/README.md", "/spaces/admin/greeter/edit/main/app.lua", "/admin/tiny/commit/HEAD"];
  const more = ["/admin", "/admin/tiny/tree/main", "/admin/tiny/blob/main/model.safetensors", "/admin/tiny/commits/main", "/new", "/-/account", "/-/admin", ...["policy", "accounts", "audit", "takedowns"].map((part) => `/-/admin/${part}`), "/spaces/admin/greeter/-/settings"];

  for (const [width, colorScheme, asked] of [[360, "dark", [...paths, ...more]], [1280, "light", paths]]) {
    const on = await openPage(browser, { viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce", storageState: await page.context().storageState() });

    for (const path of asked) await clean(path, `${width} ${colorScheme}`, on);
    await on.context().close();
  }
});

test("a branch has a page of its own that says so, and its owner promotes it there", async () => {
  const app = (words) => `local ui = require "vitrine.ui"\nreturn ui.page({ title = "${words}" }, function() return ui.markdown { "${words}" } end)\n`;
  const repo = new Repo(platform, "admin/branchy");
  const visitor = await openPage(browser, { viewport: { width: 360, height: 700 } });

  try {
    await repo.deploy({ "app.lua": app("The first") });
    await repo.must(["checkout", "-q", "-b", "next"]);
    await repo.commit({ "app.lua": app("The next") });
    const pushed = await repo.push("next");

    assert.equal(pushed.code, 0, pushed.output);
    await until("the page is there", async () => (await go("/spaces/admin/branchy--next", visitor)).status() === 200);
    await visitor.getByRole("heading", { name: "The next" }).waitFor();
    await visitor.getByText("ends in 7 days").waitFor();
    assert.equal(await visitor.getByRole("button", { name: "Promote" }).count(), 0);
    await clean("/spaces/admin/branchy--next", "360", visitor);
    await go("/spaces/admin/branchy/-/builds");
    await page.getByRole("link", { name: "next", exact: true }).click();
    await page.getByRole("button", { name: "Promote" }).click();
    await page.getByRole("button", { name: "Promote to main" }).click();
    await page.getByRole("link", { name: "the live Space" }).click();
    await page.getByRole("heading", { name: "The next" }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/spaces/admin/branchy");
    assert.equal(await page.locator(".preview-bar").count(), 0);
    await go("/spaces/admin/branchy/-/builds");
    await page.getByRole("button", { name: "End", exact: true }).click();
    await page.getByRole("heading", { name: "Previews" }).waitFor({ state: "detached" });
    await until("its page is gone", async () => (await go("/spaces/admin/branchy--next", visitor)).status() === 404);
  } finally {
    await visitor.context().close();
    repo.remove();
  }
});

test("a repo is duplicated, renamed and deleted, its name typed", async () => {
  await go("/admin/tiny/settings");
  await page.getByLabel("Name of the copy").fill("twin");
  await page.getByRole("button", { name: "Duplicate", exact: true }).click();
  await page.waitForURL("**/admin/twin/settings");
  await go("/admin/tiny/settings");
  await page.getByLabel("New name").fill("small");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.waitForURL("**/admin/small/settings");
  await go("/admin/tiny/blob/main/README.md?old=1");
  assert.equal(page.url(), `${platform.url}/admin/small/blob/main/README.md?old=1`);
  const moved = await platform.api("POST", "/api/repos/move", { fromRepo: "admin/greeter", toRepo: "admin/host", type: "space" });

  assert.equal(moved.status, 200, JSON.stringify(moved.json));
  for (const rest of ["", "/-/settings"]) await until(`greeter${rest} leads to host`, async () => {
    await go(`/spaces/admin/greeter${rest}`);
    return page.url() === `${platform.url}/spaces/admin/host${rest}`;
  });
  await go("/admin/small/settings");
  await page.getByLabel(/to delete it/).fill("admin/small");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForURL("**/models");
  await until("it is gone", async () => (await page.locator('a[href="/admin/small"]').count()) === 0);
  assert.deepEqual(page.problems.filter((p) => !/Failed to load resource/.test(p)), []);
});
