// scripts/bench tls: what TLS costs in vitrine-tls and in nginx, both before the same gateway, with the same
// certificate, turn by turn. One client loads both, and shares the machine with them: so the processor time
// of whoever ends TLS stands beside what went through.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { until } from "../e2e/lib/process.mjs";
import { encode, TYPE } from "../e2e/lib/wire.mjs";
import { freePort, makeFile } from "./upload.mjs";

const WebSocket = createRequire(new URL("../e2e/package.json", import.meta.url))("ws");
const ROUNDS = 3, CONNECTIONS = 600, AT_ONCE = 24, IDLE = 1000, PER_ADDRESS = 20;
const SIZE = 256 << 20;
const TICKS = 100; // of proc(5), USER_HZ

const cpuSec = (pid) => {
  const rest = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");

  return (Number(rest[11]) + Number(rest[12])) / TICKS;
};
const pssKib = (pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]);
const best = (list) => Math.max(...list);
/** Of one's own piece of 127.0.0.0/8: who opens many from one address is slowed down. */
const addressOf = (i) => `127.${2 + (i >> 16)}.${(i >> 8) & 255}.${(i & 255) || 1}`;

/** nginx as docs/operate.md has it before the platform, with TLS as vitrine-tls does it. */
async function startNginx(pem, gateway, cleanups) {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-nginx-")), port = await freePort();

  writeFileSync(join(dir, "cert.pem"), readFileSync(pem), { mode: 0o600 });
  writeFileSync(join(dir, "nginx.conf"), `
worker_processes 1;
worker_rlimit_nofile 65536;
daemon off;
pid ${dir}/pid;
${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 16384; }
http {
  access_log off;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  server {
    listen 127.0.0.1:${port} ssl backlog=1024;
    ssl_certificate ${dir}/cert.pem;
    ssl_certificate_key ${dir}/cert.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://127.0.0.1:${gateway};
      proxy_bind 127.0.0.2;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 60s;
    }
  }
}
`);
  const server = spawn("/usr/sbin/nginx", ["-c", join(dir, "nginx.conf"), "-p", dir, "-e", join(dir, "error.log")], { stdio: "inherit" });

  cleanups.push(async () => {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.on("close", resolve));
    rmSync(dir, { recursive: true, force: true });
  });
  const workerPid = () => Number(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(" ")[0]);

  await until("nginx has a worker", () => workerPid() > 0);
  return { port, pid: workerPid() };
}

/** A new connection with a full handshake, one request, and its end. */
function askOnce(port, ca, i) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: addressOf(i), ca, servername: "localhost" }, () =>
      socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let text = "";

    socket.on("data", (bytes) => (text += bytes)).on("error", reject);
    socket.on("close", () => (text.startsWith("HTTP/1.1 200") ? resolve() : reject(new Error(`answered ${text.slice(0, 60)}`))));
  });
}

async function measureNew(side, ca, from) {
  const cpu = cpuSec(side.pid), began = performance.now();
  let next = 0;

  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < CONNECTIONS) await askOnce(side.port, ca, from + next++);
  }));
  return { perSec: CONNECTIONS / ((performance.now() - began) / 1000), perCpuSec: CONNECTIONS / (cpuSec(side.pid) - cpu) };
}

async function measureDownload(side, authority, path, cookie, run) {
  const cpu = cpuSec(side.pid);
  const speed = await run("curl", ["-sS", "--fail", "--cacert", authority, "-H", `Cookie: ${cookie}`, "-o", "/dev/null", "-w",
    "%{size_download} %{speed_download}", `https://localhost:${side.port}${path}`]);
  const [size, perSec] = speed.trim().split(" ").map(Number);

  if (size !== SIZE) throw new Error(`${size} bytes of ${SIZE} came`);
  return { mbPerSec: perSec / 1e6, mbPerCpuSec: SIZE / 1e6 / (cpuSec(side.pid) - cpu) };
}

