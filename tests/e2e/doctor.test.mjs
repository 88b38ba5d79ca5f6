// vitrine doctor: passes where the promise is kept, names the layer where it is not, leaves nothing.
// Alone: it looks at every cgroup of the machine.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { buildDir, Platform, root, vitrine } from "./lib/platform.mjs";
import { descendants, isAlive, runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const asRoot = process.getuid() === 0;
const needsRoot = { skip: !asRoot && "needs root" };
const uid = asRoot ? 61778 : process.getuid();
const slotUids = { first: 1879044096, count: 8 }; // of the doctor's own boxes: cli/doctor/lab.h
const boxdUid = 61206; // cli/host/layout.h
const programs = ["vitrine", "vitrine-boxd", "vitrine-worker", "vitrine-probe"];
const ofTests = ["without_call", "probe_unsealed"];
// What an honest host may lack: no writable cgroup, an older kernel.
const mayBeMissing = ["memory", "processes", "cpu", "time", "landlock", "mdwe"];
// Calls of every architecture, and errors.
const [SYS_landlock_create_ruleset, SYS_clone3, EPERM, ENOSYS] = [444, 435, 1, 38].map(String);

let bin; // programs that other users can reach
const cleanups = [];

before(() => {
  bin = mkdtempSync(join(tmpdir(), "vitrine-doctor-"));
  chmodSync(bin, 0o755);
  cleanups.push(() => rmSync(bin, { recursive: true, force: true }));
  for (const name of [...programs, ...ofTests]) cpSync(join(buildDir, "bin", name), join(bin, name));
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** A folder of programs where one is replaced by another. */
function binWith(name, replacement) {
  const dir = join(bin, `${name}-is-${replacement}`);

  mkdirSync(dir);
  for (const program of programs) symlinkSync(join(bin, program === name ? replacement : program), join(dir, program));
  return dir;
}

const asUser = (...command) => asRoot
  ? ["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups", ...command] : command;
const doctorArgs = (...args) => [join(bin, "vitrine"), "doctor", "--data", join(bin, "no-data"), ...args];

/** Runs a whole command line to its end and checks that nothing of it is left. */
async function run(...command) {
  const homes = new Set(cgroupHomes());
  const { code, output } = await runProgram(command[0], command.slice(1), { env: { PATH: process.env.PATH } });

  await untilNothingIsLeft(homes);
  return { code, output };
}

/** The same with --json: { code, report, missing }. */
async function examine(prefix, ...args) {
  const { code, output } = await run(...prefix, ...doctorArgs("--json", ...args));
  let report;

  try {
    report = JSON.parse(output);
  } catch (error) {
    throw new Error(`no JSON, exit status ${code}:\n${output}`, { cause: error });
  }
  const missing = report.findings.filter(({ state, required }) => state === "missing" && required);

  assert.equal(code, report.holds ? 0 : 1);
  assert.equal(report.holds, !report.findings.some(({ state, required }) => required && ["missing", "unseen"].includes(state)));
  return { code, report, missing: missing.map(({ name }) => name), find: (name) => report.findings.find((f) => f.name === name) };
}

/** Folders vitrine-PID of the doctor's boxds in every cgroup hierarchy. */
function cgroupHomes(dir = "/sys/fs/cgroup", depth = 6) {
  let entries = [];

  try {
    entries = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return []; // gone meanwhile
  }
  return entries.flatMap(({ name }) => {
    if (/^vitrine-\d+$/.test(name)) return isOurs(join(dir, name)) ? [join(dir, name)] : [];
    return depth > 0 ? cgroupHomes(join(dir, name), depth - 1) : [];
  });
}

function isOurs(path) {
  try {
    return [uid, boxdUid].includes(statSync(path).uid);
  } catch {
    return false;
  }
}

function processesOfBoxes() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const owner = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

      return owner >= slotUids.first && owner < slotUids.first + slotUids.count;
    } catch {
      return false;
    }
  });
}

// Other doctors may run on this machine: theirs are alive, or end soon.
async function untilNothingIsLeft(homesBefore) {
  await until("no cgroup is left", () => cgroupHomes().every((home) =>
    homesBefore.has(home) || isAlive(Number(home.match(/(\d+)$/)[1]))), 10_000);
  await until("no box is left", () => processesOfBoxes().length === 0, 20_000);
}

