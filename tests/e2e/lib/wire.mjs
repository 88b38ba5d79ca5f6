// A visitor without a browser: the wire link of proto/messages.def over a WebSocket.
import WebSocket from "ws";
import { until } from "./process.mjs";

export const TYPE = {
  PATCH: 0x10, COMMIT: 0x12, FAIL: 0x13, VALUE: 0x31, EVENT: 0x32, CANCEL: 0x33, ACK: 0x35,
  JOIN: 0x40, RETRY: 0x41, WELCOME: 0x50, TREE: 0x51, ACCEPTED: 0x52, PHASE: 0x53,
  INTERRUPTED: 0x54, BYE: 0x55, QUEUE: 0x56, COST: 0x57,
};
export const EVENT = { click: 1, submit: 2, change: 3, input: 4, load: 5, select: 6, clear: 7, upload: 8, example: 9 };

const HEADER = 16;
const VALUE_MAX = 60 * 1024 - HEADER;

/** One message as the bytes of its frames. */
export function encode({ type, op = 0, channel = 0, node = 0, seq = 0, value = "" }) {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
  const frames = [];

  for (let at = 0; at === 0 || at < bytes.length; at += VALUE_MAX) {
    const part = bytes.subarray(at, at + VALUE_MAX);
    const head = Buffer.alloc(HEADER);

    head.writeUInt16LE(part.length, 0);
    head[2] = type;
    head[3] = op | (at + part.length < bytes.length ? 0x80 : 0);
    head.writeUInt32LE(channel, 4);
    head.writeUInt32LE(node, 8);
    head.writeUInt32LE(seq, 12);
    frames.push(head, part);
  }
  return Buffer.concat(frames);
}

/** Every frame of a packet. */
export function decode(packet) {
  const frames = [];

  for (let at = 0; at < packet.length;) {
    const length = packet.readUInt16LE(at);

    frames.push({
      type: packet[at + 2],
      op: packet[at + 3] & 0x7f,
      more: (packet[at + 3] & 0x80) !== 0,
      channel: packet.readUInt32LE(at + 4),
      node: packet.readUInt32LE(at + 8),
      seq: packet.readUInt32LE(at + 12),
      value: packet.subarray(at + HEADER, at + HEADER + length),
    });
    at += HEADER + length;
  }
  return frames;
}

export const socketUrl = (platform, space) =>
  `${platform.url.replace(/^http/, "ws")}/spaces/${space}/-/ws`;

/** The cookie that makes one a visitor, as a first page load gives it. */
export async function visitorCookie(platform, space) {
  const answer = await fetch(`${platform.url}/spaces/${space}`);

  await answer.arrayBuffer();
  return (answer.headers.getSetCookie?.() ?? [answer.headers.get("set-cookie") ?? ""])
    .map((cookie) => cookie.split(";")[0])
    .filter(Boolean)
    .join("; ");
}

export class Visitor {
  /** Opens a socket and joins. session, seq: to go on with an earlier one. page: the Visitor whose
   * page this is, with all it shows; it joins again as a page does whose socket was lost. */
  static async join(platform, space, { page, cookie = page?.cookie, session = page?.welcome.session, seq = page?.seq ?? 0, bundle = page?.bundle, open = true } = {}) {
    const visitor = new Visitor();

    if (page) visitor.#inherit(page);

    visitor.cookie = cookie ?? await visitorCookie(platform, space);
    visitor.socket = new WebSocket(socketUrl(platform, space),
      { headers: { cookie: visitor.cookie, origin: platform.url } });
    visitor.socket.binaryType = "nodebuffer";
    visitor.socket.on("message", (data) => visitor.#receive(data));
    visitor.socket.on("error", (error) => {
      visitor.error = error;
    });
    visitor.socket.on("close", (code, reason) => {
      visitor.closed = { code, reason: reason.toString() };
    });
    await until("the socket is open", () => {
      if (visitor.error) throw visitor.error;
      return visitor.socket.readyState === WebSocket.OPEN;
    }, 10_000, 5);
    visitor.send({ type: TYPE.JOIN, seq, value: JSON.stringify({ session, bundle }) });
    if (open) await visitor.waitFor("WELCOME and TREE", () => visitor.welcome && (visitor.tree || visitor.welcome.state === "resumed"));
    return visitor;
  }

  messages = [];
  nodes = new Map(); // key → node of the tree
  values = new Map(); // "n/path" → value
  finished = new Set();
  accepted = new Set();
  failures = new Map(); // n → FAIL
  nextEvent = 1;
  partial = null;

  #inherit(page) {
    for (const field of ["nodes", "values", "finished", "accepted", "failures", "tree", "bundle"])
      this[field] = page[field];
  }

  send(message) {
    this.socket.send(encode(message));
  }

