// Programs call models with OpenAI's and Hugging Face's own clients, unchanged: the project's checks,
// the snippets of docs/openai.md, and the conformance suite where the folder ../shared is there.
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import * as inference from "@huggingface/inference";
import OpenAI from "openai";
import { Platform, root } from "./lib/platform.mjs";
import { runProgram } from "./lib/process.mjs";

const writer = "vitrine/tiny-writer", mood = "vitrine/tiny-sentiment";
const messages = [{ role: "user", content: "Write about the sea." }];
const suite = join(root, "../shared/conformance/hub/conformance.mjs");
const known = join(root, "tests/oracle/known"), pictures = join(root, "tests/oracle/known-pictures");
let platform, client, work, models;

/** The shipped models, and a small one with random weights for each task that none of them has. */
function gather() {
  models = mkdtempSync(join(tmpdir(), "vitrine-models-"));
  chmodSync(models, 0o755);
  cpSync(join(root, "models"), models, { recursive: true });
  cpSync(join(known, "bert"), join(models, "embed"), { recursive: true });
  for (const [name, folder] of [["words", "bert-words"], ["tokens", "bert-tokens"], ["spans", "bert-spans"], ["entails", "bert-sequence"]])
    cpSync(join(known, folder), join(models, name), { recursive: true });
  cpSync(join(pictures, "vit"), join(models, "look"), { recursive: true });
}

before(async () => {
  gather();
  platform = await Platform.start({ args: ["--models", models] });
  client = new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: platform.token, maxRetries: 0 });
  work = mkdtempSync(join(tmpdir(), "vitrine-openai-"));
  symlinkSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules"), join(work, "node_modules"));
});

after(async () => {
  for (const folder of [work, models]) if (folder) rmSync(folder, { recursive: true, force: true });
  await platform?.remove();
});

const endpoint = (model) => ({ accessToken: platform.token, endpointUrl: `${platform.url}/models/${model}` });

test("OpenAI's client lists models, and writes the same words whole and as a stream", async () => {
  const ids = (await client.models.list()).data.map((model) => model.id);

  assert.ok(ids.includes(writer) && ids.includes(mood), ids.join());
  assert.equal((await client.models.retrieve(writer)).id, writer);
  const ask = { model: writer, messages, temperature: 0, max_tokens: 16 };
  const whole = await client.chat.completions.create(ask);
  let text = "", usage;

  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.ok(text.length > 0);
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(usage, whole.usage);
  const final = await client.chat.completions.stream(ask).finalChatCompletion();

  assert.equal(final.choices[0].message.content, text);
});

test("OpenAI's client tells a wrong key, an unknown model and a wrong field apart", async () => {
  const ask = (key, body) => new OpenAI({ baseURL: `${platform.url}/v1`, apiKey: key, maxRetries: 0 })
    .chat.completions.create({ model: writer, messages, ...body });

  await assert.rejects(ask("hf_wrong"), OpenAI.AuthenticationError);
  await assert.rejects(ask(platform.token, { model: "no/such" }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
  await assert.rejects(ask(platform.token, { messages: [] }), (e) => e instanceof OpenAI.BadRequestError && e.param === "messages");
});

test("Hugging Face's inference client classifies and writes at a model's path", async () => {
  const labels = await inference.textClassification({ ...endpoint(mood), inputs: "I love this." });

  assert.equal(labels[0].label, "POSITIVE");
  const text = await inference.textGeneration({ ...endpoint(writer), inputs: "The sea", parameters: { max_new_tokens: 4 } });

  assert.ok(text.generated_text.length > 0);
  let streamed = "";

  for await (const chunk of inference.chatCompletionStream({ ...endpoint(writer), messages, max_tokens: 6 }))
    streamed += chunk.choices[0]?.delta?.content ?? "";
  assert.ok(streamed.length > 0);
  await assert.rejects(inference.textClassification({ ...endpoint("no/such"), inputs: "x" }), (e) => e.httpResponse?.status === 404);
});

test("Hugging Face's inference client takes every text task's answer", async () => {
  const words = await inference.fillMask({ ...endpoint("vitrine/words"), inputs: "the [MASK]", parameters: { top_k: 3 } });

  assert.equal(words.length, 3);
  const tokens = await inference.tokenClassification({ ...endpoint("vitrine/tokens"), inputs: "the sea" });

  assert.ok(Array.isArray(tokens));
  const answer = await inference.questionAnswering({ ...endpoint("vitrine/spans"), inputs: { question: "the sea", context: "the sea and the sun" } });

  assert.ok("the sea and the sun".includes(answer.answer) && answer.score >= 0);
  const labels = await inference.zeroShotClassification({ ...endpoint("vitrine/entails/pipeline/zero-shot-classification"), inputs: "the sea", parameters: { candidate_labels: ["sun", "sea"] } });

  assert.deepEqual(labels.map((l) => l.label).sort(), ["sea", "sun"]);
});

test("OpenAI's client gets the same embeddings as numbers and as base64, each one long", async () => {
  const input = ["one", "two", "one"];
  const ask = async (more) => (await client.embeddings.create({ model: "vitrine/embed", input, ...more })).data.map((d) => d.embedding);
  const plain = await ask({ encoding_format: "float" }), packed = await ask();

  assert.equal(plain.length, 3);
  for (const [i, vector] of plain.entries()) {
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-4, Math.hypot(...vector));
    assert.ok(vector.every((x, j) => Math.abs(x - packed[i][j]) < 1e-6));
  }
  assert.deepEqual(plain[0], plain[2]);
  assert.equal((await ask({ dimensions: 8 }))[0].length, 8);
});

test("an answer is JSON of a schema where the program asks for it, and a tool is called where it must be", async () => {
  const ask = { model: writer, messages, temperature: 0, max_tokens: 120 };
  const schema = { type: "object", properties: { sunny: { type: "boolean" } }, required: ["sunny"], additionalProperties: false };
  const answer = await client.chat.completions.create({ ...ask, response_format: { type: "json_schema", json_schema: { name: "sky", schema } } });

  assert.equal(typeof JSON.parse(answer.choices[0].message.content).sunny, "boolean");
  const tools = [{ type: "function", function: { name: "tell", parameters: schema } }];
  const { choices: [choice] } = await client.chat.completions.create({ ...ask, tools, tool_choice: "required" });

  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.tool_calls[0].function.name, "tell");
  assert.equal(typeof JSON.parse(choice.message.tool_calls[0].function.arguments).sunny, "boolean");
});