const catalogue = () => [...readFileSync(join(root, "sandbox/probe/attacks.def"), "utf8")
  .matchAll(/^ATTACK\((\d+), (\w+),/gm)].map(([, number, name]) => `${number} ${name}`);

function checkAttacks(report) {
  for (const stage of ["sealed", "start"])
    assert.deepEqual(report.attacks.filter((a) => a.stage === stage).map(({ number, name }) => `${number} ${name}`), catalogue());
  assert.deepEqual(report.attacks.filter(({ holds }) => !holds), []);
}

test("as root it proves the full promise, or says what this host lacks", needsRoot, async () => {
  const { report, missing, find } = await examine([]);

  console.log(`# missing here: ${missing.join(", ") || "nothing"}`);
  assert.equal(report.promise, "full");
  assert.deepEqual(missing.filter((name) => !mayBeMissing.includes(name)), []);
  for (const name of ["box", "namespaces", "uid", "root", "files", "privileges", "filter", "rlimits", "boxd", "attacks", "early-attacks", "worker"])
    assert.equal(find(name).state, "ok", name);
  checkAttacks(report);
});

test("as an ordinary user it keeps the lesser promise and says what only root can", async () => {
  const { report, missing, find } = await examine(asUser());

  console.log(`# missing here: ${missing.join(", ") || "nothing"}`);
  assert.equal(report.promise, "user");
  assert.deepEqual(missing.filter((name) => !mayBeMissing.includes(name)), []);
  assert.equal(find("uid").state, "missing");
  assert.match(find("uid").remedy, /root/);
  for (const name of ["memory", "processes", "cpu"]) assert.equal(find(name).required, false, name);
  for (const name of ["box", "namespaces", "root", "files", "privileges", "filter", "rlimits", "boxd", "attacks", "early-attacks", "worker"])
    assert.equal(find(name).state, "ok", name);
  checkAttacks(report);
  const full = await examine(asUser(), "--require", "full");

  assert.equal(full.code, 1);
  assert.ok(full.missing.includes("uid"), full.missing.join());
});

test("a kernel without Landlock is named", async () => {
  const { code, missing, find } = await examine([join(bin, "without_call"), SYS_landlock_create_ruleset, ENOSYS]);

  assert.equal(code, 1);
  assert.ok(missing.includes("landlock"), missing.join());
  assert.match(find("landlock").remedy, /lsm=/);
  assert.equal(find("attacks").state, "ok");
});

test("where no box can be built it says so and what forbids it", async () => {
  const { code, missing, find } = await examine([join(bin, "without_call"), SYS_clone3, EPERM]);

  assert.equal(code, 1);
  assert.ok(missing.includes("box"), missing.join());
  assert.match(find("box").says, /namespaces/);
  assert.equal(find("attacks").state, "unseen");
});

test("user namespaces that are switched off are named with their setting", async (t) => {
  const off = ["unshare", "--user", `--map-user=${uid}`, `--map-group=${uid}`, "--keep-caps", "sh", "-c",
    'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"', "sh"];
  const { code } = await runProgram(...(([program, ...args]) => [program, args])(asUser(...off, "true")));

  if (code !== 0) return t.skip("an ordinary user may not make a user namespace here");
  const { missing, find } = await examine(asUser(...off));

  assert.ok(missing.includes("box"), missing.join());
  assert.match(find("box").says, /max_user_namespaces is 0/);
  assert.match(find("user-namespaces").remedy, /^sysctl user\.max_user_namespaces=/);
});

test("without cgroups the three limits are named", needsRoot, async () => {
  const { code, missing, find } = await examine(["unshare", "-m", "sh", "-c",
    'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$@"', "sh"]);

  assert.equal(code, 1);
  assert.deepEqual(missing.filter((name) => name !== "time" && name !== "landlock"), ["memory", "processes", "cpu"]);
  assert.match(find("memory").remedy, /cgroup/);
  assert.equal(find("attacks").state, "ok");
});

test("too few open files are named", async () => {
  const { code, missing, find } = await examine(["prlimit", "--nofile=40:40"]);

  assert.equal(code, 1);
  assert.ok(missing.includes("box"), missing.join());
  assert.match(find("box").says, /ulimit -n/);
});

test("a probe that is not sealed is found out by its attacks and from outside", async () => {
  const { code, report, missing, find } = await examine([], "--bin", binWith("vitrine-probe", "probe_unsealed"));

  assert.equal(code, 1);
  assert.ok(missing.includes("attacks") && missing.includes("filter"), missing.join());
  const through = report.attacks.filter(({ stage, holds }) => stage === "sealed" && !holds).map(({ name }) => name);

  for (const name of ["second_filter", "uname", "landlock_ruleset"]) assert.ok(through.includes(name), through.join());
  assert.equal(find("early-attacks").state, "ok");
  const text = await run(...doctorArgs("--bin", join(bin, "vitrine-probe-is-probe_unsealed")));

  assert.equal(text.code, 1);
  assert.match(text.output, /84 second_filter +sealed +EFAULT, must be: killed/);
  assert.match(text.output, /does not keep the promise ".*attacks, sealed/);
});

test("a worker that does not seal itself is named", async () => {
  const { code, missing, find } = await examine([], "--bin", binWith("vitrine-worker", "vitrine-boxd"));

  assert.equal(code, 1);
  assert.ok(missing.includes("worker"), missing.join());
  assert.match(find("worker").says, /ended|cannot start the worker/); // the latter where boxd is sanitized
});

test("for people: groups, one line each, colours on a terminal only", async () => {
  const { code, output } = await run(...doctorArgs("--verbose"));

  assert.match(output, /^This host$/m);
  assert.match(output, /^A box, built here by vitrine-boxd$/m);
  assert.match(output, /^  ok    attacks, sealed +\d+ attacks/m);
  assert.match(output, code === 0 ? /keeps the promise/ : /does not keep the promise/);
  assert.doesNotMatch(output, /\x1b/);
  assert.ok(output.split("\n").every((line) => line.length <= 100), "a line is over 100 columns");
  assert.match(output, /ok +34 fork +sealed +killed/);
  const onTerminal = await run("script", "-qec", doctorArgs().join(" "), "/dev/null");

  assert.match(onTerminal.output, /\x1b\[32mok\x1b\[0m/);
});

test("bad options end with status 2", async () => {
  for (const args of [["--require", "everything"], ["--nonsense"], ["word"], ["--require"]]) {
    const { code } = await run(...doctorArgs(...args));

    assert.equal(code, 2, args.join(" "));
  }
});

test("Ctrl-C at any moment leaves nothing behind", async () => {
  for (const ms of [30, 150, 400, 800, 1600]) {
    const homes = new Set(cgroupHomes());
    const child = spawn(join(bin, "vitrine"), doctorArgs().slice(1), { stdio: "ignore" });
    const ended = new Promise((done) => child.on("close", (code, signal) => done({ code, signal })));

    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill("SIGINT");
    const { code, signal } = await ended;

    // It may have been done, or not have begun to listen.
    assert.ok(code === 130 || signal === "SIGINT" || (code ?? 1) <= 1, `${code} ${signal} after ${ms} ms`);
    await untilNothingIsLeft(homes);
  }
});

test("kill -9 leaves no process, and the next one clears the cgroups away", async () => {
  const homes = new Set(cgroupHomes());
  const child = spawn(join(bin, "vitrine"), doctorArgs().slice(1), { stdio: "ignore" });

  const family = await until("it has boxes", () => {
    const pids = descendants(child.pid);

    return pids.length > 2 && pids;
  }, 10_000, 2);

  child.kill("SIGKILL");
  // Reaped, too: the next boxd takes a zombie for one that lives.
  await until("no process is left", () => !family.some((pid) => existsSync(`/proc/${pid}`)), 20_000);
  await runProgram(join(bin, "vitrine"), doctorArgs().slice(1));
  await untilNothingIsLeft(homes);
});

test("two at once do not disturb each other", async () => {
  const both = await Promise.all([0, 1].map(() => runProgram(join(bin, "vitrine"), doctorArgs("--json").slice(1))));

  for (const { output } of both) checkAttacks(JSON.parse(output));
});

test("beside a running platform it disturbs no visitor and sees that the workers are sealed", async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  const repo = new Repo(platform, "admin/beside");

  cleanups.push(() => repo.remove());
  await repo.deploy({ "app.lua": apps.counter });
  const visitor = await Visitor.join(platform, "admin/beside");
  const [pid] = await platform.workerPids("admin/beside");
  let done = false;
  const doctor = runProgram(vitrine, ["doctor", "--json", "--data", platform.data], { env: { PATH: process.env.PATH } })
    .finally(() => { done = true; });
  let clicks = 0;

  for (; !done; clicks++) await visitor.act("add", "click");
  const report = JSON.parse((await doctor).output);
  const find = (name) => report.findings.find((f) => f.section === "platform" && f.name === name);

  checkAttacks(report);
  assert.equal(find("answers").state, "ok");
  assert.equal(find("boxd").state, "ok");
  assert.deepEqual([find("services").state, find("services").required], ["ok", true], find("services").says);
  assert.deepEqual([find("workers").state, find("workers").required], ["ok", true], find("workers").says);
  assert.match(find("workers").says, /^([1-9]\d*) of \1 /);
  assert.ok(clicks > 10, `${clicks} clicks`);
  assert.equal(visitor.props("mine").value, clicks);
  assert.deepEqual(await platform.workerPids("admin/beside"), [pid]);
  await visitor.close();
  await platform.stop();
  const after = JSON.parse((await runProgram(vitrine, ["doctor", "--json", "--data", platform.data])).output);

  assert.equal(after.findings.find(({ name }) => name === "answers").state, "note");
});
