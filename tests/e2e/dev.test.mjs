// vitrine dev and vitrine test: a folder as a Space, every save of it, in a real browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { root, vitrine } from "./lib/platform.mjs";
import { descendants, isAlive, runProgram, until } from "./lib/process.mjs";

const dir = mkdtempSync(join(tmpdir(), "vitrine-devtest-"));
const env = { PATH: process.env.PATH, HOME: dir, TMPDIR: dir, no_proxy: "*" };

const APP = `local ui = require "vitrine.ui"
return ui.page({ title = "Counter" }, function()
  local out = ui.markdown { "nothing yet", id = "out" }
  local text = ui.textbox { label = "Text" }
  return ui.column { text, out,
    ui.button { "Count", on_click = function(session)
      session.n = (session.n or 0) + 1
      print("counted", session.n)
      out:set("counted " .. session.n)
    end },
    ui.button { "Break", on_click = function() local x; return x.y end },
  }
end)
`;
const file = join(dir, "counter/app.lua");
const save = (text) => writeFileSync(file, text);

/** A running vitrine dev: what it said, and its end. */
class Dev {
  constructor(folder, { uid, program = vitrine } = {}) {
    this.output = "";
    const as = uid === undefined ? [] : ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"];
    const [first, ...args] = [...as.map(String), program, "dev", folder];

    this.child = spawn(first, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on("data", (bytes) => {
        this.output += bytes;
      });
    this.ended = new Promise((resolve) => this.child.on("close", (code, signal) => resolve(code ?? signal)));
  }

  said(pattern, ms = 30_000) {
    return until(`vitrine dev says ${pattern}`, () => pattern.exec(this.output), ms, 20)
      .catch((error) => {
        throw new Error(`${error.message}; it said:\n${this.output}`);
      });
  }

  async link() {
    return (await this.said(/(http:\/\/localhost:\d+\/api\/login\/links\/\S+)/))[1];
  }

  /** As Ctrl-C in a terminal does, to the whole process group; the exit status. */
  stop() {
    process.kill(-this.child.pid, "SIGINT");
    return this.ended;
  }
}

let browser, dev, page;

before(async () => {
  mkdirSync(join(dir, "counter"));
  save(APP);
  browser = await launchBrowser();
  dev = new Dev(join(dir, "counter"));
  page = await openPage(browser);
});

after(async () => {
  await browser?.close();
  dev?.child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

const overlay = () => page.locator(".dev-error");
const counted = (n) => page.getByText(`counted ${n}`, { exact: true });

test("its link opens the Space as its owner, once", async () => {
  const link = await dev.link();

  await page.goto(link);
  assert.match(page.url(), /^http:\/\/localhost:\d+\/spaces\/admin\/counter#dev$/);
  await page.getByRole("button", { name: "Count" }).click();
  await counted(1).waitFor();
  assert.equal((await page.evaluate(() => fetch("/api/whoami-v2").then((r) => r.json()))).name, "admin");
  const again = await fetch(link, { redirect: "manual" });

  assert.equal(again.status, 410);
  assert.match(await again.text(), /has been used/);
});

test("a save is seen at once, with the session as it was; how long it took is told", async () => {
  await page.getByLabel("Text").fill("typed and not sent");
  save(APP.replace('"counted "', '"now at "').replace("{ title = ", "{ title = \"New \" .. "));
  await page.getByRole("heading", { name: "New Counter" }).waitFor();
  await dev.said(/✓ app\.lua: live in \d+ ms/);
  await counted(1).waitFor();
  assert.equal(await page.getByLabel("Text").inputValue(), "typed and not sent");
  await page.getByRole("button", { name: "Count" }).click();
  await page.getByText("now at 2", { exact: true }).waitFor();
});

test("an error is shown over the page with file, line and code, and in the terminal; fixed, it goes", async () => {
  save(APP.replace("ui.markdown {", "ui.markdwn {"));
  await overlay().waitFor();
  assert.equal(await overlay().locator("header .mono").innerText(), "app.lua:3");
  assert.match(await overlay().locator(".dev-words").innerText(), /there is no 'markdwn'; did you mean 'markdown'\?/);
  assert.match(await overlay().locator(".dev-code .here").innerText(), /3\s*local out = ui\.markdwn/);
  await dev.said(/^app\.lua:3: ui: there is no 'markdwn'.*\n {6}2 \| .*\n {2}> {3}3 \| {3}local out = ui\.markdwn/m);
  await dev.said(/✗ app\.lua: refused after \d+ ms/);
  await screenshot(page, "dev-error");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 760 });
  await screenshot(page, "dev-error-phone-dark");
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });

  save(APP);
  await overlay().waitFor({ state: "detached" });
  await dev.said(/live in \d+ ms, the error is gone/);
  await page.getByRole("button", { name: "Count" }).click();
  await counted(3).waitFor();
});

test("a failing test.lua is an error like others; without it the page goes on", async () => {
  const path = join(dir, "counter/test.lua");

  writeFileSync(path, `local test = require "vitrine.test"
test("counts", function(app)
  local v = app:visit()
  v:click "Count"
  test.equal(v:value "out", "counted 2")
end)
test("opens", function(app) app:visit() end)
`);
  await overlay().waitFor();
  assert.equal(await overlay().locator("header .mono").innerText(), "test.lua:5");
  assert.match(await overlay().locator(".dev-rest").innerText(), /✗ counts \d+ ms\n✓ opens \d+ ms/);
  await screenshot(page, "dev-error-test");
  await page.keyboard.press("Escape");
  await overlay().waitFor({ state: "detached" });
  rmSync(path);
  await until("it is live without the test", () => dev.output.split("the error is gone").length === 3);
});

