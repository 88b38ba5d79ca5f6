// A conversation in a real browser: what a visitor does to it, and HTML that reaches nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const talk = `local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.chat {
  multimodal = true, examples = { "Begin", "Another" }, height = 300, on_like = function() end,
  fn = function(message, history)
    if message.text == "long" then
      local i = 0
      return function()
        i = i + 1
        time.sleep(0.01)
        return i <= 3000 and ("word" .. i .. (i % 12 == 0 and "\\n\\n" or " ")) or nil
      end
    end
    if #message.files > 0 then
      return { { title = "Reading", text = message.files[1]:read(), status = "done" }, "It has " .. message.files[1].size .. " bytes." }
    end
    return "**" .. message.text .. "** is message " .. #history
  end,
}`;

// What a script of the app's own gets hold of, told in its frame.
const frame = `local ui = require "vitrine.ui"
return ui.page({ title = "Frame" }, function()
  return ui.html { id = "frame", value = [[<style>#tall { height: 321px }</style><div id="tall"></div><pre id="out"></pre><script>
    const got = [];
    const attempt = async (name, run) => { try { await run(); got.push(name); } catch {} };
    (async () => {
      await attempt("page", () => parent.document.title);
      await attempt("top", () => { if (!top.location.href) throw 0; });
      await attempt("cookie", () => document.cookie);
      await attempt("storage", () => localStorage.length);
      await attempt("fetch", () => fetch("/api/spaces"));
      await attempt("fetch no-cors", () => fetch(new URL("/api/spaces", document.referrer || location.href), { mode: "no-cors" }));
      await attempt("script", () => new Promise((ok, no) => { const s = document.createElement("script"); s.src = "/assets/x.js"; s.onload = ok; s.onerror = no; document.body.append(s); }));
      await attempt("image", () => new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no; i.src = "/favicon.svg"; }));
      await attempt("navigate", () => { top.location = "about:blank"; });
      document.getElementById("out").textContent = "origin " + self.origin + ", got: " + got.join(", ") + ".";
    })();
  </script>]] }
end)`;

let platform, browser, page;
const repos = [];
const message = () => page.locator(".multimodal textarea");
const bubbles = (role) => page.locator(`.turn.${role} .bubble:not(.typing)`);
const idle = () => until("nothing runs", async () => (await page.locator('.chat-log[aria-busy="true"]').count()) === 0);
const turns = (n) => until(`there are ${n} messages`, async () => (await page.locator(".turn .bubble:not(.typing)").count()) === n).then(idle);

before(async () => {
  platform = await Platform.start();
  for (const [name, app] of Object.entries({ talk, frame })) {
    const repo = new Repo(platform, `admin/${name}`);

    repos.push(repo);
    await repo.deploy({ "app.lua": app });
  }
  browser = await launchBrowser();
  page = await openPage(browser, { viewport: { width: 900, height: 700 } });
});

after(async () => {
  await browser?.close();
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

test("an example begins a conversation; answers are made again and liked, words edited and taken back", async () => {
  await page.goto(`${platform.url}/spaces/admin/talk`);
  await page.getByRole("button", { name: "Begin" }).click();
  await turns(2);
  await until("the answer is Markdown", async () => (await bubbles("assistant").first().locator("strong").innerText()) === "Begin");
  await message().fill("second");
  await message().press("Enter");
  await turns(4);
  assert.match(await bubbles("assistant").last().innerText(), /second is message 3/);

  await page.getByRole("button", { name: "Good answer" }).last().click();
  await until("it is liked", async () => (await page.locator('[aria-label="Good answer"][aria-pressed="true"]').count()) === 1);
  await page.getByRole("button", { name: "Answer again" }).click();
  await until("the new answer is not liked", async () => (await page.locator('[aria-label="Good answer"][aria-pressed="true"]').count()) === 0);
  await turns(4);

  await bubbles("user").first().hover();
  await page.getByRole("button", { name: "Edit" }).first().click();
  await page.getByRole("textbox", { name: "Your message" }).fill("edited");
  await page.getByRole("textbox", { name: "Your message" }).press("Enter");
  await turns(2);
  assert.match(await bubbles("assistant").last().innerText(), /edited is message 1/);
  await page.reload();
  await turns(2);
  await page.getByRole("button", { name: "Take back" }).click();
  await turns(0);
  await until("the words are in the box again", async () => (await message().inputValue()) === "edited");
});

test("a file goes with a message, and is in the conversation; a pasted one is taken, and taken away", async () => {
  await message().evaluate((area) => {
    const data = new DataTransfer();

    data.items.add(new File(["x"], "pasted.png", { type: "image/png" }));
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await page.getByRole("button", { name: "Remove pasted.png" }).click();
  await until("it is gone", async () => (await page.getByRole("button", { name: "Remove pasted.png" }).count()) === 0);
  await page.setInputFiles('.multimodal input[type="file"]', { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("seven b") });
  await until("the file is there", async () => (await page.getByRole("button", { name: "Remove note.txt" }).count()) === 1);
  await message().fill("read it");
  await message().press("Enter");
  await turns(2);
  assert.equal(await bubbles("user").locator('a[download="note.txt"]').count(), 1);
  assert.match(await bubbles("assistant").innerText(), /It has 7 bytes/);
  await page.locator(".section summary").click();
  await until("the section unfolds", () => page.locator(".section .prose").isVisible());
  assert.equal(await page.locator(".section .prose").innerText(), "seven b");
});

test("a reader who scrolled up stays there while an answer streams, and a stopped one stays as it is", async () => {
  const log = page.locator(".chat-log");
  const gap = () => log.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
  const height = () => log.evaluate((e) => e.scrollHeight);

  await message().fill("long");
  await message().press("Enter");
  await until("it is longer than its box", async () => (await height()) > 900);
  await until("the end is in sight", async () => (await gap()) < 60);
  await log.hover();
  await page.mouse.wheel(0, -300);
  await until("it has let go of the end", () => page.getByRole("button", { name: "Latest" }).isVisible());
  const top = await log.evaluate((e) => e.scrollTop);
  const before = await height();
  await until("it goes on growing", async () => (await height()) > before + 100);
  assert.equal(await log.evaluate((e) => e.scrollTop), top);
  await page.getByRole("button", { name: "Latest" }).click();
  await until("the end is in sight again", async () => (await gap()) < 60);
  await page.getByRole("button", { name: "Stop" }).click();
  await idle();
  const said = (await bubbles("assistant").last().innerText()).trim();
  assert.doesNotMatch(said, /word3000/);
  await page.reload();
  await turns(4);
  assert.equal((await bubbles("assistant").last().innerText()).trim(), said);
  await page.getByRole("button", { name: "Clear" }).click();
  await turns(0);
  assert.deepEqual(page.problems, []);
});

test("an app's own HTML runs without an origin: it reaches no page, no cookie, no server, and is as high as it is", async () => {
  const seen = await openPage(browser);

  await seen.goto(`${platform.url}/spaces/admin/frame`);
  const out = seen.frameLocator(".html-frame").locator("#out");
  await until("its script has run", async () => /got/.test((await out.textContent().catch(() => "")) ?? ""));
  assert.equal(await out.textContent(), "origin null, got: .");
  await until("the frame has its height", async () => (await seen.locator(".html-frame").evaluate((e) => e.clientHeight)) > 321);
  assert.match(seen.url(), /admin\/frame/);
  const answer = await fetch(`${platform.url}/frame.html`);
  assert.match(answer.headers.get("content-security-policy"), /^sandbox allow-scripts allow-popups; default-src 'none'/);
  await seen.context().close();
});
