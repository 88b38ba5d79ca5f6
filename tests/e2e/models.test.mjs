// Models of one's own: `vitrine model` puts a checked folder where the running service finds it.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Platform, root } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";

const shipped = join(root, "models/tiny-sentiment");
let platform, work;

before(async () => {
  work = mkdtempSync(join(tmpdir(), "vitrine-models-"));
  platform = await Platform.start();
});

after(async () => {
  await platform?.remove();
  rmSync(work, { recursive: true, force: true });
});

const ask = async (model) => {
  const response = await fetch(`${platform.url}/models/${model}`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify({ inputs: "I love this, it is wonderful." }),
  });

  return { status: response.status, json: await response.json() };
};

const imported = () => readdirSync(join(platform.data, "models"), { recursive: true }).map(String);

test("an imported folder answers without a restart, and without what it does not need", async () => {
  const folder = join(work, "mood");

  cpSync(shipped, folder, { recursive: true });
  writeFileSync(join(folder, "pytorch_model.bin"), "never read");
  const pid = platform.servicePid("inference");
  const { code, output } = await platform.cli("model", "import", "--name", "ann/mood", folder);

  assert.equal(code, 0, output);
  assert.match(output, /^ann\/mood: text-classification, BertForSequenceClassification, 1\.2 M parameters/m);
  await until("the model answers", async () => (await ask("ann/mood")).status === 200, 30_000, 300);
  assert.match(JSON.stringify((await ask("ann/mood")).json), /POSITIVE/);
  assert.equal(platform.servicePid("inference"), pid);
  assert.ok(imported().includes("ann/mood/model.safetensors"));
  assert.ok(!imported().some((name) => name.endsWith(".bin")));
  const list = await platform.cli("model", "list");

  assert.match(list.output, /^ann\/mood +text-classification /m);
  assert.match(list.output, /^vitrine\/tiny-writer +chat /m);
});

test("what would not be loaded is refused with its reason, and nothing of it stays", async () => {
  const folder = join(work, "broken"), before = imported();
  const refuse = async (words, ...args) => {
    const { code, output } = await platform.cli("model", "import", ...args);

    assert.equal(code, 1, output);
    assert.match(output, words);
    assert.deepEqual(imported(), before);
  };

  cpSync(shipped, folder, { recursive: true });
  const weights = readFileSync(join(folder, "model.safetensors"));

  writeFileSync(join(folder, "model.safetensors"), weights.subarray(0, weights.length - 100));
  await refuse(/model\.safetensors: .*outside the file/, folder);
  weights.fill(0xff, weights.length - 4);
  writeFileSync(join(folder, "model.safetensors"), weights);
  await refuse(/'[a-z._0-9]+': holds NaN or infinite numbers/, folder);
  rmSync(join(folder, "model.safetensors"));
  writeFileSync(join(folder, "pytorch_model.bin"), "PK");
  await refuse(/pytorch_model\.bin: pickled weights are never read.*save_pretrained/, folder);
  await refuse(/there is a model ann\/mood already/, "--name", "ann/mood", shipped);
  await refuse(/come with the platform/, "--name", "vitrine/mine", shipped);
  await refuse(/is no name of a model/, "--name", "../mine", shipped);
  await refuse(/no such|No such/, join(work, "nowhere"));
});

test("a removed model is gone from the running service too", async () => {
  const { code, output } = await platform.cli("model", "remove", "ann/mood");

  assert.equal(code, 0, output);
  assert.ok(!existsSync(join(platform.data, "models/ann")));
  await until("it is not found any more", async () => (await ask("ann/mood")).status === 404, 30_000, 300);
  assert.equal((await platform.cli("model", "remove", "ann/mood")).code, 1);
});
