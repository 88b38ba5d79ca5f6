"""Fake peers for the gateway: an orchestrator (edge link, HTTP), an agent, workers, and a page.

Everything blocks with a deadline, so a test reads like the conversation it checks. Only the
standard library is used.
"""

import base64
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 20.0

# proto/messages.def
HELLO, LOAD_FAILED = 0x02, 0x03
PATCH, IMAGE, COMMIT, FAIL, BLOB, LOST = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
OPEN, VALUE, EVENT, CANCEL, CLOSE, ACK, RESUME, FILE = range(0x30, 0x38)
JOIN, RETRY = 0x40, 0x41
WELCOME, TREE, ACCEPTED, PHASE, INTERRUPTED, BYE, QUEUE = range(0x50, 0x57)
ROUTE, ROUTE_GONE, SYNCED, IDENTITY, IDENTIFY, ACTIVITY = 0x60, 0x61, 0x62, 0x63, 0x68, 0x69
EDGE_WAKE = 0x64
NEWS = (0x6a, 0x6e, 0x6f, 0x3a)  # WORKER_UP and both METRICS come by themselves, GRANT before each gesture
WAKE, SLEEP, STOP, NOTE, LINK, WAKE_FAILED, GONE, SYNC, CPU = \
    0x80, 0x81, 0x82, 0x83, 0x88, 0x89, 0x8A, 0x8B, 0x8C
SET, APPEND, REMOVE = 1, 2, 3
IMAGE_SET, IMAGE_DELETE = 1, 2
INTERIM, FINISH = 1, 2
CLICK, SUBMIT = 1, 2
FAIL_ERROR = 1
MORE = 0x80
VALUE_MAX = 60 * 1024 - 16


class Frame:
    def __init__(self, type, value=b"", op=0, channel=0, node=0, seq=0):
        self.type, self.op, self.channel, self.node, self.seq = type, op, channel, node, seq
        self.value = value if isinstance(value, bytes) else json.dumps(value).encode()

    def json(self):
        return json.loads(self.value)

    def __repr__(self):
        return "Frame(0x%02x op=%d ch=%d node=%d seq=%d %r)" % (
            self.type, self.op, self.channel, self.node, self.seq, self.value[:80])

    def parts(self):
        value = self.value
        while True:
            part, value = value[:VALUE_MAX], value[VALUE_MAX:]
            op = self.op | (MORE if value else 0)
            yield struct.pack("<HBBIII", len(part), self.type, op, self.channel, self.node,
                              self.seq) + part
            if not value:
                return

    def bytes(self):
        return b"".join(self.parts())


class Joiner:
    def __init__(self):
        self.open = b""

    def take(self, data):
        out = []
        while data:
            n, type, op, channel, node, seq = struct.unpack("<HBBIII", data[:16])
            self.open += data[16:16 + n]
            data = data[16 + n:]
            if not op & MORE:
                out.append(Frame(type, self.open, op, channel, node, seq))
                self.open = b""
        return out


class Closed(Exception):
    pass