test("an editor that writes beside and renames, and a new folder, are saves too", async () => {
  mkdirSync(join(dir, "counter/lib"));
  writeFileSync(join(dir, "counter/lib/words.lua"), 'return { title = "From a file" }\n');
  writeFileSync(join(dir, "counter/.app.lua.swp"), "editor's own");
  writeFileSync(join(dir, "counter/app.lua~new"), APP.replace('title = "Counter"', 'title = require("lib.words").title'));
  renameSync(join(dir, "counter/app.lua~new"), file);
  await page.getByRole("heading", { name: "From a file" }).waitFor();
  writeFileSync(join(dir, "counter/lib/words.lua"), 'return { title = "From a changed file" }\n');
  await page.getByRole("heading", { name: "From a changed file" }).waitFor();
});

test("what the app prints is in the terminal, and an error of a handler names its line in the page", async () => {
  await dev.said(/counted\s+3/);
  await page.getByRole("button", { name: "Break" }).click();
  await page.getByText("app.lua:11").first().waitFor();
  await dev.said(/app\.lua:11: attempt to index a nil value/);
});

test("upgrade(old) moves the session over a save", async () => {
  save(APP.replace('{ title = "Counter" }', '{ title = "Moved", upgrade = function(old) return { n = (old.n or 0) + 100 } end }'));
  await page.getByRole("heading", { name: "Moved" }).waitFor();
  await page.getByRole("button", { name: "Count" }).click();
  await counted(104).waitFor();
});

test("Ctrl-C ends all of it and leaves nothing", async () => {
  const family = descendants(dev.child.pid);

  assert.ok(family.length > 5);
  assert.equal(await dev.stop(), 0);
  assert.deepEqual(family.filter(isAlive), []);
  assert.deepEqual(readdirSync(dir).filter((name) => name.startsWith("vitrine-dev-")), []);
  assert.ok(!existsSync(join(dir, "counter/.git")), "the folder is as its author left it");
  assert.deepEqual(page.problems.filter((words) => !/ERR_|WebSocket|Failed to load/.test(words)), []);
});

test("an ordinary user has the same", { skip: process.getuid() !== 0 && "is one already" }, async () => {
  const home = mkdtempSync(join(tmpdir(), "vitrine-devuser-"));
  const uid = 64999;

  try {
    chownSync(home, uid, uid);
    chmodSync(home, 0o755);
    cpSync(join(root, "templates/hello"), join(home, "hello"), { recursive: true });
    env.TMPDIR = env.HOME = home;
    const mine = new Dev(join(home, "hello"), { uid });

    await mine.said(/✓ the folder: live in \d+ ms, 2 tests passed/);
    assert.equal((await fetch(await mine.link(), { redirect: "manual" })).status, 303);
    assert.equal(await mine.stop(), 0);
    assert.deepEqual(readdirSync(home).filter((name) => name.startsWith("vitrine-dev-")), []);
  } finally {
    env.TMPDIR = env.HOME = dir;
    rmSync(home, { recursive: true, force: true });
  }
});

test("vitrine test says what passed and failed, and its status is the answer", async () => {
  const folder = join(dir, "hello");
  const run = (...args) => runProgram(vitrine, ["test", ...args], { cwd: dir, env });

  cpSync(join(root, "templates/hello"), folder, { recursive: true });
  const good = await run(folder);

  assert.equal(good.code, 0, good.output);
  assert.match(good.output, /^ {2}✓ greets by name \d+ ms\n {2}✓ greets whoever says nothing \d+ ms\n✓ tested \(2 passed\) [\d.]+ ms\n$/);
  writeFileSync(join(folder, "app.lua"), readFileSync(join(folder, "app.lua"), "utf8").replace("Hello, ", "Bye, "));
  const bad = await run(folder);

  assert.equal(bad.code, 1);
  assert.match(bad.output, /✗ greets by name/);
  assert.match(bad.output, /^test\.lua:7: got "Bye, Ada!", wanted "Hello, Ada!"$/m);
  assert.match((await run(join(dir, "counter"))).output, /test\.lua: is not there/);
  assert.match((await run(join(dir, "nowhere"))).output, /is not there/);
});

test("settings come from .env, and what is wrong with it is told with its line", async () => {
  const folder = join(dir, "settings");
  const run = () => runProgram(vitrine, ["test", folder], { cwd: dir, env });

  mkdirSync(folder);
  writeFileSync(join(folder, "README.md"), "---\ntitle: T\nsdk: lua\n---\n");
  writeFileSync(join(folder, "app.lua"), `local ui = require "vitrine.ui"
local all = { require("vitrine.variables").GREETING, require("vitrine.secrets").TOKEN }
return ui.page({ title = "T" }, function() return ui.markdown { table.concat(all, ", "), id = "out" } end)
`);
  writeFileSync(join(folder, "test.lua"), `local test = require "vitrine.test"
test("has both", function(app)
  local visitor = app:visit()
  test.equal(visitor:value "out", "good day, s3cret-word")
end)
`);
  writeFileSync(join(folder, ".env"), "# mine\nexport GREETING='good day'\nTOKEN=s3cret-word # not for others\n");
  const good = await run();

  assert.equal(good.code, 0, good.output);
  writeFileSync(join(folder, ".env"), "GREETING=a\nwords\n");
  const bad = await run();

  assert.equal(bad.code, 1);
  assert.match(bad.output, /\.env:2: KEY=value/);
});
