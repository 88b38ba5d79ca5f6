// Another process's memory, as root reads it: what a core image of it would hold.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const CHUNK = 4 << 20;

/** Which of the texts are anywhere in the readable memory of the process: [{ text, where }]. */
export function findInMemory(pid, texts) {
  const needles = texts.map((text) => Buffer.from(text));
  const overlap = Math.max(...needles.map((needle) => needle.length)) - 1;
  const found = [];
  const fd = openSync(`/proc/${pid}/mem`, "r");

  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").trim().split("\n")) {
      const [, from, to, mode, name] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line);

      if (!mode.startsWith("r") || name === "[vvar]" || name === "[vvar_vclock]" || name === "[vsyscall]") continue;
      for (let at = Number(`0x${from}`), end = Number(`0x${to}`); at < end; at += CHUNK) {
        const bytes = Buffer.alloc(Math.min(CHUNK + overlap, end - at));
        let n = 0;

        try {
          n = readSync(fd, bytes, 0, bytes.length, at);
        } catch { /* a guard page */ }
        needles.forEach((needle, i) => {
          if (bytes.subarray(0, n).includes(needle)) found.push({ text: texts[i], where: `${line}` });
        });
      }
    }
  } finally {
    closeSync(fd);
  }
  return found;
}
