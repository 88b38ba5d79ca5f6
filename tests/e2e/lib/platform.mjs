// A platform of one's own: scripts/up on a free port with a temporary data folder.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { descendants, isAlive, runProgram, until } from "./process.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const buildDir = process.env.VITRINE_BUILD_DIR ?? join(root, "build");
export const vitrine = join(buildDir, "bin/vitrine");

export class Platform {
  /** Options: data (kept when given), port, templates, uid (run as that user), args; script and
   * buildDir of another clone. */
  static async start(options = {}) {
    const platform = new Platform(options);

    await platform.#launch();
    return platform;
  }

  constructor({ data, port = 0, templates = false, uid, args = [], readyMs = 120_000, script = join(root, "scripts/up"), buildDir: build = buildDir } = {}) {
    this.ownsData = data === undefined;
    this.data = data ?? mkdtempSync(join(tmpdir(), "vitrine-e2e-"));
    this.tokenFile = join(this.data, "../", `${this.data.split("/").pop()}.token`);
    this.port = port;
    this.templates = templates;
    this.uid = uid;
    this.args = args;
    this.readyMs = readyMs;
    this.script = script;
    this.build = build;
    this.log = "";
  }

  async #launch() {
    const args = ["--port", String(this.port), "--data", this.data, "--token-file", this.tokenFile,
      ...(this.templates ? [] : ["--no-templates"]), ...this.args];
    let program = this.script;
    const env = { ...process.env, VITRINE_BUILD_DIR: this.build, VITRINE_NO_BUILD: "1" };

    if (this.uid !== undefined) {
      args.unshift("--reuid", String(this.uid), "--regid", String(this.uid), "--clear-groups", program);
      program = "setpriv";
      env.HOME = this.data;
    }
    this.child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.exited = new Promise((done) => this.child.on("close", (code) => done(code ?? 128)));
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on("data", (bytes) => {
        this.log += bytes;
      });
    const early = this.exited.then((code) => {
      this.ended = true;
      return { code };
    });
    const ready = until("the platform is ready", () => this.ended ||
      (/^Vitrine is running\.$/m.test(this.log) && existsSync(this.tokenFile)), this.readyMs, 20);
    const first = await Promise.race([ready.then(() => null), early]).catch(async (error) => {
      await this.stop();
      throw new Error(`${error.message}; it said:\n${this.log}`);
    });

    if (first || this.ended) throw new Error(`scripts/up ended with ${first?.code}:\n${this.log}`);
    this.url = /^vitrine: ready on (\S+)$/m.exec(this.log)[1];
    this.port = Number(new URL(this.url).port);
    this.token = readFileSync(this.tokenFile, "utf8").trim();
    this.password = /password: (\S+)/.exec(this.log)?.[1] ?? this.password;
  }

  /** Ends it as an operator would and checks that nothing is left of it. */
  async stop() {
    if (!this.ended) {
      const family = descendants(this.child.pid);

      this.child.kill("SIGTERM");
      this.exitCode = await this.exited;
      this.orphans = family.filter(isAlive);
    }
    this.ended = true;
    // Whatever the test is about: a filter that ends a service is a fault of the filter or worse.
    const forbidden = /.*ended by its own filter.*/.exec(this.log);

    if (forbidden && !this.filtersMayEndServices) throw new Error(forbidden[0]);
  }

  async restart() {
    await this.stop();
    this.log = "";
    this.ended = false;
    await this.#launch();
  }

  /** stop() and forget the data. */
  async remove() {
    await this.stop();
    rmSync(this.tokenFile, { force: true });
    if (this.ownsData) rmSync(this.data, { recursive: true, force: true });
  }

  cli(...args) {
    return runProgram(vitrine, [...args, "--data", this.data], { env: this.#cliEnv() });
  }

  #cliEnv() {
    return { PATH: process.env.PATH, HOME: "/nonexistent" };
  }

  /** A CLI that goes on (logs -f): the child; its stdout is piped. */
  cliChild(...args) {
    return spawn(vitrine, [...args, "--data", this.data],
      { stdio: ["ignore", "pipe", "pipe"], env: this.#cliEnv() });
  }

  /** What `vitrine status --json` says. */
  async status() {
    const { code, output } = await this.cli("status", "--json");

    // 3: it could be asked, and something is wrong.
    if (code !== 0 && code !== 3) throw new Error(`vitrine status: ${output}`);
    return JSON.parse(output);
  }

  /** Pid of a service; from the supervisor, so it works while the orchestrator is down. */
  servicePid(name) {
    const services = JSON.parse(readFileSync(join(this.data, "run/services.json"), "utf8"));

    return services.find((service) => service.name === name && service.pid > 0)?.pid;
  }

  /** Pids of the workers that serve a Space. */
  async workerPids(space) {
    const { workers } = await this.status();

    return workers.filter((worker) => worker.space === space).map((worker) => worker.pid);
  }

  /** kill -9 of a service; comes back when the supervisor has another one and /healthz is well. */
  async killService(name) {
    const pid = this.servicePid(name);

    if (!pid) throw new Error(`${name} does not run`);
    process.kill(pid, "SIGKILL");
    await until(`${name} is back`, () => {
      const now = this.servicePid(name);

      return now && now !== pid;
    });
    await this.untilHealthy();
  }

  untilHealthy() {
    return until("/healthz says ok", async () => {
      const answer = await fetch(`${this.url}/healthz`);

      return answer.status === 200 && (await answer.json()).status === "ok";
    });
  }

  /** REST as the administrator, or as the holder of another token. */
  async api(method, path, body, token = this.token) {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    let json;

    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: answer.status, headers: answer.headers, text, json };
  }

  /** Makes a folder of ours readable for another user of the platform. */
  static openTo(path) {
    chmodSync(path, 0o755);
  }
}
