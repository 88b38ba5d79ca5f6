// Many visitors at once over real WebSockets, each of whom clicks again when the last click has been
// answered, comes back as a page does when its socket is lost, and knows afterwards whether each of its
// clicks has had its effect exactly once.
import WebSocket from "ws";
import { until } from "./process.mjs";
import { decode, encode, EVENT, socketUrl, TYPE } from "./wire.mjs";

/** Keeps which clicks it has heard of, in their order, and shows them: a lost or doubled one is seen. */
export const countingApp = `local ui, time = require "vitrine.ui", require "vitrine.time"
return ui.page({ title = "Crowd" }, function()
  local said, heard = ui.textbox { id = "said" }, ui.textbox { id = "heard" }
  local go = ui.button { "Go", id = "go" }
  go:on_click(function(session)
    session.heard = (session.heard or "") .. said.value .. " "
    time.sleep(0.02) -- so that there is always somebody in the middle
    heard:set(session.heard)
  end)
  return ui.column { said, heard, go }
end)
`;

const PER_ADDRESS = 10; // who begins more sessions from one address is slowed down
const BACKOFF_FIRST_MS = 120, BACKOFF_MAX_MS = 8000; // ui/src/wire/backoff.ts

function find(node, key) {
  if (node.key === key) return node;
  for (const child of node.children ?? []) {
    const found = find(child, key);

    if (found) return found;
  }
  return undefined;
}

class Member {
  constructor(crowd, i) {
    const host = Math.floor(i / PER_ADDRESS) + 1;

    this.crowd = crowd;
    this.space = crowd.spaces[i % crowd.spaces.length];
    this.address = `127.2.${host >> 8}.${host & 255}`;
    this.clicked = 0; // the number of the click under way, or of the last one
    this.done = 0;
    this.shown = "";
    this.seq = 0;
    this.next = 1; // event
    this.worst = 0; // ms, a click, or the loss of the socket, until the next answer
    this.wait = BACKOFF_FIRST_MS;
    this.wrong = []; // what must not have happened, in words
    this.lost = 0; // sockets
    this.retried = 0;
    this.states = new Set(); // of WELCOMEs after the first
  }

  open() {
    const { platform } = this.crowd;
    const socket = new WebSocket(socketUrl(platform, this.space), {
      localAddress: this.address, perMessageDeflate: false,
      headers: { origin: platform.url, ...(this.cookie ? { cookie: this.cookie } : {}) },
    });

    this.socket = socket;
    this.partial = null;
    socket.binaryType = "nodebuffer";
    socket.on("upgrade", (answer) => {
      this.cookie ??= answer.headers["set-cookie"]?.map((cookie) => cookie.split(";")[0]).join("; ");
    });
    socket.on("open", () => socket.send(encode({
      type: TYPE.JOIN, seq: this.seq, value: JSON.stringify({ session: this.session, bundle: this.bundle }) })));
    socket.on("message", (data) => this.#receive(data));
    socket.on("error", () => {}); // it closes, too
    socket.on("close", (code) => this.#lose(code));
  }

  #lose(code) {
    this.joined = false;
    if (this.left) return;
    this.lost++;
    this.began ??= performance.now();
    this.crowd.codes.set(code, (this.crowd.codes.get(code) ?? 0) + 1);
    const wait = this.wait * (0.5 + Math.random() / 2);

    this.wait = Math.min(2 * this.wait, BACKOFF_MAX_MS);
    setTimeout(() => this.left || this.open(), wait);
  }

  #receive(data) {
    for (const frame of decode(data)) {
      if (this.partial) frame.value = Buffer.concat([this.partial, frame.value]);
      this.partial = frame.more ? frame.value : null;
      if (!frame.more) this.#take(frame);
    }
  }

