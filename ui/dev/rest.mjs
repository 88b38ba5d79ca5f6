// The REST answers of the fake gateway.
import { hub } from "./hub.mjs";

export function rest(world) {
  const tokens = [
    { id: "t1", name: "laptop", createdAt: "2026-08-02T09:12:00Z", lastUsedAt: new Date(Date.now() - 5e6).toISOString() },
    { id: "t2", name: "continuous integration", createdAt: "2026-10-19T16:40:00Z" },
  ];
  const person = { name: "ada", fullname: "Ada Lovelace", type: "user", admin: true, csrf: "made-up" };
  const ago = (minutes) => new Date(Date.now() - minutes * 60e3).toISOString();
  const spaces = [
    ["demo", "mood", "How does this sound?", "🎭", "running", 4],
    ["demo", "chat", "Tiny writer", "✍️", "asleep", 190],
    ["demo", "kitchen", "Kitchen sink", "🧰", "running", 3],
    ["marie", "spectra", "Which element is this?", "🔬", "failed", 60 * 26],
    ["grace", "compiler-errors-in-plain-words", "Compiler errors in plain words", "", "asleep", 60 * 24 * 40],
    ["vitrine", "hello", "Hello", "👋", "asleep", 60 * 24 * 90],
  ].map(([owner, name, title, emoji, state, minutes]) => ({ id: `${owner}/${name}`, owner, name, title, emoji, sdk: "lua", state, bundle: "ab".repeat(32), commit: "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432", updatedAt: ago(minutes), url: `/spaces/${owner}/${name}` }));
  const phases = (...ms) => ["receive", "front matter", "parse", "load", "bundle", "start"].map((name, i) => ({ name, ms: ms[i] })).filter((p) => p.ms !== undefined);
  let builds = [
    { id: "b4", commit: "3c9d02e71f", bundle: "d1", state: "failed", createdAt: ago(12), message: "app.lua:14: unexpected symbol near 'retrun'", phases: phases(6, 1, 3) },
    { id: "b3", commit: "9f8e7d6c5b", bundle: "c1", state: "live", createdAt: ago(190), message: "Shorter answers", phases: phases(7, 1, 4, 11, 3, 9) },
    { id: "b2", commit: "77aa01c2d3", bundle: "b1", state: "ready", createdAt: ago(60 * 30), message: "A second example", phases: phases(8, 1, 4, 12, 3, 10) },
    { id: "b1", commit: "01ab23cd45", bundle: "a1", state: "ready", createdAt: ago(60 * 50), message: "First version", phases: phases(14, 2, 4, 13, 4, 22) },
  ];

  return async function answer(request, response, url) {
    const body = await read(request);
    const send = (status, value) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(value));
    };
    const key = `${request.method} ${url.pathname}`;
    if (key === "GET /api/whoami-v2") return world.signedIn ? send(200, person) : send(401, { error: "Sign in first." });
    if (key === "POST /api/login") {
      if (body.password !== "analytical") return send(401, { error: "That name and password do not belong together.", field: "password" });
      world.signedIn = true;
      return send(200, person);
    }
    if (key === "POST /api/logout") {
      world.signedIn = false;
      return send(200, {});
    }
    if (key === "GET /api/spaces") return send(200, world.empty ? [] : spaces);
    if (key === "GET /api/tokens") return send(200, world.empty ? [] : tokens);
    if (key === "POST /api/tokens") {
      tokens.push({ id: `t${tokens.length + 1}`, name: body.name, createdAt: new Date().toISOString() });
      return send(200, { token: "hf_9aQ2mVt7RkXw3LpZ8sYcB4nHdJ6fGe1u", id: tokens.at(-1).id, name: body.name });
    }
    if (key.startsWith("DELETE /api/tokens/")) {
      tokens.splice(tokens.findIndex((t) => key.endsWith(t.id)), 1);
      return send(200, {});
    }
    if (key === "POST /api/account/password") return body.old === "analytical" ? send(200, {}) : send(403, { error: "The present password is another one.", field: "old" });
    const known = world.signedIn ? hub(key, url, body) : undefined;
    if (known !== undefined) return send(200, known);
    const space = /^\/api\/spaces\/([^/]+)\/([^/]+)(.*)$/.exec(url.pathname);
    if (!space) return send(404, { error: "There is no such thing." });
    const found = spaces.find((s) => s.owner === space[1] && s.name === space[2]);
    if (!found) return send(404, { error: "There is no such Space." });
    if (!world.signedIn) return send(401, { error: "Sign in first." });
    if (space[3] === "/logs/run") return logs(request, response, url, world);
    if (space[3] === "/logs/build") return buildLog(response);
    if (space[3] === "/events") return events(request, response);
    if (space[3] === "/builds") return send(200, builds);
    if (space[3] === "/rollback") {
      const to = body.build ?? "b2";
      builds = builds.map((b) => ({ ...b, state: b.id === to ? "live" : b.state === "live" ? "ready" : b.state }));
      return send(200, { build: to });
    }
    return send(200, { ...found, owned: true, builds, runtime: { stage: found.state, sessions: 3 } });
  };
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    return {};
  }
}

