// vitrine backup and restore: everything is there again, elsewhere; damage is found.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/kept";
let dir, platform, repo, visitor, file;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "vitrine-backup-test-"));
  platform = await Platform.start({ data: join(dir, "first") });
  repo = new Repo(platform, space);
  await repo.deploy({ "app.lua": apps.counter });
  visitor = await Visitor.join(platform, space);
  await visitor.act("add", "click");
  await visitor.act("add", "click");
});

after(async () => {
  repo?.remove();
  await platform?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const run = (...args) => runProgram(vitrine, args);

test("a platform that runs is not backed up", async () => {
  const { code, output } = await run("backup", join(dir, "x.tar.gz"), "--data", platform.data);

  assert.equal(code, 1);
  assert.match(output, /the platform in .* runs; stop it first/);
  assert.ok(!existsSync(join(dir, "x.tar.gz")));
});

test("stopped, it becomes one file that only its maker reads", async () => {
  await visitor.close();
  await platform.stop();
  mkdirSync(join(dir, "backups"));
  const { code, output } = await run("backup", join(dir, "backups"), "--data", platform.data);

  assert.equal(code, 0, output);
  const [name, ...others] = readdirSync(join(dir, "backups"));

  assert.match(name, /^vitrine-\d{4}-\d\d-\d\d-\d{6}\.tar\.gz$/);
  assert.deepEqual(others, []);
  file = join(dir, "backups", name);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(output, new RegExp(`^vitrine: \\d+ files, .* are backed up in ${file}$`, "m"));
});

test("it is restored into an empty folder only", async () => {
  const { code, output } = await run("restore", file, "--data", platform.data);

  assert.equal(code, 1);
  assert.match(output, /is not empty; a backup is restored into an empty folder only/);
});

test("a damaged backup is found, and nothing of it is left", async () => {
  const plain = join(dir, "plain.tar");

  await runProgram("sh", ["-c", `gzip -dc ${file} > ${plain}`]);
  const bytes = readFileSync(plain);
  const at = bytes.indexOf("sdk: lua") >= 0 ? bytes.indexOf("sdk: lua") : bytes.indexOf("return ui.page");

  assert.ok(at > 0, "something of the Space is in there");
  bytes[at + 2] ^= 1;
  writeFileSync(plain, bytes);
  const { code, output } = await run("restore", plain, "--data", join(dir, "damaged"));

  assert.equal(code, 1);
  assert.match(output, /is not restored: .* is damaged: its SHA-256 is another one/);
  assert.ok(!existsSync(join(dir, "damaged")));
  const cut = join(dir, "cut.tar.gz");

  writeFileSync(cut, readFileSync(file).subarray(0, 2000));
  assert.equal((await run("restore", cut, "--data", join(dir, "cut"))).code, 1);
  assert.ok(!existsSync(join(dir, "cut")));
});

/** The backup, taken apart, changed, and put together again. */
async function forged(name, change) {
  const inside = join(dir, name), packed = join(dir, `${name}.tar`);

  mkdirSync(inside);
  await runProgram("tar", ["-xf", file, "-C", inside]);
  change(inside);
  await runProgram("tar", ["-cf", packed, "-C", inside, "."]);
  return run("restore", packed, "--data", join(dir, `${name}-restored`));
}

test("what its list does not vouch for is refused: links, and programs that run as their owner", async () => {
  const link = await forged("link", (inside) => symlinkSync("/etc", join(inside, "gateway/elsewhere")));

  assert.equal(link.code, 1);
  assert.match(link.output, /elsewhere: neither a file nor a folder/);
  const setid = await forged("setid", (inside) => chmodSync(join(inside, "orchestrator/vitrine.db"), 0o4755));

  assert.equal(setid.code, 1);
  assert.match(setid.output, /vitrine\.db: runs as its owner/);
});

test("whatever way the folder and the file are named, and whatever names are in it", async () => {
  const data = join(dir, "made"), odd = join(data, "orchestrator/repos/ann-shm/mood.git");

  mkdirSync(odd, { recursive: true });
  writeFileSync(join(odd, "notes..txt"), "kept");
  const made = await runProgram(vitrine, ["backup", "12:00.tar.gz", "--data", "made/"], { cwd: dir });

  assert.equal(made.code, 0, made.output);
  const back = await runProgram(vitrine, ["restore", "12:00.tar.gz", "--data", "made-again/"], { cwd: dir });

  assert.equal(back.code, 0, back.output);
  assert.equal(readFileSync(join(dir, "made-again/orchestrator/repos/ann-shm/mood.git/notes..txt"), "utf8"), "kept");
});

test("restored elsewhere, a visit goes on with its state, and a push with its history", async () => {
  const { code, output } = await run("restore", file, "--data", join(dir, "second"));

  assert.equal(code, 0, output);
  assert.match(output, /are restored in .*, each as its SHA-256 says/);
  platform = await Platform.start({ data: join(dir, "second") });
  const again = await Visitor.join(platform, space, { session: visitor.welcome.session, cookie: visitor.cookie });

  assert.equal(again.welcome.session, visitor.welcome.session);
  assert.equal(again.props("mine").value, 2);
  await again.act("add", "click");
  await again.waitFor("the count", () => again.props("mine").value === 3);
  await again.close();
  const after = new Repo(platform, space);

  repo.url = after.url;
  after.remove();
  await repo.deploy({ "app.lua": `${apps.counter}\n` });
  const { json } = await platform.api("GET", `/api/spaces/${space}/builds`);

  assert.equal(json.length, 2);
});
