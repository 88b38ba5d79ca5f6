// scripts/bench ui: what a visitor's browser gets and how soon, in real Chromium. Peers in the same
// browser and run, turn by turn: a static page of the same content, and the same demos in Gradio and
// Streamlit, from PyPI, in a virtual environment outside the clone.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { launchBrowser } from "../e2e/lib/browser.mjs";
import { runProgram, until } from "../e2e/lib/process.mjs";

const GRADIO = "gradio==6.31.0";
const STREAMLIT = "streamlit==1.67.0";
const TOKENS = 1000;
const ROWS = 10_000;

// --- the same demos, four times -----------------------------------------------------------------

const oursHello = `local ui = require "vitrine.ui"
return ui.page({ title = "Hello" }, function()
  local name = ui.textbox { id = "name", label = "Your name" }
  local out = ui.label { id = "out", label = "Greeting" }
  local go = ui.button { "Greet", id = "go" }
  go:on_click { inputs = { name }, fn = function(text) out:set("Hello, " .. text .. "!") end }
  return ui.column { name, go, out }
end)
`;

const oursMore = `local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({ title = "More" }, function(page)
  local text = ui.textbox { id = "text", label = "Story", lines = 8, interactive = false }
  local write = ui.button { "Write", id = "write" }
  local rows = ui.dataframe { id = "rows", label = "Rows", interactive = false }
  local bump = ui.button { "Bump", id = "bump" }
  write:on_click(function()
    text:set ""
    for i = 1, ${TOKENS} do
      text:append("token" .. i .. " ")
      time.sleep(0.001)
    end
  end)
  page:on_load(function()
    local all = {}
    for i = 1, ${ROWS} do all[i] = { i, "row number " .. i, i * 7919 % 1000, i % 2 == 0, "x" } end
    rows:set { headers = { "n", "name", "value", "even", "x" }, rows = all }
  end)
  bump:on_click(function(session)
    session.n = (session.n or 0) + 1
    rows:set_row(3, { -session.n, "bumped", 0, true, "y" })
  end)
  return ui.column { text, write, rows, bump }
end)
`;

const gradioApp = (port) => `import os, time
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr

def story():
    text = ""
    for i in range(1, ${TOKENS} + 1):
        text += f"token{i} "
        time.sleep(0.001)
        yield text

rows = [[i, f"row number {i}", i * 7919 % 1000, i % 2 == 0, "x"] for i in range(1, ${ROWS} + 1)]

def bump(n):
    n += 1
    rows[2] = [-n, "bumped", 0, True, "y"]
    return n, {"headers": ["n", "name", "value", "even", "x"], "data": rows}

with gr.Blocks(title="Hello") as hello:
    name = gr.Textbox(label="Your name")
    go = gr.Button("Greet")
    out = gr.Label(label="Greeting")
    go.click(lambda text: f"Hello, {text}!", name, out)

with gr.Blocks(title="More") as more:
    text = gr.Textbox(label="Story", lines=8)
    gr.Button("Write").click(story, None, text)
    table = gr.Dataframe(value={"headers": ["n", "name", "value", "even", "x"], "data": rows}, label="Rows", interactive=False)
    n = gr.State(0)
    gr.Button("Bump").click(bump, n, [n, table])

import fastapi, uvicorn
app = fastapi.FastAPI()
app = gr.mount_gradio_app(app, more, path="/more")
app = gr.mount_gradio_app(app, hello, path="/hello")
uvicorn.run(app, host="127.0.0.1", port=${port}, log_level="error")
`;

const streamlitHello = `import streamlit as st
name = st.text_input("Your name")
st.button("Greet")
st.write(f"Hello, {name}!")
`;

const streamlitMore = `import time
import streamlit as st
def story():
    for i in range(1, ${TOKENS} + 1):
        time.sleep(0.001)
        yield f"token{i} "
if st.button("Write"):
    st.write_stream(story())
`;

