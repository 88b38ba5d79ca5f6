// vitrine backup and restore, of a platform that runs and of one that does not: everything is there
// again, elsewhere; damage is found.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";
import { checkRepos, Writers } from "./lib/writers.mjs";

const space = "admin/kept";
/** Keeps a number and a file outside of any session, and says both. */
const keeper = `local ui, store = require "vitrine.ui", require "vitrine.store"
return ui.page({ title = "Keeper" }, function()
  local keep, shown = ui.button { "Keep", id = "keep" }, ui.textbox { label = "Shown", id = "shown" }
  keep:on_click(function()
    local n = store.update("n", function(old) return (old or 0) + 1 end)
    local before = store.files.read "notes.txt" or ""
    store.files.write("notes.txt", before .. n)
    shown:set(n .. " " .. store.files.read "notes.txt")
  end)
  return ui.column { keep, shown }
end)
`;
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

/** Pushes one commit after the other until it is told to stop; how often it was accepted. */
async function pushOn(busy, state) {
  let n = 0;

  while (!state.over) {
    await busy.deploy({ "app.lua": `${apps.counter}-- ${n}\n` });
    state.accepted = ++n;
  }
}

const gitDir = (data) => async (...args) => (await runProgram("git", ["-c", "safe.directory=*", "-C", data, ...args])).output.trim();

test("while it runs and is pushed to it is backed up whole: every repo, session and secret", async () => {
  const busy = new Repo(platform, "admin/busy"), state = { accepted: 0 };
  const secret = await platform.api("POST", "/api/spaces/admin/kept/secrets", { key: "API_KEY", value: "kept-apart" });

  assert.equal(secret.status, 200, secret.text);
  const keeping = new Repo(platform, "admin/keeper");

  await keeping.deploy({ "app.lua": keeper });
  keeping.remove();
  await keep(platform, "1 1");
  await repo.must(["push", "-q", repo.url, "main:refs/heads/tmp_kept"]);
  const pushes = pushOn(busy, state), writers = new Writers(platform);

  await until("it is pushed to", () => state.accepted > 2);
  await writers.start();
  const acknowledged = [...writers.acknowledged];
  const { code, output } = await run("backup", join(dir, "live.tar.gz"), "--data", platform.data);

  state.over = true;
  const meanwhile = writers.acknowledged.length - acknowledged.length;

  await pushes;
  await writers.stop();
  assert.ok(meanwhile > 0, "nothing was written meanwhile");
  assert.equal(code, 0, output);
  assert.match(output, /the key of secrets is in .*live\.tar\.gz\.secrets-key; keep it elsewhere/);
  assert.ok(!existsSync(join(platform.data, "snapshot")));
  const listed = await runProgram("tar", ["-tzf", join(dir, "live.tar.gz")]);

  assert.ok(!listed.output.includes("secrets.key"));
  const wanting = await run("restore", join(dir, "live.tar.gz"), "--data", join(dir, "live"), "--secrets-key", join(dir, "nothing"));

  assert.equal(wanting.code, 1);
  const back = await run("restore", join(dir, "live.tar.gz"), "--data", join(dir, "live"));

  assert.equal(back.code, 0, back.output);
  const repos = readdirSync(join(dir, "live/orchestrator/repos")).filter((name) => name !== "empty.git");

  assert.ok(repos.length >= 2);
  for (const name of repos) {
    const here = gitDir(join(dir, "live/orchestrator/repos", name)), there = gitDir(join(platform.data, "orchestrator/repos", name));
    const refs = await here("for-each-ref");

    assert.match(await here("fsck", "--full", "--strict"), /^(?!.*(missing|broken|error))/s, name);
    if (refs.includes("tmp_kept")) state.kept = true;
    const [, main] = /^(\w+) commit\trefs\/heads\/main$/m.exec(refs);

    assert.equal(await there("cat-file", "-t", main), "commit", "nothing is in the backup that was not pushed");
  }
  assert.ok(state.kept, "a branch is kept whatever it is called");
  const there = await checkRepos(join(dir, "live"));

  for (const { commit, oid } of acknowledged)
    assert.ok(commit ? there.commits.has(commit) : there.files.has(oid), `${commit ?? oid} was acknowledged before and is not there`);
  console.log(`# ${acknowledged.length} acknowledged before, ${meanwhile} meanwhile; ${there.commits.size} commits and ${there.files.size} blobs are in the backup`);
  await lives(join(dir, "live"), busy);
  busy.remove();
});

/** A visit to the keeper, whose click shows this. */
async function keep(on, shown) {
  const guest = await Visitor.join(on, "admin/keeper");

  await guest.act("keep", "click");
  await guest.waitFor(`it says ${shown}`, () => guest.props("shown").value === shown);
  await guest.close();
}

