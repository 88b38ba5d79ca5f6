// What axe finds on every template and every page of the gallery: nothing serious. And the gallery
// by keyboard: whatever a mouse reaches, Tab reaches, and where the focus is can be seen.
//
// VITRINE_TEST_FULL: every page in both themes and at both widths, not one of each.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { template } from "./lib/templates.mjs";
import { until } from "./lib/process.mjs";

const full = process.env.VITRINE_TEST_FULL;
const axe = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules/axe-core/axe.min.js"), "utf8");
const names = readdirSync(join(root, "templates")).filter((name) => existsSync(join(root, "templates", name, "README.md")));
const LOOKS = [[1280, "light"], [360, "dark"], ...(full ? [[1280, "dark"], [360, "light"]] : [])];

let platform, browser;

before(async () => {
  platform = await Platform.start();
  for (const name of names) {
    const repo = new Repo(platform, `admin/${name}`);

    await repo.commit(template(name));
    const push = await repo.push();

    assert.equal(push.code, 0, push.output);
    repo.remove();
  }
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await platform?.remove();
});

/** Opens a template's page, connected and with every widget there. */
async function open(name, width, colorScheme) {
  const page = await openPage(browser, { viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });

  await page.goto(`${platform.url}/spaces/admin/${name}`);
  await settled(page);
  return page;
}

async function settled(page) {
  await page.locator("#app:not(.painted) main .node").first().waitFor();
  await until("every widget is there", async () => (await page.locator(".lazy-place, .skeleton").count()) === 0);
}

/** What axe says is serious, one line each. */
async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));

  return violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.target.join(" ")}\n    ${node.html.slice(0, 200)}\n    ${
      node.failureSummary.replaceAll("\n", " ").slice(0, 300)}`));
}

async function isClean(page, what) {
  const found = await findings(page);

  assert.deepEqual(found, [], `${what}:\n${found.join("\n")}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  assert.ok(wide <= 0, `${what} scrolls sideways by ${wide} px`);
  if (full) await screenshot(page, what.replaceAll(/\W+/g, "-"), { fullPage: true });
}

for (const [width, scheme] of LOOKS) {
  test(`axe finds nothing serious on any template, ${width} px, ${scheme}`, async () => {
    for (const name of names.filter((n) => n !== "gallery")) {
      const page = await open(name, width, scheme);

      await isClean(page, `${name} ${width} ${scheme}`);
      await page.context().close();
    }
  });

  test(`axe finds nothing serious on any page of the gallery, ${width} px, ${scheme}`, async () => {
    const page = await open("gallery", width, scheme);
    const tabs = page.getByRole("tablist", { name: "Pages" }).getByRole("tab");

    for (let i = 0; i < (await tabs.count()); i++) {
      await tabs.nth(i).click();
      await settled(page);
      await isClean(page, `gallery ${await tabs.nth(i).innerText()} ${width} ${scheme}`);
    }
    await page.context().close();
  });
}

test("axe finds nothing serious on the platform's own pages", async () => {
  for (const [path, scheme] of [["/", "light"], ["/-/sign-in", "dark"], ["/spaces/admin/gradio-demo/-/api", "light"], ["/nowhere", "dark"]]) {
    const page = await openPage(browser, { viewport: { width: 1280, height: 900 }, colorScheme: scheme });

    await page.goto(`${platform.url}${path}`);
    await page.locator("main h1").first().waitFor();
    await isClean(page, `${path} ${scheme}`);
    await page.context().close();
  }
});

test("axe finds what is wrong, and nothing in what opens over the page", async () => {
  const page = await open("gallery", 1280, "light");
  const tab = (name) => page.getByRole("tab", { name, exact: true }).click();

  await page.evaluate(() => document.querySelector("main").append(document.createElement("img")));
  assert.match((await findings(page)).join("\n"), /image-alt/);
  await page.evaluate(() => document.querySelector("main > img").remove());

  await tab("Inputs");
  await page.getByRole("button", { name: "error", exact: true }).click();
  await page.locator(".toast.error").waitFor();
  await page.getByRole("combobox", { name: "One of 5,000" }).click();
  await page.locator('[role="option"]').first().waitFor();
  await isClean(page, "a list and a message");
  await tab("Layouts");
  await page.getByRole("button", { name: "Show the sidebar" }).click();
  await page.getByRole("complementary", { name: "Settings" }).waitFor();
  await isClean(page, "a sidebar");
  await page.getByRole("button", { name: "Delete the poem" }).click();
  await page.getByRole("dialog").waitFor();
  await isClean(page, "a modal");
  await page.context().close();
});

/** What Tab should reach: all that can be used, of a set of radio buttons one. */
function reachable() {
  const radios = new Set();
  const seen = [];

  for (const e of document.querySelectorAll("main :is(button, a[href], input, select, textarea, [tabindex], summary)")) {
    if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) continue;
    if (e.type === "radio") {
      if (radios.has(e.name) || !e.checked) continue;
      radios.add(e.name);
    }
    e.dataset.walk = String(seen.length);
    seen.push(`${e.tagName} ${e.getAttribute("aria-label") ?? e.textContent ?? e.id}`);
  }
  return seen;
}

/** The mark of what has the focus, and whether it can be seen that it has it. */
function focused() {
  const e = document.activeElement;
  const shows = (x) => {
    const style = x && getComputedStyle(x);

    return style && ((style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || /0px 0px 0px 1px/.test(style.boxShadow));
  };
  // A field may show it on its frame.
  const seen = [e, e?.parentElement, e?.parentElement?.parentElement].some(shows);

  return { mark: e?.dataset.walk ?? null, inside: e?.closest("main") !== null, seen };
}

/** One walk over the page: what Tab did not reach, and where nobody saw that it was there. */
async function walk(page) {
  const all = await page.evaluate(reachable);
  const missed = new Map(all.map((words, mark) => [String(mark), words]));
  const unseen = [];

  await page.locator("main").focus();
  for (let step = 0; step < all.length * 3 + 20 && missed.size > 0; step++) {
    await page.keyboard.press("Tab");
    const { mark, inside, seen } = await page.evaluate(focused);

    if (mark !== null && missed.has(mark)) {
      if (!seen) unseen.push(missed.get(mark));
      missed.delete(mark);
    }
    if (!inside && step > all.length) break;
  }
  return { missed: [...missed.values()], unseen };
}

test("Tab reaches whatever a mouse does on every page of the gallery, and one sees where it is", async () => {
  const page = await open("gallery", 1280, "light");
  const tabs = page.getByRole("tablist", { name: "Pages" }).getByRole("tab");

  for (let i = 0; i < (await tabs.count()); i++) {
    await tabs.nth(i).click();
    await settled(page);
    let found = await walk(page);

    // What a widget draws anew meanwhile (colours of a program, a frame's content) has lost its mark.
    for (let again = 0; again < 3 && found.missed.length + found.unseen.length > 0; again++) found = await walk(page);
    assert.deepEqual(found, { missed: [], unseen: [] }, await tabs.nth(i).innerText());
  }
  await page.context().close();
});
