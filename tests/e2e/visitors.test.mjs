// Visitors on the wire: sessions that are apart and last, handlers that misbehave, sleep, files.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { isAlive, until } from "./lib/process.mjs";
import { TYPE, Visitor, visitorCookie } from "./lib/wire.mjs";

const FAIL_ERROR = 1, FAIL_LIMIT = 2, FAIL_CANCELLED = 3;
let platform;
const repos = {};

async function deploy(name, app, more) {
  const repo = repos[name] ?? (repos[name] = new Repo(platform, `admin/${name}`));

  return repo.deploy({ "README.md": frontMatter(more), "app.lua": app });
}

before(async () => {
  platform = await Platform.start({ args: ["--uploads", "10,64"] });
  await deploy("counter", apps.counter);
  await deploy("misbehaving", apps.misbehaving);
});

after(async () => {
  for (const repo of Object.values(repos)) repo.remove();
  await platform?.remove();
});

const join = (name, options) => Visitor.join(platform, `admin/${name}`, options);

test("sessions are apart; upvalues are shared by the worker", async () => {
  const ada = await join("counter"), bob = await join("counter");

  assert.equal(ada.welcome.state, "new");
  assert.notEqual(ada.welcome.session, bob.welcome.session);
  for (let i = 0; i < 3; i++) assert.equal(await ada.act("add", "click"), undefined);
  await bob.act("add", "click");
  assert.equal(ada.props("mine").value, 3);
  assert.equal(bob.props("mine").value, 1);
  assert.equal(bob.props("all").value, 4);
  await ada.close();
  await bob.close();
});

test("what the visitor typed reaches the handler", async () => {
  const visitor = await join("counter");

  for (const text of ["hello", "", "üñí ☃ \u{1F600}", "a\nb\t\"\\", "x".repeat(50_000)]) {
    await visitor.act("echo", "click", null, { said: text });
    assert.equal(visitor.props("heard").value ?? "", text);
  }
  await visitor.close();
});

test("a dropped connection resumes where it was, and only for its visitor", async () => {
  const visitor = await join("counter");

  await visitor.act("add", "click");
  const { session, bundle } = visitor.welcome;

  await visitor.close();
  const again = await join("counter", { session, bundle, seq: visitor.seq, cookie: visitor.cookie });

  assert.equal(again.welcome.session, session);
  assert.equal(again.welcome.state, "resumed");
  assert.ok(!again.messages.some(({ type }) => type === TYPE.TREE));
  await again.close();

  const reload = await join("counter", { session, cookie: visitor.cookie });

  assert.equal(reload.welcome.session, session);
  await reload.waitFor("the overlay", () => reload.props("mine").value === 1);
  await reload.act("add", "click");
  assert.equal(reload.props("mine").value, 2);
  await reload.close();

  const thief = await join("counter", { session, cookie: await visitorCookie(platform, "admin/counter") });

  assert.notEqual(thief.welcome.session, session);
  assert.equal(thief.props("mine").value ?? 0, 0);
  await thief.close();
});

test("an event that is sent again with its n is handled once", async () => {
  const visitor = await join("counter");
  const n = visitor.fire("add", "click");

  await visitor.waitFor("its end", () => visitor.finished.has(n));
  visitor.send({ type: TYPE.EVENT, op: 1, node: visitor.node("add").n, seq: n, value: "null" });
  await visitor.act("add", "click");
  assert.equal(visitor.props("mine").value, 2);
  await visitor.close();
});

test("events of one session run in order", async () => {
  const visitor = await join("counter");
  const ns = Array.from({ length: 20 }, () => visitor.fire("add", "click"));

  await visitor.waitFor("all ends", () => ns.every((n) => visitor.finished.has(n)));
  assert.equal(visitor.props("mine").value, 20);
  await visitor.close();
});