/** A page of this content that somebody wrote by hand. */
const staticHello = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hello</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="style.css"></head><body><main>
<h1>Hello</h1><p><label for="name">Your name</label> <input id="name"></p>
<p><button id="go">Greet</button></p><output id="out"></output></main><script src="hello.js"></script></body></html>`;
const staticFiles = {
  "/": ["text/html", staticHello],
  "/style.css": ["text/css", "body{font:16px sans-serif;margin:2rem}main{max-width:40rem;margin:auto}input,button{font:inherit;padding:.5rem}"],
  "/hello.js": ["text/javascript", 'document.getElementById("go").onclick=()=>{document.getElementById("out").textContent="Hello, "+document.getElementById("name").value+"!"}'],
};

// --- starting them ------------------------------------------------------------------------------

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();

    server.close(() => resolve(port));
  });
});

function startStatic(cleanups) {
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      const [type, body] = staticFiles[request.url] ?? ["text/plain", ""];

      response.writeHead(type === "text/plain" ? 404 : 200, { "content-type": type }).end(body);
    }).listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}/`));

    cleanups.push(() => server.close());
  });
}

/** The virtual environment with both peers, made once; throws with the reason where that cannot be. */
async function peersPython() {
  const venv = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "vitrine/ui-peers");
  const python = join(venv, "bin/python");
  const has = async () => (await runProgram(python, ["-c", "import gradio, streamlit"], { timeoutMs: 120_000 })).code === 0;

  if (existsSync(python) && await has()) return python;
  for (const [program, ...args] of [["python3", "-m", "venv", venv], [python, "-m", "pip", "install", "-q", GRADIO, STREAMLIT]]) {
    const { code, output } = await runProgram(program, args, { timeoutMs: 500_000 });

    if (code !== 0) throw new Error(`${program} ${args.slice(0, 3).join(" ")}: ${output.trim().split("\n").at(-1)}`);
  }
  return python;
}

async function startPeer(cleanups, python, args, url) {
  const child = spawn(python, args, { stdio: "ignore", env: { ...process.env, GRADIO_ANALYTICS_ENABLED: "False" } });

  cleanups.push(() => child.kill("SIGKILL"));
  await until(`${args.join(" ")} answers`, async () => {
    try {
      return (await fetch(url)).status === 200;
    } catch {
      return false;
    }
  }, 90_000);
}

async function startPeers(cleanups, say) {
  const python = await peersPython();
  const dir = mkdtempSync(join(tmpdir(), "vitrine-ui-peers-"));
  const [gradio, first, second] = [await freePort(), await freePort(), await freePort()];
  const write = (name, text) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const streamlit = (file, port) => ["-m", "streamlit", "run", file, "--server.port", String(port), "--server.address", "127.0.0.1",
    "--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"];

  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  say("starting Gradio and Streamlit");
  await startPeer(cleanups, python, [write("gradio_app.py", gradioApp(gradio))], `http://127.0.0.1:${gradio}/hello/`);
  await startPeer(cleanups, python, streamlit(write("hello.py", streamlitHello), first), `http://127.0.0.1:${first}/`);
  await startPeer(cleanups, python, streamlit(write("more.py", streamlitMore), second), `http://127.0.0.1:${second}/`);
  return {
    gradio: { hello: `http://127.0.0.1:${gradio}/hello/`, more: `http://127.0.0.1:${gradio}/more/` },
    streamlit: { hello: `http://127.0.0.1:${first}/`, more: `http://127.0.0.1:${second}/` },
  };
}

// --- in the page --------------------------------------------------------------------------------

/**
 * How to greet on each page: fields by selector; Streamlit takes a text with Enter. again: ms until
 * the gesture is tried once more. Ours and the static page stand there before their script does; the
 * peers' controls come with it, and Streamlit drops its answer whenever it is asked anew.
 */
const HANDS = {
  vitrine: { input: "input", button: ".action .button", out: ".verdict-top", again: 20 },
  static: { input: "#name", button: "#go", out: "#out", again: 20 },
  gradio: { input: "input,textarea", button: "button.lg", out: "[data-testid=label-output-value]", again: 1000 },
  streamlit: { input: "input", button: null, out: "[data-testid=stMarkdownContainer]", again: 2000 },
};

