// Files of visitors: uploads that go on after a cut, and downloads, in a real browser and with curl.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, statSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";

/** Every line says which one it is, so that a byte too few, too many or out of place is seen. */
const app = `
local ui = require "vitrine.ui"

return ui.page({ title = "Files" }, function()
  local sheet = ui.file { id = "sheet", label = "Sheet", types = ".txt", multiple = true, max_size = 20000000 }
  local said = ui.markdown ""
  local report = ui.file { id = "report", label = "Report", interactive = false }

  sheet:on_upload(function(files)
    local words = {}
    for _, file in ipairs(files) do
      local n = 0
      for line in file:lines() do
        if tonumber(line) ~= n then ui.refuse(file.name .. " is wrong at line " .. n) end
        n = n + 1
      end
      words[#words + 1] = file.name .. " has " .. n .. " good lines of " .. file.size .. " bytes"
    end
    said:set(table.concat(words, "; "))
    report:set(ui.bytes(table.concat(words, "\\n"), "text/plain", "a résumé.txt"))
  end)
  return ui.column { sheet, said, report }
end)`;

const LINES = 60_000;
const text = Buffer.from(Array.from({ length: LINES }, (_, n) => `${String(n).padStart(99, "0")}\n`).join(""));
let platform, repo, browser, folder;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/files");
  await repo.deploy({ "app.lua": app });
  browser = await launchBrowser();
  folder = mkdtempSync(join(tmpdir(), "vitrine-files-"));
  writeFileSync(join(folder, "numbers.txt"), text);
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
  if (folder) rmSync(folder, { recursive: true });
});

async function open() {
  const page = await openPage(browser, { acceptDownloads: true });

  page.asked = [];
  page.on("request", (request) => {
    if (request.url().includes("/-/uploads")) page.asked.push(request);
  });
  await page.goto(`${platform.url}/spaces/admin/files`);
  await page.waitForSelector(".file-drop");
  await slow(page);
  return page;
}

/** 1.5 MB/s, so that there is a middle. */
async function slow(page) {
  const devtools = await page.context().newCDPSession(page);

  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions",
    { offline: false, latency: 5, downloadThroughput: -1, uploadThroughput: 1_500_000 });
}

const choose = (page, ...names) => page.locator('input[type="file"]').setInputFiles(names.map((name) => join(folder, name)));

/** Bytes on the disk of the one upload that is under way. */
function kept() {
  const files = join(platform.data, "gateway/files");
  const sizes = readdirSync(files, { recursive: true }).filter((name) => name.endsWith(".kept"))
    .map((name) => statSync(join(files, name), { throwIfNoEntry: false })?.size ?? 0);

  return sizes.reduce((sum, size) => sum + size, 0);
}

const good = (name) => `text=${name} has ${LINES} good lines of ${text.length} bytes`;

test("an upload goes on by itself when the gateway is killed in the middle, twice", async () => {
  const page = await open();

  await choose(page, "numbers.txt");
  for (const part of [0.2, 0.6]) {
    await until("some of it is there", () => kept() > text.length * part, 60_000);
    await platform.killService("gateway");
  }
  await page.waitForSelector(good("numbers.txt"), { timeout: 90_000 });
  const offsets = page.asked.filter((r) => r.method() === "PATCH").map((r) => Number(r.headers()["upload-offset"]));

  assert.equal(page.asked.filter((r) => r.method() === "POST").length, 1, "it was begun anew");
  assert.deepEqual(offsets, offsets.toSorted((a, b) => a - b));
  await page.context().close();
});

test("after a reload the page says what was half sent, and choosing it again goes on", async () => {
  const page = await open();

  await choose(page, "numbers.txt");
  await page.waitForFunction(() => document.querySelector(".file progress")?.value > 0.4, null, { timeout: 60_000 });
  await page.reload();
  await page.waitForSelector("text=/numbers.txt was sent to \\d+ %. Choose it again/");
  page.asked.length = 0;
  await choose(page, "numbers.txt");
  await page.waitForSelector(good("numbers.txt"), { timeout: 90_000 });
  assert.deepEqual(page.asked.map((r) => r.method()).slice(0, 2), ["HEAD", "PATCH"]);
  assert.ok(Number(page.asked[1].headers()["upload-offset"]) >= 1000 * 1024);
  assert.equal(await page.locator("text=/was sent to/").count(), 0);
  await page.context().close();
});

test("several are sent one after the other, what is not taken is said, and one can be cancelled", async () => {
  for (const name of ["one.txt", "two.txt"]) writeFileSync(join(folder, name), "0\n1\n");
  writeFileSync(join(folder, "three.pdf"), "%PDF");
  const page = await open();

  await choose(page, "one.txt", "numbers.txt", "three.pdf", "two.txt");
  await page.waitForSelector("text=This is none of .txt.");
  await page.waitForSelector(".file progress");
  await until("some of it is there", () => kept() > 0, 60_000);
  await page.click('[aria-label="Cancel numbers.txt"]');
  await page.waitForSelector("text=one.txt has 2 good lines of 4 bytes; two.txt has 2 good lines of 4 bytes");
  await until("what was cancelled is gone", () => kept() === 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("what the app made is downloaded under its name, and in ranges", async () => {
  const page = await open();

  writeFileSync(join(folder, "one.txt"), "0\n");
  await choose(page, "one.txt");
  const link = page.locator(".file-link");

  await link.waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const words = "one.txt has 1 good lines of 2 bytes";

  assert.equal(download.suggestedFilename(), "a résumé.txt");
  assert.equal(readFileSync(await download.path(), "utf8"), words);
  const url = await link.evaluate((a) => a.href);
  const curl = async (...args) => (await runProgram("curl", ["-sS", ...args, url])).output;

  assert.equal(await curl("-r", "4-6"), words.slice(4, 7));
  assert.equal(await curl("-r", "-5"), words.slice(-5));
  const head = await curl("-r", "999-", "-D", "-", "-o", "/dev/null");

  assert.match(head, /^HTTP\/1.1 416 .*\r\n/);
  assert.match(head, new RegExp(`Content-Range: bytes \\*/${words.length}\r\n`, "i"));
  const whole = await curl("-I");

  assert.match(whole, /content-disposition: attachment; filename\*=UTF-8''a%20r%C3%A9sum%C3%A9\.txt/i);
  assert.match(whole, /x-content-type-options: nosniff/i);
  await page.context().close();
});
