// A whole platform by https, under a certificate of its own authority.
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";

let platform, authority, repo, browser, page;

/** As a client that trusts the authority and nobody else. */
function ask(path, options = {}) {
  return new Promise((done, failed) => {
    const going = request(platform.url + path, { ca: readFileSync(authority), ...options }, (answer) => {
      let text = "";

      answer.on("data", (bytes) => (text += bytes));
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, text, peer: serial }));
    });
    let serial;

    going.on("socket", (socket) => socket.on("secureConnect", () => (serial = socket.getPeerCertificate().serialNumber)));
    going.on("error", failed);
    going.end();
  });
}

before(async () => {
  platform = await Platform.start({ args: ["--tls-ca", "--tls-port", "0"] });
  authority = join(platform.data, "ca/ca.crt");
  repo = new Repo(platform, "admin/counter");
  repo.env.GIT_SSL_CAINFO = authority;
  await repo.deploy({ "README.md": frontMatter(), "app.lua": apps.counter });
  browser = await launchBrowser();
  page = await openPage(browser, { ignoreHTTPSErrors: true });
});

after(async () => {
  await browser?.close();
  repo?.remove();
  await platform?.remove();
});

test("clients that trust the authority reach it, and others are told", async () => {
  assert.match(platform.url, /^https:/);
  assert.equal((await ask("/healthz")).status, 200);
  await assert.rejects(fetch(`${platform.url}/healthz`));
  assert.equal(statSync(join(platform.data, "ca/ca.key")).mode & 0o777, 0o600);
});

test("a Space pushed by https works in the browser, over a WebSocket", async () => {
  const sockets = [];

  page.on("websocket", (socket) => sockets.push(socket.url()));
  await page.goto(`${platform.url}/spaces/admin/counter`);
  await page.getByLabel("Say").fill("through the wall");
  await page.getByRole("button", { name: "Echo" }).click();
  await until("it is said back", async () => await page.getByLabel("Heard").inputValue() === "through the wall");
  assert.match(sockets[0], /^wss:/);
  assert.deepEqual(page.problems, []);
});

test("who comes by http is led there, and every cookie is for https only", async () => {
  const plain = /whoever comes by (\S+) is sent to https/.exec(platform.log)[1];

  await page.goto(`${plain}/-/sign-in`);
  assert.equal(page.url(), `${platform.url}/-/sign-in`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(platform.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await until("signed in", async () => (await page.context().cookies()).some(({ name }) => name === "__Host-vitrine_session"));
  for (const cookie of await page.context().cookies()) assert.ok(cookie.secure, cookie.name);
});

test("an operator's certificate is served as soon as it is installed, to whoever asks for its name", async () => {
  const key = join(platform.data, "mine.key"), cert = join(platform.data, "mine.pem");

  await runProgram("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-subj", "/CN=x", "-addext", "subjectAltName=DNS:demo.example", "-days", "3", "-keyout", key, "-out", cert]);
  const { code, output } = await platform.cli("tls", "install", "--name", "demo", cert, key);

  assert.equal(code, 0, output);
  const mine = readFileSync(cert);

  await until("it is served", () => ask("/healthz", { ca: mine, servername: "demo.example" }).then(() => true, () => false));
  assert.equal((await ask("/healthz")).status, 200);
  writeFileSync(key, "no key");
  const refused = await platform.cli("tls", "install", "--name", "demo", cert, key);

  assert.equal(refused.code, 1);
  assert.match(refused.output, /the key: there is none/);
  assert.match((await platform.cli("tls", "list")).output, /^ca +until .*localhost[\s\S]*^demo +until .*demo\.example/m);
});

test("kill -9 of vitrine-tls costs a page no more than a moment", async () => {
  const pid = platform.servicePid("tls");

  await page.goto(`${platform.url}/spaces/admin/counter`);
  process.kill(pid, "SIGKILL");
  await until("it is back", () => platform.servicePid("tls") && platform.servicePid("tls") !== pid);
  await page.getByLabel("Say").fill("again");
  await page.getByRole("button", { name: "Echo" }).click();
  await until("it is said back", async () => await page.getByLabel("Heard").inputValue() === "again");
});

test("the audit log names what was done, is whole, and shows a head that it never had", async () => {
  const { code, output } = await platform.cli("audit", "verify");
  const head = /^(\d+) rows, whole\. Head: (\1:[0-9a-f]{64})$/m.exec(output)?.[2];

  assert.equal(code, 0, output);
  assert.ok(head, output);
  assert.match((await platform.cli("audit", "list", "-n", "20")).output, /admin +POST \/api\/login /);
  await platform.cli("token", "create", "another");
  assert.equal((await platform.cli("audit", "verify", "--head", head)).code, 0);
  const exported = join(platform.data, "audit.ndjson");
  const lines = (await platform.cli("audit", "export")).output.trim().split("\n");

  writeFileSync(exported, `${lines.join("\n")}\n`);
  assert.equal((await platform.cli("audit", "verify", exported)).code, 0);
  writeFileSync(exported, `${lines.join("\n").replace("POST /api/login", "POST /api/logout")}\n`);
  const changed = await platform.cli("audit", "verify", exported);

  assert.equal(changed.code, 1);
  assert.match(changed.output, /row \d+: its hash is not that of what it says/);
  assert.equal((await platform.cli("audit", "verify", "--head", head.replace(/:./, head.includes(":0") ? ":1" : ":0"))).code, 1);
});
