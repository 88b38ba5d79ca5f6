// Every way in which something under a session may be cut, killed or replaced, times everything a
// visitor may be in the middle of: lib/matrix.mjs says what each sees, and these tests hold it to
// that. Real processes; four visitors at once, so that one disturbance answers for a row.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { frontMatter, Repo } from "./lib/git.mjs";
import { activities, answer, app, matrix, outcomes, printed } from "./lib/matrix.mjs";
import { Platform, root } from "./lib/platform.mjs";
import { isAlive, until } from "./lib/process.mjs";
import { TYPE, Visitor } from "./lib/wire.mjs";

const SPACE = "admin/matrix";
const CLICKS = 3; // finished by each visitor before anything happens
// A PNG as far as anybody looks: its signature, a header that says 64 × 64, and filling.
const FILE = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d4948445200000040000000400802000000250be689", "hex"), Buffer.alloc(300_000, 7)]);
const HALF = 120_000;
let platform, repo, version = 0;

async function deploy() {
  const output = await repo.deploy({ "README.md": frontMatter("sleep_after: 1\n"), "app.lua": app(`Matrix ${++version}`) });

  return output;
}

before(async () => {
  platform = await Platform.start();
  repo = new Repo(platform, SPACE);
  await deploy();
});

after(async () => {
  repo?.remove();
  await platform?.remove();
});

/* --- a visitor with a page that comes back as a browser's does --- */

class Tab {
  static async open() {
    const tab = new Tab();

    tab.visitor = await Visitor.join(platform, SPACE);
    for (let i = 0; i < CLICKS; i++) assert.equal(await tab.visitor.act("add", "click", null, {}, 60_000), undefined);
    assert.equal(tab.count, CLICKS);
    return tab;
  }

  get count() {
    return this.visitor.props("mine").value ?? 0;
  }

  get text() {
    return this.visitor.props("chat").value?.at(-1)?.content ?? "";
  }

  /** Joins again: with what the page shows, or (reload) with nothing. */
  async back({ reload = false } = {}) {
    const { welcome: { session }, cookie } = this.visitor;

    this.visitor = await until("joined again", () =>
      Visitor.join(platform, SPACE, reload ? { session, cookie } : { page: this.visitor }), 30_000, 100);
    assert.equal(this.visitor.welcome.session, session, "another session");
    assert.notEqual(this.visitor.welcome.state, "new");
    // A page sends again what the gateway does not hold.
    if (this.fired && this.visitor.nextEvent === this.n) this.visitor.fire(...this.fired);
  }

  fire(...event) {
    this.fired = event;
    this.n = this.visitor.fire(...event);
    return this.n;
  }

  /** Until check() is true, joining again whenever the socket is lost, as the page does. */
  wait(words, check) {
    return until(words, async () => {
      if (this.visitor.closed) await this.back();
      return check();
    }, 30_000, 10);
  }

  /** The event ends: true; it was interrupted: false. */
  async ends(n) {
    await this.wait(`event ${n} ends`, () => this.visitor.finished.has(n) || this.visitor.interrupted === n);
    return this.visitor.interrupted !== n;
  }

  async close() {
    await this.visitor.close();
  }
}

/* --- what visitors are in the middle of --- */

async function startUpload(tab) {
  const headers = { cookie: tab.visitor.cookie, origin: platform.url, "tus-resumable": "1.0.0" };
  const made = await fetch(`${platform.url}/spaces/${SPACE}/-/uploads`, {
    method: "POST",
    headers: { ...headers, "upload-length": String(FILE.length), "upload-metadata": `filename ${Buffer.from("a.png").toString("base64")}` },
  });

  assert.equal(made.status, 201, await made.text());
  tab.upload = new URL(made.headers.get("location"), platform.url).href;
  tab.headers = headers;
  const half = await sendPiece(tab, 0, HALF);

  assert.equal(half.status, 204, await half.text());
  assert.equal(half.headers.get("upload-offset"), String(HALF));
}