/** Runs in the page before anything of it: __greet(text) makes the gesture, false: not there yet. */
function install(hand) {
  const set = (input, text) => {
    const proto = input instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;

    Object.getOwnPropertyDescriptor(proto, "value").set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  window.__said = () => [...document.querySelectorAll(hand.out)].map((e) => e.textContent.trim()).join("|");
  window.__greet = (text) => {
    const input = document.querySelector(hand.input);
    const button = hand.button ? document.querySelector(hand.button) : null;

    if (!input || (hand.button && (!button || button.disabled))) return false;
    set(input, text);
    if (button) button.click();
    else for (const type of ["keydown", "keypress", "keyup"]) input.dispatchEvent(new KeyboardEvent(type, { key: "Enter", code: "Enter", keyCode: 13, which: 13, bubbles: true }));
    return true;
  };
  window.__changed = (test, target = document) => new Promise((resolve, reject) => {
    const done = () => {
      if (!test()) return;
      observer.disconnect();
      resolve(performance.now());
    };
    const observer = new MutationObserver(done);

    observer.observe(target, { childList: true, characterData: true, subtree: true, attributes: true });
    setTimeout(() => reject(new Error("nothing changed for 20 s")), 20_000);
    done();
  });
  /* Tries until a gesture is answered; the moment of that gesture is when the page was usable. */
  window.__usable = new Promise((resolve, reject) => {
    const tried = [];

    setTimeout(() => reject(new Error(`no answer in 30 s to ${tried.length} gestures; it shows: ${document.body.innerText.slice(0, 200)}`)), 30_000);
    let last = -Infinity;
    const timer = setInterval(() => {
      const found = /Hello, first(\d+)!/.exec(window.__said());

      if (found) {
        clearInterval(timer);
        resolve({ usable: tried[Number(found[1])], answered: performance.now() });
      } else if (document.body && performance.now() - last >= hand.again) {
        const at = performance.now();

        if (window.__greet(`first${tried.length}`)) last = tried[tried.push(at) - 1];
      }
    }, 10);
  });
}

async function newPage(browser, hand) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const traffic = { bytes: 0 };

  if (hand) await page.addInitScript(install, hand);
  await cdp.send("Network.enable");
  await cdp.send("Performance.enable");
  cdp.on("Network.loadingFinished", ({ encodedDataLength }) => { traffic.bytes += encodedDataLength; });
  cdp.on("Network.webSocketFrameReceived", ({ response }) => { traffic.bytes += Math.ceil(response.opcode === 2 ? response.payloadData.length * 0.75 : response.payloadData.length); });
  cdp.on("Network.dataReceived", ({ encodedDataLength, dataLength, requestId }) => {
    // A stream that is never finished (Gradio's events) is counted as it comes.
    if (traffic.streams?.has(requestId)) traffic.bytes += encodedDataLength || dataLength;
  });
  return { context, page, cdp, traffic };
}

/** Cold: an empty cache, a new visitor. */
async function load(browser, url, hand) {
  const { context, page, traffic } = await newPage(browser, hand);

  try {
    await page.goto(url, { waitUntil: "load" });
    const { usable, answered } = await page.evaluate(() => window.__usable);
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null);

    await page.waitForTimeout(300); // what is still on its way is part of the load
    return { usable, answered, paint, bytes: traffic.bytes };
  } finally {
    await context.close();
  }
}

