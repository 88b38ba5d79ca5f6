// Type check with the generated proto.ts of a build folder: node types.mjs [--proto FILE]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { options, UI } from "./options.mjs";

const { proto } = options();
const folder = mkdtempSync(join(tmpdir(), "vitrine-types-"));
try {
  const config = {
    extends: join(UI, "tsconfig.json"),
    compilerOptions: {
      paths: {
        proto: [proto],
        "@ui/*": [join(UI, "src/*")],
        "preact/*": [join(UI, "node_modules/preact/*")],
        preact: [join(UI, "node_modules/preact")],
        "@preact/signals": [join(UI, "node_modules/@preact/signals")],
        "preact-render-to-string": [join(UI, "node_modules/preact-render-to-string")],
      },
      typeRoots: [join(UI, "node_modules/@types")],
      types: ["node"],
    },
    include: [join(UI, "src"), join(UI, "../tests/unit/ui")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(UI, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", folder], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
