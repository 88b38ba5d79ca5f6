// What the gallery's components do in a real browser, by keyboard where a keyboard can do it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { template } from "./lib/templates.mjs";

let platform, browser, page, repo;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/gallery");
  await repo.commit(template("gallery"));
  const push = await repo.push();

  assert.equal(push.code, 0, push.output);
  browser = await launchBrowser();
  page = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  await page.goto(`${platform.url}/spaces/admin/gallery`);
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

const field = (name) => page.getByRole("combobox", { name, exact: true });
const active = () => page.evaluate(() => document.activeElement?.getAttribute("aria-activedescendant") ?? "");

/** What the page's last button shows of the values that the worker has. */
async function held() {
  const button = page.getByRole("button", { name: "Show what the page holds" });

  await button.click();
  await until("the values are shown", async () => (await button.getAttribute("aria-busy")) === "false");
  return page.locator(".json").first().innerText();
}

test("a choice among five thousand is found by typing, with the keyboard alone", async () => {
  const star = field("One of 5,000");

  await star.focus();
  await page.keyboard.type("star 471");
  await page.locator('[role="option"]').first().waitFor();
  assert.equal(await star.getAttribute("aria-expanded"), "true");
  assert.equal(await page.locator('[role="option"]').first().getAttribute("aria-setsize"), "11");
  await page.keyboard.press("ArrowDown");
  await until("the second row is the active one", async () => (await active()).endsWith("-o1"));
  await page.keyboard.press("Enter");
  await until("it is chosen", async () => (await star.inputValue()) === "Star 4710");
  assert.equal(await star.getAttribute("aria-expanded"), "false");
  await page.keyboard.press("ArrowDown");
  await until("the chosen row is in sight", async () =>
    page.locator('[role="option"][aria-selected="true"]').isVisible());
  assert.ok((await page.locator('[role="option"]').count()) < 40, "only rows in sight exist");
  await page.keyboard.press("Escape");
  await until("the list is gone", async () => (await page.locator('[role="option"]').count()) === 0);
});

test("several are chips; one's own word is one; Backspace takes the last away", async () => {
  const tags = field("Several, or your own");

  await tags.focus();
  await page.keyboard.type("falconry");
  await page.getByRole("option", { name: "Use “falconry”" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove falconry" }).waitFor();
  await page.keyboard.press("Backspace");
  await page.getByRole("button", { name: "Remove falconry" }).waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove art" }).click();
  await page.getByRole("button", { name: "Remove art" }).waitFor({ state: "detached" });
});

test("a range has two ends, each with the arrow keys, and neither passes the other", async () => {
  await page.getByRole("slider", { name: "Range: from" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("End");
  await page.getByRole("slider", { name: "Range: to" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.getByLabel("Range: to, value").fill("70");
  await page.keyboard.press("Tab");
  const shown = await held();

  assert.match(shown, /range:[\s\S]*0: 60[\s\S]*1: 70/);
  assert.match(shown, /star: "Star 4710"/);
  assert.match(shown, /tags:[\s\S]*"chess"/);
});

test("a report is made by the click that asks for it, and comes under its name", async () => {
  const coming = page.waitForEvent("download");

  await page.getByRole("button", { name: "Make a report" }).click();
  const download = await coming;

  assert.equal(download.suggestedFilename(), "report.csv");
  assert.equal(readFileSync(await download.path(), "utf8"), "made,just now\n");
});

test("files go up through a button", async () => {
  const choosing = page.waitForEvent("filechooser");

  await page.getByRole("button", { name: "Send files" }).click();
  const chooser = await choosing;

  assert.equal(chooser.isMultiple(), true);
  await chooser.setFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") },
    { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("b") }]);
  await page.getByText("2 sent, the first is a.txt.").waitFor();
});

test("messages say what they are, and go when they are dismissed", async () => {
  await page.getByRole("button", { name: "error", exact: true }).click();
  await page.getByRole("alert").getByText("It did not work.").waitFor();
  await page.getByRole("button", { name: "success", exact: true }).click();
  await page.locator('.toasts [role="status"]').getByText("Saved.").waitFor();
  await page.locator(".toast.error").getByRole("button", { name: "Dismiss" }).click();
  await page.locator(".toast.error").waitFor({ state: "detached" });
});

test("tabs open with the arrow keys, and a reload finds the open one", async () => {
  await page.getByRole("tab", { name: "Inputs" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: "Noon" }).click();
  await page.getByText("Noon was opened.").waitFor();
  await page.reload();
  await page.getByRole("tab", { name: "Noon", selected: true }).waitFor();
});

test("a modal keeps the focus, Escape closes it, and the focus goes back", async () => {
  const ask = page.getByRole("button", { name: "Delete the poem" });

  await ask.click();
  const dialog = page.getByRole("dialog", { name: "Delete the poem?" });

  await dialog.waitFor();
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    const where = await page.evaluate(() => document.activeElement?.closest("dialog, main")?.tagName ?? "none");

    assert.notEqual(where, "MAIN", "the page behind has no focus");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await page.getByText("It was closed without an answer.").waitFor();
  await until("the focus is where it was", async () => ask.evaluate((e) => e === document.activeElement));
  await ask.click();
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.getByText("It stays.").waitFor();
});

test("an accordion and a sidebar fold, and the page makes room for the sidebar", async () => {
  const head = page.getByRole("button", { name: "Advanced" });

  assert.equal(await head.getAttribute("aria-expanded"), "false");
  await head.press("Enter");
  await page.getByRole("slider", { name: "Temperature" }).waitFor();
  await page.getByRole("button", { name: "Show the sidebar" }).click();
  const aside = page.getByRole("complementary", { name: "Settings" });

  await aside.waitFor();
  const edge = await aside.evaluate((e) => e.getBoundingClientRect().right);

  await until("nothing of the page is under it", async () =>
    page.locator(".space-title").evaluate((e, x) => e.getBoundingClientRect().left >= x, edge));
  await page.setViewportSize({ width: 360, height: 740 });
  await aside.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Show: Settings" }).click();
  await aside.waitFor();
  await page.keyboard.press("Escape");
  await aside.waitFor({ state: "hidden" });
  assert.deepEqual(page.problems, []);
});
