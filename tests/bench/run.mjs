// scripts/bench NAME: one JSON object on stdout. Peers are measured in the same run, turn by turn,
// so that both sides see the same machine.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bombApp, bombs, residentMib } from "../e2e/lib/bombs.mjs";
import { frontMatter, Repo } from "../e2e/lib/git.mjs";
import { buildDir, Platform, root } from "../e2e/lib/platform.mjs";
import { runProgram, until } from "../e2e/lib/process.mjs";
import { visitorCookie } from "../e2e/lib/wire.mjs";
import { benchDev } from "./dev.mjs";
import { benchFairness } from "./fairness.mjs";
import { benchHub } from "./hub.mjs";
import { benchInference } from "./inference.mjs";
import { benchMany } from "./many.mjs";
import { benchScheduler } from "./scheduler.mjs";
import { benchSockets } from "./sockets.mjs";
import { benchTls } from "./tls.mjs";
import { benchUi } from "./ui.mjs";
import { benchUpgrade } from "./upgrade.mjs";
import { benchUpload } from "./upload.mjs";

const client = join(buildDir, "bin/bench_client");
const cleanups = [];

const say = (text) => process.stderr.write(`${text}\n`);

async function run(program, args, options) {
  const { code, output } = await runProgram(program, args, { timeoutMs: 300_000, ...options });

  if (code !== 0) throw new Error(`${program} ${args.slice(0, 3).join(" ")}: ${output}`);
  return output;
}

const numbers = (output) => output.trim().split(/\s+/).map(Number);

function percentile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);

  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))];
}

const round = (value, digits = 3) => Number(value.toFixed(digits));

/** A figure beside its peer: holds says whether value ≤ limit, or ≥ floor. goal: in words. */
function figure(what, value, unit, { peer, goal, limit, floor } = {}) {
  return {
    what, value: round(value), unit,
    peer: peer === undefined ? null : round(peer),
    ratio: peer ? round(value / peer) : null,
    goal: goal ?? null,
    holds: limit !== undefined ? value <= limit : floor !== undefined ? value >= floor : null,
  };
}

const echoApp = `local ui = require "vitrine.ui"

return ui.page({ title = "Echo" }, function(page)
  local said = ui.textbox { id = "said", label = "Say" }
  local heard = ui.textbox { id = "heard", label = "Heard", interactive = false }
  local go = ui.button { "Echo", id = "go" }
  go:on_click(function() heard:set(said.value) end)
  return ui.column { said, go, heard }
end)
`;

/** The hello template, with a title that tells one version from the next. */
const hello = (title) => `local ui = require "vitrine.ui"

return ui.interface {
  title   = "${title}",
  inputs  = ui.textbox { label = "Name" },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. name .. "!" end,
}
`;

/** What a session may do a second is no subject here: one of these clicks without a pause. */
async function startPlatform(args = []) {
  const platform = await Platform.start({ args: ["--limit", "session-events=1000000", "--limit", "space-events=1000000", ...args] });

  cleanups.push(() => platform.remove());
  return platform;
}

function newRepo(platform, space, options) {
  const repo = new Repo(platform, space, options);

  cleanups.push(() => repo.remove());
  return repo;
}

const pathOf = (space) => `/spaces/${space}/-/ws`;

// --- push -------------------------------------------------------------------------------------

/** Apache with git http-backend as CGI, the plainest way to serve git over HTTP. */
async function startBackend() {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-backend-"));
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address();

      server.close(() => resolve(free));
    });
  });
  const modules = "/usr/lib/apache2/modules";
  const asRoot = process.getuid() === 0; // then as www-data, which every Debian has

  mkdirSync(join(dir, "repos"));
  await run("git", ["init", "-q", "--bare", "-b", "main", join(dir, "repos/bare.git")]);
  await run("git", ["--git-dir", join(dir, "repos/bare.git"), "config", "http.receivepack", "true"]);
  chmodSync(dir, 0o755);
  if (asRoot) await run("chown", ["-R", "www-data:www-data", dir]);
  writeFileSync(join(dir, "httpd.conf"), `
ServerName 127.0.0.1
ServerRoot ${dir}
PidFile ${dir}/pid
Listen 127.0.0.1:${port}
ErrorLog ${dir}/error.log
LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
LoadModule alias_module ${modules}/mod_alias.so
LoadModule env_module ${modules}/mod_env.so
LoadModule cgid_module ${modules}/mod_cgid.so
${asRoot ? "User www-data\nGroup www-data" : ""}
ScriptSock ${dir}/cgid.sock
SetEnv GIT_PROJECT_ROOT ${dir}/repos
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnv REMOTE_USER bench
ScriptAlias / /usr/lib/git-core/git-http-backend/
<Directory /usr/lib/git-core>
  Options +ExecCGI
  Require all granted
</Directory>
`);
  const server = spawn("/usr/sbin/apache2", ["-DFOREGROUND", "-f", join(dir, "httpd.conf")], { stdio: "inherit" });

  cleanups.push(async () => {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.on("close", resolve));
    rmSync(dir, { recursive: true, force: true });
  });
  await until("apache answers", async () => (await fetch(`http://127.0.0.1:${port}/bare.git/info/refs?service=git-upload-pack`)).status === 200);
  return `http://127.0.0.1:${port}/bare.git`;
}

