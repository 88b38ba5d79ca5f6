// Pictures of every page and state: node dev/shots.mjs [--out DIR] FOLDER [NAME…]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { options } from "../options.mjs";
import { serve } from "./server.mjs";

const given = options();
const [folder, ...only] = given.rest;
if (!folder) throw new Error("usage: node dev/shots.mjs FOLDER [NAME…]");
mkdirSync(folder, { recursive: true });
const server = await serve({ ...given, port: 0 });
const base = `http://127.0.0.1:${server.address().port}`;
const happen = (name) => fetch(`${base}/__dev/${name}`);
const send = async (page, text) => {
  await page.fill("textarea", text);
  await page.keyboard.press("Enter");
};

const SHOTS = {
  home: { path: "/" },
  home_empty: { path: "/", before: () => happen("empty?to=true"), after: () => happen("empty?to=false") },
  kitchen: { path: "/spaces/demo/kitchen", full: true, wait: 800 },
  mood: {
    path: "/spaces/demo/mood",
    async act(page) {
      await page.fill("textarea", "I love how quickly this came up.");
      await page.click("text=Classify");
      await page.waitForSelector(".verdict-top");
    },
  },
  mood_empty: { path: "/spaces/demo/mood" },
  chat_empty: { path: "/spaces/demo/chat" },
  chat_streaming: {
    path: "/spaces/demo/chat",
    async act(page) {
      await happen("fast");
      await send(page, "Show me some code");
      await page.waitForSelector("text=and it is live");
      await page.waitForSelector('.send[aria-label="Send"]');
      await happen("slow");
      await send(page, "And now a story");
      await page.waitForSelector("text=shone");
      await page.fill("textarea", "typed meanwhile");
    },
    after: () => happen("fast"),
  },
  error: {
    path: "/spaces/demo/kitchen",
    async act(page) {
      await page.click("text=Fail");
      await page.waitForSelector(".card.failed");
      await page.locator(".card.failed summary").click();
      await page.locator(".card.failed").scrollIntoViewIfNeeded();
    },
  },
  running: {
    path: "/spaces/demo/kitchen",
    async act(page) {
      await happen("slow");
      await page.click(".button.primary");
      await page.waitForSelector("text=Step 2");
    },
    after: () => happen("fast"),
    wait: 600,
  },
  interrupted: { path: "/spaces/demo/kitchen", act: async (page) => { await happen("interrupt"); await page.locator(".card.interrupted").scrollIntoViewIfNeeded(); } },
  reconnecting: { path: "/spaces/demo/mood", act: () => happen("down"), after: () => happen("up"), wait: 900 },
  resynchronised: {
    path: "/spaces/demo/chat",
    async act(page) {
      await happen("fast");
      await send(page, "Make a table");
      await page.waitForSelector("text=Saturn");
      await happen("down");
      await happen("forget");
      await happen("up");
      await page.waitForSelector("text=Back in step");
    },
  },
  ended: { path: "/spaces/demo/mood", act: () => happen("bye") },
  skeleton: { path: "/spaces/demo/bare", wait: 700 },
  menu: { path: "/spaces/demo/mood", act: (page) => page.click(".avatar") },
  "sign-in": { path: "/-/sign-in", before: () => happen("signedIn?to=false") , after: () => happen("signedIn?to=true")},
  sign_in_refused: {
    path: "/-/sign-in",
    before: () => happen("signedIn?to=false"),
    async act(page) {
      await page.fill("input[name=username]", "ada");
      await page.fill("input[name=password]", "wrong");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[role=alert]");
    },
    after: () => happen("signedIn?to=true"),
  },
  account: { path: "/-/account", full: true },
  token_made: {
    path: "/-/account",
    async act(page) {
      await page.fill("input[name=token]", "new desk");
      await page.keyboard.press("Enter");
      await page.waitForSelector("text=hf_");
    },
  },
  builds: { path: "/spaces/demo/mood/-/builds", wait: 700 },
  logs: { path: "/spaces/demo/mood/-/logs" },
  logs_reference: { path: "/spaces/demo/mood/-/logs#k7q2m9abcd" },
  logs_held: {
    path: "/spaces/demo/mood/-/logs",
    act: (page) => page.locator(".log").evaluate((log) => log.scrollTo(0, 60)),
    wait: 1800,
  },
  logs_empty: { path: "/spaces/demo/mood/-/logs", before: () => happen("empty?to=true"), after: () => happen("empty?to=false") },
  logs_lost: { path: "/spaces/demo/mood/-/logs", before: () => happen("broken?to=true"), after: () => happen("broken?to=false") },
  logs_gap: { path: "/spaces/demo/mood/-/logs", before: () => happen("gap?to=true"), after: () => happen("gap?to=false") },
  logs_refused: { path: "/spaces/demo/mood/-/logs", before: () => happen("signedIn?to=false"), after: () => happen("signedIn?to=true") },
  logs_build: { path: "/spaces/demo/mood/-/logs?build=b4" },
  settings: { path: "/spaces/demo/mood/-/settings", full: true },
  models: { path: "/models" },
  card: { path: "/marie/tiny-mood", full: true },
  files: { path: "/marie/tiny-mood/tree/main" },
  file: { path: "/spaces/demo/mood/blob/main/app.lua" },
  commits: { path: "/spaces/demo/mood/commits/main" },
  commit: { path: "/spaces/demo/mood/commit/main" },
  edit: { path: "/spaces/demo/mood/edit/main/app.lua", wait: 700 },
  create: { path: "/new", full: true },
  not_found: { path: "/nowhere" },
};

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const complaints = [];
try {
  for (const [name, shot] of Object.entries(SHOTS)) {
    if (only.length > 0 && !only.includes(name)) continue;
    for (const width of [1280, 360]) {
      for (const colorScheme of ["light", "dark"]) await take(name, shot, width, colorScheme);
    }
  }
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
for (const line of new Set(complaints)) console.log(line);

async function take(name, shot, width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: width > 600 ? 860 : 740 }, colorScheme, deviceScaleFactor: 1 });
  const page = await context.newPage();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && complaints.push(`${name}: ${m.text()}`));
  page.on("pageerror", (e) => complaints.push(`${name}: ${e.stack}`));
  await shot.before?.();
  try {
    await page.goto(base + shot.path);
    await page.waitForSelector("main");
    await page.waitForTimeout(250);
    await shot.act?.(page);
    await page.waitForTimeout(shot.wait ?? 250);
    const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    if (scrolls) complaints.push(`${name}: scrolls sideways at ${width}`);
  } catch (error) {
    complaints.push(`${name} ${width} ${colorScheme}: ${error.message.split("\n")[0]}`);
  }
  await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: shot.full === true });
  await shot.after?.();
  await context.close();
}
