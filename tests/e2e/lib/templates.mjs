// The Spaces of templates/, as files for a repo.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./platform.mjs";

/** path → content */
export function template(name) {
  const folder = join(root, "templates", name);

  return Object.fromEntries(readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => [path.slice(folder.length + 1), readFileSync(path)]));
}
