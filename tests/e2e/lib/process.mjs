// Child processes: run to the end, or kept until the test ends. Killed by pid, never by name.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** Runs a program to its end: { code, output } with both streams as they came. */
export function runProgram(program, args, { input, timeoutMs = 120_000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
    const chunks = [];
    const late = setTimeout(() => child.kill("SIGKILL"), timeoutMs);

    child.stdout.on("data", (bytes) => chunks.push(bytes));
    child.stderr.on("data", (bytes) => chunks.push(bytes));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(late);
      resolve({ code: code ?? 128, signal, output: Buffer.concat(chunks).toString() });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/** Polls until check() gives something true; fails with the words after timeoutMs. */
export async function until(words, check, timeoutMs = 30_000, stepMs = 50) {
  const end = Date.now() + timeoutMs;
  let last;

  for (;;) {
    try {
      const value = await check();

      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain until ${words}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
}

/** True while the process exists and is no zombie. */
export function isAlive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** The pids of all descendants, from /proc. */
export function descendants(pid) {
  let children = [];

  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/);
  } catch {
    return [];
  }
  return children.filter(Boolean).map(Number).flatMap((child) => [child, ...descendants(child)]);
}