  #receive(data) {
    for (const frame of decode(data)) {
      if (this.partial) frame.value = Buffer.concat([this.partial, frame.value]);
      this.partial = frame.more ? frame.value : null;
      if (!frame.more) this.#take(frame);
    }
  }

  #take(message) {
    const json = () => JSON.parse(message.value.toString());

    this.messages.push(message);
    switch (message.type) {
      case TYPE.WELCOME:
        this.welcome = json();
        this.nextEvent = message.node + 1;
        this.seq = message.seq;
        break;
      case TYPE.TREE:
        this.tree = json();
        this.bundle = this.tree.bundle;
        this.values.clear();
        this.nodes.clear();
        this.#index(this.tree.tree.root ?? this.tree.tree);
        break;
      case TYPE.PATCH:
        this.#patch(message);
        break;
      case TYPE.COMMIT:
        this.seq = message.seq;
        if (message.op === 2) this.finished.add(message.node);
        this.send({ type: TYPE.ACK, seq: message.seq });
        break;
      case TYPE.FAIL:
        this.failures.set(message.node, { op: message.op, ...json() });
        break;
      case TYPE.ACCEPTED:
        this.accepted.add(message.seq);
        break;
      case TYPE.PHASE:
        this.phase = json();
        break;
      case TYPE.INTERRUPTED:
        this.interrupted = message.seq;
        break;
      case TYPE.QUEUE:
        this.queue = { n: message.seq, ...json() };
        break;
      case TYPE.COST:
        this.cost = json();
        break;
      case TYPE.BYE:
        this.bye = json();
        break;
      default:
        throw new Error(`the browser was sent type ${message.type}`);
    }
  }

  #index(node) {
    this.nodes.set(node.key, node);
    for (const child of node.children ?? []) this.#index(child);
  }

  #patch(message) {
    const end = message.value.indexOf(0);
    const path = message.value.subarray(0, end).toString().split("/");
    const rest = message.value.subarray(end + 1).toString();
    let at = this.values.get(message.node);

    if (!at) {
      const node = [...this.nodes.values()].find((candidate) => candidate.n === message.node);

      at = structuredClone(node?.props ?? {});
      this.values.set(message.node, at);
    }
    // Properties at their default do not travel: an index says that this one is an array.
    path.slice(0, -1).forEach((part, i) => {
      at = at[part] ??= /^\d+$/.test(path[i + 1]) ? [] : {};
    });
    const last = path[path.length - 1];

    if (message.op === 1) at[last] = JSON.parse(rest);
    else if (message.op === 2) at[last] = (at[last] ?? "") + rest;
    else if (Array.isArray(at)) at.length = Number(last);
    else delete at[last];
  }

  /** Properties of a component as this visitor sees them now. */
  props(key) {
    const node = this.node(key);

    return this.values.get(node.n) ?? node.props ?? {};
  }

  node(key) {
    const found = this.nodes.get(key) ??
      [...this.nodes.values()].find((node) => node.key.endsWith(`/${key}`) || node.props?.label === key);

    if (!found) throw new Error(`no component ${key} among ${[...this.nodes.keys()].join(" ")}`);
    return found;
  }

  /** Sets values, sends the event, returns its n. */
  fire(key, kind, payload = null, values = {}) {
    const n = this.nextEvent++;

    for (const [name, value] of Object.entries(values))
      this.send({ type: TYPE.VALUE, node: this.node(name).n, seq: n, value: JSON.stringify(value) });
    this.send({ type: TYPE.EVENT, op: EVENT[kind], node: this.node(key).n, seq: n, value: JSON.stringify(payload) });
    return n;
  }

  /** fire and wait for its end. */
  async act(key, kind, payload, values, timeoutMs) {
    const n = this.fire(key, kind, payload, values);

    await this.waitFor(`event ${n} ends`, () => this.finished.has(n), timeoutMs);
    return this.failures.get(n);
  }

  /** The same; when the worker dies under it, it is asked for again, as a visitor may. */
  async actAgain(key, kind) {
    const n = this.fire(key, kind);

    await this.waitFor(`event ${n} ends`, () => {
      if (this.interrupted === n) {
        this.interrupted = undefined;
        this.send({ type: TYPE.RETRY, seq: n });
      }
      return this.finished.has(n);
    });
    return this.failures.get(n);
  }

  waitFor(words, check, timeoutMs = 30_000) {
    return until(words, () => {
      if (this.closed && !check()) throw new Error(`the socket closed: ${JSON.stringify(this.closed)} ${JSON.stringify(this.bye ?? "")}`);
      return check();
    }, timeoutMs, 5);
  }

  async close() {
    this.socket.close();
    await until("the socket is closed", () => this.closed, 5_000, 5).catch(() => this.socket.terminate());
  }
}
