// A Python of the tests' own, with packages from PyPI, kept outside the clone between runs.
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./process.mjs";

/** Packages as "name==version". Returns {python} or, where they cannot be had, {reason}. */
export async function pythonWith(name, ...packages) {
  const dir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "vitrine", name);
  const python = join(dir, "bin/python");

  if (!existsSync(join(dir, "complete"))) {
    mkdirSync(dir, { recursive: true });
    // Another file may be about to make the same one.
    const script = `exec 9>"$0/lock" && flock 9 && { [ -e "$0/complete" ] ||
      { python3 -m venv "$0" && "$0/bin/pip" install --quiet "$@" && touch "$0/complete"; }; }`;
    const { code, output } = await runProgram("sh", ["-c", script, dir, ...packages], { env: process.env });

    if (code !== 0) return { reason: `${packages.join(" ")} cannot be installed: ${output.trim().split("\n").at(-1)}` };
  }
  return { python };
}
