// A build that can be replaced under a running platform, as an installation of a newer one does it.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDir } from "./platform.mjs";

const VERSION = /project\(vitrine VERSION (\S+)/;

export class Build {
  /** A copy of the build's programs, stamped with another version. */
  static make(root, version) {
    const build = new Build();

    build.dir = mkdtempSync(join(tmpdir(), "vitrine-build-"));
    build.was = VERSION.exec(readFileSync(join(root, "CMakeLists.txt"), "utf8"))[1];
    chmodSync(build.dir, 0o755);
    mkdirSync(join(build.dir, "bin"));
    symlinkSync(join(buildDir, "ui"), join(build.dir, "ui"));
    build.install(version);
    return build;
  }

  /** Each program replaced by one of that version (as long a word as the real one), by rename. */
  install(version) {
    if (version.length !== this.was.length) throw new Error(`${version} is not as long as ${this.was}`);
    for (const name of readdirSync(join(buildDir, "bin")).filter((file) => file.startsWith("vitrine"))) {
      const from = join(buildDir, "bin", name), to = join(this.dir, "bin", name);
      const bytes = readFileSync(from);

      // Words of their own only: 10.1.0.0 is no version.
      for (let at = bytes.indexOf(`${this.was}\0`); at >= 0; at = bytes.indexOf(`${this.was}\0`, at + 1))
        if (!/[0-9.]/.test(String.fromCharCode(bytes[at - 1]))) bytes.write(version, at);
      writeFileSync(`${to}.new`, bytes);
      chmodSync(`${to}.new`, statSync(from).mode);
      renameSync(`${to}.new`, to);
    }
  }

  /** Whether the process runs the program of that name that lies there now. */
  isRunBy(pid, name) {
    const mine = statSync(join(this.dir, "bin", name)), its = statSync(`/proc/${pid}/exe`);

    return mine.ino === its.ino && mine.dev === its.dev;
  }

  remove() {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
