// scripts/bench upgrade: every service replaced under a thousand sessions that click, and then the whole
// platform stopped and started: the longest that each session waited for an answer, and what was lost.
// Peer: as many sockets at a bare libwebsockets server that keeps nothing, ended and started anew.
import { createRequire } from "node:module";
import { Build } from "../e2e/lib/builds.mjs";
import { countingApp, Crowd } from "../e2e/lib/crowd.mjs";
import { Platform, root, vitrine } from "../e2e/lib/platform.mjs";
import { runProgram, until } from "../e2e/lib/process.mjs";

const WebSocket = createRequire(new URL("../e2e/package.json", import.meta.url))("ws");
const COUNT = Number(process.env.VITRINE_BENCH_SESSIONS ?? 1000);
const EVERY_MS = 4000, SPACES = 5;
const BACKOFF_FIRST_MS = 120, BACKOFF_MAX_MS = 8000;

/** Says something at an echo server again and again; comes back when the socket is lost. */
class Caller {
  constructor(where) {
    Object.assign(this, { where, worst: 0, answers: 0, wait: BACKOFF_FIRST_MS });
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://127.0.0.1:${this.where.port}/`, { perMessageDeflate: false });
    this.socket.on("open", () => {
      this.wait = BACKOFF_FIRST_MS;
      this.say();
    });
    this.socket.on("message", () => {
      this.worst = Math.max(this.worst, performance.now() - this.began);
      this.began = undefined;
      this.answers++;
      this.timer = setTimeout(() => this.say(), EVERY_MS * (0.5 + Math.random()));
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      clearTimeout(this.timer);
      this.began ??= this.left ? undefined : performance.now();
      if (!this.left) setTimeout(() => this.left || this.open(), this.wait * (0.5 + Math.random() / 2));
      this.wait = Math.min(2 * this.wait, BACKOFF_MAX_MS);
    });
  }

  say() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.began ??= performance.now();
    this.socket.send("the text of a click, as long as a short message");
  }
}

async function measurePeer(startEcho) {
  const where = await startEcho();
  const callers = [];

  for (let i = 0; i < COUNT; i += 50) {
    const some = Array.from({ length: Math.min(50, COUNT - i) }, () => new Caller(where));

    callers.push(...some);
    await until("they are in", () => some.every((one) => one.answers > 0), 60_000, 10);
  }
  await until("they talk", () => callers.every((one) => one.answers > 1), 60_000, 20);
  for (const one of callers) one.worst = 0;
  const answers = callers.map((one) => one.answers);
  const ended = new Promise((resolve) => where.server.on("close", resolve));

  where.server.kill("SIGTERM");
  await ended;
  where.port = (await startEcho()).port;
  await until("they talk again", () => callers.every((one, i) => one.answers > answers[i] + 1), 120_000, 20);
  for (const one of callers) {
    one.left = true;
    one.socket.terminate();
  }
  return callers.map((one) => one.worst);
}

/** Everybody clicks before, while and after it happens: what each waited for, in ms. */
async function measure(crowd, happens) {
  crowd.forget();
  crowd.go();
  await crowd.answered();
  crowd.forget();
  const began = performance.now(), before = crowd.clicks;

  await happens();
  const tookMs = performance.now() - began;

  await crowd.answered();
  await crowd.rest();
  const { pauses } = crowd, clicks = crowd.clicks - before;
  const retried = crowd.members.reduce((n, one) => n + one.retried, 0);

  await crowd.reload();
  return { pauses, clicks, tookMs, retried, wrongs: crowd.wrongs };
}

export async function benchUpgrade({ startEcho, newRepo, percentile, figure, say, cleanups }) {
  const build = Build.make(root, "0.0.1");
  const platform = await Platform.start({ buildDir: build.dir });
  const spaces = Array.from({ length: SPACES }, (_, i) => `admin/crowd-${i}`);
  const figures = [];

  cleanups.push(async () => {
    await platform.remove();
    build.remove();
  });
  for (const space of spaces) await newRepo(platform, space).deploy({ "app.lua": countingApp });
  const crowd = await Crowd.gather(platform, spaces, COUNT, { everyMs: EVERY_MS });
  const calm = await measure(crowd, () => new Promise((resolve) => setTimeout(resolve, 5000)));
  const peer = await measurePeer(startEcho);

  say(`calm: ${calm.clicks} clicks, p99 of the longest waits ${Math.round(percentile(calm.pauses, 99))} ms`);
  const ways = {
    "vitrine upgrade, each service in turn": async () => {
      build.install("0.0.2");
      const { code, output } = await runProgram(vitrine, ["upgrade", "--data", platform.data]);

      say(output.trim());
      if (code !== 0) throw new Error(output);
    },
    "the whole platform stopped and started": async () => {
      build.install("0.0.3");
      await platform.restart();
    },
  };

  for (const [what, happens] of Object.entries(ways)) {
    const seen = await measure(crowd, happens);

    for (const words of seen.wrongs.slice(0, 10)) say(words);
    say(`${what}: ${Math.round(seen.tookMs)} ms, ${seen.clicks} clicks meanwhile, ${seen.retried} asked again`);
    figures.push(figure(`${COUNT} sessions in ${SPACES} Spaces, ${what}: events lost, done twice, or sessions begun anew`,
      seen.wrongs.length, "events", { goal: "0", limit: 0 }));
    figures.push(figure("the same, the longest wait of a session for an answer, p50", percentile(seen.pauses, 50) / 1000, "s",
      { peer: percentile(peer, 50) / 1000 }));
    figures.push(figure("the same, p99", percentile(seen.pauses, 99) / 1000, "s", { peer: percentile(peer, 99) / 1000 }));
    figures.push(figure("the same, from its beginning to its end", seen.tookMs / 1000, "s"));
  }
  figures.push(figure("the longest wait of a session while nothing happens, p99", percentile(calm.pauses, 99) / 1000, "s"));
  crowd.leave();
  return figures;
}