test("when inference is killed, running calls end, and the next ones are held and never answered with 503", async () => {
  const statuses = new Set();
  const patient = new OpenAI({ // tries twice more, as it does by itself
    baseURL: `${platform.url}/v1`, apiKey: platform.token,
    fetch: async (...args) => {
      const answer = await fetch(...args);

      statuses.add(answer.status);
      return answer;
    },
  });
  const running = [1, 2, 3].map(async () => {
    for await (const chunk of await client.chat.completions.create({ model: writer, messages, max_tokens: 400, stream: true })) void chunk;
  });

  process.kill(platform.servicePid("inference"), "SIGKILL");
  for (const { status, reason } of await Promise.allSettled(running))
    assert.ok(status === "fulfilled" || /ended during the call/.test(reason.message), reason);
  assert.ok((await patient.chat.completions.create({ model: writer, messages, max_tokens: 4 })).choices[0].message.content);
  assert.ok(statuses.has(200) && !statuses.has(503), [...statuses].join());
});

test("the snippets of docs/openai.md run as they stand there", async () => {
  const page = readFileSync(join(root, "docs/openai.md"), "utf8");
  const snippets = [...page.matchAll(/^```(js|sh)\n(.*?)^```/gms)];

  assert.ok(snippets.length >= 3);
  for (const [, language, text] of snippets) {
    const file = join(work, `snippet.${language === "js" ? "mjs" : "sh"}`);

    writeFileSync(file, text.replaceAll("https://demos.example.org", platform.url).replaceAll("hf_…", platform.token));
    const { code, output } = await runProgram(language === "js" ? process.execPath : "bash", [file],
      { cwd: work, env: { ...process.env, no_proxy: "*" }, timeoutMs: 60_000 });

    assert.equal(code, 0, `${text}\n${output}`);
    assert.match(output, /\S/, text);
    assert.doesNotMatch(output, /"error"/, text);
  }
});

/** Its checks measure time themselves, and a busy machine is slow: what failed is tried again. */
async function conforms(t, group, tries = 3) {
  const args = ["conformance.mjs", platform.url, platform.token, "admin", group, `--chat-model=${writer}`,
    "--embed-model=vitrine/embed", `--text-class-model=${mood}`, "--fill-mask-model=vitrine/words", "--image-class-model=vitrine/look"];

  cpSync(suite, join(work, "conformance.mjs"));
  // The suite asks for git-lfs before it knows which groups are meant; ours have nothing to do with it.
  writeFileSync(join(work, "git-lfs"), "#!/bin/sh\n", { mode: 0o755 });
  const env = { ...process.env, PATH: `${process.env.PATH}:${work}` };

  for (let n = 1; ; n++) {
    const { output } = await runProgram(process.execPath, args, { cwd: work, env, timeoutMs: 280_000 });
    const sum = /^(\d+) passed, (\d+) failed$/m.exec(output);

    if (sum && Number(sum[2]) === 0) {
      t.diagnostic(`${sum[0]}${n > 1 ? `, at try ${n}` : ""}`);
      return;
    }
    if (n === tries) assert.fail(output.split("\n").filter((line) => !line.startsWith("ok ")).join("\n"));
    t.diagnostic(`try ${n}: ${output.split("\n").filter((line) => line.startsWith("FAIL")).join("; ")}`);
  }
}

const absent = !existsSync(suite) && "../shared/conformance/hub is not there";

test("the conformance suite of OpenAI's client passes", { skip: absent }, (t) => conforms(t, "openai"));

test("the conformance suite of Hugging Face's inference client passes", { skip: absent }, (t) => conforms(t, "inference"));
