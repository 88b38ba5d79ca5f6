// What stands between a browser and the platform: a real nginx with a configuration of the test's
// own, and a plain TCP proxy that delays or cuts what passes through it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./process.mjs";

export const caddy = ["/usr/bin/caddy"].find((path) => existsSync(path));
export const nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].find((path) => existsSync(path));

/** A port that nobody listens on just now. */
export async function freePort() {
  const server = createServer();

  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();

  await new Promise((done) => server.close(done));
  return port;
}

function listens(port) {
  return new Promise((done) => {
    const socket = createConnection(port, "127.0.0.1", () => {
      socket.destroy();
      done(true);
    });

    socket.on("error", () => done(false));
  });
}

/** A proxy in a process and a folder of its own. */
class Program {
  async launch(program, args, ports) {
    this.words = "";
    this.child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env.PATH, HOME: this.dir } });
    this.child.stderr.on("data", (bytes) => {
      this.words += bytes;
    });
    this.exited = new Promise((done) => this.child.on("close", done));
    for (const port of ports)
      await until(`${program} listens on ${port}`, () => {
        if (this.child.exitCode !== null) throw new Error(this.words);
        return listens(port);
      }, 10_000);
    return this;
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.exited;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class Nginx extends Program {
  /** http: what stands in the http block. */
  static start(http, ports) {
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
        access_log off;
        ${temp}
        ${http}
      }`);
    return proxy.launch(nginx, ["-c", join(proxy.dir, "nginx.conf"), "-p", proxy.dir], ports);
  }
}

export class Caddy extends Program {
  /** sites: what stands in the Caddyfile. */
  static start(sites, ports) {
    const proxy = new Caddy();

    proxy.dir = mkdtempSync(join(tmpdir(), "vitrine-caddy-"));
    writeFileSync(join(proxy.dir, "Caddyfile"), `{\n\tadmin off\n\tauto_https off\n}\n${sites}`);
    return proxy.launch(caddy, ["run", "--adapter", "caddyfile", "--config", join(proxy.dir, "Caddyfile")], ports);
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
