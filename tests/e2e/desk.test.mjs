// The developer's desk: vitrine new.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";

const dir = mkdtempSync(join(tmpdir(), "vitrine-desk-"));
const env = {
  PATH: process.env.PATH, HOME: dir, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*",
};
const run = (program, args, cwd = dir) => runProgram(program, args, { cwd, env });

let platform;

before(async () => {
  platform = await Platform.start();
});

after(async () => {
  await platform?.remove();
  rmSync(dir, { recursive: true, force: true });
});

test("vitrine new without a name lists the templates, one line each", async () => {
  const { code, output } = await run(vitrine, ["new", "--list"]);

  assert.equal(code, 0, output);
  for (const line of [/^ {2}hello +The smallest Space there is$/m, /^ {2}mood +\S/m, /^ {2}writer +\S/m])
    assert.match(output, line);
  assert.equal((await run(vitrine, ["new"])).code, 2);
});

test("vitrine new makes a repo that git push alone puts online, from somebody git does not know", async () => {
  const { code, output } = await run(vitrine, ["new", "--data", platform.data, "first-one"]);

  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`git push +puts it on ${platform.url}/spaces/admin/first-one`));
  const folder = join(dir, "first-one");

  assert.ok(existsSync(join(folder, "app.lua")) && existsSync(join(folder, "README.md")));
  assert.equal(statSync(join(folder, ".git/config")).mode & 0o777, 0o600);
  assert.equal((await run("git", ["status", "--porcelain"], folder)).output, "");
  const push = await run("git", ["push"], folder);

  assert.equal(push.code, 0, push.output);
  assert.match(push.output, /live in \d+ ms/);
});

test("vitrine new takes the platform of --url and its token", async () => {
  const { code, output } = await run(vitrine,
    ["new", "--url", platform.url, "--token", platform.token, "--template", "writer", "second"]);

  assert.equal(code, 0, output);
  assert.match(readFileSync(join(dir, "second/.git/config"), "utf8"),
    new RegExp(`url = http://admin:${platform.token}@127.0.0.1:${platform.port}/spaces/admin/second`));
});

test("vitrine new refuses a bad name, an unknown template and a folder with something in it", async () => {
  mkdirSync(join(dir, "mine"));
  writeFileSync(join(dir, "mine/work.txt"), "mine");
  for (const [args, words] of [
    [["Hello"], /name: only a-z, 0-9 and '-' are allowed/],
    [["--template", "nix", "x"], /--template: there is no 'nix'; see vitrine new --list/],
    [["--template", "../hello", "x"], /--template: there is no/],
    [["mine"], /mine: is not empty/],
  ]) {
    const { code, output } = await run(vitrine, ["new", ...args]);

    assert.equal(code, 1, output);
    assert.match(output, words);
  }
  assert.equal(readFileSync(join(dir, "mine/work.txt"), "utf8"), "mine");
  assert.ok(!existsSync(join(dir, "x")));
});