/** Clicks of a warm page: gesture → the answer stands in the DOM, ms. */
async function clicks(browser, url, hand, count) {
  const { context, page } = await newPage(browser, hand);

  try {
    await page.goto(url, { waitUntil: "load" });
    await page.evaluate(() => window.__usable);
    await page.waitForTimeout(500);
    return await page.evaluate(async (n) => {
      const took = [];

      for (let i = 0; i < n; i++) {
        const text = `turn${i}`;
        const from = performance.now();

        window.__greet(text);
        took.push(await window.__changed(() => window.__said().includes(`Hello, ${text}!`)) - from);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
      return took;
    }, count);
  } finally {
    await context.close();
  }
}

/** One story: tokens a second as they are seen, and the page's main thread meanwhile, ms. */
async function stream(browser, url, { button, text }) {
  const { context, page, cdp } = await newPage(browser, { out: "none", input: "none", button: "none" });
  const busy = async () => (await cdp.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value * 1000;

  try {
    await page.goto(url, { waitUntil: "load" });
    const write = page.getByRole("button", { name: button });

    await write.waitFor();
    await page.waitForTimeout(1500);
    const before = await busy();
    const took = await page.evaluate(async ([name, selector, last]) => {
      const told = () => [...document.querySelectorAll(selector)].some((e) => (e.value ?? e.textContent).includes(last));
      const from = performance.now();

      [...document.querySelectorAll("button")].find((b) => b.textContent.trim() === name).click();
      while (!told()) await new Promise((resolve) => requestAnimationFrame(resolve)); // a value is no mutation
      return performance.now() - from;
    }, [button, text, `token${TOKENS} `.trim()]);

    return { rate: TOKENS / (took / 1000), main: await busy() - before };
  } finally {
    await context.close();
  }
}

/** A changed row of a long table: gesture → seen, ms; bytes for each. */
async function bumps(browser, url, cells, count) {
  const { context, page, traffic } = await newPage(browser, { out: cells, input: "none", button: "none" });

  traffic.streams = new Set();
  try {
    const cdp = await context.newCDPSession(page);

    await cdp.send("Network.enable");
    cdp.on("Network.responseReceived", ({ requestId, response }) => { if (response.mimeType === "text/event-stream") traffic.streams.add(requestId); });
    await page.goto(url, { waitUntil: "load" });
    await page.getByText("row number 5", { exact: true }).first().waitFor();
    await page.waitForTimeout(1500);
    const before = traffic.bytes;
    const took = await page.evaluate(async (n) => {
      const list = [];

      for (let i = 1; i <= n; i++) {
        const from = performance.now();

        [...document.querySelectorAll("button")].find((b) => b.textContent.trim() === "Bump").click();
        list.push(await window.__changed(() => window.__said().includes(`|-${i}|`)) - from);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return list;
    }, count);

    await page.waitForTimeout(300);
    return { took, bytes: (traffic.bytes - before) / count };
  } finally {
    await context.close();
  }
}

// --- the figures --------------------------------------------------------------------------------

export async function benchUi({ startPlatform, newRepo, percentile, figure, say, cleanups }, { loads = 7, turns = 200 } = {}) {
  const platform = await startPlatform();

  for (const [name, app] of [["hello", oursHello], ["more", oursMore]]) await newRepo(platform, `admin/${name}`).deploy({ "app.lua": app });
  const pages = {
    vitrine: { hello: `http://127.0.0.1:${platform.port}/spaces/admin/hello`, more: `http://127.0.0.1:${platform.port}/spaces/admin/more` },
    static: { hello: await startStatic(cleanups) },
  };

  try {
    Object.assign(pages, await startPeers(cleanups, say));
  } catch (error) {
    say(`without Gradio and Streamlit: ${error.message}`);
  }
  const browser = await launchBrowser();

  cleanups.push(() => browser.close());
  return [
    ...await loadFigures(browser, pages, loads, { percentile, figure, say }),
    ...await clickFigures(browser, pages, turns, { percentile, figure, say }),
    ...await streamFigures(browser, pages, { figure, say }),
    ...await rowFigures(browser, pages, { percentile, figure, say }),
  ];
}

const PEERS = { gradio: "Gradio", streamlit: "Streamlit" };

async function loadFigures(browser, pages, rounds, { percentile, figure, say }) {
  const got = {};

  for (let i = 0; i < rounds + 1; i++)
    for (const [name, { hello }] of Object.entries(pages)) {
      const one = await load(browser, hello, HANDS[name]).catch((error) => { throw new Error(`${name}: ${error.message}`); });

      if (i > 0) (got[name] ??= []).push(one); // the first ones warm what is warm for every later visitor
    }
  const of = (name, key) => percentile(got[name].map((one) => one[key]), 50);

  for (const name of Object.keys(got))
    say(`load ${name}: ${["bytes", "paint", "usable", "answered"].map((key) => `${key} ${Math.round(of(name, key))}`).join(", ")}`);
  const figures = [
    figure("hello, cold: first contentful paint, p50 (peer: a static page)", of("vitrine", "paint"), "ms", { peer: of("static", "paint") }),
    figure("hello, cold: usable, p50 (peer: a static page)", of("vitrine", "usable"), "ms",
      { peer: of("static", "usable"), goal: "≤ static page + 50 ms", limit: of("static", "usable") + 50 }),
    figure("hello, cold: bytes (peer: a static page)", of("vitrine", "bytes"), "bytes", { peer: of("static", "bytes") }),
  ];

  for (const [peer, name] of Object.entries(PEERS)) {
    if (!got[peer]) continue;
    figures.push(
      figure(`hello, cold: bytes (peer: ${name})`, of("vitrine", "bytes"), "bytes",
        { peer: of(peer, "bytes"), goal: "≥ 5 × fewer", limit: of(peer, "bytes") / 5 }),
      figure(`hello, cold: usable, p50 (peer: ${name})`, of("vitrine", "usable"), "ms",
        { peer: of(peer, "usable"), goal: "sooner", limit: of(peer, "usable") }));
  }
  return figures;
}

async function clickFigures(browser, pages, turns, { percentile, figure, say }) {
  const took = {};

  for (let i = 0; i < 2; i++)
    for (const name of ["vitrine", "gradio", "streamlit"])
      if (pages[name]) (took[name] ??= []).push(...await clicks(browser, pages[name].hello, HANDS[name], turns / 2));
  for (const name of Object.keys(took)) say(`click ${name}: p50 ${percentile(took[name], 50).toFixed(1)}, p99 ${percentile(took[name], 99).toFixed(1)} ms`);
  const figures = took.gradio ? [] : [
    figure("click, textbox → label, event to DOM change, p50", percentile(took.vitrine, 50), "ms"),
    figure("the same, p99", percentile(took.vitrine, 99), "ms")];

  for (const [peer, name] of Object.entries(PEERS))
    for (const p of took[peer] ? [50, 99] : []) {
      const theirs = percentile(took[peer], p);

      figures.push(figure(`click, textbox → label, event to DOM change, p${p} (peer: ${name})`, percentile(took.vitrine, p), "ms",
        { peer: theirs, goal: "≥ 3 × sooner", limit: theirs / 3 }));
    }
  return figures;
}

async function streamFigures(browser, pages, { figure, say }) {
  const stories = {
    vitrine: { button: "Write", text: "textarea" },
    gradio: { button: "Write", text: "textarea" },
    streamlit: { button: "Write", text: "[data-testid=stMarkdownContainer]" },
  };
  const got = {};

  for (const [name, story] of Object.entries(stories)) {
    if (!pages[name]) continue;
    const runs = [];

    for (let i = 0; i < 3; i++) runs.push(await stream(browser, pages[name].more, story));
    [, got[name]] = runs.sort((a, b) => a.rate - b.rate);
    say(`stream ${name}: ${Math.round(got[name].rate)} tokens/s, main thread ${Math.round(got[name].main)} ms`);
  }
  const figures = got.gradio ? [] : [
    figure(`${TOKENS} tokens, one each ms`, got.vitrine.rate, "tokens/s"),
    figure("the same: the page's main thread", got.vitrine.main, "ms")];

  for (const [peer, name] of Object.entries(PEERS)) {
    if (!got[peer]) continue;
    figures.push(
      figure(`${TOKENS} tokens, one each ms, as they are seen (peer: ${name})`, got.vitrine.rate, "tokens/s", { peer: got[peer].rate }),
      figure(`the same: the page's main thread (peer: ${name})`, got.vitrine.main, "ms", { peer: got[peer].main }));
  }
  return figures;
}

async function rowFigures(browser, pages, { percentile, figure, say }) {
  const ours = await bumps(browser, pages.vitrine.more, "[role=gridcell]", 60);
  const theirs = pages.gradio ? await bumps(browser, pages.gradio.more, "td", 8).catch((error) => {
    say(`without Gradio's table: ${error.message}`);
    return null;
  }) : null;
  const middle = (one) => one && percentile(one.took, 50);

  say(`row: ${middle(ours).toFixed(1)} ms, ${Math.round(ours.bytes)} bytes; Gradio ${theirs ? `${middle(theirs).toFixed(1)} ms, ${Math.round(theirs.bytes)} bytes` : "none"}`);
  const whose = theirs ? " (peer: Gradio)" : "";

  return [
    figure(`one row of ${ROWS.toLocaleString("en-US")} changes, event to DOM change, p50${whose}`, middle(ours), "ms", theirs ? { peer: middle(theirs) } : {}),
    figure(`the same: bytes to the browser${whose}`, ours.bytes, "bytes", theirs ? { peer: theirs.bytes } : {}),
  ];
}
