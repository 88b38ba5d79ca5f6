// A new version of an app and the sessions of the old one: upgrade(old), and when it does not work.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

let platform;
const repos = [];

before(async () => {
  platform = await Platform.start();
});

after(async () => {
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

/** Names in a session: version 1 keeps one, version 2 a list of them. */
const first = `local ui = require "vitrine.ui"
return ui.page({ title = "One" }, function()
  local name, seen = ui.textbox { id = "name", submit = true }, ui.markdown { "nobody", id = "seen" }
  local gone = ui.textbox { id = "gone", label = "Gone" }
  name:on_submit(function(text, session)
    session.name = text
    seen:set("one: " .. text)
    gone:set("left over")
  end)
  return ui.column { name, seen, gone }
end)
`;

const second = (upgrade, title = "Many") => `local ui = require "vitrine.ui"
return ui.page({ title = "${title}", upgrade = ${upgrade} }, function()
  local seen, name = ui.markdown { "nobody", id = "seen" }, ui.textbox { id = "name", submit = true }
  name:on_submit(function(text, session)
    session.names = session.names or {}
    session.names[#session.names + 1] = text
    seen:set("many: " .. table.concat(session.names, ", "))
  end)
  return ui.row { seen, name }
end)
`;

const moves = "function(old) return { names = { old.name } } end";
const submit = (visitor, text) => visitor.act("name", "submit", text, { name: text });

async function space(name) {
  const repo = new Repo(platform, `admin/${name}`);

  repos.push(repo);
  await repo.deploy({ "app.lua": first });
  return repo;
}

const title = (visitor, words) => visitor.waitFor(`the page is ${words}`, () => visitor.tree?.title === words);

test("upgrade(old) makes the new session table of the old one, and the page goes on", async () => {
  const repo = await space("moves");
  const visitor = await Visitor.join(platform, "admin/moves");

  await submit(visitor, "Ada");
  await repo.deploy({ "app.lua": second(moves) });
  await title(visitor, "Many");
  assert.equal(visitor.props("seen").value, "one: Ada", "what was shown under the same key is kept");
  assert.equal(await submit(visitor, "Bob"), undefined);
  assert.equal(visitor.props("seen").value, "many: Ada, Bob");
  await visitor.close();
});

const failures = {
  "upgrade raises": ["function(old) local x = nil; return x.y end", /app\.lua:2: attempt to index/],
  "upgrade returns what no session can hold": ["function(old) return { f = print } end", /f.*function/],
  "upgrade returns no table": ["function(old) return 7 end", /new session table \(got 7\)|got number|table/],
  "upgrade burns": ["function(old) while true do end end", /processor time|took too long/],
};

for (const [i, [words, [upgrade, reason]]] of Object.entries(Object.entries(failures)))
  test(`${words}: the session goes on with its version and state, others get the new one, the owner is told`, async () => {
    const name = `stays-${i}`;
    const repo = await space(name);
    const visitor = await Visitor.join(platform, `admin/${name}`);

    await submit(visitor, "Ada");
    await repo.deploy({ "app.lua": second(upgrade) });
    const note = await until("the owner is told", async () => {
      const { output } = await platform.cli("logs", `admin/${name}`);

      return /session=\d+ goes on with version (\w+), its state is kept: version (\w+) could not take it over: (.*)/.exec(output);
    });

    assert.match(note[3], reason);
    assert.notEqual(note[1], note[2]);
    assert.equal(await submit(visitor, "Bob"), undefined);
    assert.equal(visitor.props("seen").value, "one: Bob");
    assert.equal(visitor.tree.title, "One");
    const other = await Visitor.join(platform, `admin/${name}`);

    assert.equal(other.tree.title, "Many");
    await submit(other, "Eve");
    assert.equal(other.props("seen").value, "many: Eve");
    await other.close();

    // The next version is another try with the same state.
    await repo.deploy({ "app.lua": second(moves, "Repaired") });
    await title(visitor, "Repaired");
    await submit(visitor, "Cid");
    assert.equal(visitor.props("seen").value, "many: Bob, Cid");
    await visitor.close();
  });

test("a session that stays on its version is still there after its gateway and its worker were killed", async () => {
  const repo = await space("stays-long");
  const visitor = await Visitor.join(platform, "admin/stays-long");

  await submit(visitor, "Ada");
  await repo.deploy({ "app.lua": second(failures["upgrade raises"][0]) });
  await submit(visitor, "Bob");
  await visitor.close();
  await platform.killService("gateway");
  for (const pid of await platform.workerPids("admin/stays-long")) process.kill(pid, "SIGKILL");
  const again = await until("joined again", () => Visitor.join(platform, "admin/stays-long",
    { session: visitor.welcome.session, cookie: visitor.cookie }));

  assert.equal(again.welcome.session, visitor.welcome.session);
  await again.waitFor("its state", () => again.tree.title === "One" && again.props("seen").value === "one: Bob");
  assert.equal(await submit(again, "Cid"), undefined);
  assert.equal(again.props("seen").value, "one: Cid");
  await again.close();
});

test("in Chromium: text that was not sent stays in the field of the same key, what is gone breaks nothing", async () => {
  const repo = await space("typed");
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser, { viewport: { width: 390, height: 700 } });

    await page.goto(`${platform.url}/spaces/admin/typed`);
    const field = page.getByRole("textbox").first();

    await field.fill("Ada");
    await field.press("Enter");
    await page.getByText("one: Ada").waitFor();
    await page.getByRole("textbox").last().fill("into what will be gone");
    await field.fill("not sent yet");
    await repo.deploy({ "app.lua": second(moves) });
    await page.getByRole("heading", { name: "Many" }).waitFor();
    assert.equal(await page.getByRole("textbox").count(), 1);
    assert.equal(await page.getByRole("textbox").inputValue(), "not sent yet");
    await screenshot(page, "upgrade-phone");
    await page.getByRole("textbox").press("Enter");
    await page.getByText("many: Ada, not sent yet").waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});
