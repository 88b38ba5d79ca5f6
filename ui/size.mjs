// What a visitor's first load takes, and whether it is within the limit: node size.mjs [--out DIR]
//
// Counted with gzip, the larger of the two: a browser asks for brotli on https and localhost only.
// The Space's page is counted with the Markdown renderer, as a Space with a chat loads it, and without
// what only `vitrine dev`, an upload or a heavier widget loads.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { options } from "./options.mjs";

const LIMIT = 64_000;
const ELEMENT_LIMIT = 10_000;
const { out, quiet } = options();
const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
let over = false;

for (const [page, load] of Object.entries(manifest)) {
  const files = [
    load.html,
    ...[load.theme, load.icon, load.style, load.script, ...load.chunks, ...load.lazy.filter((n) => n.startsWith("prose_render-"))].map((n) => `assets/${n}`),
  ];
  const rows = files.map((name) => {
    const bytes = readFileSync(join(out, name));
    return { name, raw: bytes.length, gz: gzipSync(bytes, { level: 9 }).length, br: brotliCompressSync(bytes).length };
  });
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  const all = { name: `${page}: all`, raw: sum("raw"), gz: sum("gz"), br: sum("br") };
  for (const r of quiet ? [] : [...rows, all]) {
    console.log(`${kb(r.raw)} ${kb(r.gz)} gz ${kb(r.br)} br  ${r.name}`);
  }
  if (all.gz >= LIMIT) {
    console.error(`${page}: ${all.gz} bytes with gzip, the limit is ${LIMIT}`);
    over = true;
  }
}
const element = gzipSync(readFileSync(join(out, "vitrine-space.js")), { level: 9 }).length;
if (!quiet) console.log(`${kb(element)} gz  vitrine-space.js`);
if (element >= ELEMENT_LIMIT) {
  console.error(`vitrine-space.js: ${element} bytes with gzip, the limit is ${ELEMENT_LIMIT}`);
  over = true;
}
process.exitCode = over ? 1 : 0;

function kb(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(6)} kB`;
}
