// Repos of the fake gateway: every one has the same few files. Nothing is changed by what is asked of it.
const README = `---
license: apache-2.0
---
# How does this sound?

Says whether a text is *happy*. See [its source](app.lua).

| metric | value |
|---|---:|
| accuracy | 0.91 |
`;
const APP = `local ui = require "vitrine.ui"

-- One function, one text in, one text out.
return ui.interface {
  inputs  = ui.textbox { label = "Your name" },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. name .. "!" end,
}
`;
const FILES = { "README.md": README, "app.lua": APP, "data/words.json": '{ "happy": 1, "sad": -1 }\n' };
const commit = (id, title, minutes) => ({ id: id.repeat(40), title, message: "", authors: [{ user: "ada" }], date: new Date(Date.now() - minutes * 60e3).toISOString() });
const COMMITS = [commit("3", "A second example", 90), commit("2", "Shorter answers, and words that go on for a while to see what becomes of them", 3000), commit("1", "First version", 9000)];
const last = { id: COMMITS[1].id, title: COMMITS[1].title, date: COMMITS[1].date };
const file = (path) => ({ type: "file", oid: "0".repeat(40), size: FILES[path].length, path, lastCommit: last });
const large = { type: "file", oid: "5".repeat(40), size: 48e6, path: "model.safetensors", lfs: { oid: "ab".repeat(32), size: 48e6, pointerSize: 132 }, lastCommit: last };

function model(name, task, likes) {
  return {
    id: `marie/${name}`, author: "marie", lastModified: COMMITS[0].date, likes, _id: name, pipeline_tag: task, tags: ["tiny", "english"], sha: COMMITS[0].id, usedStorage: 48e6, owned: true,
    cardData: { license: "apache-2.0", library_name: "transformers" }, siblings: ["README.md", "app.lua", "model.safetensors"].map((rfilename) => ({ rfilename })),
    safetensors: { parameters: { F32: 11_900_000, F16: 100_000 }, total: 12_000_000 }, spaces: ["demo/mood"],
  };
}
const MODELS = [model("tiny-mood", "text-classification", 12), model("a-model-with-a-name-that-goes-on-and-on", "text-generation", 1400)];

/** What of the hub's calls is answered the same for every repo; undefined: none of them. */
export function hub(key, url, body) {
  const [, , , , , sub = "", ...rest] = url.pathname.split("/");
  if (key === "GET /api/models") return MODELS;
  if (key === "GET /api/datasets") return [];
  if (key === "GET /api/spaces/hardware") return [{ name: "cpu-basic", prettyName: "CPU basic" }];
  if (url.pathname.startsWith("/api/models/") && (sub === "" || sub === "revision")) return MODELS[0];
  switch (sub) {
    case "likers":
      return [{ user: "marie" }];
    case "refs":
      return { branches: [{ name: "main" }, { name: "brighter" }], tags: [{ name: "v1" }] };
    case "tree":
      return rest.length > 1 ? [file("data/words.json")] : [file("app.lua"), file("README.md"), large, { type: "directory", path: "data", lastCommit: last }];
    case "paths-info":
      return body.paths.flatMap((path) => (path === large.path ? [large] : path in FILES ? [file(path)] : []));
    case "commits":
      return COMMITS;
    case "commit":
      return {
        commit: COMMITS[0], parent: COMMITS[1].id, total: 2,
        files: [
          { path: "app.lua", status: "modified", additions: 1, deletions: 1, patch: '@@ -5,2 +5,2 @@\n   inputs  = ui.textbox { label = "Your name" },\n-  outputs = ui.textbox { label = "Words" },\n+  outputs = ui.textbox { label = "Greeting" },\n' },
          { path: "model.safetensors", status: "added", lfs: { new: { oid: large.lfs.oid, size: large.size } } },
        ],
      };
    case "runtime":
      return { stage: "RUNNING", hardware: { current: "cpu-basic", requested: "cpu-basic" }, gcTimeout: 1800 };
    case "secrets":
      return { API_KEY: { key: "API_KEY", updatedAt: COMMITS[2].date } };
    case "variables":
      return { MODEL: { key: "MODEL", value: "marie/tiny-mood", updatedAt: COMMITS[2].date } };
  }
  return undefined;
}

/** The text behind `/…/raw/REV/PATH`; undefined: no such address. */
export function rawFile(path) {
  return FILES[/\/(?:raw|resolve)\/[^/]+\/(.+)$/.exec(path)?.[1]];
}
