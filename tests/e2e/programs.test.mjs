// A Space for programs: its OpenAPI document, REST, MCP and agents.md.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { app, eventsOf, png } from "./lib/programs.mjs";

const space = "admin/programs";
let platform, repo, base;

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": app });
  base = `${platform.url}/spaces/${space}`;
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

async function call(name, args, { query = "", headers = {} } = {}) {
  const answer = await fetch(`${base}/-/api/${name}${query}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof args === "string" ? args : JSON.stringify(args),
  });
  const text = await answer.text();

  return { status: answer.status, headers: answer.headers, text, json: JSON.parse(text) };
}

test("the OpenAPI document is valid and holds every function with what its arguments may be", async () => {
  const answer = await fetch(`${base}/-/openapi.json`);
  const document = await answer.json();
  const { valid, errors } = await new Validator().validate(structuredClone(document));

  assert.ok(valid, JSON.stringify(errors));
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.servers[0].url, base);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  const { requestBody } = document.paths["/-/api/greet"].post;
  const { schema } = requestBody.content["application/json"];

  assert.deepEqual(schema.required, ["text"]);
  assert.equal(schema.properties.text.maxLength, 50);
  assert.deepEqual([schema.properties.times.minimum, schema.properties.times.maximum, schema.properties.times.default], [1, 9, 2]);
  assert.deepEqual(schema.properties.mood.enum, ["plain", "loud"]);
});

test("a function takes named arguments, fills in defaults and answers named results", async () => {
  assert.deepEqual((await call("greet", { text: "Ada" })).json, { result: "Hello, Ada! Hello, Ada! " });
  assert.deepEqual((await call("greet", { mood: "loud", times: 1, text: "Ada" })).json, { result: "HELLO, ADA! " });
  assert.deepEqual((await call("steps", "")).json, { done: "done after 3" });
  for (const value of [null, 0, "", [], {}, 9007199254740991, -0.1, { a: [null, { b: [] }] }, "\u0000 \u2028"])
    assert.deepEqual((await call("identity", { value })).json, { same: value });
});

test("a refusal names the argument, and every error is JSON with its status", async () => {
  for (const [name, args, status, field] of [
    ["greet", {}, 400, "text"],
    ["greet", { text: "a", tims: 1 }, 400, "tims"],
    ["greet", { text: "a".repeat(51) }, 400, "text"],
    ["greet", { text: "a", times: 99 }, 400, "times"],
    ["greet", { text: "a", mood: "sad" }, 400, "mood"],
    ["greet", "[1]", 400, undefined],
    ["greet", "{", 400, undefined],
    ["nothing", {}, 404, undefined],
    ["fail", { message: "boom" }, 500, undefined],
    ["picture", { picture: "data:;base64,%%%" }, 400, "picture"],
  ]) {
    const { status: got, json } = await call(name, args);

    assert.deepEqual([got, json.field], [status, field], `${name} ${JSON.stringify(args)}: ${JSON.stringify(json)}`);
    assert.equal(typeof json.error, "string");
  }
  assert.equal((await fetch(`${base}/-/api/greet`)).status, 405);
  assert.equal((await fetch(`${platform.url}/spaces/admin/none/-/api/greet`, { method: "POST", body: "{}" })).status, 404);
  assert.equal((await call("greet", { text: "a" }, { headers: { authorization: "Bearer hf_wrong" } })).status, 401);
  assert.equal((await call("greet", { text: "a" }, { headers: { authorization: `Bearer ${platform.token}` } })).status, 200);
});

test("values come as they are made to whoever takes events", async () => {
  const stream = async (name, args) => {
    const answer = await fetch(`${base}/-/api/${name}`, {
      method: "POST", headers: { accept: "text/event-stream" }, body: JSON.stringify(args),
    });
    const events = [];

    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    for await (const event of eventsOf(answer)) events.push(event);
    return events;
  };
  const spelled = (await stream("spell", { word: "abc" })).filter(([event]) => event !== "queue");

  assert.deepEqual(spelled.at(-1), ["result", { letters: "abc" }]);
  assert.deepEqual(spelled.filter(([event]) => event === "value").map(([, v]) => v.letters), ["a", "ab", "abc"]);
  const steps = await stream("steps", { n: 2 });

  assert.deepEqual(steps.filter(([event]) => event === "progress").map(([, p]) => p.message), ["step 1", "step 2"]);
  assert.equal((await stream("fail", { message: "boom" })).at(-1)[0], "error");
});

test("calls of one session remember, others do not", async () => {
  const count = async (query) => (await call("count", {}, { query })).json.count;

  assert.deepEqual([await count("?session=a"), await count("?session=a"), await count("?session=b")], [1, 2, 1]);
  assert.deepEqual([await count(""), await count("")], [1, 1]);
  assert.equal((await call("count", {}, { query: "?session=a/b" })).json.field, "session");
});

test("a picture goes in as an upload or as a data: URL and comes out with its address", async () => {
  const bytes = Buffer.from(png, "base64");
  const upload = await (await fetch(`${base}/-/upload?name=a.png`, { method: "POST", body: bytes })).json();

  for (const picture of [upload, `data:image/png;base64,${png}`]) {
    const { json } = await call("picture", { picture });
    const back = await fetch(json.same.url);

    assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
  }
});

test("agents.md tells an agent all of it", async () => {
  const answer = await fetch(`${base}/-/agents.md`);
  const page = await answer.text();

  assert.match(answer.headers.get("content-type"), /^text\/markdown/);
  for (const words of ["### greet", "Greets somebody, a few times.", `${base}/-/mcp`, `curl -s ${base}/-/api/greet`])
    assert.ok(page.includes(words), words);
});

async function connect(options) {
  const client = new Client({ name: "test", version: "1" });

  await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/-/mcp`), options));
  return client;
}

