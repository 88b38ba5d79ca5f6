// The command line against a platform: what each command says and how it ends (docs/cli.md).
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Platform, root, vitrine } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";

const dir = mkdtempSync(join(tmpdir(), "vitrine-cli-"));
const env = {
  PATH: process.env.PATH, HOME: dir, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*",
  GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
};
let platform;

before(async () => {
  platform = await Platform.start();
});

after(async () => {
  await platform?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const run = (args, more = {}) => runProgram(vitrine, args, { cwd: dir, env, ...more });
const local = (...args) => run([...args, "--data", platform.data]);
const remote = (...args) => run([...args, "--url", platform.url, "--token", platform.token]);

async function must(promise) {
  const { code, output } = await promise;

  assert.equal(code, 0, output);
  return output;
}

const json = async (promise) => JSON.parse(await must(promise));

test("push makes a Space of a folder, and pushes what has changed since", async () => {
  const folder = join(dir, "hello");

  await must(local("new", "hello"));
  assert.ok(existsSync(join(folder, "app.lua")));
  assert.match(await must(local("push", "--to", "admin/hello", folder)), /live in \d+ ms/);
  writeFileSync(join(folder, "notes.txt"), "more\n");
  assert.match(await must(remote("push", "-m", "Notes", "--to", "admin/hello", folder)), /live in \d+ ms/);
  const log = await must(runProgram("git", ["log", "-1", "--format=%s"], { cwd: folder, env }));

  assert.equal(log.trim(), "Notes");
  const tokens = (await platform.api("GET", "/api/tokens")).json;

  assert.ok(!tokens.some((token) => token.name === "vitrine push"), "the push's own token is gone");
});

test("a push that is refused ends with 1 and its reason", async () => {
  const folder = join(dir, "hello"), good = readFileSync(join(folder, "app.lua"));

  writeFileSync(join(folder, "app.lua"), "return +\n");
  const { code, output } = await remote("push", "--to", "admin/hello", folder);

  assert.equal(code, 1);
  assert.match(output, /app\.lua:\d+:/);
  writeFileSync(join(folder, "app.lua"), good);
});

test("ps, pause and restart tell and change whether a Space runs", async () => {
  assert.match(await must(local("ps")), /^admin\/hello +\w+/m);
  assert.equal((await json(remote("pause", "--json", "admin/hello"))).stage, "PAUSED");
  assert.equal((await json(local("ps", "--json")))["admin/hello"].stage, "PAUSED");
  await must(local("restart", "admin/hello"));
  await until("it is not paused", async () => (await json(local("ps", "--json", "admin/hello"))).stage !== "PAUSED");
});

test("open prints the address of a page, or a link that signs in", async () => {
  assert.equal((await must(local("open", "admin/hello"))).trim(), `${platform.url}/spaces/admin/hello`);
  assert.equal((await must(remote("open", "--type", "model", "admin/m"))).trim(), `${platform.url}/admin/m`);
  assert.match((await json(local("open", "--sign-in", "--json", "admin/hello"))).url, /\/api\/login\/links\//);
});

test("a branch is listed, opened and followed by its name, and promoted; a repo is duplicated", async () => {
  const folder = join(dir, "hello"), git = (...args) => must(runProgram("git", args, { cwd: folder, env }));
  const url = new URL(`${platform.url}/spaces/admin/hello`);

  Object.assign(url, { username: "admin", password: platform.token });
  await git("checkout", "-q", "-b", "try/louder");
  writeFileSync(join(folder, "more.txt"), "louder\n");
  await git("add", "-A");
  await git("commit", "-q", "-m", "Louder");
  assert.match(await git("push", url.href, "HEAD"), /preview live in \d+ ms/);
  const { code, output } = await local("promote", "admin/hello", "none");

  assert.equal(code, 1);
  assert.match(output, /branch 'none' has no preview/);
  assert.match(await must(local("ps", "admin/hello")), /^ {2}preview of try\/louder +\w+ .* ends \d{4}-/m);
  assert.equal((await json(remote("ps", "--json", "admin/hello"))).previews[0].branch, "try/louder");
  const page = (await must(local("open", "--branch", "try/louder", "admin/hello"))).trim();

  assert.match(page, /\/spaces\/admin\/hello--try-louder-[0-9a-f]{6}$/);
  assert.equal((await fetch(page)).status, 200);
  assert.match(await must(local("logs", "--branch", "try/louder", "admin/hello")), /version [0-9a-f]{12} is live/);
  const head = (await git("rev-parse", "HEAD")).trim().slice(0, 10);

  assert.match(await must(remote("promote", "admin/hello", "try/louder")), new RegExp(`version ${head} of branch try/louder is live`));
  await git("checkout", "-q", "main");
  await git("merge", "-q", "--ff-only", "try/louder");
  assert.equal((await must(local("duplicate", "--private", "admin/hello", "admin/twin"))).trim(), `${platform.url}/spaces/admin/twin`);
  assert.equal((await platform.api("GET", "/api/spaces/admin/twin")).json.private, true);
  assert.equal((await local("duplicate", "admin/hello", "admin/twin")).code, 1);
});

test("push refuses a folder whose .env would go with it", async () => {
  const folder = join(dir, "hello");

  writeFileSync(join(folder, ".env"), "TOKEN=x\n");
  const { code, output } = await local("push", "--to", "admin/hello", folder);

  assert.equal(code, 1);
  assert.match(output, /\.env would be pushed/);
  writeFileSync(join(folder, ".gitignore"), ".env\n");
  assert.match(await must(local("push", "--to", "admin/hello", folder)), /live in \d+ ms/);
});

test("variables are shown again, secrets are not", async () => {
  assert.match(await must(local("variables", "set", "admin/hello", "COLOR=blue=ish")), /^COLOR=blue=ish$/m);
  await must(runProgram("sh", ["-c", `printf 'a value of mine\\n' | "$0" secrets set admin/hello KEY --description why --data "$1"`, vitrine, platform.data], { env, cwd: dir }));
  const secrets = await json(remote("secrets", "list", "--json", "admin/hello"));

  assert.equal(secrets.KEY.description, "why");
  assert.ok(!JSON.stringify(secrets).includes("a value of mine"));
  assert.match(await must(local("secrets", "audit", "admin/hello")), / KEY /);
  await must(local("variables", "remove", "admin/hello", "COLOR"));
  assert.deepEqual(await json(local("variables", "list", "--json", "admin/hello")), {});
});

test("repos of each kind are made, moved, hidden, deleted and brought back", async () => {
  const model = ["--type", "model"];

  assert.match(await must(local("repo", "create", ...model, "admin/tiny")), /\/admin\/tiny$/m);
  assert.equal((await local("repo", "create", ...model, "admin/tiny")).code, 1);
  await must(remote("repo", "move", ...model, "admin/tiny", "admin/small"));
  await must(local("repo", "private", ...model, "admin/small"));
  assert.equal((await fetch(`${platform.url}/api/models/admin/small`)).status, 401);
  await must(local("repo", "public", ...model, "admin/small"));
  assert.equal((await fetch(`${platform.url}/api/models/admin/small`)).status, 200);
  await must(remote("repo", "delete", ...model, "admin/small"));
  assert.equal((await platform.api("GET", "/api/models/admin/small")).status, 404);
  await must(local("repo", "restore", ...model, "admin/small"));
  assert.equal((await platform.api("GET", "/api/models/admin/small")).status, 200);
});

test("the exit status tells wrong use from a refusal", async () => {
  for (const args of [["nonsense"], ["repo", "create"], ["secrets", "audit"], ["variables", "audit", "a/b"],
    ["ps", "a/b", "c/d"], ["pause"], ["pause", "../x"], ["open", "--type", "file", "a/b"], ["help", "nonsense"],
    ["completion", "tcsh"], ["login"], ["login", "hub.example.org"], ["logout", "a", "b"], ["push", "--to", "x"], ["logs", "--no-such-option"]])
    assert.equal((await run(args)).code, 2, args.join(" "));
  for (const args of [["ps", "admin/none"], ["secrets", "list", "admin/none"], ["repo", "delete", "admin/none"]])
    assert.equal((await local(...args)).code, 1, args.join(" "));
  const { code, output } = await run(["ps", "admin/hello", "--url", platform.url, "--token", "hf_wrong"]);

  assert.equal(code, 1);
  assert.match(output, /401/);
});

test("builds, rollback, token and user speak JSON too", async () => {
  const builds = await json(local("builds", "--json", "admin/hello"));

  assert.ok(builds.length >= 2 && builds.some((build) => build.state === "live"));
  assert.match((await json(local("rollback", "--json", "admin/hello"))).commit, /^[0-9a-f]{40}$/);
  const { id } = await json(local("token", "create", "--json", "script"));

  assert.ok((await json(local("token", "list", "--json"))).some((token) => token.id === id));
  await must(local("token", "revoke", id));
  assert.deepEqual((await json(remote("user", "list", "--json"))).map((user) => user.name), ["admin"]);
});

const typed = (text, ...args) => runProgram("sh", ["-c", `printf '%s\\n' "$0" | "$@"`, text, vitrine, ...args], { cwd: dir, env });
const hosts = join(dir, ".config/vitrine/hosts.json");

test("login keeps a token in a file of one's own, and commands need no address then", async () => {
  assert.match(await must(typed(platform.token, "login", `${platform.url}/`)), /signed in to \S+ as admin/);
  assert.equal(statSync(hosts).mode & 0o777, 0o600);
  assert.equal((await json(run(["ps", "--json", "admin/hello"]))).sdk, "lua");
  assert.match(await must(run(["push", "--to", "admin/hello", "hello"])), /live in \d+ ms|Everything up-to-date/);
  assert.deepEqual(await json(run(["login", "--list", "--json"])), [{ url: platform.url, user: "admin", current: true }]);
  assert.ok((await must(run(["login", "--list"]))).startsWith(`* ${platform.url} as admin`));
  assert.equal((await run(["ps", "--data", join(dir, "nowhere")])).code, 1, "--data is another platform");
  assert.match((await run(["ps", "--url", "http://127.0.0.1:1"])).output, /vitrine login/, "the token is for where it was made");
  await must(run(["logout", platform.url]));
  assert.ok(!readFileSync(hosts, "utf8").includes(platform.token));
});

test("login with a password has a token made, which logout revokes", async () => {
  await platform.api("POST", "/api/users", { name: "bob", password: "correct horse" });
  assert.equal((await typed("wrong horse", "login", "--user", "bob", platform.url)).code, 1);
  assert.match(await must(typed("correct horse", "login", "--user", "bob", platform.url)), /as bob/);
  const [{ token }] = JSON.parse(readFileSync(hosts, "utf8"));

  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, token)).json.name, "bob");
  chmodSync(hosts, 0o644);
  const { code, output } = await run(["ps"]);

  assert.equal(code, 1);
  assert.match(output, /chmod 600/);
  chmodSync(hosts, 0o600);
  await must(run(["logout"]));
  assert.equal((await platform.api("GET", "/api/whoami-v2", undefined, token)).status, 401);
  assert.equal((await run(["logout"])).code, 1);
});

