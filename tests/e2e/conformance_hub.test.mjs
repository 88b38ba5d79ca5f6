// A new user's way to the hub: an account, a token from the web page, and then git, git-lfs and
// Hugging Face's own JavaScript and Python clients, unchanged, over the conformance suites.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchBrowser, openPage } from "./lib/browser.mjs";
import { Platform, root, vitrine } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";
import { pythonWith } from "./lib/python.mjs";

const suites = join(root, "../shared/conformance/hub");
const absent = !existsSync(suites) && "../shared/conformance/hub is not there";
const password = "a long password of alice";
let platform, work, token;

/** What a person does: signs in and makes a token on the account page. */
async function tokenFromThePage() {
  const browser = await launchBrowser();

  try {
    const page = await openPage(browser);

    await page.goto(`${platform.url}/-/sign-in?next=/-/tokens`);
    await page.getByLabel("Name").fill("alice");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("New token").fill("laptop");
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByText(/hf_[A-Za-z0-9]{10,}/).first().waitFor();
    return /hf_[A-Za-z0-9]+/.exec(await page.innerText("body"))[0];
  } finally {
    await browser.close();
  }
}

before(async () => {
  if (absent) return;
  platform = await Platform.start();
  const added = await runProgram(vitrine, ["user", "add", "alice", "--data", platform.data], { input: `${password}\n` });

  assert.equal(added.code, 0, added.output);
  token = await tokenFromThePage();
  work = mkdtempSync(join(tmpdir(), "vitrine-conformance-"));
  cpSync(suites, work, { recursive: true });
  symlinkSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules"), join(work, "node_modules"));
});

after(async () => {
  if (work) rmSync(work, { recursive: true, force: true });
  await platform?.remove();
});

/** A suite's checks have time limits of their own, and a busy machine is slow: what failed is tried again. */
async function passes(t, program, args, env = {}) {
  for (let n = 1; ; n++) {
    const { output } = await runProgram(program, args, { cwd: work, env: { ...process.env, ...env }, timeoutMs: 280_000 });
    const sum = /^(\d+) passed, (\d+) failed$/m.exec(output);

    if (sum && Number(sum[1]) > 0 && Number(sum[2]) === 0) {
      t.diagnostic(`${sum[0]}${n > 1 ? `, at try ${n}` : ""}`);
      return;
    }
    if (n === 2) assert.fail(output.split("\n").filter((line) => !line.startsWith("ok ")).join("\n"));
    t.diagnostic(`try ${n}: ${output.split("\n").filter((line) => line.startsWith("FAIL")).join("; ")}`);
  }
}

const clients = (t, group) => passes(t, process.execPath, ["conformance.mjs", platform.url, token, "alice", group, "--other-user=admin"]);

test("the conformance suite of git passes", { skip: absent }, (t) => clients(t, "git"));

test("the conformance suite of git-lfs passes", { skip: absent }, (t) => clients(t, "lfs"));

test("the conformance suite of Hugging Face's JavaScript hub client passes", { skip: absent }, (t) => clients(t, "hub"));

test("the conformance suite of Hugging Face's Python hub client passes", { skip: absent }, async (t) => {
  const { python, reason } = await pythonWith("hub-2.4.0", "huggingface_hub==2.4.0");

  if (!python) return t.skip(reason);
  await passes(t, python, ["conformance_py.py", "alice"], { HF_ENDPOINT: platform.url, HF_TOKEN: token, no_proxy: "*" });
});
