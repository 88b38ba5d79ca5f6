// What events mean, in a browser: timers, chains, words at a field, parts that follow their state,
// and pages with addresses. One platform, one Space.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const README = "---\ntitle: Events\nsdk: lua\n---\n";
const APP = `
local ui, time = require "vitrine.ui", require "vitrine.time"

return ui.page({ title = "Events" }, function(page)
  local ticks = ui.textbox { id = "ticks", label = "Ticks", value = "0", interactive = false }
  local clock = ui.timer { every = 0.1 }
  clock:on_tick(function(session)
    session.ticks = (session.ticks or 0) + 1
    ticks:set(tostring(session.ticks))
  end)

  local word = ui.textbox { label = "Word", validate = function(text)
    if text:find "%s" then return "one word, please" end
  end }
  local run, length = ui.button "Measure", ui.textbox { id = "length", label = "Length", interactive = false }
  local first = run:on_click { inputs = word, outputs = length, fn = function(text)
    if text == "" then ui.refuse "nothing there" end
    return text:reverse()
  end }
  first:ok { inputs = length, outputs = length, fn = function(text) return text .. " " .. #text end }
  first:fail { outputs = length, fn = function(_, why) return "failed: " .. why end }

  local todos = ui.state { id = "todos", value = { "a", "b" } }
  local more = ui.textbox { label = "To do", submit = true }
  more:on_submit(function(text)
    local items = todos.value
    table.insert(items, 1, text)
    todos:set(items)
    more:clear()
  end)
  local list = ui.render { inputs = todos, fn = function(items)
    local rows = {}
    for i, item in ipairs(items) do
      local note = ui.textbox { id = "note-" .. item, label = "Note " .. item }
      local done = ui.button { "Done " .. item, id = "done-" .. item }
      done:on_click(function()
        table.remove(items, i)
        todos:set(items)
      end)
      rows[i] = ui.row { note, done }
    end
    return rows
  end }

  local place = ui.textbox { id = "place", label = "Place", interactive = false }
  local function tell(session) place:set(session:page_name() .. "?" .. (session:query().q or "")) end
  page:on_load(tell)
  page:on_navigate(tell)
  local search = ui.textbox { label = "Search", submit = true }
  search:on_submit(function(text, session)
    session:set_query { q = text }
    tell(session)
  end)

  return ui.column { clock, place, ui.pages {
    ui.subpage { "First", ticks, ui.row { word, run }, length, more, list },
    ui.subpage { "Second", name = "second", search },
  } }
end)
`;

let platform, browser, page, base;

before(async () => {
  platform = await Platform.start();
  const repo = new Repo(platform, "admin/events");

  await repo.commit({ "README.md": README, "app.lua": APP });
  const push = await repo.push();

  assert.equal(push.code, 0, push.output);
  repo.remove();
  browser = await launchBrowser();
  page = await openPage(browser);
  base = `${platform.url}/spaces/admin/events`;
  await page.goto(base);
});

after(async () => {
  await browser?.close();
  await platform?.remove();
});

const field = (label) => page.getByLabel(label, { exact: true });
const shows = (label, test) =>
  until(`${label} shows it`, async () => test(await field(label).inputValue({ timeout: 5000 }).catch(() => "")));

test("a timer ticks while the page is open", async () => {
  await shows("Ticks", (text) => Number(text) >= 3);
});

test("a refused value is told at its field, for eyes and screen readers", async () => {
  await field("Word").fill("two words");
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByText("one word, please").waitFor();
  await until("the field is described by the words", async () => {
    const id = (await field("Word").getAttribute("aria-describedby")) ?? "";
    const said = await page.evaluate((ids) => ids.split(" ").map((i) => document.getElementById(i)?.textContent ?? "").join(" "), id);
    return said.includes("one word, please") && (await field("Word").getAttribute("aria-invalid")) === "true";
  });
  assert.equal(await field("Length").inputValue(), "");
});

test("a chain goes on when its handler ended well, and elsewhere when it failed", async () => {
  await field("Word").fill("abc");
  await page.getByRole("button", { name: "Measure" }).click();
  await shows("Length", (text) => text === "cba 3");
  await until("the words at the field are gone", async () => (await page.getByText("one word, please").count()) === 0);
  await field("Word").fill("");
  await page.getByRole("button", { name: "Measure" }).click();
  await shows("Length", (text) => text === "failed: nothing there");
});

test("a part of the page follows its state, and keeps what was typed by key", async () => {
  await field("Note b").fill("mine");
  await field("To do").fill("c");
  await field("To do").press("Enter");
  await field("Note c").waitFor();
  assert.deepEqual(await page.locator(".is-render input").evaluateAll((all) => all.map((i) => i.value)), ["", "", "mine"]);
  await page.getByRole("button", { name: "Done a", exact: true }).click();
  await until("it is gone", async () => (await field("Note a").count()) === 0);
  assert.equal(await field("Note b").inputValue(), "mine");
});

test("a reload shows the same part again, with what was typed in it", async () => {
  await page.reload();
  await shows("Note b", (text) => text === "mine");
  await page.getByRole("button", { name: "Done b", exact: true }).click();
  await until("it is gone", async () => (await field("Note b").count()) === 0);
  await field("Note c").waitFor();
});

test("pages have addresses, and the browser's back button goes between them", async () => {
  await page.getByRole("link", { name: "Second" }).click();
  await page.waitForURL(`${base}/p/second`);
  await field("Search").waitFor();
  await shows("Place", (text) => text === "second?");
  await field("Search").fill("hills & sea");
  await field("Search").press("Enter");
  await page.waitForURL(`${base}/p/second?q=hills+%26+sea`);
  await shows("Place", (text) => text === "second?hills & sea");
  await page.goBack();
  await shows("Place", (text) => text === "second?");
  await page.goBack();
  await shows("Place", (text) => text === "?");
  await field("Note c").waitFor();
});

test("a page's address can be opened by itself", async () => {
  await page.goto(`${base}/p/second?q=direct`);
  await shows("Place", (text) => text === "second?direct");
  await field("Search").waitFor();
  await page.goto(`${base}/p/nowhere`);
  await page.getByText("There is no such page.").waitFor();
});

test("nothing went wrong in the browser all along", async () => {
  await page.goto(base);
  await field("Note c").waitFor();
  await screenshot(page, "events", { fullPage: true });
  assert.deepEqual(page.problems, []);
});