const sendPiece = (tab, from, to) => fetch(tab.upload, {
  method: "PATCH",
  headers: { ...tab.headers, "content-type": "application/offset+octet-stream", "upload-offset": String(from) },
  body: FILE.subarray(from, to),
});

/** Starts the activity; resolves when it is in its middle. */
const begin = {
  idle: async () => {},
  running: async (tab) => {
    tab.fire("hold", "click");
    await tab.visitor.waitFor("accepted", () => tab.visitor.accepted.has(tab.n));
  },
  streaming: async (tab, disturbance) => {
    tab.fire(disturbance === "an inference killed" ? "talk" : "stream", "click");
    await tab.visitor.waitFor("the first words", () => tab.text.length > 10);
    tab.before = tab.text;
  },
  upload: startUpload,
};

/* --- what may happen --- */

const leave = (tabs) => Promise.all(tabs.map((tab) => tab.close()));
const come = (tabs, options) => Promise.all(tabs.map((tab) => tab.back(options)));

/** Visitors are told when the gateway has noticed; a click before that belongs to the dead worker. */
async function killWorker(tabs) {
  const pids = await platform.workerPids(SPACE);

  assert.ok(pids.length > 0, "no worker");
  for (const { visitor } of tabs) visitor.phase = undefined;
  for (const pid of pids) process.kill(pid, "SIGKILL");
  for (const { visitor } of tabs) await visitor.waitFor("the gateway knows", () => visitor.phase);
}

async function sleepAndWake(tabs) {
  const pids = await platform.workerPids(SPACE);

  assert.ok(pids.length > 0, "no worker");
  await leave(tabs);
  await until("the worker sleeps", () => !pids.some(isAlive), 30_000);
  await come(tabs);
}

const happen = {
  "a socket cut": async (tabs) => {
    for (const tab of tabs) tab.visitor.socket.terminate();
  },
  "a tab loaded again": async (tabs) => {
    await leave(tabs);
    await come(tabs, { reload: true });
  },
  "a worker killed": killWorker,
  "a gateway killed": () => platform.killService("gateway"),
  "an agent killed": async (tabs) => {
    for (const { visitor } of tabs) visitor.phase = undefined;
    await platform.killService("agent");
    for (const { visitor } of tabs) await visitor.waitFor("the gateway knows", () => visitor.phase);
  },
  "an orchestrator killed": () => platform.killService("orchestrator"),
  "an inference killed": () => platform.killService("inference"),
  "a deploy": deploy,
  "a rollback": async () => {
    const { status, text } = await platform.api("POST", `/api/spaces/${SPACE}/rollback`, {});

    assert.ok(status < 300, text);
  },
  "a sleep and a wake": sleepAndWake,
  "a platform upgraded in place": async (tabs) => {
    await platform.restart();
    const url = new URL(repo.url);

    url.password = platform.token;
    repo.url = url.href;
    for (const tab of tabs) assert.equal(tab.visitor.closed?.code, 1012, JSON.stringify(tab.visitor.closed));
  },
};

/* --- what must be seen --- */

/** Nothing acknowledged is lost: the finished clicks are there, and the next one counts on. */
async function clicksCountOn(tab) {
  await tab.wait("the count", () => tab.count >= CLICKS);
  assert.equal(tab.count, CLICKS);
  assert.ok(await tab.ends(tab.fire("add", "click")), "the next click was interrupted");
  await tab.wait("the next count", () => tab.count > CLICKS);
  assert.equal(tab.count, CLICKS + 1);
}

const result = {
  running: async (tab) => {
    await tab.wait("the result", () => tab.visitor.props("slow").value >= 1);
    assert.equal(tab.visitor.props("slow").value, 1, "its effect is there more than once");
  },
  streaming: (tab) => assert.equal(tab.text, answer),
};