test("each command has its help, and docs/cli.md names each", async () => {
  const page = readFileSync(join(root, "docs/cli.md"), "utf8");
  const names = [...(await must(run(["help"]))).matchAll(/^ {2}vitrine (\w+) /gm)].map(([, name]) => name);

  assert.ok(names.length > 20, names.join());
  for (const name of names) {
    const said = await must(run(["help", name]));

    assert.match(said, new RegExp(`^  vitrine ${name} .*\n      \\w`));
    assert.equal(await must(run([name, "--help"])), said);
    assert.ok(page.includes(`\`${name}\``), `${name} is not in docs/cli.md`);
  }
});

// How each shell is asked, without a terminal, what it would offer.
const shells = {
  bash: ["bash", "--norc", "-c", `source "$0"; ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vitrine; printf '%s\\n' "\${COMPREPLY[@]}"; }
    ask vitrine rol; ask vitrine token ""; ask vitrine logs --s`],
  zsh: ["zsh", "-f", "-c", `compdef() { :; }; compadd() { print -l -- "\${(@P)2}"; }; _files() { :; }; _describe() { print -l -- "\${(@P)4}"; }
    source "$0"; for CURRENT in 2 3; do words=(vitrine token ""); _vitrine; done; words=(vitrine logs --s); _vitrine`],
  fish: ["fish", "--no-config", "-c", `source $argv[1]; complete -C 'vitrine rol'; complete -C 'vitrine token '; complete -C 'vitrine logs --s'`],
};

for (const [shell, [program, ...args]] of Object.entries(shells))
  test(`completion in ${shell} offers commands, their verbs and options`, async (t) => {
    if ((await runProgram("sh", ["-c", `command -v ${program}`], { env })).code !== 0) return t.skip(`${shell} is not installed`);
    const script = join(dir, `completion.${shell}`);

    writeFileSync(script, await must(run(["completion", shell])));
    const said = await must(runProgram(program, [...args, script], { env, cwd: dir }));

    for (const word of ["rollback", "create", "revoke", "--since"]) assert.match(said, new RegExp(`^${word}\\b`, "m"), said);
  });
