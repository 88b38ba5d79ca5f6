// The page about a Space for programs: what it shows, its form, and that every call on it runs.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { app, png } from "./lib/programs.mjs";
import { pythonWith } from "./lib/python.mjs";

const space = "admin/programs";
const nasty = "O'N \"$HOME\" `id` ]] \\ é";
const greeting = `Hello, ${nasty}! Hello, ${nasty}! `;
const run = promisify(execFile);
let platform, repo, browser, page, folder;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": app });
  browser = await launchBrowser();
  page = await openPage(browser);
  folder = mkdtempSync(join(tmpdir(), "vitrine-snippets-"));
  writeFileSync(join(folder, "file.png"), Buffer.from(png, "base64"));
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const panel = (name) => page.locator(`#${name}`);
const entry = (name, argument) => page.locator(`#${name}-${argument}`);

/** What stands there to be copied. */
async function code(name, language) {
  await panel(name).getByRole("tab", { name: language, exact: true }).click();
  return panel(name).getByRole("tabpanel").innerText();
}

test("the Space's page leads to the one for programs, whose form calls with what was entered", async () => {
  await page.goto(`${platform.url}/spaces/${space}`);
  await page.getByRole("link", { name: "Use by API" }).click();
  await panel("greet").waitFor();
  await entry("greet", "text").fill(nasty);
  await panel("greet").getByRole("button", { name: "Call greet" }).click();
  await panel("greet").getByText("Done in").waitFor();
  assert.deepEqual(JSON.parse(await panel("greet").getByLabel("Result").innerText()), { result: greeting });

  // A refusal is shown at its argument.
  await entry("greet", "times").fill("99");
  await panel("greet").getByRole("button", { name: "Call greet" }).click();
  await panel("greet").getByRole("alert").waitFor();
  assert.equal(await entry("greet", "times").getAttribute("aria-invalid"), "true");
  await entry("greet", "times").fill("2");

  // A file is sent first.
  await entry("picture", "picture").setInputFiles(join(folder, "file.png"));
  await panel("picture").getByRole("button", { name: "Call picture" }).click();
  await panel("picture").locator(".api-files img").waitFor();
  await screenshot(page, "api-page", { fullPage: true });
});

test("a long call shows how far it is and can be stopped", async () => {
  await entry("steps", "n").fill("100000");
  await panel("steps").getByRole("button", { name: "Call steps" }).click();
  await panel("steps").getByText(/step \d+ · \d+ of 100000/).waitFor();
  await panel("steps").getByRole("button", { name: "Stop" }).click();
  await entry("steps", "n").fill("1");
  await panel("steps").getByRole("button", { name: "Call steps" }).click();
  await panel("steps").getByText("done after 1").waitFor();
});

for (const [language, program, args] of [["curl", "bash", ["-c"]], ["Lua", "lua5.4", ["-e"]]])
  test(`the calls in ${language} run as they stand there`, async () => {
    const output = async (name) => {
      const { stdout } = await run(program, [...args, await code(name, language)], { cwd: folder });

      return JSON.parse(stdout);
    };

    assert.deepEqual(await output("greet"), { result: greeting });
    assert.deepEqual(await output("count"), { count: 1 });
    assert.match((await output("picture")).same.url, /\/-\/file\/[a-z0-9]{26}$/);
  });

test("the calls in JavaScript run as they stand there", async () => {
  const output = async (name) => {
    const file = join(folder, `${name}.mjs`);

    writeFileSync(file, await code(name, "JavaScript"));
    const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 240_000 });

    return new Function(`return ${stdout}`)();
  };

  symlinkSync(fileURLToPath(new URL("node_modules", import.meta.url)), join(folder, "node_modules"));
  assert.deepEqual(await output("greet"), [greeting]);
  assert.deepEqual(await output("count"), [1]);
  const [{ url }] = await output("picture");

  assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), Buffer.from(png, "base64"));
});

test("the calls in Python run as they stand there", async (t) => {
  const { python, reason } = await pythonWith("gradio-2.6.0", "gradio_client==2.6.0");

  if (!python) return t.skip(reason);
  const output = async (name) => {
    const { stdout } = await run(python, ["-c", await code(name, "Python")], { cwd: folder, timeout: 240_000 });

    return stdout.replace(/^Loaded as API:.*\n/, "").replace(/\n$/, "");
  };

  assert.equal(await output("greet"), greeting);
  assert.equal(Number(await output("count")), 1);
  assert.deepEqual(readFileSync(await output("picture")), Buffer.from(png, "base64"));
});

test("the configuration for agents names an address that speaks MCP", async () => {
  const { mcpServers } = JSON.parse(await code("greet", "MCP"));
  const [{ url }] = Object.values(mcpServers);
  const answer = await fetch(url, { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });

  assert.equal((await answer.json()).result.tools.length, 7);
});

test("the page fits a phone, keys alone choose the language, and axe finds nothing serious", async () => {
  await page.setViewportSize({ width: 360, height: 800 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await panel("greet").getByRole("tab", { name: "curl" }).click();
  await page.keyboard.press("ArrowRight");
  await page.locator("#greet-JavaScript:focus[aria-selected=true]").waitFor();
  await page.evaluate(readFileSync(fileURLToPath(new URL("node_modules/axe-core/axe.min.js", import.meta.url)), "utf8"));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));

  assert.deepEqual(violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes[0].html}`), []);
});
