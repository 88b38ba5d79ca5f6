// scripts/bench inference: the engine beside llama.cpp with the same random weights, turn by turn,
// best of several turns. Peers come from PyPI into a virtual environment outside the clone, where
// the random models are kept too (5 GB).
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildDir, root } from "../e2e/lib/platform.mjs";
import { fairFigures } from "./inference/fair.mjs";

const PACKAGES = ["gguf==0.19.0", "numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0"];
const LLAMA = "llama-cpp-python==0.3.36";
const TURNS = 3;
const PROMPT = 128;
const WRITTEN = 48;
const SEQUENCES = 8;

/** Of a file's weights, those that no generated token reads: the table of embeddings. */
const UNREAD = (32000 * 2048) / 1.1e9;

/** The formats, with the issue's aims. */
const FORMATS = [
  { name: "Q8_0", folder: "q8_0", write: 1.15, prompt: 2.5 },
  { name: "Q4_0", folder: "q4_0", write: 1.4, prompt: 1.5 },
  { name: "Q4_K_M", folder: "q4_k_m", write: 1.3, prompt: 1.8 },
  { name: "BF16", folder: "bf16", write: 1.0, prompt: 1.25 },
];

const here = join(root, "tests/bench/inference");

async function ensurePeers(run, say) {
  const venv = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "vitrine/inference-peers");
  const python = join(venv, "bin/python");
  const long = { timeoutMs: 3_600_000 };

  if (!existsSync(python)) await run("python3", ["-m", "venv", venv]);
  await run(python, ["-m", "pip", "install", "-q", ...PACKAGES], long);
  say("llama.cpp is built for this machine when it is not there yet: ten minutes and more");
  await run(python, ["-m", "pip", "install", "-q", "--no-binary", "llama-cpp-python", LLAMA],
    { ...long, env: { ...process.env, CMAKE_ARGS: "-DGGML_NATIVE=ON -DGGML_OPENMP=OFF" } });
  const models = join(venv, "random-1b");

  await run(python, [join(here, "make_models.py"), models], long);
  const encoder = join(venv, "random-minilm");

  await run(python, [join(here, "make_encoder.py"), encoder], long);
  return { python, models, encoder };
}

/** A program that answers each line with a number. */
class Asked {
  constructor(cleanups, program, args) {
    this.process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    cleanups.push(() => this.end());
  }

  async line() {
    const { value, done } = await this.lines.next();

    if (done) throw new Error("a program under measurement ended");
    return value;
  }

  async ready() {
    if (await this.line() !== "ready") throw new Error("a program under measurement is not ready");
    return this;
  }

  async ask(question) {
    this.process.stdin.write(`${question}\n`);
    const n = Number(await this.line());

    if (!(n > 0)) throw new Error(`no answer to '${question}'`);
    return n;
  }

  end() {
    this.process.stdin.end();
    if (this.process.exitCode === null) this.process.kill("SIGTERM");
  }
}

/** Both sides' best of TURNS, asked in turn. */
async function best(ours, peer, question) {
  const sides = [ours, peer];
  const most = [0, 0];

  for (let turn = 0; turn < TURNS; turn++)
    for (const [i, side] of sides.entries()) most[i] = Math.max(most[i], await side.ask(question));
  return most;
}

/** From the start of the process to the first token, with the file in the page cache; what the process holds then. */
async function loading({ figure, cleanups, bench, python, models }) {
  const file = join(models, "hf/model.safetensors");
  const timed = async (program, args) => {
    const start = performance.now();
    const asked = await new Asked(cleanups, program, args).ready();

    await asked.ask("write 1");
    return { asked, ms: performance.now() - start };
  };
  const ours = await timed(bench, [join(models, "hf")]);
  const status = readFileSync(`/proc/${ours.asked.process.pid}/status`, "utf8");
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]) * 1024;
  const peer = await timed(python, [join(here, "llama_peer.py"), join(models, "bf16/model.gguf"), "1"]);

  ours.asked.end();
  peer.asked.end();
  return [
    figure(`${(statSync(file).size / 1e9).toFixed(1)} GB of safetensors in bf16: start → first token (peer: llama.cpp, its GGUF file)`,
      ours.ms, "ms", { peer: peer.ms }),
    figure("the same: memory above the weights' bytes", (resident - statSync(file).size) / 2 ** 20, "MiB"),
  ];
}

