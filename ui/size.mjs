// What a visitor's first load takes, and whether it is within the limit: node size.mjs [--out DIR]
//
// Counted with gzip, the larger of the two: a browser asks for brotli on https and localhost only.
// A first load is what a page of text boxes, buttons and labels takes. What a page loads when it
// shows it (ui/src/widgets/lazy.tsx) is told, and has no limit but good sense.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { options } from "./options.mjs";

const LIMIT = { all: 60_000, script: 40_000, element: 10_000 };
const { out, quiet } = options();
const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
let over = false;

for (const [page, load] of Object.entries(manifest)) {
  const scripts = [load.theme, load.script, ...load.chunks];
  const rows = [load.html, ...[load.icon, load.style, ...scripts].map((n) => `assets/${n}`)].map(weigh);
  const all = sum(`${page}: all`, rows);
  const script = sum(`${page}: scripts`, rows.filter((r) => r.name.endsWith(".js")));
  if (!quiet) {
    [...rows, script, all].forEach(tell);
    if (load.lazy.length > 0) console.log(`${page}: loaded when shown`);
    load.lazy.map((n) => weigh(`assets/${n}`)).forEach(tell);
  }
  check(all, LIMIT.all);
  check(script, LIMIT.script);
}
const element = weigh("vitrine-space.js");
if (!quiet) tell(element);
check(element, LIMIT.element);
process.exitCode = over ? 1 : 0;

function weigh(name) {
  const bytes = readFileSync(join(out, name));
  return { name, raw: bytes.length, gz: gzipSync(bytes, { level: 9 }).length, br: brotliCompressSync(bytes).length };
}

function sum(name, rows) {
  const of = (key) => rows.reduce((total, row) => total + row[key], 0);
  return { name, raw: of("raw"), gz: of("gz"), br: of("br") };
}

function tell(r) {
  console.log(`${kb(r.raw)} ${kb(r.gz)} gz ${kb(r.br)} br  ${r.name}`);
}

function check(row, limit) {
  if (row.gz < limit) return;
  console.error(`${row.name}: ${row.gz} bytes with gzip, the limit is ${limit}`);
  over = true;
}

function kb(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(6)} kB`;
}