const LINES = [
  ["platform", "info", "the worker is up"],
  ["stdout", "info", "session opened"],
  ["log", "info", 'classified label="very happy" ms=1.9'],
  ["log", "warn", "lexicon.txt: 2 lines are empty"],
  ["stderr", "error", "app.lua:42: attempt to index a nil value (local 'reply')", "k7q2m9abcd"],
  ["log", "debug", "cache hits=3"],
  ["stdout", "info", "a long line: " + "tokens and more tokens without an end, ".repeat(9) + "x".repeat(120)],
];
const SESSIONS = ["0a1b2c3d", "77f00e42", "c0ffee00"];

/** As the orchestrator does: ids that grow, filters, and a gap for who asks for what has gone. */
function logs(request, response, url, world) {
  if (world.broken) return request.socket.destroy();
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write("retry: 1000\n\n");
  if (world.empty) return;
  const query = url.searchParams;
  const start = Date.now() - 90e3;
  const levels = ["debug", "info", "warn", "error"];
  const write = (i, time) => {
    const [stream, level, line, ref] = LINES[(i * 5) % 7];
    const session = stream === "platform" ? undefined : SESSIONS[i % 3];
    const event = { id: 1000 + i, time: time * 1000, replica: "r1", commit: i < 9 ? "77aa01c2d3e4" : "9f8e7d6c5b4a", stream, level, session, event: i, ref, line };
    if (levels.indexOf(level) < levels.indexOf(query.get("level") ?? "debug")) return;
    for (const name of ["session", "ref"]) if (query.has(name) && query.get(name) !== event[name]) return;
    if (query.has("commit") && !event.commit.startsWith(query.get("commit"))) return;
    response.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  for (let i = 0; i < 40; i++) write(i, start + i * 1730);
  if (world.gap) response.write("event: gap\ndata: {}\n\n");
  let i = 40;
  const timer = setInterval(() => write(i++, Date.now()), 700);
  request.on("close", () => clearInterval(timer));
}

function buildLog(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  for (const line of ["vitrine: ✓ front matter 1.2 ms", "vitrine: ✓ bundle (3 files, 4.1 kB) 2.0 ms", "vitrine: app.lua:14: unexpected symbol near 'retrun'", "vitrine: refused; the version before it keeps serving"])
    response.write(`data: ${JSON.stringify({ time: (Date.now() - 720e3) * 1000, build: "b4", commit: "3c9d02e71f", line })}\n\n`);
  response.end();
}

/** A build that goes on for ever. */
function events(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  let id = 0;
  const say = (type, more) => response.write(`data: ${JSON.stringify({ id: ++id, time: Date.now() * 1000, space: "demo/mood", type, commit: "e5f6a7b8c9", ...more })}\n\n`);
  say("build.started");
  say("build.phase", { name: "front matter", ms: 1.2 });
  const timer = setTimeout(() => say("build.phase", { name: "bundle", ms: 2.4 }), 400);
  request.on("close", () => clearTimeout(timer));
}