/** Two threads while another process burns one of the processors, beside one thread in peace. */
async function busyNeighbour({ figure, cleanups, bench, models }) {
  const ours = await new Asked(cleanups, bench, [join(models, "q4_0")]).ready();
  const most = async () => Math.max(await ours.ask("write 24"), await ours.ask("write 24"), await ours.ask("write 24"));

  await ours.ask("write 4");
  const alone = await most();
  const burner = spawn("taskset", ["-c", "0", process.execPath, "-e", "for(;;);"]);

  cleanups.push(() => burner.kill("SIGKILL"));
  await ours.ask("threads 2");
  const beside = await most();

  burner.kill("SIGKILL");
  ours.end();
  return figure("Q4_0, two threads while another process burns one processor (peer: one thread in peace)", beside, "tokens/s",
    { peer: alone, goal: "≥ 0.8 × of its own single thread", floor: 0.8 * alone });
}

async function embeddings({ figure, cleanups, bench, python, encoder }) {
  const figures = [];

  for (const type of ["f32", "bf16"]) {
    const ours = await new Asked(cleanups, bench, [join(encoder, type)]).ready();
    const peer = await new Asked(cleanups, python, [join(here, "onnx_peer.py"), join(encoder, "model.onnx"), "1"]).ready();

    for (const side of [ours, peer]) await side.ask("embed 128");
    const [value, theirs] = await best(ours, peer, "embed 128");
    const least = type === "f32" ? 1 : 1.3;

    figures.push(figure(`MiniLM's shape, ${type}, 128 tokens, one thread (peer: onnxruntime, f32)`, value, "tokens/s",
      { peer: theirs, goal: type === "f32" ? "≥ 1.0 ×" : "aim 1.3 ×", floor: least * theirs }));
    ours.end();
    peer.end();
  }
  return figures;
}

export async function benchInference({ run, figure, say, cleanups }) {
  const { python, models, encoder } = await ensurePeers(run, say);
  const bench = join(buildDir, "bin/bench_inference");
  const all = { figure, cleanups, bench, python, models, encoder };
  const figures = [...await fairFigures({ run, figure, say }), ...await embeddings(all), await busyNeighbour(all), ...await loading(all)];
  const atLeast = (what, value, unit, peer, least, aim) => figures.push(figure(what, value, unit,
    { peer, goal: `≥ ${least} × llama.cpp${aim ? `, aim ${aim} ×` : ""}`, floor: least * peer }));

  for (const format of FORMATS) {
    const file = join(models, format.folder, "model.gguf");
    const ours = await new Asked(cleanups, bench, [join(models, format.folder)]).ready();
    const peer = await new Asked(cleanups, python, [join(here, "llama_peer.py"), file, "1"]).ready();

    for (const side of [ours, peer]) await side.ask("write 4");
    // Before and after: one moment of a busy machine would flatter the share.
    const before = await ours.ask("bandwidth");
    const [wrote, peerWrote] = await best(ours, peer, `write ${WRITTEN}`);
    const bandwidth = Math.max(before, await ours.ask("bandwidth"));
    const [read, peerRead] = await best(ours, peer, `prompt ${PROMPT}`);
    const [batch, peerBatch] = await best(ours, peer, `batch ${SEQUENCES} 16`);
    const bytes = wrote * statSync(file).size * (1 - UNREAD);

    say(`${format.name}: write ${wrote} beside ${peerWrote}, prompt ${read} beside ${peerRead}, eight ${batch} beside ${peerBatch}`);
    atLeast(`${format.name}, one thread: generation`, wrote, "tokens/s", peerWrote, 1, format.write);
    figures.push(figure(`${format.name}: share of the read bandwidth measured in the same run`, bytes / bandwidth, "of 1",
      { goal: "≥ 0.6, aim 0.75", floor: 0.6 }));
    atLeast(`${format.name}, one thread: prompt of ${PROMPT}`, read, "tokens/s", peerRead, 1, format.prompt);
    atLeast(`${format.name}, one thread: ${SEQUENCES} texts at once`, batch, "tokens/s", peerBatch, 1.5, 2.5);
    ours.end();
    peer.end();
  }
  return figures;
}
