// A disk that fills up: administrators are told, pushes and uploads are refused, sessions go on.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { launchBrowser, openPage, screenshot } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const space = "admin/kept";
const skip = process.getuid() === 0 ? false : "mounting a small file system needs root";
let data, platform, repo, browser, visitor;

before(async () => {
  if (skip) return;
  data = mkdtempSync(join(tmpdir(), "vitrine-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=160m,mode=0711", "none", data]);
  platform = await Platform.start({ data, args: ["--disk-warn", "80", "--disk-reserve", "40"] });
  repo = new Repo(platform, space);
  browser = await launchBrowser();
});

after(async () => {
  await visitor?.close();
  await browser?.close();
  repo?.remove();
  await platform?.remove();
  if (data) {
    execFileSync("umount", [data]);
    rmSync(data, { recursive: true });
  }
});

/** Takes so many MiB of the disk. */
const fill = (mib) => writeFileSync(join(data, "ballast"), Buffer.alloc(mib << 20, "x"));
const whoami = async () => (await platform.api("GET", "/api/whoami-v2")).json;
const upload = async () => {
  const answer = await fetch(`${platform.url}/spaces/${space}/-/upload?name=a.txt`,
    { method: "POST", body: "hello", headers: { cookie: visitor.cookie } });

  return { status: answer.status, text: await answer.text() };
};

test("while there is room nobody is told anything", { skip }, async () => {
  await repo.deploy({ "app.lua": apps.counter });
  visitor = await Visitor.join(platform, space);
  await visitor.act("add", "click");
  assert.equal((await whoami()).notice, undefined);
  assert.equal((await upload()).status, 200);
});

test("with less than the first limit administrators are told, and everything is still taken", { skip }, async () => {
  fill(90);
  const { notice } = await whoami();

  assert.match(notice, /^the platform's disk is filling up: \d\d MiB left; below 40 MiB pushes and uploads/);
  await repo.deploy({ "app.lua": `${apps.counter}\n` });
  assert.equal((await upload()).status, 200);
  const page = await openPage(browser);

  await page.goto(`${platform.url}/-/sign-in`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".notice").waitFor();
  assert.match(await page.locator(".notice").innerText(), /^The platform's disk is filling up: .*\.$/);
  await screenshot(page, "disk-notice");
  await page.close();
});

test("below what is kept back pushes and uploads are refused with words", { skip }, async () => {
  fill(125);
  await repo.commit({ "app.lua": `${apps.counter}\n\n` });
  const { code, output } = await repo.push();

  assert.notEqual(code, 0);
  assert.match(output, /the platform's disk is nearly full: \d\d MiB left, 40 MiB are kept back/);
  await until("the gateway has heard", async () => (await upload()).status === 507);
  assert.match((await upload()).text, /the platform's disk is nearly full/);
  const resumable = await fetch(`${platform.url}/spaces/${space}/-/uploads`,
    { method: "POST", headers: { cookie: visitor.cookie, "tus-resumable": "1.0.0", "upload-length": "5" } });

  assert.equal(resumable.status, 507, await resumable.text());
  const { text } = { text: await (await fetch(`${platform.url}/metrics`, { headers: { authorization: `Bearer ${platform.token}` } })).text() };

  assert.match(text, /^vitrine_orchestrator_disk_refused_pushes_total [1-9]/m);
  assert.match(text, /^vitrine_orchestrator_disk_reserve_bytes 41943040$/m);
});

test("sessions go on, with what is kept back", { skip }, async () => {
  for (let i = 0; i < 50; i++) await visitor.act("add", "click");
  await visitor.waitFor("the count", () => visitor.props("mine").value === 51);
});

test("a gateway that comes back is told, too", { skip }, async () => {
  await platform.killService("gateway");
  visitor = await Visitor.join(platform, space, { session: visitor.welcome.session, cookie: visitor.cookie });
  await until("it refuses again", async () => (await upload()).status === 507);
});

test("with nothing left at all what cannot be written is refused, and what was acknowledged is there afterwards", { skip }, async () => {
  const made = [];
  const token = async (name) => {
    const answer = await platform.api("POST", "/api/tokens", { name });

    if (answer.status < 300) made.push(name);
    return answer;
  };
  const rest = openSync(join(data, "rest"), "w");

  await token("before");
  try {
    for (const size of [1 << 20, 1 << 12])
      for (;;) writeSync(rest, Buffer.alloc(size, "z"));
  } catch (error) {
    assert.equal(error.code, "ENOSPC");
  }
  let refused;

  for (let i = 0; i < 200 && !refused; i++) {
    const answer = await token(`full-${i}`);

    if (answer.status >= 300) refused = answer;
  }
  assert.equal(refused?.status, 507);
  assert.match(refused.text, /disk is full/);
  const backup = await platform.cli("backup", join(data, "full.tar.gz"));

  assert.equal(backup.code, 1);
  assert.match(backup.output, /No space left on device/);
  for (const left of ["full.tar.gz", "full.tar.gz.secrets-key", "snapshot"]) assert.ok(!existsSync(join(data, left)), left);
  closeSync(rest);
  rmSync(join(data, "rest"));
  const kept = (await platform.api("GET", "/api/tokens")).json.map(({ name }) => name).filter((name) => name !== "vitrine up");

  assert.deepEqual(kept.sort(), made.sort());
  assert.equal((await token("after")).status, 201);
  const { code, output } = await platform.cli("audit", "verify");
  const exported = (await platform.cli("audit", "export")).output.match(/POST \/api\/tokens/g);

  assert.equal(code, 0, output);
  assert.equal(exported.length, made.length, "a row for each that was acknowledged, and for no other");
});

test("with room again everything is taken, without a restart", { skip }, async () => {
  fill(1);
  await until("uploads are taken", async () => (await upload()).status === 200);
  const { code, output } = await repo.push();

  assert.equal(code, 0, output);
  assert.equal((await whoami()).notice, undefined);
});

test("a large file on its way ends at what is kept back", { skip }, async () => {
  const bytes = Buffer.alloc(80 << 20, "y");
  const { json } = await platform.api("POST", "/admin/large.git/info/lfs/objects/batch",
    { operation: "upload", transfers: ["basic"], objects: [{ oid: createHash("sha256").update(bytes).digest("hex"), size: bytes.length }] });

  fill(60);
  const answer = await fetch(json.objects[0].actions.upload.href, { method: "PUT", body: bytes });

  assert.equal(answer.status, 507);
  assert.match((await answer.json()).error, /the platform's disk is nearly full/);
  await until("what came is gone", async () => statfsSync(data).bavail * statfsSync(data).bsize > 80 << 20);
});
