// The documents do what they say: the commands of docs/first-space.md, the app of the README.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { frontMatter, Repo } from "./lib/git.mjs";
import { buildDir, Platform, root } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

let platform;
const dir = mkdtempSync(join(tmpdir(), "vitrine-docs-"));

before(async () => {
  platform = await Platform.start();
});

after(async () => {
  await platform?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const blocks = (file, language) =>
  [...readFileSync(join(root, file), "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))]
    .map(([, text]) => text);

// A command that goes on until Ctrl-C, ended once it has said what the page promises.
const untilItIsLive = (command) => `${command} > dev.log &
for i in $(seq 600); do grep -q 'live in .* ms' dev.log && grep -q /api/login/links/ dev.log && break; sleep 0.1; done
cat dev.log; kill -INT $!; wait $!`;

test("every command of docs/first-space.md works as written, for somebody whom git does not know", async () => {
  symlinkSync(buildDir, join(dir, "build"));
  const script = blocks("docs/first-space.md", "sh").join("\n")
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${platform.port}`)
    .replaceAll(/^build\/bin\/vitrine dev .*$/gm, untilItIsLive)
    .replaceAll(/build\/bin\/vitrine (?!dev|test)(\w+)/g, `build/bin/vitrine $1 --data '${platform.data}'`);
  const { code, output } = await runProgram("bash", ["-euxo", "pipefail", "-m", "-c", script], {
    cwd: dir,
    env: { PATH: process.env.PATH, HOME: dir, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", no_proxy: "*" },
  });

  assert.equal(code, 0, output);
  for (const said of [/✓ the folder: live in \d+ ms/, /✓ tested \(2 passed\)/, /version \w{10} is live again/])
    assert.match(output, said);
  const visitor = await Visitor.join(platform, "admin/hello");
  const button = [...visitor.nodes.values()].find((node) => node.props?.variant === "primary" && node.on?.click);

  await visitor.act(button.key, "click", null, { "Your name": "Ada" });
  assert.equal(visitor.props("Greeting").value, "Hello, Ada!"); // rolled back
  await visitor.close();
});

test("the app of the README is a whole Space", async () => {
  const [app] = blocks("README.md", "lua");

  assert.ok(app.trim().split("\n").length <= 5);
  const repo = new Repo(platform, "admin/mood");

  await repo.deploy({ "README.md": frontMatter(), "app.lua": app });
  const visitor = await Visitor.join(platform, "admin/mood");
  const button = [...visitor.nodes.values()].find((node) => node.props?.variant === "primary" && node.on?.click);

  assert.equal(await visitor.act(button.key, "click", null, { Text: "This is wonderful." }), undefined);
  assert.equal(visitor.props("Mood").value.label.toLowerCase(), "positive");
  await visitor.close();
  repo.remove();
});
