// scripts/up as an operator uses it: starts, keeps, ends, under other users and closed folders.
import assert from "node:assert/strict";
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { assertConfined } from "./lib/confined.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { buildDir, Platform, root } from "./lib/platform.mjs";
import { isAlive, runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const cleanups = [];

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const asRoot = process.getuid() === 0;

test("templates are live after the start, each of them", async () => {
  const platform = await Platform.start({ templates: true });

  cleanups.push(() => platform.remove());
  const spaces = (await platform.api("GET", "/api/spaces")).json.filter(({ owner }) => owner === "vitrine");

  assert.ok(spaces.length >= 2, JSON.stringify(spaces));
  for (const { id, title } of spaces) {
    const visitor = await Visitor.join(platform, id);

    assert.ok(visitor.tree.title, title);
    await visitor.close();
  }
  assert.match(platform.log, /Spaces +http:\/\/127\.0\.0\.1/);
  const { output } = await platform.cli("token", "list");

  assert.doesNotMatch(output, /templates/);
  await platform.stop();
});

test("a second start keeps everything, prints no password, and SIGTERM leaves nothing behind", async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  assert.ok(platform.password);
  assert.equal(statSync(platform.tokenFile).mode & 0o777, 0o600);
  const repo = new Repo(platform, "admin/kept");

  cleanups.push(() => repo.remove());
  await repo.deploy({ "app.lua": apps.counter });
  const visitor = await Visitor.join(platform, "admin/kept");

  await visitor.act("add", "click");
  await visitor.close();
  const before = Date.now();

  await platform.restart();
  console.log(`# ended and started again in ${Date.now() - before} ms`);
  assert.deepEqual(platform.orphans, []);
  assert.doesNotMatch(platform.log, /password: /);
  const again = await Visitor.join(platform, "admin/kept", { session: visitor.welcome.session, cookie: visitor.cookie });

  assert.equal(again.welcome.session, visitor.welcome.session);
  await again.waitFor("the count", () => again.props("mine").value === 1);
  await again.close();
  await platform.stop();
  assert.equal(platform.exitCode, 0);
  assert.deepEqual(platform.orphans, []);
});

test("kill -9 of scripts/up itself leaves no orphan", async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  const pids = ["gateway", "orchestrator", "agent", "boxd", "inference"].map((name) => platform.servicePid(name));

  assert.ok(pids.every((pid) => isAlive(pid)));
  process.kill(platform.child.pid, "SIGKILL");
  await until("everything ended", () => !pids.some(isAlive), 15_000);
});

test("two platforms cannot share a data folder", async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  const { code, output } = await runProgram(join(root, "scripts/up"),
    ["--port", "0", "--data", platform.data, "--no-templates"],
    { env: { ...process.env, VITRINE_BUILD_DIR: buildDir, VITRINE_NO_BUILD: "1" } });

  assert.notEqual(code, 0);
  assert.match(output, /runs in .* already/);
  await platform.untilHealthy();
  await platform.stop();
});

test("bad options are refused in words", async () => {
  for (const args of [["--port", "abc"], ["--port", "99999"], ["--prot", "1"], ["--port"]]) {
    const { code, output } = await runProgram(join(root, "scripts/up"), args, { env: { ...process.env, VITRINE_NO_BUILD: "1" } });

    assert.notEqual(code, 0, args.join(" "));
    assert.match(output, /--/);
  }
});

test("services run as their own users, none as root but the supervisor", { skip: !asRoot && "needs root" }, async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  const uids = {};

  for (const name of ["gateway", "orchestrator", "agent", "boxd", "inference"]) {
    const status = readFileSync(`/proc/${platform.servicePid(name)}/status`, "utf8");

    uids[name] = Number(/^Uid:\s+(\d+)/m.exec(status)[1]);
    assert.equal(/^Groups:[ \t]*(.*)$/m.exec(status)[1].trim(), "", name);
  }
  assert.equal(new Set(Object.values(uids)).size, 5, JSON.stringify(uids));
  assert.ok(Object.values(uids).every((uid) => uid !== 0), JSON.stringify(uids));
  await platform.stop();
});

test("a clone and data under a closed home work", { skip: !asRoot && "needs root" }, async () => {
  const home = mkdtempSync(join(tmpdir(), "vitrine-home-"));

  cleanups.push(() => rmSync(home, { recursive: true, force: true }));
  chmodSync(home, 0o700);
  for (const folder of ["scripts", "models", "templates"]) cpSync(join(root, folder), join(home, "clone", folder), { recursive: true });
  cpSync(join(buildDir, "bin"), join(home, "clone/build/bin"), { recursive: true });
  cpSync(join(buildDir, "ui"), join(home, "clone/build/ui"), { recursive: true });
  const platform = await Platform.start({ data: join(home, "data"), script: join(home, "clone/scripts/up"), buildDir: join(home, "clone/build") });

  cleanups.push(() => platform.remove());
  const repo = new Repo(platform, "admin/closed");

  cleanups.push(() => repo.remove());
  await repo.deploy({ "app.lua": apps.counter });
  const visitor = await Visitor.join(platform, "admin/closed");

  await visitor.act("add", "click");
  await visitor.close();
  await platform.stop();
});

