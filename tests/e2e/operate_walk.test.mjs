// docs/operate.md from top to bottom: each command as it stands there, two people in browsers of
// their own. What is put in other words: ports (the page has 443), and "sudo", which here is nobody else.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { blocksOf } from "./lib/docs.mjs";
import { Machine } from "./lib/machine.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const host = "demos.example.org";
const skip = process.getuid() === 0 ? false : "a machine of its own needs root";
const blocks = blocksOf("docs/operate.md")
  .filter(({ language, part }) => language === "sh" && part.startsWith("From a clean machine"));
const walk = blocks.filter(({ runBy }) => !runBy);
let dir, machine, platform, browser;
const people = {};

before(async () => {
  if (skip) return;
  dir = mkdtempSync(join(tmpdir(), "vitrine-walk-"));
  chmodSync(dir, 0o711);
  machine = await Machine.start(host);
  // What systemd does by the page, vitrine up does here.
  platform = await Platform.start({ data: join(dir, "first"), args: ["--tls-ca", "--tls-port", "0", "--host", host] });
  await there(`mount --bind '${platform.data}' /var/lib/vitrine`);
  believe();
});

after(async () => {
  await browser?.close();
  await machine?.remove();
  await platform?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

/** The authority among those that browsers of this user believe, as its import in one's settings does. */
function believe() {
  const home = join(dir, "home"), store = ["-d", `sql:${home}/.pki/nssdb`];

  mkdirSync(join(home, ".pki/nssdb"), { recursive: true });
  execFileSync("certutil", [...store, "-N", "--empty-password"]);
  execFileSync("certutil", [...store, "-A", "-t", "C,,", "-n", "vitrine", "-i", join(platform.data, "ca/ca.crt")]);
  process.env.HOME = home;
}

/** A script on the machine, which has to do well; what it said. */
async function there(script) {
  const { code, output } = await machine.run(script);

  assert.equal(code, 0, `${script}\n${output}`);
  return output;
}

/** The next block of the page, which begins like this. */
function next(begins) {
  const block = walk.shift();

  assert.ok(block?.text.startsWith(begins), `the page goes on with: ${block?.text}`);
  return there(block.text.replaceAll(new RegExp(`https://${host}`, "g"), `https://${host}:${platform.port}`));
}

test("its host has a certificate of its own authority, which this machine trusts", { skip }, async () => {
  await assert.rejects(there(`curl -fsS https://${host}:${platform.port}/healthz`));
  assert.match(await next("sudo vitrine tls ca"), /certificate for demos\.example\.org[\s\S]*1 added/);
  assert.match(await next("curl --retry"), /"missing":\[\][\s\S]*^All is well\.$/m);
});

test("two people are made, and a Space that uses a model is pushed by https", { skip }, async () => {
  assert.match(await next("echo"), new RegExp(`ada may sign in now[\\s\\S]*bob may sign in now[\\s\\S]*live in \\d+ ms: https://${host}:`));
});

test("a policy is checked, planned, applied and remembered", { skip }, async () => {
  const said = await next("sudo vitrine policy show");

  assert.match(said, /^loses +user:bob +user -> trial: seconds 14400 -> 3$/m);
  assert.match(said, /^applied as version 1\n +1 .* admin +the first evening$/m);
});

/** Somebody's browser, which believes what their machine was told to: nothing of ours is let through. */
async function signIn(name, next) {
  const page = await openPage(browser, { viewport: { width: 1100, height: 900 } });

  await page.goto(`${platform.url}/-/sign-in?next=${next}`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(name === "admin" ? platform.password : `the long password of ${name}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`**${next}`);
  return page;
}

/** Seconds that somebody has used, by the rows of the ledger. */
async function used(name, on = platform) {
  const { code, output } = await on.cli("usage", "--all", "--json");

  assert.equal(code, 0, output);
  return JSON.parse(output).accounts.find(({ account }) => account === `user:${name}`)?.deviceSeconds ?? 0;
}

const refused = (page) => page.locator(".card[role=alert]");

/** Asks for a story; resolves when it is there, true, or refused, false. */
async function ask(page) {
  const stories = page.locator(".turn.assistant"), before = await stories.count();
  const send = page.getByRole("button", { name: "Send" });

  await page.getByPlaceholder("Message…").fill("a story about a fox");
  await send.click(); // it stands there while nothing runs
  await until("the page has answered", async () => await refused(page).count() > 0 ||
    (await stories.count() > before && await send.count() > 0), 30_000, 20);
  return await refused(page).count() === 0;
}

/** The line under the app. */
const priceOf = async (page) => (await page.locator(".price").innerText()).replaceAll("\u00a0", " ");

/** Seconds as the pages say them: "under 0.1 s", "2.4 s", "34 s", "9 min 58 s". */
function secondsWords(seconds) {
  if (seconds < 0.1) return "under 0.1 s";
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const rest = Math.floor(seconds) % 60;

  return `${Math.floor(seconds / 60)} min${rest ? ` ${rest} s` : ""}`;
}

/** The page's line says what the ledger does: how much is left of so many seconds, or that none is. */
async function saysWhatIsLeft(name, tier) {
  let left;

  await until("the page says what the ledger does", async () => {
    left = tier - await used(name);
    const words = await priceOf(people[name]);

    return left < 0.001 ? /compute of today is used up/.test(words)
      : left < tier && words.endsWith(` · ${secondsWords(left)} of ${secondsWords(tier)} left for you today`);
  }).catch(async () => assert.fail(`the ledger has ${left} s left, the page says: ${await priceOf(people[name])}`));
}

test("each of them sees their own seconds go down, by what the ledger says", { skip }, async () => {
  browser = await launchBrowser([`--host-resolver-rules=MAP ${host} 127.0.0.1`]);
  for (const [name, tier] of [["ada", 600], ["bob", 3]]) {
    people[name] = await signIn(name, "/spaces/ada/story");
    assert.ok(await ask(people[name]), (await refused(people[name]).allInnerTexts()).join());
    await saysWhatIsLeft(name, tier);
  }
  const both = await next("sudo vitrine usage --all");

  for (const name of ["ada", "bob"]) assert.match(both, new RegExp(`^user:${name} `, "m"));
});

test("who has used up theirs reads what is left, when more comes back and what would fit; the other writes on", { skip }, async () => {
  const { bob, ada } = people, moment = String.raw`\d\d:\d\d UTC on \d+ [A-Z]\w+`;
  const returns = `(?:what was used comes back at ${moment}|more comes back at ${moment}, all of it by ${moment})`;
  const words = new RegExp([
    String.raw`^This takes about (?<takes>\S+) s of compute, and you have (?<left>\S+) s left; ${returns}\. What takes less than that still runs\.$`,
    `compute of today is used up: 3 seconds in 24 hours.* again at ${moment}`,
    String.raw`^Your compute was used up before there was a result: 0 s are left; ${returns}\.$`,
  ].join("|"));

  while (await ask(bob));
  const { takes, left } = words.exec(await refused(bob).innerText())?.groups ?? assert.fail(await refused(bob).innerText());
  let spent = await used("bob");

  if (left) assert.ok(Number(takes) >= Number(left) && Math.abs(3 - spent - Number(left)) < 0.011, `${takes}, ${left}, ${spent}`);
  else await until("the ledger has all of it", async () => (spent = await used("bob")) > 2.999);
  await saysWhatIsLeft("bob", 3);
  assert.ok(await ask(ada));
  assert.equal(await used("bob"), spent);
});

test("a credit with a reason helps at once, and is read under Account", { skip }, async () => {
  const { bob } = people;

  await next("sudo vitrine credit bob 60");
  await refused(bob).getByRole("button", { name: "Dismiss" }).click();
  assert.ok(await ask(bob));
  await until("the page counts it", async () => /· [56]\d s left for you today$/.test(await priceOf(bob)));
  await bob.goto(`${platform.url}/-/account`);
  await bob.getByText(/^Credit of 60 s, \S+ s left, until \d{4}-\d\d-\d\d: a talk on Friday \(admin\)$/).waitFor();
});

/** One run at a time, as where one device does the work. */
const bedtime = `local ui, models = require "vitrine.ui", require "vitrine.models"
local writer = models.chat "vitrine/tiny-writer"

return ui.page({ title = "Bedtime stories" }, function(page)
  local about = ui.textbox { label = "About", value = "a fox who cannot sleep", max_length = 200 }
  local chapters = ui.number { label = "Chapters", value = 3, min = 1, max = 1000 }
  local write = ui.button { "Write the story", variant = "primary" }
  local story = ui.markdown ""

  write:on_click { concurrency = 1, fn = function()
    for _ = 1, chapters.value do
      story:set(writer:complete({ { role = "user", content = "a story about " .. about.value } }))
    end
  end }
  return ui.column { about, chapters, write, story }
end)
`;

test("who waits sees on one page what a run takes, what is left, the place and the reason", { skip }, async () => {
  const { ada, bob } = people;

  await there(`vitrine new bedtime\ncat > bedtime/app.lua <<'END'\n${bedtime}END\nrm bedtime/test.lua\nsed -i 's/^sdk: lua/&\\nreplicas: 1/' bedtime/README.md\nvitrine push --to ada/bedtime bedtime`);
  for (const page of [ada, bob]) await page.goto(`${platform.url}/spaces/ada/bedtime`);
  const write = (page) => page.getByRole("button", { name: "Write the story" });

  await write(ada).click();
  await ada.locator(".price").waitFor();
  await bob.getByLabel("Chapters").fill("1000");
  await write(bob).click();
  await bob.getByRole("button", { name: "Stop" }).waitFor();
  await write(ada).click();
  await ada.locator(".queue").waitFor();
  assert.match(await ada.locator(".queue").innerText(), /Next in line(, about \d+ s|, any moment)? · the run before yours goes on$/);
  assert.match(await priceOf(ada), /^A run takes (?:about .+|under 0\.1 s) of compute · /);
  await saysWhatIsLeft("ada", 600);
  await ada.setViewportSize({ width: 1280, height: 640 });
  await screenshot(ada, "quota");
  await ada.emulateMedia({ colorScheme: "dark" });
  await ada.setViewportSize({ width: 360, height: 760 });
  await screenshot(ada, "quota-360");
  await bob.getByRole("button", { name: "Stop" }).click();
  await ada.locator(".queue").waitFor({ state: "detached" });
  await ada.goto(`${platform.url}/spaces/ada/story`);
});

test("the dashboard, the terminal, Prometheus and auditors are told how it goes", { skip }, async () => {
  const page = await signIn("admin", "/-/admin");

  await page.getByText("Nothing is wrong.").waitFor();
  await page.getByRole("radio", { name: "Last day" }).check();
  await page.close();
  assert.match(await next("sudo vitrine status"), /^All is well\.$[\s\S]*^cpu +serving[\s\S]*^\d+ rows, whole\. Head: \d+:[0-9a-f]{64}$/m);
  assert.equal(await there("promtool check metrics < metrics.txt"), "");
  assert.match(await there("cat metrics.txt"), /^vitrine_inference_device_busy_seconds_total \d/m);
});

/** Path and SHA-256 of every file below a folder. */
function sums(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => `${path.slice(folder.length)} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`).sort();
}

test("it is backed up while somebody writes, and comes back whole", { skip }, async () => {
  const repos = sums(join(platform.data, "orchestrator/repos")), writing = ask(people.ada);

  assert.match(await next("sudo vitrine backup"), /\d+ files, .* are backed up in \/var\/backups\/vitrine-/);
  assert.ok(await writing);
  const again = join(dir, "again");

  mkdirSync(again, { mode: 0o711 });
  await there(`umount /var/lib/vitrine && mount --bind '${again}' /var/lib/vitrine`); // which the page has systemd do
  assert.match(await next("sudo vitrine restore"), /are restored in .*, each as its SHA-256 says/);
  assert.equal(walk.length, 0, `the page goes on with: ${walk[0]?.text}`);
  assert.ok(repos.some((line) => line.includes(".pack ") || line.includes("/objects/")));
  assert.deepEqual(sums(join(again, "orchestrator/repos")), repos);
});

test("the platform of the backup knows who has used what, who gave it, and the Space", { skip }, async () => {
  const spent = await used("bob");

  await platform.stop();
  platform = await Platform.start({ data: join(dir, "again"), args: ["--tls-ca", "--tls-port", String(platform.port), "--host", host] });
  assert.ok(Math.abs(await used("bob") - spent) < 1e-6);
  assert.match((await platform.cli("policy", "history")).output, /the first evening/);
  await people.bob.goto(`${platform.url}/-/account`);
  await people.bob.getByText(/^Credit of 60 s, .* a talk on Friday \(admin\)$/).waitFor();
  await people.bob.goto(`${platform.url}/spaces/ada/story`);
  assert.ok(await ask(people.bob));
});

test("every command of docs/policy.md does what it says, and its example is a policy", { skip }, async () => {
  const page = blocksOf("docs/policy.md"), [example] = page.filter(({ language }) => language === "yaml");
  const [policy, credit, ...others] = page.filter(({ language }) => language === "sh").map(({ text }) => text);

  assert.equal(others.length, 0);
  assert.match(await there(policy), /policy\.yaml: \d tiers, fine[\s\S]*applied as version 2[\s\S]*the lab has a course in May$/m);
  await there(`cat > example.yaml <<'END'\n${example.text}END`);
  const said = await there(policy.replaceAll(/^vitrine policy show.*$/gm, "").replaceAll("policy.yaml", "example.yaml"));

  assert.match(said, /example\.yaml: 5 tiers, fine[\s\S]*user:bob +trial -> member[\s\S]*network:10\.20\.0\.0\/16 +visitor -> campus[\s\S]*applied as version 3/);
  await there(credit);
});

test("each block that needs systemd is one that tests/vm/guest/walk.sh picks and runs", () => {
  const needing = blocks.filter(({ runBy }) => runBy);
  const page = blocksOf("docs/operate.md").filter(({ language }) => language === "sh");
  const script = readFileSync(join(root, "tests/vm/guest/walk.sh"), "utf8").replaceAll(/^\s*#.*$/gm, "");
  const picked = [...script.matchAll(/\bfollow '([^']+)'(?: (\d+))?/g)]
    .map(([, text, n]) => page.filter((block) => block.text.includes(text))[Number(n ?? 1) - 1]?.text);

  assert.ok(needing.length >= 4, `${needing.length} blocks`);
  assert.ok(picked.every(Boolean), "it follows a block that the page does not have");
  for (const { runBy, text } of needing) {
    assert.equal(runBy, "tests/vm/guest/walk.sh");
    assert.equal(picked.filter((one) => one === text).length, 1, `not followed once: ${text}`);
  }
});