class Peer:
    """One end of a framed link."""

    def __init__(self, sock):
        self.sock, self.inbox, self.joiner, self.fds = sock, [], Joiner(), []
        sock.settimeout(DEADLINE)

    def send(self, frame, fds=()):
        parts = list(frame.parts())
        for part in parts[:-1]:
            self.sock.send(part)
        if fds:
            socket.send_fds(self.sock, [parts[-1]], list(fds))
        else:
            self.sock.send(parts[-1])

    def next(self):
        while not self.inbox:
            data, fds, _, _ = socket.recv_fds(self.sock, 65536, 4)
            self.fds += fds
            if not data:
                raise Closed()
            self.inbox += self.joiner.take(data)
        return self.inbox.pop(0)

    def expect(self, type, **fields):
        """The next frame of this type; ACKs and other types in `skip` may come before it."""
        skip = fields.pop("skip", (ACK,))
        while True:
            f = self.next()
            if f.type == type:
                break
            assert f.type in (*skip, *NEWS), "wanted 0x%02x, got %r" % (type, f)
        for name, value in fields.items():
            assert getattr(f, name) == value, "%s: wanted %r in %r" % (name, value, f)
        return f

    def quiet(self, seconds=0.2, skip=(ACK,)):
        """Nothing but `skip` comes for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.inbox and not select.select([self.sock], [], [], 0.02)[0]:
                continue
            f = self.next()
            assert f.type in (*skip, *NEWS), "unexpected %r" % f

    def close(self):
        self.sock.close()


class Worker(Peer):
    """A worker with one textbox (node 7), a password (node 8) and an output (node 9)."""

    TREE = {"title": "Echo", "root": {"n": 1, "key": "column", "type": "column", "props": {},
            "children": [
                {"n": 7, "key": "column/textbox", "type": "textbox", "props": {},
                 "on": {"submit": {"inputs": []}}},
                {"n": 8, "key": "column/textbox:2", "type": "textbox",
                 "props": {"password": True}},
                {"n": 9, "key": "column/label", "type": "label", "props": {}},
                {"n": 10, "key": "column/button", "type": "button", "props": {},
                 "on": {"click": {"retry": True}}}]}}

    def __init__(self, sock, replica, bundle):
        super().__init__(sock)
        self.replica, self.bundle, self.seq = replica, bundle, {}
        self.asked, self.asked_of = 0, {}  # numbers of the last RESUMEs
        self.was_opened = False

    def next(self):
        f = super().next()
        if f.type == RESUME and f.channel == 0:
            self.asked = f.seq
        elif f.type == RESUME:
            self.asked_of[f.channel] = f.node
        self.was_opened |= f.type == OPEN
        return f

    def hello(self, upgrade=False, tree=None):
        value = {"tree": tree or self.TREE, "api": [], "load_usec": 1000, "upgrade": upgrade}
        self.send(Frame(HELLO, value, not self.was_opened, seq=self.asked))

    def lost(self, channel):
        self.send(Frame(LOST, channel=channel, node=self.asked_of[channel]))

    def open(self):
        f = self.expect(OPEN)
        self.seq[f.channel] = f.seq
        return f

    def patch(self, channel, node, path, value=None, op=SET):
        body = path.encode() + b"\0"
        if op == SET:
            body += json.dumps(value).encode()
        elif op == APPEND:
            body += value.encode()
        self.send(Frame(PATCH, body, op, channel, node))

    def image(self, channel, key, value, keep=0):
        self.send(Frame(IMAGE, key.encode() + b"\0" + value, IMAGE_SET, channel, keep))

    def commit(self, channel, event=0, op=FINISH):
        self.seq[channel] = self.seq.get(channel, 0) + 1
        self.send(Frame(COMMIT, b"", op, channel, event, self.seq[channel]))
        return self.seq[channel]

    def answer(self, event, text):
        self.patch(event.channel, 9, "value", text)
        return self.commit(event.channel, event.seq)


class Page:
    """A browser's WebSocket, by hand."""

    def __init__(self, port, space="alice/echo", cookie=None, origin=None, host=None, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.inbox, self.joiner = b"", [], Joiner()
        key = base64.b64encode(os.urandom(16)).decode()
        head = ["GET /spaces/%s/-/ws HTTP/1.1" % space,
                "Host: %s" % (host or "127.0.0.1:%d" % port), "Upgrade: websocket",
                "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key]
        if cookie:
            head.append("Cookie: " + cookie)
        if origin:
            head.append("Origin: " + origin)
        self.sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            more = self.sock.recv(4096)
            if not more:
                break
            self.buffer += more
        text, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.head = text.decode()
        self.status = int(self.head.split()[1]) if self.head else 0
        self.cookie = cookie
        for line in self.head.split("\r\n"):
            if line.lower().startswith("set-cookie: vitrine_visitor="):
                self.cookie = line.split(": ", 1)[1].split(";")[0]
        if self.status == 101:
            want = base64.b64encode(hashlib.sha1(
                (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            assert want in self.head

    def send_raw(self, data, opcode=2, final=True):
        head = bytes([(0x80 if final else 0) | opcode])
        n = len(data)
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", n)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", n)
        # A mask of zeros leaves the bytes as they are.
        self.sock.sendall(head + b"\0\0\0\0" + data)

    def send(self, *frames):
        self.send_raw(b"".join(f.bytes() for f in frames))

    def _need(self, n):
        while len(self.buffer) < n:
            more = self.sock.recv(65536)
            if not more:
                raise Closed()
            self.buffer += more

    def _message(self):
        data = b""
        while True:
            self._need(2)
            first, n = self.buffer[0], self.buffer[1] & 0x7F
            skip = 2
            if n == 126:
                self._need(4)
                n, skip = struct.unpack(">H", self.buffer[2:4])[0], 4
            elif n == 127:
                self._need(10)
                n, skip = struct.unpack(">Q", self.buffer[2:10])[0], 10
            self._need(skip + n)
            part, self.buffer = self.buffer[skip:skip + n], self.buffer[skip + n:]
            opcode = first & 15
            if opcode == 8:
                self.close_code = struct.unpack(">H", part[:2])[0] if part else None
                raise Closed()
            if opcode in (9, 10):
                continue
            data += part
            if first & 0x80:
                return data

    def next(self):
        while not self.inbox:
            self.inbox += self.joiner.take(self._message())
        return self.inbox.pop(0)

    def expect(self, type, skip=(ACCEPTED, PHASE), **fields):
        while True:
            f = self.next()
            if f.type == type:
                break
            assert f.type in skip, "wanted 0x%02x, got %r" % (type, f)
        for name, value in fields.items():
            assert getattr(f, name) == value, "%s: wanted %r in %r" % (name, value, f)
        return f

    def phase(self, wanted):
        while True:
            f = self.expect(PHASE, skip=(ACCEPTED,))
            if f.json()["phase"] == wanted:
                return f.json()

    def join(self, session=None, seq=0, bundle=None):
        value = {}
        if session:
            value["session"] = session
        if bundle:
            value["bundle"] = bundle
        self.send(Frame(JOIN, value, seq=seq))
        self.welcome = self.expect(WELCOME)
        self.session = self.welcome.json()["session"]
        return self.welcome

    def event(self, n, kind=SUBMIT, node=7, values=(), value=None):
        frames = [Frame(VALUE, v, node=at, seq=n) for at, v in values]
        self.send(*frames, Frame(EVENT, value, kind, 0, node, n))

    def closed(self):
        """Reads until the end; returns the words of BYE."""
        words = None
        try:
            while True:
                f = self.next()
                if f.type == BYE:
                    words = f.json()["reason"]
        except (Closed, ConnectionError):
            return words

    def close(self):
        self.sock.close()


def http(port, request, body=b"", heard=lambda data: None):
    """One exchange on its own connection: (status, headers, body). heard: is told all that has come
    whenever more has."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as s:
        s.sendall(request.encode() + body)
        data = b""
        while True:
            try:
                more = s.recv(65536)
            except ConnectionResetError:
                break
            if not more:
                break
            data += more
            heard(data)
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        out = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            n = int(size, 16)
            out, rest = out + rest[:n], rest[n + 2:]
            if n == 0:
                break
        rest = out
    return int(lines[0].split()[1]) if head else 0, headers, rest


def get(port, path, *headers, method="GET", body=b"", heard=lambda data: None):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: 127.0.0.1:%d" % port,
             "Connection: close", *headers]
    if body:
        lines.append("Content-Length: %d" % len(body))
    return http(port, "\r\n".join(lines) + "\r\n\r\n", body, heard)


class Gateway:
    """The real process between fake peers, in a folder of its own."""

    def __init__(self, program, listener):
        self.program, self.command, self.fds = program, [program], (3,)
        self.port = listener.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="vitrine-gw-")
        for name in ("run", "data", "ui", "ui/assets"):
            os.mkdir(os.path.join(self.dir, name))
        self.write("ui/space.html", "<!doctype html><title><!--vitrine:title--></title>"
                                    "<!--vitrine:data--><div id=app></div>")
        self.write("ui/platform.html", "<!doctype html><title><!--vitrine:title--></title>platform")
        self.write("ui/assets/app-1a2b.js", "console.log(1)")
        self.write("ui/assets/app-1a2b.js.br", "brotli bytes")
        self.listeners = {n: self.listen(n) for n in ("edge", "wake")}
        self.process = self.edge = self.agent = None
        self.http_server = None
        self.epoch = 1
        self.kept = {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def listen(self, name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(self.path("run/%s.sock" % name))
        s.listen(16)
        s.settimeout(DEADLINE)
        return s

    def accept(self, name):
        return Peer(self.listeners[name].accept()[0])

    def start(self, edge=True, agent=True, arguments=()):
        self.process = subprocess.Popen(
            [*self.command, "--data", self.path("data"), "--run", self.path("run"),
             "--ui", self.path("ui"), *arguments], pass_fds=self.fds,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                 "VITRINE_DEBUG": os.environ.get("VITRINE_DEBUG", "")}
            if os.environ.get("VITRINE_DEBUG") else
            {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
             "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")})
        if edge:
            self.edge = self.accept("edge")
        if agent:
            self.agent = self.accept("wake")

    def kill(self):
        self.process.kill()
        self.process.wait()
        for peer in (self.edge, self.agent):
            if peer:
                peer.close()
        self.edge = self.agent = None
        for name, listener in self.listeners.items():
            # A dial of the dead process may be waiting.
            while select.select([listener], [], [], 0)[0]:
                listener.accept()[0].close()

    def stop(self):
        code = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the gateway does not end on SIGTERM")
        for peer in (self.edge, self.agent):
            if peer:
                peer.close()
        for listener in self.listeners.values():
            listener.close()
        if self.http_server:
            self.http_server.close()
        shutil.rmtree(self.dir)
        assert code in (0, None), "the gateway ended with %r" % code

    def route(self, bundle="b1", space="s1", name="echo", tree=Worker.TREE, sync=True, **more):
        self.epoch += 1
        value = {"space": space, "owner": "alice", "name": name, "epoch": self.epoch,
                 "title": "Echo <1>", "class": "small", "sleep_sec": 300, "entry": "app.lua",
                 "tree": tree, **more}
        if bundle:
            value["bundle"] = bundle
        self.edge.send(Frame(ROUTE, value))
        if sync:
            self.edge.send(Frame(SYNCED))
        self.until(lambda: get(self.port, "/spaces/alice/" + name)[0] in (200, 308)
                   or more.get("private"))

    def until(self, condition):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.01)

    def synced(self):
        self.agent.send(Frame(SYNC))

    def give_worker(self, wake_seq, replica="r1", bundle="b1", space="s1", pair=None):
        """Hands over a worker; the agent's duplicate of the link is kept in self.kept."""
        ours, theirs = pair or socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.agent.send(Frame(LINK, {"replica": replica, "space": space, "bundle": bundle,
                                     "epoch": self.epoch}, seq=wake_seq), [theirs.fileno()])
        self.kept[replica] = theirs
        return ours

    def wake(self, replica="r1", bundle="b1", hello=True, **more):
        f = self.agent.expect(WAKE, skip=(STOP, NOTE))
        assert f.json()["bundle"] == bundle, f
        w = Worker(self.give_worker(f.seq, replica, bundle), replica, bundle)
        if hello:
            w.hello(**more)
        return w

    def lose_worker(self, worker):
        worker.close()
        self.kept.pop(worker.replica).close()
        self.agent.send(Frame(GONE, {"replica": worker.replica, "space": "s1",
                                     "reason": "killed by a test"}))

    def sanitized(self):
        """AddressSanitizer keeps what was freed for a while: memory says nothing then."""
        with open(self.program, "rb") as f:
            return b"libasan" in f.read()

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])


def run(tests, argv):
    """Runs each test with a fresh gateway; argv: program [name …]."""
    program, only = argv[1], argv[2:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    if listener.fileno() != 3:
        os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    failed = []
    for test in tests:
        if only and test.__name__ not in only:
            continue
        print(test.__name__, flush=True)
        g = Gateway(program, listener)
        try:
            test(g)
        except Exception:
            import traceback
            traceback.print_exc()
            failed.append(test.__name__)
        try:
            g.stop()
        except Exception:
            import traceback
            traceback.print_exc()
            failed.append(test.__name__)
    if failed:
        print("failed:", ", ".join(failed))
    sys.exit(1 if failed else 0)
