// The developer's desk: vitrine new, and test.lua, which stands between a push and its visitors.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Repo } from "./lib/git.mjs";
import { Platform, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

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
  assert.match(output, new RegExp(`git push, in it +puts it on ${platform.url}/spaces/admin/first-one`));
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

const HELLO = `local ui = require "vitrine.ui"
return ui.interface {
  inputs = ui.textbox { label = "Name" }, outputs = ui.textbox { label = "Greeting" },
  fn = function(name) return "Hello, " .. name .. "!" end,
}
`;
const TEST = `local test = require "vitrine.test"
test("greets", function(app)
  local visitor = app:visit()
  visitor:submit("Name", "Ada")
  test.equal(visitor:value "Greeting", "Hello, Ada!")
end)
test("opens", function(app) app:visit() end)
`;

test("a push runs test.lua in the box, names each test and what they took", async () => {
  const repo = new Repo(platform, "admin/tested");
  const output = await repo.deploy({ "app.lua": HELLO, "test.lua": TEST });

  assert.match(output, /vitrine: {3}✓ greets \d+ ms/);
  assert.match(output, /vitrine: ✓ tested \(2 passed\) [\d.]+ ms/);
  const { json } = await platform.api("GET", "/api/spaces/admin/tested/builds");

  assert.ok(json[0].phases.some((phase) => phase.name === "tested" && phase.ms > 0));
  repo.remove();
});

test("a failing test refuses the push with file, line and code, and the version before serves on", async () => {
  const repo = new Repo(platform, "admin/tested");

  await repo.commit({ "app.lua": HELLO.replace("Hello, ", "Bye, "), "test.lua": TEST });
  const push = await repo.push("--force", "main");

  assert.notEqual(push.code, 0);
  assert.match(push.output, /vitrine: {3}✗ greets/);
  assert.match(push.output, /vitrine: {3}✓ opens/);
  assert.match(push.output, /vitrine: test\.lua:5: got "Bye, Ada!", wanted "Hello, Ada!"/);
  assert.match(push.output, /vitrine: {3}> {3}5 \| {3}test\.equal\(visitor:value "Greeting"/);
  assert.match(push.output, /refused; the version before it keeps serving/);
  const visitor = await Visitor.join(platform, "admin/tested");
  const button = [...visitor.nodes.values()].find((node) => node.props?.variant === "primary" && node.on?.click);

  await visitor.act(button.key, "click", null, { Name: "Ada" });
  assert.equal(visitor.props("Greeting").value, "Hello, Ada!");
  await visitor.close();
  repo.remove();
});

test("an error of the app is refused with the code around its line", async () => {
  const repo = new Repo(platform, "admin/broken");

  await repo.commit({ "app.lua": 'local ui = require "vitrine.ui"\nreturn ui.nothing {}\n' });
  const push = await repo.push();

  assert.match(push.output, /vitrine: app\.lua:2: ui: there is no 'nothing'/);
  assert.match(push.output, /vitrine: {7}1 \| local ui = require "vitrine\.ui"/);
  assert.match(push.output, /vitrine: {3}> {3}2 \| return ui\.nothing \{\}/);
  repo.remove();
});

test("every template passes its own tests in a push", async () => {
  for (const name of ["hello", "mood", "writer", "gallery"]) {
    const made = await run(vitrine, ["new", "--data", platform.data, "--template", name, `try-${name}`]);

    assert.equal(made.code, 0, made.output);
    const push = await run("git", ["push"], join(dir, `try-${name}`));

    assert.equal(push.code, 0, push.output);
    assert.match(push.output, /✓ tested \(\d+ passed\)/);
  }
});
