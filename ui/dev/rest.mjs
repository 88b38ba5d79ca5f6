// The REST answers of the fake gateway.
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
    const space = /^\/api\/spaces\/([^/]+)\/([^/]+)(.*)$/.exec(url.pathname);
    if (!space) return send(404, { error: "There is no such thing." });
    const found = spaces.find((s) => s.owner === space[1] && s.name === space[2]);
    if (!found) return send(404, { error: "There is no such Space." });
    if (space[3] === "/logs/run" || space[3] === "/logs/build") return logs(request, response);
    if (!world.signedIn) return send(401, { error: "Sign in first." });
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
  ["info", "app.lua loaded in 4.2 ms"],
  ["info", "session 7 opened"],
  ["info", "classified 1 text in 1.9 ms"],
  ["warn", "lexicon.txt: 2 lines are empty"],
  ["error", "app.lua:42: attempt to index a nil value (local 'reply')  reference k7q2m9"],
];

function logs(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const start = Date.now() - 90e3;
  for (let i = 0; i < 24; i++) {
    const [level, line] = LINES[(i * 7) % 5];
    response.write(`data: ${JSON.stringify({ time: (start + i * 1730) * 1000, level, line })}\n\n`);
  }
  const timer = setInterval(() => response.write(`data: ${JSON.stringify({ time: Date.now() * 1000, line: "tick" })}\n\n`), 2000);
  request.on("close", () => clearInterval(timer));
}
