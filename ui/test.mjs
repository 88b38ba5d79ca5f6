// The tests of tests/unit/ui on node:test: node test.mjs [--proto FILE] [NAME…]
// Each file is bundled, so that it runs what a browser would.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import * as esbuild from "esbuild";
import { options, UI } from "./options.mjs";

const { proto, rest } = options();
const TESTS = resolve(UI, "../tests/unit/ui");
const files = readdirSync(TESTS, { recursive: true })
  .filter((name) => /\.test\.tsx?$/.test(name) && (rest.length === 0 || rest.some((part) => name.includes(part))))
  .map((name) => join(TESTS, name))
  .sort();
const folder = mkdtempSync(join(tmpdir(), "vitrine-ui-tests-"));

try {
  if (files.length === 0) throw new Error("no test has such a name");
  await esbuild.build({
    entryPoints: files,
    bundle: true,
    platform: "node",
    format: "esm",
    outdir: folder,
    outbase: TESTS,
    outExtension: { ".js": ".mjs" },
    alias: { proto, "@ui": join(UI, "src") },
    nodePaths: [join(UI, "node_modules")],
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".c": "text" },
    sourcemap: "inline",
    splitting: true,
    logLevel: "warning",
  });
  const built = files.map((file) => join(folder, relative(TESTS, file).replace(/\.tsx?$/, ".mjs")));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
