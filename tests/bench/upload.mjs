// 1 GB up: what it costs in memory, and how long it takes beside nginx writing the same bytes.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../e2e/lib/process.mjs";

const SIZE = Number(process.env.VITRINE_BENCH_BYTES ?? 1 << 30);
const ROUNDS = 2;
const SERVICES = ["gateway", "orchestrator", "agent", "boxd", "inference"];
const LIMIT_MIB = 32;

export const status = (pid, key) => {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").split("\n").find((l) => l.startsWith(`${key}:`));

  return line ? Number(line.split(/\s+/)[1]) / 1024 : 0;
};

/** Children and theirs, with what each is called. */
function descendants(pid, found = []) {
  for (const task of readdirSync(`/proc/${pid}/task`))
    for (const child of readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean)) {
      found.push(Number(child));
      descendants(child, found);
    }
  return found;
}

/** Peaks of the services and of every git below the orchestrator, in MiB above what was idle. */
export class Watch {
  constructor(platform) {
    this.pids = Object.fromEntries(SERVICES.map((name) => [name, platform.servicePid(name)]).filter(([, pid]) => pid));
    this.idle = {};
    this.peaks = {};
    for (const [name, pid] of Object.entries(this.pids)) {
      writeFileSync(`/proc/${pid}/clear_refs`, "5"); // proc(5): the peak is what is resident now
      this.idle[name] = status(pid, "VmRSS");
    }
    this.timer = setInterval(() => this.#look(), 20);
  }

  #look() {
    for (const pid of (() => { try { return descendants(this.pids.orchestrator); } catch { return []; } })()) {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (!words[0].endsWith("git")) continue; // the hook, and a child between fork and exec
        const name = `git ${words[1]}`;

        this.peaks[name] = Math.max(this.peaks[name] ?? 0, status(pid, "VmHWM"));
      } catch {
        // it has ended meanwhile
      }
    }
  }

  end() {
    clearInterval(this.timer);
    for (const [name, pid] of Object.entries(this.pids))
      this.peaks[name] = Math.max(0, status(pid, "VmHWM") - this.idle[name]);
    return this.peaks;
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();

      server.close(() => resolve(port));
    });
  });
}

export async function startNginx({ cleanups }) {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-nginx-"));
  const port = await freePort();

  for (const name of ["root", "body"]) mkdirSync(join(dir, name));
  writeFileSync(join(dir, "nginx.conf"), `
worker_processes 1;
daemon off;
pid ${dir}/pid;
error_log ${dir}/error.log;
${process.getuid() === 0 ? "user root;" : ""}
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  server {
    listen 127.0.0.1:${port};
    root ${dir}/root;
    client_max_body_size 0;
    location / { dav_methods PUT; }
  }
}
`);
  const server = spawn("/usr/sbin/nginx", ["-c", join(dir, "nginx.conf"), "-p", dir, "-e", join(dir, "error.log")], { stdio: "inherit" });

  cleanups.push(async () => {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.on("close", resolve));
    rmSync(dir, { recursive: true, force: true });
  });
  await until("nginx answers", async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0);
  return { url: `http://127.0.0.1:${port}`, dir };
}

export function makeFile(dir, bytes) {
  const path = join(dir, "large.bin");
  const fd = openSync(path, "w");

  for (let left = bytes; left > 0; left -= 1 << 24) writeSync(fd, randomBytes(Math.min(left, 1 << 24)));
  closeSync(fd);
  return path;
}

const best = (list) => Math.max(...list);

export async function benchUpload({ startPlatform, newRepo, run, figure, say, cleanups }) {
  const dir = mkdtempSync(join(tmpdir(), "vitrine-large-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const file = makeFile(dir, SIZE);
  const nginx = await startNginx({ cleanups });
  const platform = await startPlatform();
  const repo = newRepo(platform, "admin/large");

  await repo.deploy({ "app.lua": 'local ui = require "vitrine.ui"\nreturn ui.page({}, function() return ui.markdown "hi" end)\n' });
  const uploads = `${platform.url}/spaces/admin/large/-/uploads`;
  const tus = ["-H", "Tus-Resumable: 1.0.0"];
  const jar = join(dir, "cookies");
  const curl = async (...args) => run("curl", ["-sS", "--fail-with-body", "-b", jar, "-c", jar, ...args]);
  const timed = async (fn) => {
    const began = performance.now();

    await fn();
    return SIZE / 1e6 / ((performance.now() - began) / 1000);
  };
  const throughput = { peer: [], tus: [], post: [] };
  const watch = new Watch(platform);

  for (let i = 0; i < ROUNDS; i++) {
    throughput.peer.push(await timed(() => run("curl", ["-sS", "--fail-with-body", "-T", file, `${nginx.url}/large.bin`])));
    const made = await curl("-D", "-", ...tus, "-X", "POST", "-H", `Upload-Length: ${SIZE}`, uploads);
    const url = new URL(/location: (\S+)/i.exec(made)[1], platform.url).href;

    throughput.tus.push(await timed(() => curl(...tus, "-X", "PATCH", "-H", "Upload-Offset: 0", "-H", "Expect:",
      "-H", "Content-Type: application/offset+octet-stream", "-T", file, url)));
    throughput.post.push(await timed(() => curl("-X", "POST", "-H", "Expect:", "-H", "Content-Type: application/octet-stream", "-T", file,
      `${platform.url}/spaces/admin/large/-/upload?name=large.bin`)));
    say(`round ${i + 1}: nginx ${throughput.peer.at(-1).toFixed(0)}, tus ${throughput.tus.at(-1).toFixed(0)}, POST ${throughput.post.at(-1).toFixed(0)} MB/s`);
  }
  const filePeaks = watch.end();

  await repo.git(["config", "core.bigFileThreshold", "1m"]);
  await repo.git(["config", "core.compression", "0"]);
  await run("cp", [file, join(repo.dir, "large.bin")]);
  await repo.git(["add", "large.bin"]);
  await repo.git(["commit", "-q", "-m", "large"]);
  const pushWatch = new Watch(platform);
  const push = await timed(async () => {
    const { code, output } = await repo.git(["push", "-q", repo.url, "HEAD:refs/heads/large"]);

    if (code !== 0) throw new Error(output);
  });
  const pushPeaks = pushWatch.end();
  const peaks = (what, list) => Object.entries(list).map(([name, mib]) => figure(
    `${what}: ${name}, peak memory${name.startsWith("git") ? "" : " above idle"}`, mib, "MiB", { goal: `≤ ${LIMIT_MIB} MiB`, limit: LIMIT_MIB }));
  const peer = best(throughput.peer);

  return [
    figure("1 GB file by tus, one PATCH, on the disk when it is answered; best of two (peer: PUT to nginx, in its page cache)", best(throughput.tus), "MB/s", { peer }),
    figure("the same by POST", best(throughput.post), "MB/s", { peer }),
    figure("1 GB pack by git push, git's own work on both sides in it (peer: PUT to nginx)", push, "MB/s", { peer }),
    ...peaks("1 GB files", filePeaks),
    ...peaks("1 GB push", pushPeaks),
  ];
}
