// Runs the test files, each of which starts platforms of its own, and prints the sum.
//   node run.mjs [NAME...]   only the files whose name contains one of these
//
// A file mostly waits: for a page, a timer, a process. So one more than there are cores run side by
// side. A file that measures, or that looks at the whole machine, has a comment "// Alone: why." and
// runs by itself, after the others.
//
// A file that fails is run once more, and what counts is that second run: on a crowded machine a
// browser may be held up for seconds anywhere. Each is named as "flaky" so that it gets mended.
// VITRINE_TEST_FULL: no second run.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { basename, dirname, join } from "node:path";

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

const alone = files.filter((file) => /^\/\/ Alone: /m.test(readFileSync(file, "utf8")));
const beside = files.filter((file) => !alone.includes(file));

/* A thousand rounds of kill -9 take an hour. */
const TIMEOUT_MS = process.env.VITRINE_TEST_FULL ? 7_200_000 : 600_000;

/** Runs the files, so many at a time; returns the totals of each. */
function round(list, concurrency = 1) {
  const sums = new Map(list.map((file) => [file, { pass: 0, fail: 0, skip: 0, skipped: [] }]));
  const stream = run({ files: list, concurrency, timeout: TIMEOUT_MS });

  stream.on("test:pass", (test) => {
    const sum = sums.get(test.file);

    if (!sum || test.details?.type === "suite") return;
    if (test.skip === undefined) sum.pass++;
    else sum.skip++;
  });
  stream.on("test:fail", (test) => {
    const sum = sums.get(test.file) ?? sums.values().next().value;

    sum.fail++;
  });
  stream.compose(new spec()).pipe(process.stdout, { end: false });
  return new Promise((resolve) => stream.on("end", () => resolve(sums)));
}

const sums = new Map([
  ...(beside.length > 0 ? await round(beside, Math.min(availableParallelism() + 1, 6)) : []),
  ...(alone.length > 0 ? await round(alone) : []),
]);
const failed = files.filter((file) => sums.get(file).fail > 0);

if (failed.length > 0 && !process.env.VITRINE_TEST_FULL) {
  for (const [file, again] of await round(failed)) {
    if (again.fail === 0) console.log(`flaky: ${basename(file)} failed, and passed when run again`);
    sums.set(file, again);
  }
}
const total = (what) => [...sums.values()].reduce((n, sum) => n + sum[what], 0);

console.log(`sum pass ${total("pass")}`);
console.log(`sum fail ${total("fail")}`);
process.exitCode = total("fail") > 0 ? 1 : 0;
