// Headless Chromium through Playwright, with everything that would phone home turned off.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const artifacts = join(dirname(fileURLToPath(import.meta.url)), "../artifacts");

const executablePath = process.env.VITRINE_CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));

/** more: arguments of Chromium. */
export function launchBrowser(more = []) {
  if (!executablePath) throw new Error("no Chromium; scripts/test installs it");
  return chromium.launch({
    executablePath,
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", ...more],
  });
}

/** A page whose errors are collected in page.problems: exceptions and console errors. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  const page = await context.newPage();

  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") page.problems.push(message.text());
  });
  if (options.javaScriptEnabled !== false) afterPaint(page);
  return page;
}

/** Lets goto and reload return only when the page's script has taken the place of what the gateway
 * painted: both look alike, and what a test does to the painted one would be gone a moment later. */
function afterPaint(page) {
  for (const name of ["goto", "reload"]) {
    const go = page[name].bind(page);

    page[name] = async (...args) => {
      const response = await go(...args);

      // A page whose script cannot come stays painted; the test that wants that looks for itself.
      await page.locator("#app.painted").waitFor({ state: "detached", timeout: 5_000 }).catch(() => {});
      return response;
    };
  }
}

export async function screenshot(page, name, options = {}) {
  mkdirSync(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, `${name}.png`), ...options });
}
