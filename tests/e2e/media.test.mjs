// Pictures, drawing, sound and film in a browser whose camera and microphone are made up.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const gallery = (name) => readFile(new URL(`../../templates/gallery/pages/${name}.lua`, import.meta.url), "utf8");
const app = `
local ui = require "vitrine.ui"
return ui.page({ title = "Media" }, require "media")
`;
const space = "admin/media";
let platform, browser, page;

before(async () => {
  platform = await Platform.start();
  browser = await launchBrowser(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]);
  const repo = new Repo(platform, space);
  await repo.commit({ "README.md": frontMatter(), "app.lua": app, "media.lua": await gallery("media") });
  const { code, output } = await repo.push();
  repo.remove();
  assert.equal(code, 0, output);
  page = await openPage(browser, { permissions: ["camera", "microphone"] });
  await page.goto(`${platform.url}/spaces/${space}`);
  await page.getByRole("button", { name: "Play a scale" }).waitFor();
});

after(async () => {
  await browser?.close();
  await platform?.remove();
});

const part = (label) => page.getByRole("group", { name: label, exact: true });
// The other one, in the dialog that shows it larger, is only loaded there.
const image = (label) => part(label).locator("img >> visible=true").first();
const shown = (label) => until(`${label} shows a picture`, () =>
  image(label).evaluate((img) => img.complete && img.naturalWidth > 0).catch(() => false));

/** A PNG of one colour, made by the browser. */
const picture = async (width, height) => Buffer.from((await page.evaluate(([w, h]) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: w, height: h });
  canvas.getContext("2d").fillRect(0, 0, w, h / 2);
  return canvas.toDataURL("image/png").split(",")[1];
}, [width, height])), "base64");

test("a picture is turned and cut before it is sent, and the app shows it", async () => {
  await part("Picture").locator("input[type=file]").setInputFiles({ name: "a.png", mimeType: "image/png", buffer: await picture(80, 40) });
  await page.getByRole("button", { name: "Turn right" }).click();
  await page.getByRole("button", { name: "Square" }).click();
  await page.getByRole("button", { name: "Use it" }).click();
  await shown("The same picture");
  assert.deepEqual(await image("The same picture").evaluate((i) => [i.naturalWidth, i.naturalHeight]), [40, 40]);
  await part("The same picture").getByRole("button", { name: "Larger" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
});

test("what is no picture, or an endless one, is refused with words", async () => {
  const endless = Buffer.from((await picture(4, 4)));
  endless.writeUInt32BE(30000, 16);
  endless.writeUInt32BE(30000, 20);
  await page.getByRole("button", { name: "Remove" }).first().click();
  await part("Picture").locator("input[type=file]").setInputFiles({ name: "big.png", mimeType: "image/png", buffer: endless });
  await page.getByText("30000 × 30000 pixels").waitFor();
  await part("Picture").locator("input[type=file]").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("<script>alert(1)</script>") });
  await page.getByText("“x.png” is not a picture").waitFor();
});

test("the camera takes one", async () => {
  await page.getByRole("button", { name: "Use the camera" }).click();
  await until("the camera is seen", () => page.locator(".viewfinder").evaluate((v) => v.videoWidth > 0));
  await page.getByRole("button", { name: "Take the picture" }).click();
  await page.getByRole("button", { name: "Use it" }).click();
  await shown("Picture");
});

/** A line with the mouse over an element, in parts of it. */
async function draw(locator, points) {
  await locator.scrollIntoViewIfNeeded();
  const box = await locator.boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const p of points.slice(1)) await page.mouse.move(...at(p), { steps: 4 });
  await page.mouse.up();
}

test("a drawing is sent as a picture, with colours and undo", async () => {
  const paper = part("Drawing").locator("canvas");
  await draw(paper, [[0.2, 0.2], [0.8, 0.8]]);
  await part("Drawing").getByRole("button", { name: "crimson" }).click();
  await draw(paper, [[0.2, 0.8], [0.8, 0.2]]);
  await draw(paper, [[0.5, 0.1], [0.5, 0.9]]);
  await part("Drawing").getByRole("button", { name: "Undo" }).click();
  const old = await image("The same picture").getAttribute("src");
  await part("Drawing").getByRole("button", { name: "Use the drawing" }).click();
  await until("the drawing is there", async () => (await image("The same picture").getAttribute("src")) !== old);
  await shown("The same picture");
});