test("the official client lists tools, calls them, sees progress and cancels", async () => {
  const client = await connect();
  const { tools } = await client.listTools();

  assert.deepEqual(tools.map((t) => t.name).sort(), ["count", "fail", "greet", "identity", "picture", "spell", "steps"]);
  assert.equal(tools.find((t) => t.name === "greet").description, "Greets somebody, a few times.");
  const greeted = await client.callTool({ name: "greet", arguments: { text: "Ada", times: 1 } });

  assert.deepEqual(greeted.structuredContent, { result: "Hello, Ada! " });
  assert.deepEqual(greeted.content, [{ type: "text", text: "Hello, Ada! " }]);
  const failed = await client.callTool({ name: "fail", arguments: { message: "boom" } });

  assert.equal(failed.isError, true);
  const refused = await client.callTool({ name: "greet", arguments: { text: "a", times: 99 } });

  assert.equal(refused.isError, true);
  assert.match(refused.content[0].text, /times/);
  const counts = [];

  for (let i = 0; i < 2; i++) counts.push((await client.callTool({ name: "count" })).structuredContent.count);
  assert.deepEqual(counts, [1, 2]);
  const picture = await client.callTool({ name: "picture", arguments: { picture: `data:image/png;base64,${png}` } });

  assert.deepEqual(picture.content.find((c) => c.type === "image"), { type: "image", mimeType: "image/png", data: png });

  const notes = [];
  const spelled = await client.callTool({ name: "spell", arguments: { word: "abc" } }, undefined,
    { onprogress: (note) => notes.push(note) });

  assert.deepEqual(spelled.structuredContent, { letters: "abc" });
  assert.deepEqual(notes.map((n) => n.message).filter((m) => /^[abc]+$/.test(m)), ["a", "ab", "abc"]);
  const steps = [];

  await client.callTool({ name: "steps", arguments: { n: 2 } }, undefined, { onprogress: (note) => steps.push(note) });
  assert.ok(steps.some((n) => n.total === 2 && n.message === "step 2"));

  const stop = new AbortController();
  const stopped = client.callTool({ name: "steps", arguments: { n: 10_000 } }, undefined,
    { signal: stop.signal, onprogress: () => stop.abort() });

  await assert.rejects(stopped);
  // One at a time: it runs only because the other has stopped. So has one whose program went away.
  assert.deepEqual((await client.callTool({ name: "steps", arguments: { n: 1 } })).structuredContent, { done: "done after 1" });
  const gone = new AbortController();
  const answer = await fetch(`${base}/-/api/steps`, { method: "POST", signal: gone.signal,
    headers: { accept: "text/event-stream" }, body: '{"n":10000}' });

  await answer.body.getReader().read();
  gone.abort();
  assert.deepEqual((await call("steps", { n: 1 })).json, { done: "done after 1" });
  assert.deepEqual((await client.callTool({ name: "greet", arguments: { text: "b", times: 1 } })).structuredContent, { result: "Hello, b! " });

  const { resources } = await client.listResources();
  const { contents } = await client.readResource({ uri: resources[0].uri });

  assert.match(contents[0].text, /### greet/);
  await assert.rejects(client.readResource({ uri: "file:///etc/passwd" }), /no such resource/);
  await client.close();
});

test("an MCP session outlives the gateway, and what is no message is refused as JSON-RPC has it", async () => {
  const post = async (body, headers = {}) => {
    const answer = await fetch(`${base}/-/mcp`, {
      method: "POST", body, headers: { accept: "application/json, text/event-stream", ...headers },
    });
    const text = await answer.text();

    return { status: answer.status, session: answer.headers.get("mcp-session-id"), json: text ? JSON.parse(text) : null };
  };
  const { session } = await post('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}');
  const count = async () => (await post('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"count"}}', { "mcp-session-id": session }))
    .json.result.structuredContent.count;

  assert.equal(await count(), 1);
  await platform.killService("gateway");
  assert.equal(await until("it counts on", count), 2);

  for (const [body, headers, status, code] of [
    ["{", {}, 400, -32700],
    ["[]", {}, 400, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"nothing"}', {}, 200, -32601],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"none"}}', {}, 200, -32602],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { "mcp-session-id": "made-up" }, 404, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { "mcp-protocol-version": "1999-01-01" }, 400, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { origin: "https://evil.example" }, 403, undefined],
  ]) {
    const got = await post(body, headers);

    assert.deepEqual([got.status, got.json.error.code], [status, code], body);
  }
  assert.equal((await post('{"jsonrpc":"2.0","method":"notifications/initialized"}')).status, 202);
  assert.equal((await fetch(`${base}/-/mcp`)).status, 405);
});