async function benchPush(rounds = 40) {
  const backend = await startBackend();
  const platform = await startPlatform();
  const space = "admin/hello";
  const repo = newRepo(platform, space);
  const bare = [], pushed = [], live = [];

  for (let i = 0; i < rounds + 3; i++) {
    const title = `Version ${i}`;

    await repo.commit({ "app.lua": hello(title) }, title);
    const options = { cwd: repo.dir, env: repo.env };
    const [peer] = numbers(await run(client, ["spawn", "1", "git", "push", "-q", backend, "main"], options));
    const ours = numbers((await run(client, ["push", String(platform.port), pathOf(space), title,
      "git", "push", "-q", repo.url, "main"], options)).split("\n").filter((line) => /^\d+ \d+$/.test(line)).join());

    if (i < 3) continue; // the first ones warm the file caches of both
    bare.push(peer / 1000);
    pushed.push(ours[0] / 1000);
    live.push(ours[1] / 1000);
  }
  const peer = percentile(bare, 50);

  return [
    figure("git push start → new version answers a visitor, p50", percentile(live, 50), "ms",
      { peer, goal: "≤ bare git push to git http-backend + 150 ms", limit: peer + 150 }),
    figure("git push start → new version answers a visitor, p95", percentile(live, 95), "ms", { peer: percentile(bare, 95) }),
    figure("git push alone, p50", percentile(pushed, 50), "ms", { peer }),
  ];
}

// --- wake -------------------------------------------------------------------------------------

const bwrap = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
  "--symlink", "usr/lib64", "/lib64", "lua5.4", "-e", ""];

async function benchWake(rounds = 40) {
  const platform = await startPlatform();
  const first = [], running = [], peers = [];

  // Each Space is woken once, right from its sleep after the push that made it.
  for (let i = 0; i < rounds + 2; i++) {
    const repo = newRepo(platform, `admin/wake-${i}`);

    await repo.deploy({ "app.lua": hello(`Space ${i}`) });
    repo.remove();
  }
  for (let i = 0; i < rounds + 2; i++) {
    const space = `admin/wake-${i}`;
    const cookie = await visitorCookie(platform, space);
    const [peer] = numbers(await run(client, ["spawn", "1", ...bwrap]));

    // The peer ran with the machine quiet; so shall we: the pool refills in the background.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const [tree, awake] = numbers(await run(client, ["wake", String(platform.port), pathOf(space), cookie]));

    if (i < 2) continue;
    peers.push(peer / 1000);
    first.push(tree / 1000);
    running.push(awake / 1000);
  }
  const peer = percentile(peers, 50);

  return [
    figure("upgrade request at a sleeping Space → its woken worker has sent its tree, p50", percentile(running, 50), "ms",
      { peer, goal: "≤ 2 × bare bwrap lua5.4", limit: 2 * peer }),
    figure("the same, p95", percentile(running, 95), "ms", { peer: percentile(peers, 95) }),
    figure("upgrade request → first tree on the page (recorded by the build), p50", percentile(first, 50), "ms",
      { peer, goal: "≤ 5 ms", limit: 5 }),
  ];
}

// --- click ------------------------------------------------------------------------------------

let echoServer;