  #take(message) {
    switch (message.type) {
      case TYPE.WELCOME:
        this.#welcome(message);
        break;
      case TYPE.TREE:
        this.#tree(JSON.parse(message.value.toString()));
        break;
      case TYPE.PATCH:
        this.#patch(message);
        break;
      case TYPE.COMMIT:
        this.seq = message.seq;
        this.socket.send(encode({ type: TYPE.ACK, seq: message.seq }));
        if (message.op === 2 && message.node === this.pending) this.#answered();
        break;
      case TYPE.ACCEPTED:
        if (message.seq === this.pending) this.accepted = true;
        break;
      case TYPE.INTERRUPTED:
        this.retried++;
        this.socket.send(encode({ type: TYPE.RETRY, seq: message.seq }));
        break;
      case TYPE.FAIL:
        this.wrong.push(`click ${this.clicked} failed: ${message.value}`);
        break;
      case TYPE.BYE:
        this.wrong.push(`sent away: ${message.value}`);
        break;
      default: // nothing that a click waits for
    }
  }

  #welcome(message) {
    const { session, state } = JSON.parse(message.value.toString());

    if (this.session !== undefined) {
      this.states.add(state);
      if (session !== this.session || state === "new") this.wrong.push(`told to begin anew: ${state}`);
    }
    this.session = session;
    this.seq = message.seq;
    this.next = message.node + 1;
    this.joined = true;
    this.wait = BACKOFF_FIRST_MS;
    if (this.pending === undefined) {
      if (this.crowd.clicking) this.click(); // so that it is known how long it could not
      else this.began = undefined;
      return;
    }
    // A page sends again what the gateway does not hold; what it has said it holds must be there.
    if (this.pending === this.next) {
      if (this.accepted) this.wrong.push(`event ${this.pending} was accepted and is gone`);
      this.next++;
      this.#say();
    } else if (this.pending > this.next) {
      this.wrong.push(`event ${this.pending}, and the next is ${this.next}`);
    }
  }

  #tree(told) {
    const root = told.tree.root ?? told.tree;

    this.bundle = told.bundle;
    this.nodes = Object.fromEntries(["said", "heard", "go"].map((key) => [key, find(root, key).n]));
    this.shown = "";
  }

  #patch(message) {
    const end = message.value.indexOf(0), rest = message.value.subarray(end + 1).toString();

    if (message.node !== this.nodes.heard || message.value.subarray(0, end).toString() !== "value") return;
    this.shown = message.op === 2 ? this.shown + rest : JSON.parse(rest);
  }

  /** The next click, unless one is under way. */
  click() {
    if (this.pending !== undefined || !this.joined || !this.nodes) return;
    this.pending = this.next++;
    this.clicked++;
    this.began ??= performance.now();
    this.accepted = false;
    this.#say();
  }

  #say() {
    this.socket.send(Buffer.concat([
      encode({ type: TYPE.VALUE, node: this.nodes.said, seq: this.pending, value: JSON.stringify(String(this.clicked)) }),
      encode({ type: TYPE.EVENT, op: EVENT.click, node: this.nodes.go, seq: this.pending, value: "null" })]));
  }

  #answered() {
    const ms = performance.now() - this.began;

    this.pending = undefined;
    this.done = this.clicked;
    this.worst = Math.max(this.worst, ms);
    this.began = undefined;
    if (this.crowd.clicking) this.#later();
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.crowd.clicking && this.click(), this.crowd.everyMs * (0.5 + Math.random()));
  }

  /** What it should be shown. */
  get expected() {
    return Array.from({ length: this.done }, (_, i) => `${i + 1} `).join("");
  }
}

export class Crowd {
  codes = new Map(); // close code → how often

  /** So many visitors, spread over the Spaces, each with a session that has answered one click. */
  static async gather(platform, spaces, count, { everyMs = 1000, atOnce = 40 } = {}) {
    const crowd = new Crowd();

    Object.assign(crowd, { platform, spaces, everyMs, clicking: false });
    crowd.members = Array.from({ length: count }, (_, i) => new Member(crowd, i));
    for (let i = 0; i < count; i += atOnce) {
      const some = crowd.members.slice(i, i + atOnce);

      for (const one of some) one.open();
      await until("they are in", () => some.every((one) => one.joined && one.nodes), 60_000, 10);
    }
    for (const one of crowd.members) one.click();
    await until("each has been answered", () => crowd.members.every((one) => one.done === 1), 120_000, 20);
    crowd.forget();
    return crowd;
  }

  /** Figures begin anew. */
  forget() {
    this.codes.clear();
    for (const one of this.members) Object.assign(one, { worst: 0, lost: 0, retried: 0 });
  }

  /** Everybody clicks, again and again. */
  go() {
    this.clicking = true;
    for (const one of this.members) setTimeout(() => one.click(), Math.random() * this.everyMs);
  }

  /** Everybody has been answered once more than now. */
  async answered(timeoutMs = 240_000) {
    const before = this.members.map((one) => one.done);

    await until("everybody is answered", () => this.members.every((one, i) => one.done > before[i]), timeoutMs, 20);
  }

  get clicks() {
    return this.members.reduce((n, one) => n + one.done, 0);
  }

  /** Nobody clicks any more, and what was under way has been answered. */
  async rest(timeoutMs = 120_000) {
    this.clicking = false;
    await until("what was under way is answered", () => this.members.every((one) => one.joined && one.pending === undefined), timeoutMs, 20);
  }

  /** What must not be: in words, none when all is well. */
  get wrongs() {
    return this.members.flatMap((one, i) => [
      ...one.wrong.map((words) => `visitor ${i}: ${words}`),
      ...(one.shown === one.expected ? [] : [`visitor ${i}: is shown "${one.shown}" after ${one.done} clicks`]),
    ]);
  }

  /** The sorted longest waits, ms, one of each visitor. */
  get pauses() {
    return this.members.map((one) => one.worst).sort((a, b) => a - b);
  }

  /** Everybody comes again with nothing but the session: what the platform itself has kept is shown. */
  async reload() {
    for (const one of this.members) {
      one.seq = 0;
      one.nodes = one.bundle = undefined;
      one.shown = "";
      one.socket.terminate();
    }
    await until("they are in again", () => this.members.every((one) => one.joined && one.nodes), 120_000, 20);
    await until("they see what they had", () => this.wrongs.length === 0, 30_000, 50).catch(() => {});
  }

  leave() {
    for (const one of this.members) {
      one.left = true;
      one.socket.terminate();
    }
  }
}