test("a sign reaches the app small and gray, from the mouse and from the keyboard, and outlives a reload", async () => {
  const paper = part("Sign").locator("canvas");
  await draw(paper, [[0.3, 0.3], [0.7, 0.3], [0.5, 0.8]]);
  await page.getByText(/[1-9][\d.]* % of it is ink/).waitFor();
  const mouse = await page.getByText("% of it is ink").innerText();
  await part("Sign").getByRole("button", { name: "Clear" }).click();
  await page.getByText("0.0 % of it is ink").waitFor();
  await paper.focus();
  await page.keyboard.press("Space");
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Space");
  await until("the keyboard's line is there", async () => {
    const text = await page.getByText("% of it is ink").innerText();
    return text !== mouse && !text.startsWith("0.0");
  });
  const kept = await page.getByText("% of it is ink").innerText();
  await page.reload();
  await page.getByText(kept).waitFor();
  await until("the sign is drawn again", () => part("Sign").locator("canvas").evaluate((c) =>
    c.width > 0 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)));
});

test("the microphone records, the app gets it, and it plays", async () => {
  await part("Sound").getByRole("button", { name: "Record" }).click();
  await until("a second is recorded", async () => /0:0[1-9]/.test(await part("Sound").getByRole("timer").innerText()));
  await part("Sound").getByRole("button", { name: "Done" }).click();
  await page.getByText(/(video|audio)\/webm has \d+ bytes/).waitFor({ timeout: 20_000 });
  const place = part("Sound").getByRole("slider");
  await until("its length is known", async () => Number(await place.getAttribute("aria-valuemax")) >= 1);
  await part("Sound").getByRole("button", { name: "Play Sound" }).click();
  await until("it has played", () => part("Sound").locator("audio").evaluate((a) => a.currentTime > 0));
});

test("sound that the app makes piece by piece plays as it comes", async () => {
  await page.getByRole("button", { name: "Play a scale" }).click();
  await page.getByText("8 pieces, 0:02").waitFor();
});

test("a film is recorded and played", async () => {
  await part("Film").getByRole("button", { name: "Record" }).click();
  await until("a second is recorded", async () => /0:0[1-9]/.test(await part("Film").getByRole("timer").innerText()));
  await part("Film").getByRole("button", { name: "Done" }).click();
  await until("it can be played", () => part("Film").locator("video.film").evaluate((v) => v.videoWidth > 0).catch(() => false), 20_000);
});

test("the template draw reads digits that are drawn with the mouse", async () => {
  const repo = new Repo(platform, "admin/draw");
  const file = (name) => readFile(new URL(`../../templates/draw/${name}`, import.meta.url), "utf8");
  const names = ["README.md", "app.lua", "test.lua"];
  await repo.commit(Object.fromEntries(await Promise.all(names.map(async (n) => [n, await file(n)]))));
  const { code, output } = await repo.push();
  repo.remove();
  assert.equal(code, 0, output);
  await page.goto(`${platform.url}/spaces/admin/draw`);
  const pad = page.getByRole("group", { name: "Your digit" });
  const circle = Array.from({ length: 17 }, (_, i) => [0.5 + 0.22 * Math.sin((i * Math.PI) / 8), 0.5 - 0.32 * Math.cos((i * Math.PI) / 8)]);
  const digits = { 0: circle, 1: [[0.5, 0.15], [0.5, 0.5], [0.5, 0.85]], 7: [[0.25, 0.2], [0.5, 0.19], [0.75, 0.2], [0.6, 0.5], [0.45, 0.85]] };
  for (const [digit, line] of Object.entries(digits)) {
    await draw(pad.locator("canvas"), line);
    await page.locator(".verdict-top", { hasText: new RegExp(`^${digit}$`) }).waitFor();
    if (digit === "7") await screenshot(page, "draw");
    await pad.getByRole("button", { name: "Clear" }).click();
    await page.getByText("No result yet").waitFor();
  }
});

test("without devices, and where they are refused, the page says what to do", async () => {
  const context = await browser.newContext({ permissions: [] });
  const other = await context.newPage();
  await other.addInitScript(() => {
    const refuse = (name) => () => Promise.reject(Object.assign(new Error(name), { name }));
    let asked = 0;
    navigator.mediaDevices.getUserMedia = () => refuse(asked++ ? "NotFoundError" : "NotAllowedError")();
  });
  await other.goto(`${platform.url}/spaces/${space}`);
  await other.getByRole("group", { name: "Sound" }).getByRole("button", { name: "Record" }).click();
  await other.getByText("This page may not use the microphone. Allow it").waitFor();
  await other.getByRole("button", { name: "Use the camera" }).click();
  await other.getByText("There is no camera here.").waitFor();
  await context.close();
});

test("nothing went wrong in the browser all along", async () => {
  await screenshot(page, "media", { fullPage: true });
  assert.deepEqual(page.problems, []);
});