async function startEcho() {
  const server = echoServer = spawn(join(buildDir, "bin/bench_echo"), { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";

  server.stdout.on("data", (bytes) => {
    said += bytes;
  });
  cleanups.push(() => server.kill("SIGTERM"));
  await until("the echo server listens", () => said.includes("\n"));
  return said.trim();
}

async function benchClick(turns = 10, each = 1000) {
  const platform = await startPlatform();
  const repo = newRepo(platform, "admin/echo");

  await repo.deploy({ "app.lua": echoApp });
  const echoPort = await startEcho();
  const cookie = await visitorCookie(platform, "admin/echo");
  const keys = ["said", "go"];
  const ours = [], peers = [];

  for (let turn = 0; turn < turns; turn++) {
    peers.push(...numbers(await run(client, ["echo", echoPort, "/", String(each)])));
    ours.push(...numbers(await run(client, ["click", String(platform.port), pathOf("admin/echo"), cookie, String(each), ...keys])));
  }
  const many = [], manyPeer = [];

  for (let turn = 0; turn < 3; turn++) {
    manyPeer.push(...numbers(await run(client, ["echoes", echoPort, "/", "3", "200"])));
    many.push(...numbers(await run(client, ["clicks", String(platform.port), pathOf("admin/echo"), "3", "200", ...keys])));
  }
  const peer = percentile(peers, 50);

  return [
    figure("echo handler, click → commit, p50", percentile(ours, 50), "µs",
      { peer, goal: "≤ 2 × bare libwebsockets echo", limit: 2 * peer }),
    figure("echo handler, click → commit, p99", percentile(ours, 99), "µs", { peer: percentile(peers, 99) }),
    figure("200 sessions at once, throughput", percentile(many, 50), "clicks/s", { peer: percentile(manyPeer, 50) }),
  ];
}

// --- memory -----------------------------------------------------------------------------------

/** Bytes the memory cgroup of the process charges it with, or null when it has none of its own. */
function cgroupBytes(pid) {
  for (const line of readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n")) {
    const [, controllers, path] = line.split(":");
    const candidates = controllers === "" ? [`/sys/fs/cgroup${path}/memory.current`, `/sys/fs/cgroup/unified${path}/memory.current`]
      : controllers.split(",").includes("memory") ? [`/sys/fs/cgroup/memory${path}/memory.usage_in_bytes`] : [];

    for (const file of candidates) {
      if (path === "/" || !existsSync(file)) continue;
      const procs = readFileSync(join(file, "../cgroup.procs"), "utf8").trim().split("\n");

      if (procs.length === 1 && procs[0] === String(pid)) return Number(readFileSync(file, "utf8"));
    }
  }
  return null;
}

/** What the process alone costs where no cgroup counts: its private pages, page tables, stacks. */
function privateBytes(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

  return 1024 * (kib(rollup, "Pss") + kib(status, "VmPTE") + 16 * Number(/^Threads:\s+(\d+)/m.exec(status)[1]));
}

async function benchMemory(workers = 10) {
  const platform = await startPlatform();
  const samples = [];
  let how = "memory cgroup total";

  for (let i = 0; i < workers; i++) {
    const space = `admin/idle-${i}`;
    const repo = newRepo(platform, space);

    await repo.deploy({ "app.lua": echoApp });
    const cookie = await visitorCookie(platform, space);

    await run(client, ["click", String(platform.port), pathOf(space), cookie, "1", "said", "go"]);
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (let i = 0; i < workers; i++) {
    const [pid] = await platform.workerPids(`admin/idle-${i}`);
    const charged = cgroupBytes(pid);

    if (charged === null) how = "PSS + page tables + kernel stack (no memory cgroup of its own here)";
    samples.push((charged ?? privateBytes(pid)) / 1e6);
  }
  return [figure(`idle awake Space's worker, ${how}, p50 of ${workers}`, percentile(samples, 50), "MB",
    { goal: "≤ 1.5 MB", limit: 1.5 }),
  figure("the largest of them", Math.max(...samples), "MB")];
}

// --- box --------------------------------------------------------------------------------------

const boxProgram = join(buildDir, "bin/bench_box");
const helloApp = join(root, "templates/hello/app.lua");

/** Lines "NAME NUMBER" of bench_box as { NAME: [NUMBER, …] }. */
async function boxSamples(...args) {
  const samples = {};

  for (const line of (await run(boxProgram, args)).split("\n")) {
    const found = /^([a-z_]+) (\d+)$/.exec(line);

    if (found) (samples[found[1]] ??= []).push(Number(found[2]));
  }
  return samples;
}

/** p10, p50 and p90 of one thing; only the median has goals. */
function spread(what, samples, unit, options) {
  return [figure(`${what}, p50`, percentile(samples, 50), unit, options),
    figure(`${what}, p10`, percentile(samples, 10), unit),
    figure(`${what}, p90`, percentile(samples, 90), unit)];
}

async function boxTimes(rounds, isolation) {
  const ms = (samples) => samples.map((usec) => usec / 1000);
  const took = await boxSamples("times", String(rounds), isolation, helloApp);
  const lua = percentile(took.lua, 50);
  const bwrapMs = percentile(took.bwrap, 50) / 1000;
  const demand = ms(took.demand);

  return [
    ...spread("an app of one line to a sealed box that waited → hello", took.assigned, "µs", { goal: "≤ 150 µs", limit: 150 }),
    figure("the same with the hello template (eight components), p50", percentile(took.assigned_template, 50), "µs",
      { peer: lua, goal: "≤ 150 µs", limit: 150 }),
    ...spread("WAKE at the agent → a sealed worker from the pool has the app (one line) and said hello", took.pool, "µs",
      { goal: "≤ 150 µs", limit: 150 }),
    figure("the same beside a naked lua5.4 -e ''", percentile(took.pool, 50), "µs", { peer: lua, goal: "faster than it", limit: lua }),
    figure("the same with the hello template, p50", percentile(took.pool_template, 50), "µs",
      { peer: lua, goal: "≤ 150 µs", limit: 150 }),
    ...spread("WAKE at the agent → the same (one line) built on demand, no box waiting", demand, "ms", { goal: "≤ 3 ms", limit: 3 }),
    figure("the same beside bwrap --unshare-all with lua5.4 -e ''", percentile(demand, 50), "ms",
      { peer: bwrapMs, goal: "at least 2 × faster than it", limit: bwrapMs / 2 }),
    figure("the same with the hello template, p50", percentile(took.demand_template, 50) / 1000, "ms",
      { peer: bwrapMs, goal: "≤ 3 ms", limit: 3 }),
    figure("of it, SPAWN at boxd → exec has succeeded, p50", percentile(took.built, 50) / 1000, "ms"),
    figure("of it, SPAWN at boxd → sealed, with the SDK, p50", percentile(took.sealed, 50) / 1000, "ms"),
    figure("of it, the hello template to a sealed worker → hello, p50", percentile(took.loaded, 50), "µs"),
    ...spread("peer: bare clone of eight namespaces → its child's first byte", took.clone, "µs"),
    ...spread("peer: lua5.4 -e '', no sandbox", took.lua, "µs"),
    ...spread("peer: bwrap --unshare-all, read-only /usr, lua5.4 -e ''", ms(took.bwrap), "ms"),
  ];
}

const kib = (bytes) => bytes / 1024;

async function boxMemory(count) {
  const full = await boxSamples("memory", String(count), "full", helloApp);
  const dense = await boxSamples("memory", String(count), "dense", helloApp);
  const charged = full.blank_cgroup[0] > 0;
  const how = charged ? "memory cgroup total" : "by the machine's own counters (no memory cgroup here)";
  const of = (state) => kib(full[`${state}_${charged ? "cgroup" : "all"}`][0]);
  const inGib = (held, state) => 2 ** 30 / held[`${state}_all`][0];

  return [
    figure(`${count} idle boxes, each with a sealed program that has no Lua in it, ${how}`, of("bare"), "KiB",
      { goal: "≤ 300 KiB", limit: 300 }),
    figure(`${count} idle boxes, blank as they wait in the pool (SDK loaded and rehearsed), ${how}`, of("blank"), "KiB",
      { goal: "≤ 600 KiB", limit: 600 }),
    figure(`the same with the hello template loaded, ${how}`, of("loaded"), "KiB", { goal: "≤ 600 KiB", limit: 600 }),
    figure("blank, with the kernel memory that no cgroup is charged with, isolation full", kib(full.blank_all[0]), "KiB"),
    figure("the same, isolation dense", kib(dense.blank_all[0]), "KiB"),
    figure("blank boxes in a GiB, isolation full", inGib(full, "blank"), "boxes"),
    figure("blank boxes in a GiB, isolation dense", inGib(dense, "blank"), "boxes"),
    figure("boxes with the hello template in a GiB, isolation full", inGib(full, "loaded"), "boxes"),
    figure("boxes with the hello template in a GiB, isolation dense", inGib(dense, "loaded"), "boxes"),
  ];
}

async function boxStorm(seconds) {
  const took = await boxSamples("storm", String(seconds));
  const calm = percentile(took.calm, 99);

  return [
    figure("a visitor's click while the pool refills without a pause, p99", percentile(took.refill, 99), "µs",
      { peer: calm, goal: "≤ 2 × the same visitor in calm", limit: 2 * calm }),
    figure("the same while boxes are built at ordinary priority, p99", percentile(took.now, 99), "µs", { peer: calm }),
  ];
}

async function benchBox() {
  return [...await boxTimes(100, "full"), ...await boxStorm(20), ...await boxMemory(1000)];
}

// --- bombs ------------------------------------------------------------------------------------

/** A victim's clicks before, under and after each attack of another Space, in one run. */
async function benchBombs(calmClicks = 10_000, attackClicks = 20_000) {
  const platform = await startPlatform();
  const victim = newRepo(platform, "admin/victim");

  await victim.deploy({ "app.lua": echoApp });
  const cookie = await visitorCookie(platform, "admin/victim");
  const clicks = async (n) => numbers(await run(client,
    ["click", String(platform.port), pathOf("admin/victim"), cookie, String(n), "said", "go"]));
  const figures = [];

  for (const [name, begin] of Object.entries(bombs)) {
    const space = `admin/${name.replace(" ", "-")}`;

    await newRepo(platform, space).deploy({ "app.lua": bombApp });
    const calm = await clicks(calmClicks);
    const end = await begin(platform, space);
    let attacked;

    try {
      attacked = await clicks(attackClicks);
    } finally {
      await end();
    }
    // Handlers of an attack may go on for their minute: the Space ends first.
    await platform.api("DELETE", `/api/spaces/${space}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    calm.push(...await clicks(calmClicks));
    const peer = percentile(calm, 99);

    say(`${name}: p50 ${percentile(calm, 50)} → ${percentile(attacked, 50)} µs, p99 ${peer} → ${percentile(attacked, 99)} µs`);
    figures.push(figure(`victim's click under ${name}, p99 (peer: calm, same run)`, percentile(attacked, 99), "µs",
      { peer, goal: "≤ 2 × calm", limit: 2 * peer }));
    figures.push(figure("the same, p50", percentile(attacked, 50), "µs", { peer: percentile(calm, 50) }));
  }
  figures.push(figure("gateway, resident after all of them", residentMib(platform.servicePid("gateway")), "MiB"));
  return figures;
}

// ----------------------------------------------------------------------------------------------

const benches = { push: benchPush, wake: benchWake, click: benchClick, memory: benchMemory, box: benchBox, bombs: benchBombs,
  dev: () => benchDev({ run, figure, percentile, cleanups }),
  fairness: () => benchFairness({ startPlatform, newRepo, run, numbers, percentile, figure, say, client, pathOf }),
  sockets: () => benchSockets({ startPlatform, startEcho: async () => { const port = await startEcho(); return { port, pid: echoServer.pid }; },
    newRepo, run, numbers, percentile, figure, echoApp, client, pathOf }),
  hub: () => benchHub({ startPlatform, newRepo, run, percentile, figure, say, cleanups }),
  inference: () => benchInference({ run, figure, say, cleanups }),
  scheduler: () => benchScheduler({ run, figure }),
  many: () => benchMany({ startPlatform, newRepo, run, numbers, percentile, figure, say, client, pathOf }),
  tls: () => benchTls({ startPlatform, newRepo, run, figure, say, cleanups, echoApp, pathOf }),
  ui: () => benchUi({ startPlatform, newRepo, percentile, figure, say, cleanups }),
  upgrade: () => benchUpgrade({ newRepo, percentile, figure, say, cleanups,
    startEcho: async () => { const port = await startEcho(); return { port, server: echoServer }; } }),
  upload: () => benchUpload({ startPlatform, newRepo, run, figure, say, cleanups }) };
const name = process.argv[2];

if (!benches[name]) {
  say(`usage: scripts/bench ${Object.keys(benches).join(" | ")}`);
  process.exit(2);
}
try {
  const figures = await benches[name]();

  console.log(JSON.stringify({ name, figures }, null, 2));
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
