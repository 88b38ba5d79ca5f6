// Requests that an app makes: what comes back, which rule refused, what its log says, what a death of
// vitrine-fetch or of the gateway costs.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/caller";
const app = `local ui, json = require "vitrine.ui", require "vitrine.json"
local http, secrets = require "vitrine.http", require "vitrine.secrets"
return ui.page({ title = "Caller" }, function(page)
  local url = ui.textbox { id = "url" }
  local method = ui.textbox { id = "method", value = "GET" }
  local out = ui.textbox { id = "out" }
  local go = ui.button { "Go", id = "go" }
  go:on_click { inputs = { url, method }, fn = function(where, how)
    local key = secrets.API_KEY
    local ok, r = pcall(http.request, { method = how, url = where,
      headers = { Authorization = key and "Bearer " .. key }, json = how == "POST" and { word = "sea" } or nil })
    print("asked with", key)
    if not ok then out:set(json.encode { code = r.code, message = r.message or tostring(r) }) return end
    out:set(json.encode { status = r.status, body = r.body:sub(1, 2000), type = r.headers["content-type"],
      bytes = #r.body, said = r.headers["content-type"] == "application/json" and r:json() or nil })
  end }
  return ui.column { url, method, out, go }
end)
`;
const hits = [];
let platform, repo, server, here, held;

function answer(request, response) {
  let body = "";

  request.on("data", (bytes) => (body += bytes));
  request.on("end", () => {
    hits.push({ method: request.method, url: request.url, authorization: request.headers.authorization, body });
    if (request.url.startsWith("/hold")) held = response;
    else if (request.url.startsWith("/large")) response.end(Buffer.alloc(8 << 20, "x"));
    else if (request.url.startsWith("/inside")) response.writeHead(302, { location: "http://127.0.0.2/" }).end();
    else response.setHeader("content-type", "application/json"), response.end(JSON.stringify({ method: request.method, body }));
  });
}

before(async () => {
  server = createServer(answer);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  here = `127.0.0.1:${server.address().port}`;
  platform = await Platform.start({
    args: ["--fetch-allow", "127.0.0.1:*", "--fetch-allow", "127.0.0.2", "--fetch-allow-private", "127.0.0.1/32"],
  });
  repo = new Repo(platform, space);
  await repo.deploy({ "README.md": frontMatter(`http: ["${here}", "127.0.0.2", "*.example.org"]\n`), "app.lua": app });
  assert.equal((await platform.api("POST", `/api/spaces/${space}/secrets`, { key: "API_KEY", value: "very-secret-key" })).status, 200);
});

after(async () => {
  repo?.remove();
  server?.closeAllConnections();
  server?.close();
  await platform?.remove();
});

/** What the app shows after one request. */
async function ask(url, method = "GET", visitor = null) {
  const v = visitor ?? (await Visitor.join(platform, space));
  const failed = await v.act("go", "click", null, { url, method });

  assert.equal(failed, undefined);
  if (!visitor) await v.close();
  return JSON.parse(v.props("out").value);
}

test("an app gets what a server answers, and its secrets arrive there", async () => {
  await until("the secret is there", async () => {
    await ask(`http://${here}/words?key=in-the-query`);
    return hits.at(-1)?.authorization === "Bearer very-secret-key";
  });
  const got = await ask(`http://${here}/words`, "POST");

  assert.deepEqual(got.said, { method: "POST", body: '{"word":"sea"}' });
  assert.equal(got.status, 200);
  assert.equal((await ask(`http://${here}/large`)).bytes, 8 << 20);
});

test("each rule that refuses is named", async () => {
  for (const [url, code, words] of [
    ["http://api.test/", "refused", /front matter of README\.md/],
    ["http://a.example.org/", "refused", /operator of this platform/],
    ["http://127.0.0.2/", "refused", /loopback/],
    [`http://${here}/inside`, "refused", /loopback/],
  ]) {
    const got = await ask(url);

    assert.equal(got.code, code, JSON.stringify(got));
    assert.match(got.message, words);
  }
});

test("the log has a line for each request without its query, and no secret", async () => {
  let log;

  await until("the lines are there", async () => {
    log = (await platform.api("GET", `/api/spaces/${space}/logs/run?tail=500`)).text;
    return /http GET 127\.0\.0\.2 refused \(address\)/.test(log);
  });
  assert.match(log, new RegExp(`http POST ${here} 200 \\d+ ms`));
  assert.doesNotMatch(log, /in-the-query|very-secret-key/);
});

test("when vitrine-fetch is killed, what it did fails in words and the next request is served", async () => {
  const v = await Visitor.join(platform, space);
  const asked = ask(`http://${here}/hold`, "GET", v);

  await until("it is under way", () => held);
  await platform.killService("fetch");
  assert.match((await asked).message, /not known/);
  assert.equal((await ask(`http://${here}/again`)).status, 200);
});

test("when the gateway is killed, a GET is made again and a POST is not", async () => {
  for (const [method, words] of [["GET", "at last"], ["POST", "interrupted"]]) {
    const v = await Visitor.join(platform, space);
    const before = hits.length;

    held = null;
    v.fire("go", "click", null, { url: `http://${here}/hold`, method });
    await until("it is under way", () => held);
    held = null;
    await platform.killService("gateway");
    if (method === "GET") {
      await until("it comes again", () => held);
      held.end("at last");
    }
    const page = await Visitor.join(platform, space, { page: v });
    await page.waitFor(`it shows ${words}`, () => page.props("out").value?.includes(words));
    assert.equal(hits.length - before, method === "GET" ? 2 : 1);
    await page.close();
  }
});

test("a push whose front matter names what is no host is refused with its line", async () => {
  await repo.commit({ "README.md": frontMatter('http: ["https://api.example.org"]\n') });
  const refused = await repo.push();

  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /README\.md:5: http: 'https:\/\/api\.example\.org': a host is written without/);
});