/** The platform of a backup: its visitor goes on, its secret opens, and what was pushed last is live. */
async function lives(data, busy) {
  const other = await Platform.start({ data });

  try {
    const again = await Visitor.join(other, space, { session: visitor.welcome.session, cookie: visitor.cookie });

    assert.equal(again.props("mine").value, 2);
    await again.close();
    await keep(other, "2 12");
    assert.deepEqual(Object.keys((await other.api("GET", "/api/spaces/admin/kept/secrets")).json), ["API_KEY"]);
    const main = (await other.api("GET", "/api/spaces/admin/busy/refs")).json.branches[0].targetCommit;

    assert.ok((await busy.must(["log", "--format=%H"])).includes(main));
    await until("what was pushed last is live", async () => (await other.api("GET", "/api/spaces/admin/busy/builds")).json.some((build) => build.commit === main && build.state === "live"));
    const next = await Visitor.join(other, "admin/busy");

    await next.act("add", "click");
    await next.waitFor("the count", () => next.props("mine").value === 1);
    await next.close();
  } finally {
    await other.stop();
  }
}

test("stopped, it becomes one file that only its maker reads", async () => {
  await visitor.close();
  await platform.stop();
  mkdirSync(join(dir, "backups"));
  const { code, output } = await run("backup", join(dir, "backups"), "--data", platform.data);

  assert.equal(code, 0, output);
  const [name, ...others] = readdirSync(join(dir, "backups"));

  assert.match(name, /^vitrine-\d{4}-\d\d-\d\d-\d{6}\.tar\.gz$/);
  assert.deepEqual(others, [`${name}.secrets-key`]);
  assert.equal(statSync(join(dir, "backups", others[0])).mode & 0o777, 0o600);
  file = join(dir, "backups", name);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(output, new RegExp(`^vitrine: \\d+ files, .* are backed up in ${file}$`, "m"));
});

test("of a folder's backups the newest so many stay, and what else is there", async () => {
  const folder = join(dir, "kept"), made = join(folder, "vitrine-2026-01-31-120000.tar.gz");

  mkdirSync(folder);
  for (const name of ["vitrine-2024-01-31-120000.tar.gz", "vitrine-2026-01-31-120000.tar.gz", "vitrine-my-own.tar.gz", "vitrine-2020-01-01-000000.tar.gz.bak"])
    for (const ending of ["", ".secrets-key"]) writeFileSync(join(folder, name + ending), "x");
  const { code, output } = await run("backup", "--keep", "2", folder, "--data", platform.data);

  assert.equal(code, 0, output);
  assert.match(output, /vitrine-2024-01-31-120000\.tar\.gz is removed/);
  const left = readdirSync(folder).filter((name) => !name.endsWith(".secrets-key"));

  assert.equal(left.length, 4, left.join(" "));
  assert.ok(existsSync(made) && existsSync(`${made}.secrets-key`) && existsSync(join(folder, "vitrine-my-own.tar.gz")));
  assert.ok(!existsSync(join(folder, "vitrine-2024-01-31-120000.tar.gz.secrets-key")));
  const file = await run("backup", "--keep", "2", join(folder, "one.tar.gz"), "--data", platform.data);

  assert.equal(file.code, 1);
  assert.match(file.output, /--keep is for a folder/);
});

test("it is restored into an empty folder only", async () => {
  const { code, output } = await run("restore", file, "--data", platform.data);

  assert.equal(code, 1);
  assert.match(output, /is not empty; a backup is restored into an empty folder only/);
});

test("without the key of its secrets it is restored only when that is asked for", async () => {
  const alone = join(dir, "alone.tar.gz");

  await runProgram("cp", [file, alone]);
  const { code, output } = await run("restore", alone, "--data", join(dir, "alone"));

  assert.equal(code, 1);
  assert.match(output, /alone\.tar\.gz\.secrets-key is missing: name the key of secrets with --secrets-key FILE/);
  assert.ok(!existsSync(join(dir, "alone")));
});

test("a damaged backup is found, and nothing of it is left", async () => {
  const plain = join(dir, "plain.tar");

  await runProgram("sh", ["-c", `gzip -dc ${file} > ${plain}`]);
  const bytes = readFileSync(plain);
  const at = bytes.indexOf("sdk: lua") >= 0 ? bytes.indexOf("sdk: lua") : bytes.indexOf("return ui.page");

  assert.ok(at > 0, "something of the Space is in there");
  bytes[at + 2] ^= 1;
  writeFileSync(plain, bytes);
  const { code, output } = await run("restore", "--without-secrets", plain, "--data", join(dir, "damaged"));

  assert.equal(code, 1);
  assert.match(output, /is not restored: .* is damaged: its SHA-256 is another one/);
  assert.ok(!existsSync(join(dir, "damaged")));
  const cut = join(dir, "cut.tar.gz");

  writeFileSync(cut, readFileSync(file).subarray(0, 2000));
  assert.equal((await run("restore", "--without-secrets", cut, "--data", join(dir, "cut"))).code, 1);
  assert.ok(!existsSync(join(dir, "cut")));
});

/** The backup, taken apart, changed, and put together again. */
async function forged(name, change) {
  const inside = join(dir, name), packed = join(dir, `${name}.tar`);

  mkdirSync(inside);
  await runProgram("tar", ["-xf", file, "-C", inside]);
  change(inside);
  await runProgram("tar", ["-cf", packed, "-C", inside, "vitrine-backup.txt", ...readdirSync(inside).filter((n) => n !== "vitrine-backup.txt")]);
  return run("restore", "--without-secrets", packed, "--data", join(dir, `${name}-restored`));
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
