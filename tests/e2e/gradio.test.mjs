// Gradio's own clients, unchanged, call the functions of a Space: the project's checks, and the
// conformance suites where the folder ../shared is there.
// Alone: the suites of the clients expect to see queues in certain moments.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { Client } from "@gradio/client";
import { Repo } from "./lib/git.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { pythonWith } from "./lib/python.mjs";
import { template } from "./lib/templates.mjs";

const suites = join(root, "../shared/conformance/gradio");
const pyClient = "gradio_client==2.6.0";
let platform, repo, url, work, secret;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, "admin/gradio-demo");
  await repo.deploy(template("gradio-demo"));
  url = `${platform.url}/spaces/admin/gradio-demo`;
  await makePrivate();
  work = mkdtempSync(join(tmpdir(), "vitrine-gradio-"));
  symlinkSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules"), join(work, "node_modules"));
  if (existsSync(suites))
    for (const name of readdirSync(suites)) if (/^conformance.*\.(mjs|py)$/.test(name)) cpSync(join(suites, name), join(work, name));
});

/** The same functions once more, for their owner only. */
async function makePrivate() {
  const mine = new Repo(platform, "admin/private-demo");

  await mine.deploy(template("gradio-demo"));
  await platform.api("PUT", "/api/spaces/admin/private-demo/settings", { private: true });
  secret = `${platform.url}/spaces/admin/private-demo`;
  await until("the gateway knows", async () => (await fetch(`${secret}/config`)).status === 401);
  mine.remove();
}

after(async () => {
  rmSync(work, { recursive: true, force: true });
  repo?.remove();
  await platform?.remove();
});

const collect = async (job) => {
  const events = [];

  for await (const event of job) events.push(event);
  return events;
};

test("the JavaScript client calls, streams and hears why a call failed", async () => {
  const client = await Client.connect(url, { events: ["data", "status", "log"] });

  assert.deepEqual((await client.predict("/predict", ["Ada"])).data, ["Hello, Ada!"]);
  assert.deepEqual((await client.predict("/combine", { text: "ab", loud: true })).data, ["ABAB", 4]);
  const streamed = (await collect(client.submit("/stream", ["abc"]))).filter((event) => event.type === "data");

  assert.deepEqual(streamed.map((event) => event.data[0]), ["a", "ab", "abc", "abc"]);
  await assert.rejects(client.predict("/fail", ["on purpose"]), /^Error: on purpose$/);
  const value = { nul: null, list: [], object: {}, big: 9007199254740991, text: "a\u0000b" };

  assert.deepEqual((await client.predict("/identity", [value])).data, [value]);
  client.close();
});

test("a call whose worker is killed fails with words, and the next one works", async () => {
  const client = await Client.connect(url);
  const cut = client.predict("/slow", [400, 50]);
  const failed = assert.rejects(cut, /interrupted/i);

  const [pid] = await until("a worker serves", async () => {
    const pids = await platform.workerPids("admin/gradio-demo");

    return pids.length > 0 && pids;
  });

  // It has to run there by then: the function says so.
  await until("the call runs", async () => {
    const { data } = await client.predict("/slow_stats", []);

    return data[0].running > 0;
  });
  process.kill(pid, "SIGKILL");
  await failed;
  assert.deepEqual((await client.predict("/predict", ["again"])).data, ["Hello, again!"]);
  client.close();
});

test("what a session holds outlives the gateway, for the same session_hash", async () => {
  const hash = "kept" + Math.random().toString(36).slice(2);
  const count = async () => {
    const started = await fetch(`${url}/call/counter`, { method: "POST", body: JSON.stringify({ data: [1], session_hash: hash }) });
    const { event_id: id } = await started.json();
    const text = await (await fetch(`${url}/call/counter/${id}`)).text();

    return JSON.parse(/^event: complete\ndata: (.*)$/m.exec(text)[1])[0];
  };

  assert.equal(await count(), 1);
  assert.equal(await count(), 2);
  await platform.killService("gateway");
  await until("it answers again", async () => (await fetch(`${url}/config`)).ok);
  assert.equal(await count(), 3);
});

test("a page of another site may call, as nobody in particular", async () => {
  const origin = { Origin: "https://elsewhere.example" };
  const asked = await fetch(`${url}/gradio_api/queue/join`, { method: "OPTIONS",
    headers: { ...origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-gradio-user" } });

  assert.equal(asked.status, 204);
  assert.match(asked.headers.get("access-control-allow-headers"), /x-gradio-user/i);
  const config = await fetch(`${url}/config`, { headers: origin });

  assert.ok(["*", origin.Origin].includes(config.headers.get("access-control-allow-origin")));
  assert.equal(config.headers.get("access-control-allow-credentials"), null);
  assert.equal((await config.json()).root, url);
});

test("a name and a password are exchanged for a cookie, wrong ones are not", async () => {
  const login = (password) => fetch(`${url}/login`, { method: "POST", body: new URLSearchParams({ username: "admin", password }) });
  const wrong = await login("not-" + platform.password);

  assert.equal(wrong.status, 401);
  const right = await login(platform.password);

  assert.equal(right.status, 200);
  assert.match(right.headers.get("set-cookie"), /^vitrine_session=[^=,;]+;/);
});

test("a private Space answers its owner, by token and by cookie, and nobody else", async () => {
  await assert.rejects(Client.connect(secret), /private|token/i);
  await assert.rejects(Client.connect(secret, { token: "hf_wrong" }), /private|token/i);
  for (const key of [{ token: platform.token }, { auth: ["admin", platform.password] }])
    assert.deepEqual((await (await Client.connect(secret, key)).predict("/predict", ["Ada"])).data, ["Hello, Ada!"]);
  assert.equal((await fetch(secret)).status, 404);
  assert.deepEqual((await (await fetch(`${platform.url}/api/spaces`)).json()).map((s) => s.id), ["admin/gradio-demo"]);
});

/** Its checks measure time themselves, and a busy machine is slow: what failed is tried again. */
async function conforms(t, program, args, tries = 3) {
  for (let n = 1; ; n++) {
    const { output } = await runProgram(program, args, { cwd: work, env: process.env, timeoutMs: 280_000 });
    const sum = /^(\d+) passed, (\d+) failed$/m.exec(output);

    if (sum && Number(sum[2]) === 0) {
      t.diagnostic(`${sum[0]}${n > 1 ? `, at try ${n}` : ""}`);
      return;
    }
    if (n === tries) assert.fail(output.split("\n").filter((line) => !line.startsWith("ok ")).join("\n"));
    t.diagnostic(`try ${n}: ${output.split("\n").filter((line) => line.startsWith("FAIL")).join("; ")}`);
  }
}

const asOwner = () => ["--private", secret, "--token", platform.token, "--user", "admin", "--pass", platform.password];

const absent = !existsSync(suites) && "../shared/conformance/gradio is not there";

test("the JavaScript client's conformance suite passes", { skip: absent }, (t) =>
  conforms(t, process.execPath, ["conformance.mjs", url, ...asOwner()]));

test("the REST conformance suite passes", { skip: absent }, (t) =>
  conforms(t, process.execPath, ["conformance_rest.mjs", url]));

test("the Python client's conformance suite passes", { skip: absent }, async (t) => {
  const { python, reason } = await pythonWith("gradio-2.6.0", pyClient);

  if (!python) return t.skip(reason);
  return conforms(t, python, ["conformance_py.py", url, ...asOwner()]);
});