for (const kind of ["burn", "burn-pcall", "burn-coroutine"])
  test(`${kind}: another visitor is answered while one burns, and the burner is stopped`, async () => {
    const burner = await join("misbehaving"), other = await join("misbehaving");
    const n = burner.fire(kind, "click");

    await burner.waitFor("accepted", () => burner.accepted.has(n));
    for (let i = 0; i < 5; i++) {
      assert.equal(await other.act("answer", "click"), undefined);
      assert.ok(!burner.finished.has(n), "the burner ended before the other was answered");
    }
    assert.equal(other.props("out").value, "answered");
    await burner.waitFor("the burner is stopped", () => burner.finished.has(n), 240_000);
    assert.equal(burner.failures.get(n).op, FAIL_LIMIT);
    assert.equal(await burner.act("answer", "click"), undefined);
    await burner.close();
    await other.close();
  });

test("a burner can be cancelled by its visitor", async () => {
  const visitor = await join("misbehaving");
  const n = visitor.fire("burn", "click");

  await visitor.waitFor("accepted", () => visitor.accepted.has(n));
  visitor.send({ type: TYPE.CANCEL, seq: n });
  await visitor.waitFor("its end", () => visitor.finished.has(n));
  assert.equal(visitor.failures.get(n).op, FAIL_CANCELLED);
  await visitor.close();
});

test("a handler inside a C function is stopped too, and the Space is there afterwards", async () => {
  const visitor = await join("misbehaving");
  const n = visitor.fire("burn-c", "click");

  await visitor.waitFor("an end or an interruption",
    () => visitor.finished.has(n) || visitor.interrupted === n, 60_000);
  const next = await join("misbehaving");

  assert.equal(await next.act("answer", "click", null, {}, 60_000), undefined);
  await next.close();
  await visitor.close();
});

test("a handler that eats memory hurts itself alone", async () => {
  const eater = await join("misbehaving"), other = await join("counter");
  const n = eater.fire("eat", "click");

  await eater.waitFor("an end or an interruption",
    () => eater.finished.has(n) || eater.interrupted === n, 60_000);
  assert.equal(await other.act("add", "click"), undefined);
  assert.equal(await eater.act("answer", "click", null, {}, 60_000), undefined);
  await eater.close();
  await other.close();
});

test("an error goes to the owner with file and line; the visitor gets a reference", async () => {
  const follower = platform.cliChild("logs", "-f", "admin/misbehaving");
  let log = "";

  follower.stdout.on("data", (bytes) => {
    log += bytes;
  });
  try {
    const visitor = await join("misbehaving");
    const failure = await visitor.act("raise", "click");

    assert.equal(failure.op, FAIL_ERROR);
    assert.doesNotMatch(JSON.stringify(failure), /secret|app\.lua/);
    assert.ok(failure.reference?.length >= 6, JSON.stringify(failure));
    await visitor.act("print", "click");
    await until("the log has both", () =>
      log.includes("a line from the app") && log.includes("a secret of the owner") && /app\.lua:\d+/.test(log) &&
      log.includes(failure.reference));
    await visitor.close();
  } finally {
    follower.kill("SIGTERM");
  }
});

test("a session value that cannot be kept is refused with its path", async () => {
  const visitor = await join("misbehaving");
  const failure = await visitor.act("bad-state", "click");

  assert.ok(failure);
  const { output } = await platform.cli("logs", "admin/misbehaving");

  assert.match(output, /session\.x|x: .*function/);
  await visitor.close();
});

test("a text over max_length is refused at the door", async () => {
  const app = apps.counter.replace('label = "Say"', 'label = "Say", max_length = 10');

  await deploy("short", app);
  const visitor = await join("short");
  const failure = await visitor.act("echo", "click", null, { said: "x".repeat(11) }).catch((error) => error);

  assert.ok(failure, "accepted");
  const next = await join("short");

  assert.equal(await next.act("echo", "click", null, { said: "x".repeat(10) }), undefined);
  assert.equal(next.props("heard").value, "x".repeat(10));
  await next.close();
});

test("an idle Space sleeps and a visit wakes it with its sessions", async () => {
  await deploy("sleepy", apps.counter, "sleep_after: 1\n");
  const visitor = await join("sleepy");

  await visitor.act("add", "click");
  const [pid] = await platform.workerPids("admin/sleepy");

  assert.ok(pid);
  await visitor.close();
  await until("the worker is gone", () => !isAlive(pid), 60_000);
  assert.deepEqual(await platform.workerPids("admin/sleepy"), []);
  const again = await join("sleepy", { session: visitor.welcome.session, cookie: visitor.cookie });

  assert.equal(again.welcome.session, visitor.welcome.session);
  await again.act("add", "click");
  assert.equal(again.props("mine").value, 2);
  await again.close();
});

