// A fake gateway to look at the pages with: node dev/server.mjs [--out DIR] [--port N]
// Serves what `npm run build` made; everything lives in memory and is made up.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as esbuild from "esbuild";
import { WebSocketServer } from "ws";
import { options, UI } from "../options.mjs";
import { rawFile } from "./hub.mjs";
import { rest } from "./rest.mjs";
import { makeGateway } from "./gateway.mjs";
import * as trees from "./tree.mjs";

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8" };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/** The frame codec of the pages themselves, so that there is one. */
async function load(path, proto) {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-dev-"));
  const outfile = join(folder, "module.mjs");
  await esbuild.build({ entryPoints: [path], bundle: true, format: "esm", outfile, alias: { proto } });
  const module = await import(pathToFileURL(outfile));
  rmSync(folder, { recursive: true });
  return module;
}

export async function serve({ out, proto, port }) {
  const frames = await load(join(UI, "src/wire/frame.ts"), proto);
  const numbers = await load(proto, proto);
  const spaces = {
    chat: { bundle: "a".repeat(64), tree: trees.chat() },
    mood: { bundle: "b".repeat(64), tree: trees.mood() },
    kitchen: { bundle: "c".repeat(64), tree: trees.kitchen() },
    bare: { bundle: "d".repeat(64), tree: null },
  };
  const world = { signedIn: true, empty: false, broken: false, gap: false };
  const gateway = makeGateway({ frames, proto: numbers, spaces, owner: () => world.signedIn });
  const api = rest(world);

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    const answer = (status, type, body) => {
      response.writeHead(status, { "Content-Type": type, "Content-Security-Policy": CSP });
      response.end(body);
    };
    try {
      const space = /^\/spaces\/demo\/([a-z]+)$/.exec(url.pathname)?.[1];
      if (url.pathname.startsWith("/__dev/")) {
        const name = url.pathname.slice(7);
        if (name in world) world[name] = url.searchParams.get("to") === "true";
        else gateway.happenings[name]();
        return answer(200, "text/plain", "ok");
      }
      if (url.pathname.startsWith("/api/")) return await api(request, response, url);
      if (/\/-\/uploads/.test(url.pathname)) return await takeUpload(request, response, url);
      if (/\/-\/file\//.test(url.pathname)) return answer(200, "image/svg+xml", uploads.get(url.pathname.split("/").pop()) ?? PICTURE);
      if (url.pathname.startsWith("/assets/")) {
        return answer(200, TYPES[extname(url.pathname)] ?? "application/octet-stream", await readFile(join(out, url.pathname)));
      }
      if (space && spaces[space]) return answer(200, TYPES[".html"], await page(space));
      const raw = rawFile(url.pathname);
      if (raw !== undefined) return answer(200, "text/plain; charset=utf-8", raw);
      const known = url.pathname === "/" || /^\/(models|datasets|new)$|\/(tree|blob|edit|commits?|settings)(\/|$)|^\/marie\//.test(url.pathname) || /^\/-\/|\/-\//.test(url.pathname);
      return answer(known ? 200 : 404, TYPES[".html"], await readFile(join(out, "platform.html")));
    } catch (error) {
      answer(error.code === "ENOENT" ? 404 : 500, "text/plain", error.message);
    }
  });

  async function page(name) {
    const { bundle, tree } = spaces[name];
    const title = tree?.title ?? name;
    const data = { space: name, owner: "demo", name, title, bundle, tree, phase: "running", base: `/spaces/demo/${name}` };
    const text = JSON.stringify(data).replaceAll("<", "\\u003c");
    const html = await readFile(join(out, "space.html"), "utf8");
    return html
      .replace("<!--vitrine:title-->", () => title)
      .replace("<!--vitrine:data-->", () => `<script type="application/json" id="vitrine-data">${text}</script>`);
  }

  // tus, as far as the page speaks it; ?slow in the name takes a second for each piece.
  const uploads = new Map();
  async function takeUpload(request, response, url) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const name = Buffer.from((request.headers["upload-metadata"] ?? "").split(" ")[1] ?? "", "base64").toString();
    const id = request.method === "POST" ? `upload${uploads.size}` : url.pathname.split("/").pop();
    if (/slow/.test(name)) await new Promise((done) => setTimeout(done, 60_000));
    if (/large/.test(name)) {
      response.writeHead(507, { "Content-Type": "application/json", "Tus-Resumable": "1.0.0" });
      return response.end(JSON.stringify({ error: "this Space's visitors have no room for it: all their files together may have 4096 MiB" }));
    }
    uploads.set(id, Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), ...parts]));
    response.writeHead(request.method === "POST" ? 201 : 204, {
      "Tus-Resumable": "1.0.0", "Upload-Offset": uploads.get(id).length, "Upload-Type": "image/svg+xml", Location: `${url.pathname.replace(/uploads.*/, "uploads")}/${id}`,
    });
    response.end();
  }

  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    const name = /^\/spaces\/demo\/([a-z]+)\/-\/ws/.exec(request.url)?.[1];
    if (!spaces[name]?.tree) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => gateway.attach(ws, name));
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><defs><linearGradient id="a" x2="0" y2="1"><stop stop-color="#f3c9a0"/><stop offset="1" stop-color="#7fa6a0"/></linearGradient></defs><rect width="640" height="360" fill="url(#a)"/><circle cx="470" cy="120" r="44" fill="#fff2d8"/><path d="M0 250q120-90 260-30t380-40v180H0z" fill="#3c6e68"/><path d="M0 300q160-70 330-20t310-30v110H0z" fill="#1f4a45"/></svg>`;

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const given = options();
  const server = await serve(given);
  console.log(`http://127.0.0.1:${server.address().port}/`);
}