const see = {
  same: async () => {},
  finishes: async (tab, activity) => {
    assert.ok(await tab.ends(tab.n), "it was interrupted");
    assert.equal(tab.visitor.failures.get(tab.n), undefined);
    await result[activity](tab);
  },
  asks: async (tab, activity) => {
    assert.equal(await tab.ends(tab.n), false, "it ended");
    assert.equal(tab.visitor.props("slow").value ?? 0, 0);
    if (activity === "streaming") assert.ok(tab.text.startsWith(tab.before) && answer.startsWith(tab.text), tab.text);
    tab.visitor.interrupted = undefined;
    tab.visitor.send({ type: TYPE.RETRY, seq: tab.n });
    await see.finishes(tab, activity);
  },
  partly: async (tab) => {
    assert.ok(await tab.ends(tab.n), "it was interrupted");
    assert.ok(tab.text.startsWith(tab.before), "what was shown is gone");
    assert.ok(tab.visitor.failures.get(tab.n)?.message, "it does not say why");
  },
  goes_on: async (tab) => {
    const head = await until("the upload is asked for", () => fetch(tab.upload, { method: "HEAD", headers: tab.headers }));

    assert.equal(head.headers.get("upload-offset"), String(HALF));
    const rest = await sendPiece(tab, HALF, FILE.length);

    assert.equal(rest.status, 204, await rest.text());
    const id = tab.upload.split("/").pop();
    const n = tab.fire("input", "upload", null, { input: { file: id, name: "a.png", type: "image/png", size: FILE.length } });

    assert.ok(await tab.ends(n), "interrupted");
    assert.equal(tab.visitor.failures.get(n), undefined);
    await tab.wait("the app has it", () => tab.visitor.props("info").value?.size === FILE.length);
    const file = await fetch(`${platform.url}/spaces/${SPACE}/-/file/${id}`, { headers: tab.headers });

    assert.ok(Buffer.from(await file.arrayBuffer()).equals(FILE), "the file is another one");
  },
};
see.whole = see.finishes;

for (const [disturbance, cells] of Object.entries(matrix)) {
  const row = {};
  let happened;

  before(() => {
    row.tabs = {};
    happened = async () => {
      for (const activity of Object.keys(cells)) row.tabs[activity] = await Tab.open();
      await Promise.all(Object.entries(row.tabs).map(([activity, tab]) => begin[activity](tab, disturbance)));
      await happen[disturbance](Object.values(row.tabs));
    };
  });
  for (const [activity, outcome] of Object.entries(cells))
    test(`${disturbance} while ${activities[activity]}: ${outcomes[outcome]}`, async () => {
      row.done ??= happened();
      await row.done;
      const tab = row.tabs[activity];

      await see[outcome](tab, activity);
      await clicksCountOn(tab);
      await tab.close();
    });
}

test("docs/sessions.md prints this table", () => {
  const page = readFileSync(join(root, "docs/sessions.md"), "utf8");

  assert.ok(page.includes(printed()), `docs/sessions.md should have:\n${printed()}`);
});

/* --- in a real browser --- */

/** A proxy in front of the platform whose connections can be cut. */
async function proxy() {
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(platform.port, "127.0.0.1");

    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };

  return { port: server.address().port, cut, close: () => new Promise((resolve) => {
    server.close(resolve);
    cut();
  }) };
}

const inBrowser = {
  "a socket cut": (page, door) => door.cut(),
  "a tab loaded again": (page) => page.reload(),
  "a gateway killed": () => platform.killService("gateway"),
  "a deploy": deploy,
};

test("in Chromium, while tokens stream: the page shows the whole answer, whatever is cut", async (t) => {
  const browser = await launchBrowser();
  const door = await proxy();

  try {
    for (const [disturbance, happens] of Object.entries(inBrowser))
      await t.test(disturbance, async () => {
        const page = await openPage(browser);

        await page.goto(`http://127.0.0.1:${door.port}/spaces/${SPACE}`);
        await page.getByRole("button", { name: "Add" }).click();
        await page.getByRole("button", { name: "Stream" }).click();
        await page.getByText("word5 ").first().waitFor();
        await happens(page, door);
        await page.getByText(answer.trim()).first().waitFor();
        // What a screen reader is told of it stands in a line of its own.
        assert.equal(await page.locator("text=word1 ").and(page.locator(":not([aria-live=polite])")).count(), 1, "the answer is there twice");
        await page.context().close();
      });
  } finally {
    await browser.close();
    await door.close();
  }
});
