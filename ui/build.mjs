// Builds the pages: node build.mjs [--proto FILE] [--out DIR] [--dev]
//
//   OUT/space.html, OUT/platform.html      templates; the gateway fills in the holes of space.html
//   OUT/assets/NAME-HASH.{js,css,svg}      immutable, each with .br and .gz beside it
//   OUT/manifest.json                      what the first load of each page takes, for size.mjs
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { options, UI } from "./options.mjs";

const { proto, out, dev } = options();
const assets = join(out, "assets");
const common = {
  bundle: true,
  minify: !dev,
  sourcemap: dev ? "inline" : false,
  target: ["chrome111", "firefox114", "safari16.4"],
  alias: { proto },
  // The generated file lies in a build folder; what the pages import lies here.
  nodePaths: [join(UI, "node_modules")],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: assets,
  absWorkingDir: UI,
  logLevel: "warning",
};

rmSync(assets, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });
// Apart from each other: what they share would be a third file for both.
const builds = {};
for (const page of ["space", "platform"]) {
  const own = { ...common, entryPoints: [`src/${page}.tsx`], format: "esm", splitting: true };
  const { outputFiles } = await esbuild.build({ ...own, write: false });
  // A piece names the file that has its contents (see joined), so its name must change with every other.
  const tag = outputFiles.reduce((hash, file) => hash.update(file.contents), createHash("sha256")).digest("hex").slice(0, 8);
  builds[page] = await esbuild.build({ ...own, chunkNames: `${page === "space" ? "" : `${page}-`}[name]-${tag}-[hash]` });
}
const theme = await esbuild.build({ ...common, entryPoints: ["src/theme.ts"], format: "iife" });
// Other sites' pages name it, so its name stays.
await esbuild.build({
  ...common,
  entryPoints: ["src/embed/vitrine_space.ts"],
  format: "iife",
  outdir: out,
  entryNames: "vitrine-space",
  metafile: false,
});
const icon = copyHashed("src/html/icon.svg");

cpSync(join(UI, "src/html/frame.html"), join(out, "frame.html"));

const manifest = {};
for (const page of ["space", "platform"]) {
  const load = await joined(page, builds[page].metafile, firstLoad(builds[page].metafile, `src/${page}.tsx`));
  writeFileSync(join(out, `${page}.html`), fill(page, load));
  manifest[page] = { html: `${page}.html`, ...load, theme: entryOf(theme.metafile, "src/theme.ts"), icon };
}
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 2));
if (!dev) [...readdirSync(assets).map((name) => join(assets, name)), join(out, "vitrine-space.js")].forEach(precompress);

function copyHashed(path) {
  const bytes = readFileSync(join(UI, path));
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  const name = basename(path).replace(".", `-${hash}.`);
  writeFileSync(join(assets, name), bytes);
  return name;
}

function entryOf(metafile, entry) {
  return basename(Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === entry));
}

/** Files the page cannot start without, and those it fetches when something on it wants them. */
function firstLoad(metafile, entry) {
  const path = Object.keys(metafile.outputs).find((p) => metafile.outputs[p].entryPoint === entry);
  const chunks = new Set();
  const lazy = new Set();
  const walk = (from, kind, into) => {
    for (const used of metafile.outputs[from].imports.filter((i) => i.kind === kind && !i.external)) {
      if (into.has(used.path)) continue;
      into.add(used.path);
      walk(used.path, "import-statement", into);
    }
  };
  walk(path, "import-statement", chunks);
  for (const from of [path, ...chunks]) walk(from, "dynamic-import", lazy);
  for (const shared of [path, ...chunks]) lazy.delete(shared);
  return {
    script: basename(path),
    style: basename(metafile.outputs[path].cssBundle),
    chunks: [...chunks].map((p) => basename(p)),
    lazy: [...lazy].map((p) => basename(p)),
  };
}

/**
 * The first load as one file: a browser has six connections, and sixteen small files wait for each
 * other. The pieces keep their names for what is loaded later, and say where their contents are now.
 */
async function joined(page, metafile, load) {
  const pieces = load.chunks.map((name, i) => {
    const path = Object.keys(metafile.outputs).find((p) => basename(p) === name);
    return { name, names: metafile.outputs[path].exports.map((own) => ({ own, core: `p${i}_${own}` })) };
  });
  const listed = (names, from, to) => names.map((n) => `${n[from]} as ${n[to]}`).join();
  const contents = [
    `import ${JSON.stringify(`./${load.script}`)};`,
    ...pieces.map(({ name, names }) => `export {${listed(names, "own", "core")}} from ${JSON.stringify(`./${name}`)};`),
  ].join("\n");
  const later = {
    name: "later",
    setup: (build) => build.onResolve({ filter: /./ }, (args) => (args.kind === "dynamic-import" ? { path: args.path, external: true } : null)),
  };
  const core = await esbuild.build({
    ...common,
    entryNames: `${page}-core-[hash]`,
    stdin: { contents, resolveDir: assets, sourcefile: `${page}-core.js` },
    format: "esm",
    plugins: [later],
  });
  const script = basename(Object.keys(core.metafile.outputs).find((p) => p.endsWith(".js")));
  for (const { name, names } of pieces) {
    writeFileSync(join(assets, name), `export{${listed(names, "core", "own")}}from${JSON.stringify(`./${script}`)};\n`);
  }
  rmSync(join(assets, load.script));
  return { ...load, script, chunks: [] };
}

function fill(page, load) {
  const head = [
    `<link rel="icon" href="/assets/${icon}" type="image/svg+xml">`,
    `<script src="/assets/${entryOf(theme.metafile, "src/theme.ts")}"></script>`,
    `<link rel="stylesheet" href="/assets/${load.style}">`,
    ...load.chunks.map((name) => `<link rel="modulepreload" href="/assets/${name}">`),
    `<script type="module" src="/assets/${load.script}"></script>`,
  ];
  return readFileSync(join(UI, `src/html/${page}.html`), "utf8").replace("<!--build:head-->", head.join("\n"));
}

function precompress(path) {
  const bytes = readFileSync(path);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
