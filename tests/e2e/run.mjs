// Runs the test files one after the other (each starts platforms of its own) and prints the sum.
//   node run.mjs [NAME...]   only the files whose name contains one of these
import { readdirSync } from "node:fs";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
  .sort()
  .map((name) => join(here, name));

if (files.length === 0) {
  console.error("no test file has that name");
  process.exit(2);
}
run({ files, concurrency: 1, timeout: 600_000 })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
