// scripts/bench many: what a Space's wake, a listing and a search cost with 10, 1,000 and 10,000
// registered Spaces, and what 1,000 awake ones hold. One Space is pushed; the others are rows beside
// its own, written into the database while the platform is stopped, and serve the same bundle.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { descendants, until } from "../e2e/lib/process.mjs";
import { visitorCookie, Visitor } from "../e2e/lib/wire.mjs";

const app = `local ui = require "vitrine.ui"

return ui.interface {
  title   = "Hello",
  inputs  = ui.textbox { label = "Name" },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. name .. "!" end,
}
`;
const counts = (process.env.VITRINE_BENCH_MANY ?? "10,1000,10000").split(",").map(Number);
const AWAKE = Number(process.env.VITRINE_BENCH_AWAKE ?? 1000);
const WAKES = 30, ASKS = 200;

const copies = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
have, want = db.execute("SELECT count(*) FROM spaces").fetchone()[0], int(sys.argv[2])
build = db.execute("SELECT b.* FROM builds b JOIN spaces s ON s.live_build = b.id JOIN repos r ON r.id = s.id WHERE r.name = 'first'").fetchone()
repo = db.execute("SELECT * FROM repos WHERE name = 'first'").fetchone()
for i in range(have, want):
    r, b = list(repo), list(build)
    r[0], r[1], r[4] = 1000 + i, "s%025d" % i, "many-%d" % i
    r[11] = "admin/many-%d space number %d" % (i, i)
    b[0], b[1], b[10] = "b%025d" % i, r[1], "Space number %d" % i
    db.execute("INSERT INTO repos VALUES (%s)" % ",".join("?" * len(r)), r)
    db.execute("INSERT INTO spaces VALUES (?, ?, 1)", (r[1], b[0]))
    db.execute("INSERT INTO builds VALUES (%s)" % ",".join("?" * len(b)), b)
db.commit()
`;

/** PSS, page tables and kernel stacks of the platform and all that it started, in bytes. */
function memoryOf(pid) {
  let bytes = 0;

  for (const one of descendants(pid)) {
    try {
      const rollup = readFileSync(`/proc/${one}/smaps_rollup`, "utf8");
      const status = readFileSync(`/proc/${one}/status`, "utf8");
      const kib = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

      bytes += 1024 * (kib(rollup, "Pss") + kib(status, "VmPTE") + 16);
    } catch {
      // it has just ended
    }
  }
  return bytes;
}

export async function benchMany({ startPlatform, newRepo, run, numbers, percentile, figure, say, client, pathOf }) {
  const platform = await startPlatform();
  const repo = newRepo(platform, "admin/first");
  const script = join(platform.data, "copies.py");
  const figures = [], wakes = {};
  let next = 1; // Spaces are woken once each

  await repo.deploy({ "app.lua": app });
  writeFileSync(script, copies);
  const health = async () => (await fetch(`${platform.url}/healthz`)).json();
  const ask = async (path) => {
    const took = [];

    for (let i = 0; i < ASKS; i++) {
      const began = performance.now();
      const answer = await fetch(platform.url + path, { headers: { authorization: `Bearer ${platform.token}` } });

      await answer.text();
      took.push(performance.now() - began);
    }
    return took;
  };

  for (const count of counts) {
    const samples = [];

    await platform.stop();
    await run("python3", [script, join(platform.data, "orchestrator/vitrine.db"), String(count)]);
    const began = performance.now();

    await platform.restart();
    await until("the gateway knows all of them", async () => (await health()).spaces >= count, 240_000, 20);
    say(`${count} registered: started and known after ${Math.round(performance.now() - began)} ms`);
    figures.push(figure(`${count} registered: vitrine up → every Space is known`, (performance.now() - began) / 1000, "s"));
    for (let i = 0; i < (count < 2 * WAKES ? Math.min(4, count - next) : WAKES); i++, next++) {
      const space = `admin/many-${next}`;
      const cookie = await visitorCookie(platform, space);

      await new Promise((resolve) => setTimeout(resolve, 100)); // the pool refills
      samples.push(numbers(await run(client, ["wake", String(platform.port), pathOf(space), cookie]))[1] / 1000);
    }
    wakes[count] = percentile(samples, 50);
    figures.push(figure(`${count} registered: a sleeping Space's wake, p50`, wakes[count], "ms", count === counts[0] ? {}
      : { peer: wakes[counts[0]], goal: `< 1.3 × with ${counts[0]}`, limit: 1.3 * wakes[counts[0]] }));
    for (const [what, path] of [["the newest 100", "/api/spaces?limit=100"], ["a search", "/api/spaces?search=number+7&limit=100"]]) {
      const took = await ask(path);

      figures.push(figure(`${count} registered: GET ${what}, p99 of ${ASKS}`, percentile(took, 99), "ms", { goal: "≤ 20 ms", limit: 20 }));
      figures.push(figure("the same, p50", percentile(took, 50), "ms"));
    }
  }
  const last = counts.at(-1), awake = Math.min(AWAKE, last - next);
  const visitors = [];

  for (let i = 0; i < awake; i++, next++) {
    const space = `admin/many-${next}`;

    visitors.push(await Visitor.join(platform, space));
  }
  await until("they are awake", async () => (await health()).awake >= awake, 120_000, 200);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  figures.push(figure(`${(await health()).awake} awake, each with a visitor: all processes, PSS + page tables + kernel stacks`,
    memoryOf(platform.child.pid) / 1e9, "GB", { goal: "≤ 1.5 GB for 1,000", limit: 1.5 }));
  await Promise.all(visitors.map((visitor) => visitor.close()));
  return figures;
}
