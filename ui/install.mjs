// Brings node_modules to what package-lock.json says: node install.mjs
//
// Does nothing when it is there already, so that a machine without a registry can build. Several
// build folders may ask at once: one installs, the others wait.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UI } from "./options.mjs";

const MODULES = join(UI, "node_modules");
const LOCK = join(UI, ".install-lock");
const STALE_MS = 10 * 60_000;

function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages ?? {};
  } catch {
    return null;
  }
}

/** Every package of the lock file that belongs on this machine, in its version. */
function isComplete() {
  const wanted = read(join(UI, "package-lock.json"));
  const there = read(join(MODULES, ".package-lock.json"));
  if (!wanted || !there) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) =>
      path === "" || optional || peer || (there[path]?.version === version && existsSync(join(UI, path))),
  );
}

function install() {
  const spare = `${MODULES}.before`;
  rmSync(spare, { recursive: true, force: true });
  if (existsSync(MODULES)) renameSync(MODULES, spare);
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: UI, stdio: "inherit" });
  if (npm.status === 0) {
    rmSync(spare, { recursive: true, force: true });
    return;
  }
  rmSync(MODULES, { recursive: true, force: true });
  if (existsSync(spare)) renameSync(spare, MODULES);
  if (!existsSync(MODULES)) throw new Error("npm ci failed and there is no node_modules: is a registry reachable?");
  console.warn("npm ci failed; building with node_modules as it is, which is not what package-lock.json asks for");
}

async function locked(run) {
  for (;;) {
    try {
      mkdirSync(LOCK);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (Date.now() - (statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? 0) > STALE_MS) {
        rmSync(LOCK, { recursive: true, force: true });
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    run();
  } finally {
    rmdirSync(LOCK);
  }
}

if (!isComplete()) await locked(() => isComplete() || install());
