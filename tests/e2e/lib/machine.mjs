// A machine as an operator has it, on which a page's commands run as they stand there: a mount
// namespace with folders of its own where they write, sudo that is no other user, and a name for
// this host. Needs root.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vitrine } from "./platform.mjs";
import { runProgram } from "./process.mjs";

const SETUP = `set -e
cp -a /etc/ssl/certs "$1/certs"
mount -t tmpfs -o mode=0755 none /var/lib
mkdir /var/lib/vitrine
mount -t tmpfs -o mode=0755 none /var/backups
mount -t tmpfs -o mode=0700 none /root
mount -t tmpfs -o mode=0755 none /usr/local/share/ca-certificates
mount --bind "$1/certs" /etc/ssl/certs
mount --bind "$1/hosts" /etc/hosts
echo ready
exec cat`;

export class Machine {
  /** host: a name that leads to this machine from inside. */
  static async start(host) {
    const machine = new Machine();

    machine.dir = mkdtempSync(join(tmpdir(), "vitrine-machine-"));
    mkdirSync(join(machine.dir, "bin"));
    writeFileSync(join(machine.dir, "bin/sudo"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    symlinkSync(vitrine, join(machine.dir, "bin/vitrine"));
    writeFileSync(join(machine.dir, "hosts"), `127.0.0.1 localhost ${host}\n`);
    // It lives as long as its standard input is open.
    machine.holder = spawn("unshare", ["--mount", "--propagation", "private", "bash", "-c", SETUP, "machine", machine.dir],
      { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((ready, failed) => {
      machine.holder.stdout.once("data", ready);
      machine.holder.once("exit", (code) => failed(new Error(`the machine's folders could not be made (${code})`)));
    });
    return machine;
  }

  /** A script as root there, in a folder that stays; { code, output } as runProgram. */
  run(script) {
    return runProgram("nsenter", [`--mount=/proc/${this.holder.pid}/ns/mnt`, "bash", "--norc", "-euo", "pipefail", "-c", `cd /root\n${script}`], {
      env: {
        PATH: `${this.dir}/bin:${process.env.PATH}`, HOME: "/root", LANG: "C.UTF-8", no_proxy: "*",
        GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0",
        GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.org",
        GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.org",
      },
    });
  }

  async remove() {
    this.holder.stdin.end();
    await new Promise((done) => (this.holder.exitCode === null ? this.holder.once("exit", done) : done()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}
