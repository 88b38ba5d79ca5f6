// What a Space keeps: for all its visitors, over deploys, and whatever is killed meanwhile.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/keeps";
const app = (title) => `local ui, store = require "vitrine.ui", require "vitrine.store"
return ui.page({ title = "${title}" }, function()
  local shown = ui.textbox { label = "Shown", id = "shown" }
  local add, many = ui.button { "Add", id = "add" }, ui.button { "Many", id = "many" }
  local file, back = ui.button { "File", id = "file" }, ui.button { "Back", id = "back" }
  local look, big = ui.button { "Look", id = "look" }, ui.button { "Big", id = "big" }
  local function plus(n) return (n or 0) + 1 end
  add:on_click(function()
    shown:set(store.update("all", plus) .. " " .. store.user.update("own", plus))
  end)
  many:on_click(function(session)
    for i = 1, 300 do
      store.update("many", plus)
      store.set("row/" .. i, { n = i })
      shown:set(tostring(i))
    end
  end)
  file:on_click(function()
    for i = 1, 30 do
      local f <close> = store.files.open("out/big.txt", "w")
      f:write(("x"):rep(700000)):write(tostring(i))
      f:close()
      shown:set(tostring(i))
    end
  end)
  back:on_click(function()
    local text = store.files.read "out/big.txt"
    shown:set(#text .. " " .. text:sub(700001) .. " " .. store.usage().file_bytes)
  end)
  look:on_click(function()
    local rows = #store.list { prefix = "row/", limit = 1000 }
    shown:set(tostring(store.get "many") .. " " .. rows)
  end)
  big:on_click(function() store.set("big", ("x"):rep(1000000)) store.set("more", ("x"):rep(500000)) end)
  return ui.column { shown, add, many, look, big, file, back }
end)
`;
let platform, repo;

before(async () => {
  platform = await Platform.start({ args: ["--data-limits", "1,1000,4"] });
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": app("Keeps") });
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

const says = async (visitor, button) => {
  const fail = await visitor.act(button, "click");

  assert.equal(fail, undefined, JSON.stringify(fail));
  return visitor.props("shown").value;
};

test("all visitors share a Space's keys, each has keys of their own, and a deploy keeps both", async () => {
  const ada = await Visitor.join(platform, space), bob = await Visitor.join(platform, space);

  assert.equal(await says(ada, "add"), "1 1");
  assert.equal(await says(bob, "add"), "2 1");
  assert.equal(await says(ada, "add"), "3 2");
  await repo.deploy({ "app.lua": app("Keeps more") });
  const again = await Visitor.join(platform, space, { cookie: ada.cookie });

  assert.equal(again.tree.tree.title, "Keeps more");
  assert.equal(await says(again, "add"), "4 3");
  for (const visitor of [ada, bob, again]) await visitor.close();
});

test("a quota is said in words, and what was there stays", async () => {
  const visitor = await Visitor.join(platform, space);
  const fail = await visitor.act("big", "click");

  assert.match(JSON.stringify(fail), /the Space keeps \d+ bytes and this would add \d+, the limit is 1048576/);
  assert.match(await says(visitor, "add"), /^5 1$/);
  await visitor.close();
});

test("kill -9 of the orchestrator and of the gateway while a handler writes: each write is there, and once", async () => {
  let visitor = await Visitor.join(platform, space);
  const { session } = visitor.welcome, { cookie } = visitor;
  const shown = () => Number(visitor.props("shown").value ?? 0);
  const n = visitor.fire("many", "click");

  await visitor.waitFor("some writes", () => shown() >= 20);
  await platform.killService("orchestrator");
  await visitor.waitFor("more writes", () => shown() >= 60);
  await platform.killService("gateway");
  visitor = await until("joined again", () => Visitor.join(platform, space, { session, cookie }));
  await visitor.waitFor("more writes yet", () => shown() >= 100);
  await platform.killService("orchestrator");
  await visitor.waitFor("all writes", () => shown() === 300, 60_000);
  visitor.nextEvent = Math.max(visitor.nextEvent, n + 1);
  assert.equal(await says(visitor, "look"), "300 300");
  await visitor.close();
});

test("kill -9 of the orchestrator while files are replaced: the last one that was ended is there, whole", async () => {
  const visitor = await Visitor.join(platform, space);
  const shown = () => Number(visitor.props("shown").value ?? 0);

  visitor.fire("file", "click");
  for (const at of [3, 9]) {
    await visitor.waitFor(`file ${at}`, () => shown() >= at);
    await platform.killService("orchestrator");
  }
  await visitor.waitFor("all files", () => shown() === 30, 60_000);
  assert.equal(await says(visitor, "back"), "700002 30 700002");
  await visitor.close();
});

test("vitrine data takes what a Space keeps out, and into another one", async () => {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-data-")), file = join(dir, "all.ndjson");
  const other = new Repo(platform, "admin/other");

  try {
    const out = await platform.cli("data", "export", space, "-o", file);

    assert.equal(out.code, 0, out.output);
    assert.match(out.output, /all\.ndjson: 30\d keys and 1 files of admin\/keeps/);
    const lines = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));

    assert.deepEqual(lines[0], { vitrine: "data", version: 1, space });
    assert.ok(lines.some((line) => line.key === "many" && line.value === 300));
    assert.ok(lines.some((line) => line.key === "own" && line.visitor?.startsWith("v:")));
    await other.deploy({ "app.lua": app("Other") });
    const back = await platform.cli("data", "import", "admin/other", file);

    assert.equal(back.code, 0, back.output);
    const visitor = await Visitor.join(platform, "admin/other");

    assert.equal(await says(visitor, "look"), "300 300");
    assert.equal(await says(visitor, "back"), "700002 30 700002");
    await visitor.close();
    const made = await platform.cli("data", "snapshot", "admin/other");
    const number = made.output.match(/admin\/other: snapshot (\d+)/)?.[1];

    assert.ok(number, made.output);
    const before = await Visitor.join(platform, "admin/other");

    await says(before, "add");
    await says(before, "file");
    await before.close();
    assert.match((await platform.cli("data", "snapshots", "admin/other")).output, new RegExp(`^ *${number}  20`));
    assert.equal((await platform.cli("data", "export", "admin/other", "-o", file, "--snapshot", number)).code, 0);
    const restored = await platform.cli("data", "import", "admin/other", file, "--replace");

    assert.match(restored.output, /admin\/other: 1 others removed\n/); // the visitor's own key, made later
    const then = await Visitor.join(platform, "admin/other");

    assert.equal(await says(then, "add"), "6 1");
    await then.close();
    assert.equal((await platform.cli("data", "forget", "admin/other", number)).code, 0);
    assert.equal((await platform.cli("data", "forget", "admin/other", number)).code, 1);
    assert.match((await platform.cli("data", "usage", "admin/other")).output, /keys +30\d of 1000, .*\nfiles +1, 0.7 MiB of 4/);
    writeFileSync(file, '{"vitrine":"data","version":1}\n{"key":"k"}\n');
    const bad = await platform.cli("data", "import", "admin/other", file);

    assert.equal(bad.code, 1);
    assert.match(bad.output, /neither a key nor a file\n.*line 2; what stands before it is there/);
    assert.equal((await platform.api("POST", `/api/spaces/${space}/data`, { op: "usage" }, null)).status, 401);
  } finally {
    rmSync(dir, { recursive: true });
    other.remove();
  }
});
