// What documents say about the tree is so: links and reasons. Needs no platform.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./lib/platform.mjs";

test("every page that a document links to exists", () => {
  const generated = ["docs/PROTOCOL.md", "docs/COMPONENTS.md"];

  for (const file of ["README.md", "docs/first-space.md", "docs/PROCESSES.md", "docs/performance.md"])
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(/\]\((?!http)([^)#]+)/g)) {
      const path = join(file, "..", target);

      if (!generated.includes(path)) readFileSync(join(root, path));
    }
});

test("every package that the scripts install has its reason in docs/dependencies.md", () => {
  const reasons = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const lists = readFileSync(join(root, "scripts/lib/common.sh"), "utf8").matchAll(/^packages_\w+=\(([^)]*)\)/gm);
  const packages = [...lists].flatMap(([, list]) => list.trim().split(/\s+/));

  assert.ok(packages.length > 20);
  for (const name of packages)
    assert.ok(new RegExp(`(^|[\\s,|])${name.replaceAll("+", "\\+")}([\\s,|]|$)`, "m").test(reasons), name);
  for (const folder of ["ui", "tests/e2e"]) {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));

    for (const name of Object.keys({ ...dependencies, ...devDependencies })) assert.ok(reasons.includes(name), name);
  }
});
