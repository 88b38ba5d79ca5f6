// What the scripts of this folder share: where things are, and --name value arguments.
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

export const UI = dirname(fileURLToPath(import.meta.url));

/** The newest proto.ts that a CMake build of this checkout has written. */
function newestProto() {
  const root = dirname(UI);
  const found = readdirSync(root)
    .filter((name) => name.startsWith("build"))
    .map((name) => join(root, name, "proto/proto.ts"))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (!found[0]) throw new Error("no build*/proto/proto.ts: run cmake --build with target proto_files");
  return found[0];
}

export function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      proto: { type: "string" },
      out: { type: "string" },
      port: { type: "string" },
      dev: { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
    },
  });
  return {
    get proto() {
      return resolve(values.proto ?? newestProto());
    },
    out: resolve(values.out ?? join(UI, "dist")),
    port: Number(values.port ?? 4173),
    dev: values.dev,
    quiet: values.quiet,
    rest: positionals,
  };
}
