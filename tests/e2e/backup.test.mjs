// vitrine backup and restore: everything is there again, elsewhere; damage is found.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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