/** Pages that stay open and say nothing, as visitors leave them. */
async function measureIdle(side, ca, path) {
  const before = pssKib(side.pid), sockets = [];
  const open = (i) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://localhost:${side.port}${path}`, { ca, localAddress: addressOf((1 << 16) + Math.floor(i / PER_ADDRESS)),
      origin: `https://localhost:${side.port}`, perMessageDeflate: false, family: 4 });

    sockets.push(socket);
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
    socket.on("open", () => socket.send(encode({ type: TYPE.JOIN, seq: 0, value: "{}" })));
    socket.once("message", resolve);
  });
  let next = 0;

  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < IDLE) await open(next++);
  }));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const mib = (pssKib(side.pid) - before) / 1024 * (1000 / IDLE);

  for (const socket of sockets) socket.removeAllListeners("close").on("error", () => {}).terminate();
  return mib;
}

export async function benchTls({ startPlatform, newRepo, run, figure, say, cleanups, echoApp, pathOf }) {
  const plain = await freePort();
  const platform = await startPlatform(["--port", String(plain), "--tls-ca", "--tls-port", "0", "--proxy", "127.0.0.2", "--uploads", "512,1024"]);
  const authority = join(platform.data, "ca/ca.crt"), ca = readFileSync(authority);
  const repo = newRepo(platform, "admin/echo");

  repo.env.GIT_SSL_CAINFO = authority;
  await repo.deploy({ "app.lua": echoApp });
  const nginx = await startNginx(join(platform.data, "tls/certs/ca.pem"), plain, cleanups);
  const ours = { port: platform.port, pid: platform.servicePid("tls") };
  const dir = mkdtempSync(join(tmpdir(), "vitrine-large-"));

  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const jar = join(dir, "cookies");
  const put = JSON.parse(await run("curl", ["-sS", "--fail-with-body", "--cacert", authority, "-c", jar, "-H", "Expect:", "-H",
    "Content-Type: application/octet-stream", "-T", makeFile(dir, SIZE), "-X", "POST",
    `https://localhost:${ours.port}/spaces/admin/echo/-/upload?name=large.bin`]));
  const cookie = readFileSync(jar, "utf8").trim().split("\n").filter((line) => !/^# |^$/.test(line)).map((line) => line.split("\t").slice(5).join("=")).join("; ");
  const path = `/spaces/admin/echo/-/file/${put.file}`;
  const sides = { ours: { fresh: [], down: [] }, peer: { fresh: [], down: [] } };

  for (let round = 0; round < ROUNDS; round++)
    for (const [name, side] of [["ours", ours], ["peer", nginx]]) {
      sides[name].fresh.push(await measureNew(side, ca, (round * 2 + (name === "peer" ? 1 : 0)) * CONNECTIONS));
      sides[name].down.push(await measureDownload(side, authority, path, cookie, run));
      say(`${name}: ${JSON.stringify([sides[name].fresh.at(-1), sides[name].down.at(-1)])}`);
    }
  const idle = await measureIdle(ours, ca, pathOf("admin/echo")), idlePeer = await measureIdle(nginx, ca, pathOf("admin/echo"));
  const pair = (what, unit, kind, key) => figure(what, best(sides.ours[kind].map((m) => m[key])), unit,
    { peer: best(sides.peer[kind].map((m) => m[key])) });

  return [
    pair("new connections, each a full handshake (TLS 1.3, P-256), one request and its end", "1/s", "fresh", "perSec"),
    pair("the same by processor time of whoever ends TLS", "1/s of processor", "fresh", "perCpuSec"),
    pair("256 MB down, one connection", "MB/s", "down", "mbPerSec"),
    pair("the same by processor time", "MB/s of processor", "down", "mbPerCpuSec"),
    figure("memory of 1,000 idle visitors' WebSockets, PSS", idle, "MiB", { peer: idlePeer }),
  ];
}
