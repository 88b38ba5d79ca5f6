// scripts/bench sockets: what 5,000 idle WebSockets cost one gateway, and how fast they come, beside
// a bare libwebsockets server and the same client; then clicks of 1,000 sessions beside its echo.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { until } from "../e2e/lib/process.mjs";
import { encode, TYPE } from "../e2e/lib/wire.mjs";

const WebSocket = createRequire(new URL("../e2e/package.json", import.meta.url))("ws");
const COUNT = Number(process.env.VITRINE_BENCH_SOCKETS ?? 5000);
const AT_ONCE = 50, PER_ADDRESS = 20; // who opens more from one address is slowed down

const pss = (pid) => 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]);

/** Opens so many sockets, each from its own piece of 127.0.0.0/8; talks: joins a session. */
async function openAll(url, talks) {
  const sockets = [];
  const one = (i) => new Promise((resolve, reject) => {
    const host = Math.floor(i / PER_ADDRESS);
    const socket = new WebSocket(url, { localAddress: `127.1.${host >> 8}.${(host & 255) || 1}`, origin: new URL(url.replace(/^ws/, "http")).origin,
      perMessageDeflate: false });

    sockets.push(socket);
    socket.on("error", reject);
    socket.on("close", (code, reason) => reject(new Error(`closed with ${code} ${reason}`)));
    socket.on("open", () => {
      if (!talks) resolve();
      else socket.send(encode({ type: TYPE.JOIN, seq: 0, value: "{}" }));
    });
    if (talks) socket.once("message", resolve);
  });
  const began = performance.now();
  let next = 0;

  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < COUNT) await one(next++);
  }));
  return { sockets, ms: performance.now() - began };
}

async function measure(pid, url, talks) {
  const before = pss(pid);
  const { sockets, ms } = await openAll(url, talks);

  await new Promise((resolve) => setTimeout(resolve, 1500));
  const bytes = (pss(pid) - before) / COUNT;

  for (const socket of sockets) socket.removeAllListeners("close").on("error", () => {}).terminate();
  return { kib: bytes / 1024, perSecond: COUNT / (ms / 1000) };
}

export async function benchSockets({ startPlatform, startEcho, newRepo, run, numbers, percentile, figure, echoApp, client, pathOf }) {
  const platform = await startPlatform();
  const repo = newRepo(platform, "admin/echo");

  await repo.deploy({ "app.lua": echoApp });
  const echo = await startEcho();
  const peer = await measure(echo.pid, `ws://127.0.0.1:${echo.port}/`, false);
  const ours = await measure(platform.servicePid("gateway"), `ws://127.0.0.1:${platform.port}${pathOf("admin/echo")}`, true);
  const clicks = [], echoes = [];

  await until("they are gone", async () => (await (await fetch(`${platform.url}/healthz`)).json()).status === "ok");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (let turn = 0; turn < 2; turn++) {
    echoes.push(...numbers(await run(client, ["echoes", echo.port, "/", "3", "1000"])));
    clicks.push(...numbers(await run(client, ["clicks", String(platform.port), pathOf("admin/echo"), "3", "1000", "said", "go"])));
  }
  const rate = percentile(clicks, 50), bare = percentile(echoes, 50);

  return [
    figure(`${COUNT} idle sockets, each with its session: memory of the gateway for each, PSS`, ours.kib, "KiB", { peer: peer.kib }),
    figure("opens per second, with JOIN, session and the page's state", ours.perSecond, "1/s", { peer: peer.perSecond }),
    // holds is value ≤ limit: so it is said the other way round, and the ratio stands beside it
    { ...figure("1,000 sessions at once, throughput", rate, "clicks/s", { peer: bare, goal: "≥ 0.4 × the bare echo" }), holds: rate >= 0.4 * bare },
  ];
}