test("an ordinary user runs it all, boxes included", { skip: !asRoot && "this user is one already" }, async () => {
  const uid = 61777;
  const data = mkdtempSync(join(tmpdir(), "vitrine-user-"));

  cleanups.push(() => rmSync(data, { recursive: true, force: true }));
  // The user needs to reach the programs, as in a clone of their own.
  const clone = mkdtempSync(join(tmpdir(), "vitrine-clone-"));

  cleanups.push(() => rmSync(clone, { recursive: true, force: true }));
  for (const folder of ["scripts", "models", "templates"]) cpSync(join(root, folder), join(clone, folder), { recursive: true });
  cpSync(join(buildDir, "bin"), join(clone, "build/bin"), { recursive: true });
  cpSync(join(buildDir, "ui"), join(clone, "build/ui"), { recursive: true });
  await runProgram("chown", ["-R", `${uid}:${uid}`, clone, data]);
  chownSync(data, uid, uid);
  const platform = await Platform.start({ data, uid, script: join(clone, "scripts/up"), buildDir: join(clone, "build") });

  cleanups.push(() => platform.remove());
  assert.match(platform.log, /not (in force|enforced)|cannot be enforced|without root/i);
  assertConfined(platform);
  const repo = new Repo(platform, "admin/chat");

  cleanups.push(() => repo.remove());
  await repo.deploy({ "app.lua": apps.chat });
  const visitor = await Visitor.join(platform, "admin/chat");

  assert.equal(await visitor.act("textbox", "submit", null, { textbox: "Hello" }), undefined);
  assert.ok(visitor.props("chatbot").value[1].content.length > 0);
  const [pid] = await platform.workerPids("admin/chat");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");

  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  assert.match(status, /^CapEff:\s+0+$/m);
  process.kill(pid, "SIGKILL");
  await until("the worker is gone", () => !isAlive(pid));
  assert.equal(await visitor.act("textbox", "submit", null, { textbox: "Again" }), undefined);
  assert.equal(visitor.props("chatbot").value.length, 4);
  await visitor.close();
  await repo.commit({ "app.lua": "return (" });
  assert.notEqual((await repo.push()).code, 0);
  await platform.stop();
  assert.deepEqual(platform.orphans, []);
});

test("the worker of a Space is sealed", async () => {
  const platform = await Platform.start();

  cleanups.push(() => platform.remove());
  const repo = new Repo(platform, "admin/sealed");

  cleanups.push(() => repo.remove());
  await repo.deploy({ "app.lua": apps.counter });
  const visitor = await Visitor.join(platform, "admin/sealed");

  await visitor.act("add", "click");
  const [pid] = await platform.workerPids("admin/sealed");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");

  for (const line of [/^NoNewPrivs:\s+1$/m, /^Seccomp:\s+2$/m, /^CapEff:\s+0+$/m, /^CapPrm:\s+0+$/m, /^CapBnd:\s+0+$/m])
    assert.match(status, line);
  const ns = async (who, kind) => (await runProgram("readlink", [`/proc/${who}/ns/${kind}`])).output.trim();

  for (const kind of ["user", "pid", "mnt", "net", "ipc", "uts"])
    assert.notEqual(await ns(pid, kind), await ns(process.pid, kind), kind);
  const fds = (await runProgram("ls", [`/proc/${pid}/fd`])).output.trim().split("\n").map(Number);

  for (const fd of fds) {
    const target = (await runProgram("readlink", [`/proc/${pid}/fd/${fd}`])).output.trim();

    assert.match(target, /^(\/dev\/null|pipe:|socket:|anon_inode:)/, `fd ${fd} is ${target}`);
  }
  await visitor.close();
  await platform.stop();
});

test("an option for boxes that is out of range is refused in words before anything starts", async () => {
  const data = mkdtempSync(join(tmpdir(), "vitrine-e2e-"));

  cleanups.push(() => rmSync(data, { recursive: true, force: true }));
  for (const [option, value, words] of [
    ["--class", "small=1M", /--class small: memory is from 16M to 262144M, not 1M/],
    ["--pool", "small=65", /--pool small takes a number from 0 to 64, not '65'/],
    ["--isolation", "none", /--isolation is full or dense, not 'none'/],
    ["--class", "huge=1G", /--class: there is no class 'huge', only small, medium and large/],
  ]) {
    const { code, output } = await runProgram(join(buildDir, "bin/vitrine"),
      ["up", "--data", join(data, "none"), option, value]);

    assert.equal(code, 1);
    assert.match(output, words);
    assert.throws(() => statSync(join(data, "none")), /ENOENT/);
  }
});

test("what the operator says about boxes is what a Space's box is held to", async () => {
  const platform = await Platform.start({
    args: ["--class", "small=96M,75%", "--pool", "small=1,medium=1", "--isolation", "dense"],
  });

  cleanups.push(() => platform.remove());
  for (const [name, mib] of [["small", 96], ["medium", 256]]) {
    const space = `admin/${name}`;
    const repo = new Repo(platform, space);

    cleanups.push(() => repo.remove());
    await repo.deploy({ "app.lua": apps.counter, "README.md": frontMatter(`class: ${name}\n`) });
    const visitor = await Visitor.join(platform, space);

    await visitor.act("add", "click");
    const [pid] = await platform.workerPids(space);
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");

    assert.match(limits, new RegExp(`^Max address space +${(mib + 448) * 2 ** 20} `, "m"));
    if (asRoot)
      assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync(`/proc/${platform.servicePid("boxd")}/ns/net`));
    await visitor.close();
  }
  assert.match(platform.log, /all boxes share one empty network namespace/);
  await platform.stop();
  assert.deepEqual(platform.orphans, []);
});
