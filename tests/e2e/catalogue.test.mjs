// Every number of the attack catalogue has a test that carries it, or a reason in docs/THREATS.md.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { root } from "./lib/platform.mjs";

const LAST = 106;
const sources = /\.(c|h|def|py|mjs|lua|ts|tsx)$/;

function filesBelow(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);

    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path);
    return sources.test(entry.name) ? [path] : [];
  });
}

/** Map of number to the places that carry it: "catalogue N" or "catalogue N, M" beside a test, or ATTACK(49, …). */
function markers() {
  const found = new Map();
  const add = (number, place) => found.set(number, [...(found.get(number) ?? []), place]);

  for (const folder of ["tests", "sandbox/probe"])
    for (const file of filesBelow(join(root, folder))) {
      const text = readFileSync(file, "utf8");
      const place = relative(root, file);

      for (const [, list] of text.matchAll(/\bcatalogue (\d+(?:, \d+)*)/g))
        for (const number of list.split(", ")) add(Number(number), place);
      for (const [, number] of text.matchAll(/^ATTACK\((\d+),/gm)) add(Number(number), place);
    }
  return found;
}

/** "15–21, 23" as numbers. */
function numbersOf(cell) {
  return cell.split(",").flatMap((part) => {
    const [, first, last] = /^\s*(\d+)(?:[–-](\d+))?\s*$/.exec(part) ?? assert.fail(`'${cell}' is no list of numbers`);

    return Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}

/** Map of number to the state its row gives it. */
function states() {
  const [, table] = /^## The catalogue$(.*)/ms.exec(readFileSync(join(root, "docs/THREATS.md"), "utf8"));
  const rows = table.split("\n").filter((line) => /^\| *\d/.test(line));
  const found = new Map();

  for (const row of rows) {
    const cells = row.split("|").slice(1, -1).map((cell) => cell.trim());

    assert.equal(cells.length, 4, row);
    for (const number of numbersOf(cells[0])) {
      assert.ok(!found.has(number), `${number} has two rows`);
      found.set(number, cells[3]);
    }
  }
  return found;
}

const carried = markers();
const stated = states();
const all = Array.from({ length: LAST }, (_, i) => i + 1);
const isExcused = (state) => /^not tested: \S.{7,}/.test(state);

test("every number has a row, and its state is shown or a reason", () => {
  assert.deepEqual(all.filter((number) => !stated.has(number)), [], "numbers without a row");
  assert.deepEqual([...stated.keys()].filter((number) => !all.includes(number)), [], "rows of no number");
  for (const [number, state] of stated)
    assert.ok(isExcused(state) || state.startsWith("**shown**"), `${number}: '${state}'`);
});

test("what is called shown is carried by a test", () => {
  const empty = all.filter((number) => stated.get(number)?.startsWith("**shown**") && !carried.has(number));

  assert.deepEqual(empty, [], "called shown, and no test says catalogue N");
});

test("what no test carries has its reason", () => {
  assert.deepEqual(all.filter((number) => !carried.has(number) && !isExcused(stated.get(number) ?? "")), []);
  const covered = all.filter((number) => carried.has(number));
  const late = covered.filter((number) => isExcused(stated.get(number)));

  console.log(`# ${covered.length} of ${LAST} numbers are carried by a test`);
  if (late.length > 0) console.log(`# and still called untested in docs/THREATS.md: ${late.join(", ")}`);
});

test("no test carries a number that is not in the catalogue", () => {
  const strange = [...carried].filter(([number]) => number < 1 || number > LAST);

  assert.deepEqual(strange, []);
});
