// The session side of the fake gateway: JOIN, events, groups, resume and resynchronise as
// docs/PROCESSES.md describes them, in memory, with one function in the place of a worker.
import { randomBytes } from "node:crypto";
import { apps } from "./apps.mjs";
import { crc32c } from "./crc32c.mjs";

const utf8 = new TextEncoder();

export function makeGateway({ frames, proto, spaces, owner }) {
  const { MESSAGE } = proto;
  const sessions = new Map();
  const sockets = new Set();
  const quirks = { speed: 45, up: true };
  const json = (value) => utf8.encode(JSON.stringify(value));

  function frame(type, head = {}, value = new Uint8Array(0)) {
    return { type, op: 0, channel: 0, node: 0, seq: 0, ...head, value };
  }

  function patch(op, node, path, value = "") {
    return frame(MESSAGE.PATCH, { op, node }, Buffer.concat([utf8.encode(path), Buffer.from([0]), Buffer.from(value)]));
  }

  function attach(socket, name) {
    const reader = new frames.FrameReader();
    let session = null;
    if (!quirks.up) return socket.close(1012);
    sockets.add(socket);
    socket.binaryType = "arraybuffer";
    socket.on("close", () => {
      sockets.delete(socket);
      if (session?.socket === socket) session.socket = null;
    });
    socket.on("message", (data) => {
      for (const f of reader.read(data)) {
        if (f.type === MESSAGE.JOIN) session = join(socket, name, f);
        else if (session) handle(session, f);
      }
    });
  }

  function send(session, list) {
    session.socket?.send(frames.encodeFrames(list));
  }

  function join(socket, name, f) {
    const body = JSON.parse(Buffer.from(f.value).toString());
    let session = sessions.get(body.session);
    const state = !session ? "new" : f.seq > 0 && session.groups.length - f.seq < 50 ? "resumed" : "resynchronised";
    session ??= { id: randomBytes(13).toString("hex"), name, n: 0, groups: [], values: new Map(), running: new Map(), state: { turns: [] }, held: [] };
    sessions.set(session.id, session);
    session.socket = socket;
    const welcome = { session: session.id, state, bundle: spaces[name].bundle, owner: owner(), upload_max: proto.UPLOAD_MAX, ...(owner() ? { user: "ada" } : {}) };
    const out = [frame(MESSAGE.WELCOME, { seq: session.groups.length, node: session.n }, json(welcome))];
    if (state !== "resumed") out.push(treeOf(name));
    if (state === "resumed") out.push(...session.groups.slice(f.seq).flat());
    if (state === "resynchronised") {
      out.push(...session.groups.flat().filter((g) => g.type === MESSAGE.PATCH));
      out.push(frame(MESSAGE.COMMIT, { seq: session.groups.length, op: proto.COMMIT_INTERIM }));
    }
    out.push(...[...session.running.keys()].map((n) => frame(MESSAGE.ACCEPTED, { seq: n })));
    send(session, out);
    return session;
  }

  function treeOf(name) {
    const { bundle, tree } = spaces[name];
    return frame(MESSAGE.TREE, {}, json({ bundle, title: tree.title, tree }));
  }

  function handle(session, f) {
    if (f.type === MESSAGE.VALUE) session.held.push([f.node, JSON.parse(Buffer.from(f.value).toString())]);
    if (f.type === MESSAGE.EVENT) accept(session, f);
    if (f.type === MESSAGE.CANCEL) session.running.get(f.seq)?.cancel();
  }

  function accept(session, f) {
    const held = session.held.splice(0);
    send(session, [frame(MESSAGE.ACCEPTED, { seq: f.seq })]);
    if (f.seq <= session.n) return;
    session.n = f.seq;
    for (const [node, value] of held) session.values.set(node, value);
    // What the visitor set is part of the state, as if the app had.
    if (held.length) session.groups.push([...held.map(([node, value]) => patch(proto.PATCH_SET, node, "value", JSON.stringify(value))), frame(MESSAGE.COMMIT, { seq: session.groups.length + 1, op: proto.COMMIT_INTERIM })]);
    if (held.length) send(session, session.groups.at(-1));
    void work(session, { n: f.seq, node: f.node, kind: f.op });
  }

  async function work(session, event) {
    let group = [];
    let stopped = null;
    const run = {
      state: session.state,
      get speed() {
        return quirks.speed;
      },
      set: (id, path, value) => group.push(patch(proto.PATCH_SET, crc32c(id), path, JSON.stringify(value))),
      append: (id, path, text) => group.push(patch(proto.PATCH_APPEND, crc32c(id), path, text)),
      page: (path, value) => group.push(patch(proto.PATCH_SET, 0, path, JSON.stringify(value))),
      fail: (body, op = proto.FAIL_ERROR) => group.push(frame(MESSAGE.FAIL, { node: event.n, op }, json(body))),
      commit(op = proto.COMMIT_INTERIM) {
        group.push(frame(MESSAGE.COMMIT, { seq: session.groups.length + 1, node: event.n, op }));
        session.groups.push(group);
        send(session, group);
        group = [];
      },
      wait: (ms) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(resolve, ms);
          stopped = () => {
            clearTimeout(timer);
            reject(new Error("cancelled"));
          };
        }),
    };
    session.running.set(event.n, { cancel: () => stopped?.() });
    try {
      await apps[session.name]?.(run, event, session.values);
    } catch (error) {
      run.fail({ message: error.message }, proto.FAIL_CANCELLED);
    }
    session.running.delete(event.n);
    run.page("progress", null);
    run.commit(proto.COMMIT_FINISH);
  }

  /** Things that happen to a platform, for looking at: POST /__dev/NAME. */
  const happenings = {
    drop: () => sockets.forEach((s) => s.terminate()),
    down() {
      quirks.up = false;
      happenings.drop();
    },
    up: () => (quirks.up = true),
    slow: () => (quirks.speed = 250),
    fast: () => (quirks.speed = 5),
    forget: () => sessions.forEach((s) => (s.groups.length > 0 ? s.groups.push(...Array.from({ length: 60 }, (_, i) => [frame(MESSAGE.COMMIT, { seq: s.groups.length + i + 1, op: proto.COMMIT_INTERIM })])) : 0)),
    interrupt: () => sessions.forEach((s) => send(s, [frame(MESSAGE.INTERRUPTED, { seq: s.n, node: crc32c("run"), op: 1 }, json({}))])),
    deploy: () =>
      sessions.forEach((s) => send(s, [frame(MESSAGE.PHASE, {}, json({ phase: "deployed" })), treeOf(s.name), ...s.groups.flat().filter((g) => g.type === MESSAGE.PATCH), frame(MESSAGE.COMMIT, { seq: s.groups.length })])),
    waking: () => sessions.forEach((s) => send(s, [frame(MESSAGE.PHASE, {}, json({ phase: "waking" }))])),
    running: () => sessions.forEach((s) => send(s, [frame(MESSAGE.PHASE, {}, json({ phase: "running" }))])),
    bye: () => sessions.forEach((s) => send(s, [frame(MESSAGE.BYE, {}, json({ reason: "VALUE: 1048600 bytes are over the limit of 1048576" }))])),
  };
  return { attach, happenings };
}