test("a Space with a visitor does not sleep", async () => {
  const visitor = await join("sleepy");

  await visitor.act("add", "click");
  const [pid] = await platform.workerPids("admin/sleepy");

  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.ok(isAlive(pid));
  await visitor.close();
});

test("the killed worker's running event is reported and can be sent again", async () => {
  const visitor = await join("misbehaving");
  const n = visitor.fire("burn", "click");

  await visitor.waitFor("accepted", () => visitor.accepted.has(n));
  await until("a worker runs", async () => (await platform.workerPids("admin/misbehaving")).length > 0);
  for (const pid of await platform.workerPids("admin/misbehaving")) process.kill(pid, "SIGKILL");
  await visitor.waitFor("it is told", () => visitor.interrupted === n);
  assert.equal(await visitor.act("answer", "click"), undefined);
  await visitor.close();
});

// The smallest PNG: one white pixel.
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC", "base64");

async function upload(name, visitor, bytes, filename, type = "application/octet-stream") {
  const form = new FormData();

  form.append("file", new Blob([bytes], { type }), filename);
  return fetch(`${platform.url}/spaces/admin/${name}/-/upload?session=${visitor.welcome.session}`, {
    method: "POST", body: form, headers: { cookie: visitor.cookie, origin: platform.url },
  });
}

test("a picture is uploaded, handled and shown", async () => {
  await deploy("pictures", apps.withImage);
  const visitor = await join("pictures");
  const answer = await upload("pictures", visitor, png, "../../pixel.png", "image/png");
  const text = await answer.text();

  assert.ok(answer.status < 300, `${answer.status} ${text}`);
  const file = JSON.parse(text);
  const value = Array.isArray(file) ? file[0] : file;

  assert.equal(await visitor.act("input", "upload", null, { input: value }), undefined);
  assert.equal(visitor.props("info").value.type, "image/png");
  assert.equal(visitor.props("info").value.size, png.length);
  assert.doesNotMatch(visitor.props("info").value.name, /\//);
  const shown = await fetch(`${platform.url}/spaces/admin/pictures/-/file/${visitor.props("show").value.file}`,
    { headers: { cookie: visitor.cookie } });

  assert.equal(shown.status, 200);
  assert.match(shown.headers.get("content-type"), /^image\/png/);
  assert.equal(shown.headers.get("x-content-type-options"), "nosniff");
  assert.deepEqual(Buffer.from(await shown.arrayBuffer()), png);
  await visitor.close();
});

test("an upload over its limit gets 4xx with the limit in words", async () => {
  const visitor = await join("pictures");
  const answer = await upload("pictures", visitor, Buffer.alloc((10 << 20) + 1000, 1), "big.png", "image/png").catch((error) => error);

  if (answer instanceof Response) {
    assert.equal(answer.status, 413);
    assert.match(await answer.text(), /limit|10485760|10 MiB/);
  }
  assert.equal((await upload("pictures", visitor, png, "ok.png", "image/png")).status < 300, true);
  await visitor.close();
});

test("HTML that says it is a picture is never served as HTML", async () => {
  const visitor = await join("pictures");
  const answer = await upload("pictures", visitor, Buffer.from("<html><script>alert(1)</script>"), "x.html", "text/html");

  if (answer.status < 300) {
    const file = await answer.json();
    const served = await fetch(`${platform.url}/spaces/admin/pictures/-/file/${(Array.isArray(file) ? file[0] : file).file}`,
      { headers: { cookie: visitor.cookie } });

    assert.doesNotMatch(served.headers.get("content-type") ?? "", /html|svg|xml/);
  } else {
    assert.ok(answer.status >= 400 && answer.status < 500);
  }
  await visitor.close();
});

test("two Spaces have two workers with nothing between them", async () => {
  const one = await join("counter"), two = await join("misbehaving");

  await one.act("add", "click");
  await two.act("answer", "click");
  const [a] = await platform.workerPids("admin/counter"), [b] = await platform.workerPids("admin/misbehaving");

  assert.ok(a && b && a !== b);
  await one.close();
  await two.close();
});
