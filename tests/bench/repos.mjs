// What the orchestrator takes for lists, searches and one repo among 10,000: rows beside that of a real
// one, written into the database while the platform is stopped, asked over its own socket. Those that
// are opened have a repo of their own on the disk.
import { request } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const COUNT = Number(process.env.VITRINE_BENCH_REPOS ?? 10_000);
const OPENED = 200, ASKS = Number(process.env.VITRINE_BENCH_ASKS ?? 200), LIMIT_MS = 20;
const TOPICS = ["sound", "image", "text", "chat", "speech", "vision", "music", "road", "summary", "weather"];

// argv: database, folder of repos, how many rows, how many of them have a folder, text for the cards.
const seed = `
import os, random, shutil, sqlite3, sys
path, folder, count, opened, words = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), open(sys.argv[5]).read().split()
topics = sys.argv[6].split(",")
db, rng = sqlite3.connect(path), random.Random(7)
db.row_factory = sqlite3.Row
first = dict(db.execute("SELECT * FROM repos WHERE name = 'first'").fetchone())
origin = os.path.join(folder, first["id"] + ".git")
for i in range(count):
    row, at = dict(first), rng.randrange(len(words) - 300)
    row.update(number=100000 + i, id="r%025d" % i, name="many-%d" % i, private=int(i % 20 == 0), likes=rng.randrange(100),
        heat=rng.randrange(10**9), title=" ".join(rng.sample(topics, 2)), created_usec=first["created_usec"] - i,
        updated_usec=first["updated_usec"] - rng.randrange(10**12))
    row["words"] = "admin/many-%d %s" % (i, row["title"])
    db.execute("INSERT INTO repos (%s) VALUES (%s)" % (",".join(row), ",".join("?" * len(row))), list(row.values()))
    for tag in rng.sample(topics, 2) + ["license:mit"]:
        db.execute("INSERT INTO repo_tags VALUES (?, ?)", (tag, row["number"]))
    db.execute("INSERT INTO repo_text (rowid, name, title, tags, card, source) VALUES (?, ?, ?, '', ?, '')",
        (row["number"], "admin/" + row["name"], row["title"], " ".join(words[at:at + 300])))
    if i < opened:
        to = os.path.join(folder, row["id"] + ".git")
        shutil.copytree(origin, to, symlinks=True)
        for where, dirs, files in os.walk(to):
            for name in [where] + [os.path.join(where, f) for f in files]:
                os.chown(name, os.stat(origin).st_uid, os.stat(origin).st_gid)
db.commit()
`;

/** Milliseconds of processor time that the orchestrator has had: what a crowded machine leaves alone. */
function cpuMs(platform) {
  const [user, system] = readFileSync(`/proc/${platform.servicePid("orchestrator")}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13);

  return 10 * (Number(user) + Number(system));
}

/** One GET over the socket: milliseconds until the whole answer is there. */
function ask(platform, path) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const asked = request({ socketPath: join(platform.data, "run/http.sock"), path, headers: { host: "bench", authorization: `Bearer ${platform.token}` } }, (answer) => {
      answer.resume();
      answer.on("end", () => answer.statusCode === 200 ? resolve(performance.now() - began)
        : reject(new Error(`${path}: ${answer.statusCode}`)));
    });

    asked.on("error", reject);
    asked.end();
  });
}

export async function benchRepos({ platform, newRepo, run, percentile, figure, words }) {
  const first = newRepo(platform, "admin/first");
  const script = join(platform.data, "seed.py");

  await platform.api("POST", "/api/repos/create", { type: "model", name: "first" });
  first.url = first.url.replace("/spaces/admin/first", "/admin/first");
  await first.commit({ "README.md": "---\nlicense: mit\n---\n# First\n", "config.json": "{}\n" }, "first");
  const pushed = await first.push("--force", "main");

  if (pushed.code !== 0) throw new Error(pushed.output);
  await platform.stop();
  writeFileSync(script, seed);
  await run("python3", [script, join(platform.data, "orchestrator/vitrine.db"), join(platform.data, "orchestrator/repos"),
    String(COUNT), String(OPENED), words, TOPICS.join(",")]);
  await platform.restart();

  const figures = [];
  const topic = (i) => TOPICS[i % TOPICS.length];
  const asks = {
    "a list of 30, by each order in turn": (i) => `/api/models?limit=30&sort=${["lastModified", "createdAt", "likes", "trendingScore"][i % 4]}`,
    "a list by tag": (i) => `/api/models?limit=30&filter=${topic(i)}`,
    "a search for a word of titles": (i) => `/api/models?limit=30&search=${topic(i)}`,
    "a search for a word of cards": (i) => `/api/models?limit=30&search=${["gateway", "worker", "session", "commit", "sandbox"][i % 5]}`,
    "a search that finds nothing": (i) => `/api/models?limit=30&search=zebra${i}`,
    "one repo opened": (i) => `/api/models/admin/many-${1 + (i * 7) % (OPENED - 1)}`,
  };

  for (const [what, path] of Object.entries(asks)) {
    const took = [];

    for (let i = 0; i < 20; i++) await ask(platform, path(i));
    const cpu = cpuMs(platform);

    for (let i = 0; i < ASKS; i++) took.push(await ask(platform, path(i)));
    figures.push(figure(`${COUNT} repos: ${what}, p99 of ${ASKS}`, percentile(took, 99), "ms", { goal: `≤ ${LIMIT_MS} ms`, limit: LIMIT_MS }));
    figures.push(figure("the same, p50", percentile(took, 50), "ms"));
    figures.push(figure("the same, processor time of the orchestrator, mean", (cpuMs(platform) - cpu) / ASKS, "ms"));
  }
  return figures;
}
