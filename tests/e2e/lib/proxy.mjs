// What stands between a browser and the platform: a real nginx with a configuration of the test's
// own, and a plain TCP proxy that delays or cuts what passes through it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./process.mjs";

export const nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].find((path) => existsSync(path));

/** A port that nobody listens on just now. */
export async function freePort() {
  const server = createServer();

  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();

  await new Promise((done) => server.close(done));
  return port;
}

export class Nginx {
  /** http: what stands in the http block. */
  static async start(http, ports) {
    const proxy = new Nginx();

    proxy.dir = mkdtempSync(join(tmpdir(), "vitrine-nginx-"));
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${proxy.dir}/${name};`).join("\n");

    writeFileSync(join(proxy.dir, "nginx.conf"), `
      daemon off;
      master_process off;
      pid ${proxy.dir}/pid;
      error_log ${proxy.dir}/error.log;
      events { worker_connections 512; }
      http {
        access_log ${proxy.dir}/access.log;
        ${temp}
        ${http}
      }`);
    proxy.child = spawn(nginx, ["-c", join(proxy.dir, "nginx.conf"), "-p", proxy.dir], { stdio: ["ignore", "ignore", "pipe"] });
    proxy.words = "";
    proxy.child.stderr.on("data", (bytes) => {
      proxy.words += bytes;
    });
    proxy.exited = new Promise((done) => proxy.child.on("close", done));
    for (const port of ports)
      await until(`nginx listens on ${port}`, () => {
        if (proxy.child.exitCode !== null) throw new Error(proxy.words);
        return new Promise((done) => {
          const s = createConnection(port, "127.0.0.1", () => {
            s.destroy();
            done(true);
          });

          s.on("error", () => done(false));
        });
      }, 10_000);
    return proxy;
  }

  /** Lines of the access log. */
  get log() {
    return readFileSync(join(this.dir, "access.log"), "utf8");
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.exited;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Every byte arrives, in order, `delayMs` later. */
export class SlowProxy {
  static async start(port, delayMs) {
    const proxy = new SlowProxy();

    proxy.sockets = new Set();
    proxy.server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = createConnection({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });

      for (const [from, to] of [[near, far], [far, near]]) {
        proxy.sockets.add(from);
        from.on("data", (bytes) => setTimeout(() => to.write(bytes), delayMs));
        from.on("end", () => setTimeout(() => to.end(), delayMs));
        from.on("error", () => to.destroy());
        from.on("close", () => proxy.sockets.delete(from));
      }
    });
    await new Promise((done) => proxy.server.listen(0, "127.0.0.1", done));
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }
}
