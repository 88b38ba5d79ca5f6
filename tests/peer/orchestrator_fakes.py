"""The orchestrator as a real process, and everything around it that is not real: an agent, a
gateway and an inference on their sockets, a TCP port in front of http.sock for git."""
import array
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

CHECK, BUNDLE, CHECKED, WANT_BUNDLE, WORKER, LOG = 0x70, 0x71, 0x78, 0x79, 0x7A, 0x7B
WORKER_UP = 0x6A
ROUTE, ROUTE_GONE, SYNCED, IDENTITY, IDENTIFY, ACTIVITY = 0x60, 0x61, 0x62, 0x63, 0x68, 0x69
EDGE_WAKE = 0x64
ATTACH, DEVICE, LIST, TOP, DONE = 0xC0, 0xC3, 0xC8, 0xCD, 0xCE
HEADER = struct.Struct("<HBBIII")
VALUE_MAX = 60 * 1024 - 16

MODELS = [{"id": "vitrine/tiny-sentiment", "task": "text-classification", "architecture": "bert",
           "parameters": 1, "bytes": 1, "loaded": True}]


def until(words, check, seconds=20):
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain until " + words)
        time.sleep(0.005)


def listen(path, kind):
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    s.listen(64)
    return s


def stop_listening(sock):
    """close() alone would leave a thread in accept() on it, and the port taken."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


class Link:
    """One end of a framed link, read by a thread of its own."""

    def __init__(self, sock, on_message):
        self.sock = sock
        self.on_message = on_message
        self.closed = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        partial = b""
        try:
            while True:
                data, ancillary, _, _ = self.sock.recvmsg(60 * 1024, socket.CMSG_SPACE(16))
                if not data:
                    break
                fds = array.array("i")
                for level, kind, body in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
                at = 0
                while at < len(data):
                    length, type_, op, _, node, seq = HEADER.unpack_from(data, at)
                    partial += data[at + 16:at + 16 + length]
                    at += 16 + length
                    if op & 0x80:
                        continue
                    value, partial = partial, b""
                    self.on_message(self, type_, seq, value, list(fds))
                for fd in fds:
                    os.close(fd)
        except OSError:
            pass
        self.closed = True

    def send(self, type_, seq=0, value=None, raw=None):
        body = raw if raw is not None else json.dumps(value).encode() if value is not None else b""
        at = 0
        while True:
            part = body[at:at + VALUE_MAX]
            at += len(part)
            more = 0x80 if at < len(body) else 0
            self.sock.send(HEADER.pack(len(part), type_, more, 0, 0, seq) + part)
            if not more:
                return

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def dial(path, on_message):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)
    return Link(s, on_message)


def read_bundle(fd):
    data = os.pread(fd, 1 << 26, 0)
    assert data[:8] == b"VITRBND1"
    count, = struct.unpack_from("<I", data, 8)
    files, at = {}, 12
    for _ in range(count):
        n, size = struct.unpack_from("<HI", data, at)
        at += 6
        files[data[at:at + n].decode()] = data[at + n:at + n + size]
        at += n + size
    assert at == len(data)
    return files


class Agent:
    """Answers CHECK by looking into the bundle: an app.lua with "SYNTAX" in it does not load."""

    def __init__(self, run):
        self.run = run
        self.checks, self.bundles = [], []
        self.answers = True
        self.link = dial(run + "/agent.sock", self._on_message)

    def _on_message(self, link, type_, seq, value, fds):
        m = json.loads(value)
        if type_ == CHECK:
            files = read_bundle(fds[0])
            self.checks.append((m, files))
            if self.answers:
                link.send(CHECKED, seq, self.judge(m, files))
        elif type_ == BUNDLE:
            self.bundles.append((m, len(fds)))

    def judge(self, m, files):
        text = files[m["entry"]].decode()
        if "DEEP" in text:
            return {"ok": False, "message": "stack overflow", "traceback": "\"\n" * 8000}
        if "SYNTAX" in text:
            line = text[:text.index("SYNTAX")].count("\n") + 1
            return {"ok": False, "message": "unexpected symbol near '='", "file": m["entry"], "line": line}
        return {"ok": True, "title": "App of " + m["name"], "tree": {"title": "T", "root": {}},
                "api": [], "box_usec": 1200, "load_usec": 3400}

    def close(self):
        self.link.close()


class Gateway:
    def __init__(self, run):
        self.routes, self.gone, self.identities = {}, [], {}
        self.history, self.woken = [], []
        self.synced = False
        self.link = dial(run + "/edge.sock", self._on_message)

    def _on_message(self, link, type_, seq, value, fds):
        if type_ == SYNCED:
            self.synced = True
            return
        m = json.loads(value)
        if type_ == ROUTE:
            self.routes[m["owner"] + "/" + m["name"]] = m
            self.history.append(m)
        elif type_ == ROUTE_GONE:
            self.gone.append(m["space"])
        elif type_ == EDGE_WAKE:
            self.woken.append(m["space"])
        elif type_ == IDENTITY:
            self.identities[seq] = m

    def close(self):
        self.link.close()


class Inference:
    """Listens as inference does and sends its list to whoever dials. Has two devices, which do as they are told."""

    def __init__(self, run):
        self.devices = {"cuda": "serving", "cpu": "serving"}
        self.reasons = {"cuda": "", "cpu": ""}
        self.sock = listen(run + "/infer.sock", socket.SOCK_SEQPACKET)
        self.links = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.sock.accept()
            except OSError:
                return
            link = Link(peer, self._on_message)
            link.send(LIST, 0, {"models": MODELS})
            self.tell(link)
            self.links.append(link)

    def tell(self, link):
        rows = [{"name": n, "state": s, "reason": self.reasons[n], "since": 0} for n, s in self.devices.items()]
        link.send(TOP, 0, {"top": {"devices": rows, "running": [], "waiting": [], "runningAll": 0, "waitingAll": 0}})

    def _on_message(self, link, type_, seq, value, fds):
        if type_ != DEVICE:
            return
        m = json.loads(value)
        if m["name"] not in self.devices:
            link.send(DONE, 0, {"id": m["id"], "error": "device: there is no '%s'" % m["name"], "code": 2})
            return
        self.devices[m["name"]] = {"drain": "draining", "exclude": "excluded", "return": "serving"}[m["act"]]
        self.reasons[m["name"]] = m["reason"]
        self.tell(link)
        link.send(DONE, 0, {"id": m["id"]})

    def close(self):
        stop_listening(self.sock)
        for link in self.links:
            link.close()


class Port:
    """A TCP port whose connections are carried to http.sock, byte for byte."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.number = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            try:
                upstream.connect(self.path)
            except OSError:
                client.close()
                continue
            for a, b in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    @staticmethod
    def _carry(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        stop_listening(self.sock)


class Platform:
    """The real orchestrator between the fakes. Listening sockets outlive it, as in vitrine up."""

    def __init__(self, program, hook, data=None):
        self.program, self.hook = program, hook
        self.dir = tempfile.mkdtemp(prefix="vitrine-orch-")
        self.data = data or self.dir + "/data"
        self.run = self.dir + "/run"
        os.makedirs(self.data, exist_ok=True)
        os.makedirs(self.run)
        self.sockets = [listen(self.run + "/edge.sock", socket.SOCK_SEQPACKET),
                        listen(self.run + "/agent.sock", socket.SOCK_SEQPACKET),
                        listen(self.run + "/http.sock", socket.SOCK_STREAM)]
        self.inference = Inference(self.run)
        self.port = Port(self.run + "/http.sock")
        self.url = "http://127.0.0.1:%d" % self.port.number
        self.agent = self.gateway = self.process = None
        self.log = open(self.dir + "/log", "w+b")
        self.start(token=True)

    def start(self, fault=None, token=False, agent=True, args=()):
        token_r, token_w = os.pipe()
        fds = [s.fileno() for s in self.sockets] + [token_w]

        def place():
            high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(high), 120)

        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if fault:
            env["VITRINE_FAULT"] = fault
        args = [self.program, "--data", self.data, "--run", self.run, "--url", self.url, "--hook",
                self.hook] + (["--token-fd", "6"] if token else []) + list(args)
        self.process = subprocess.Popen(args, env=env, preexec_fn=place, close_fds=False, stderr=self.log)
        os.close(token_w)
        if token:
            self.token = os.read(token_r, 100).decode().strip()
        os.close(token_r)
        self.gateway = Gateway(self.run)
        if agent:
            self.agent = Agent(self.run)
        # Answering means that the links are up: the loop serves them in the order of their coming.
        until("it answers", lambda: self.process.poll() is not None or self.get("/api/models")[0] == 200)

    def end(self, signo=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signo)
        code = self.process.wait(30)
        for peer in (self.agent, self.gateway):
            if peer:
                peer.close()
        self.agent = self.gateway = None
        return code

    def restart(self, fault=None, signo=signal.SIGTERM):
        code = self.end(signo)
        self.start(fault=fault)
        return code

    def close(self):
        code = self.end()
        self.port.close()
        self.inference.close()
        for s in self.sockets:
            s.close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        return code

    def words(self):
        self.log.flush()
        return open(self.dir + "/log", errors="replace").read()

    # --- HTTP ---

    def request(self, method, path, body=None, headers=None, token=None, raw=None):
        """(status, headers, text)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port.number, timeout=30)
        h = dict(headers or {})
        if token:
            h["Authorization"] = "Bearer " + token
        data = raw
        if body is not None:
            data = json.dumps(body)
            h.setdefault("Content-Type", "application/json")
        try:
            c.request(method, path, data, h)
            answer = c.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, {}, ""
        finally:
            c.close()

    def call(self, method, path, body=None, token="", **more):
        status, _, text = self.request(method, path, body, token=self.token if token == "" else token, **more)
        return status, json.loads(text) if text else None

    def get(self, path, **more):
        return self.call("GET", path, **{"token": None, **more}) if self.process.poll() is None else (0, None)

    def basic(self, token):
        return "Basic " + base64.b64encode(("x:" + token).encode()).decode()

    def repo_path(self, name, kind=0):
        """Where a repo lies by its id; a path that does not exist when there is none."""
        db = sqlite3.connect("file:%s/vitrine.db?mode=ro" % self.data, uri=True)
        row = db.execute("SELECT id FROM repos WHERE owner || '/' || name = ? AND kind = ? AND deleted_usec = 0",
                         (name, kind)).fetchone()
        db.close()
        return "%s/repos/%s.git" % (self.data, row[0] if row else "none")

    def fsck(self, space):
        path = self.repo_path(space)
        done = subprocess.run(["git", "-c", "safe.directory=*", "--git-dir", path, "fsck", "--full", "--strict"],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def head(self, space):
        done = subprocess.run(["git", "-c", "safe.directory=*", "--git-dir", self.repo_path(space),
                               "rev-parse", "-q", "--verify", "refs/heads/main"], capture_output=True, text=True)
        return done.stdout.strip()


class Repo:
    """A work tree under the real git."""

    def __init__(self, platform, space, token=None, user="admin"):
        self.platform, self.space = platform, space
        self.dir = tempfile.mkdtemp(prefix="vitrine-work-", dir=platform.dir)
        self.env = {"PATH": os.environ["PATH"], "HOME": self.dir, "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "LANG": "C.UTF-8",
                    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
                    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org", "no_proxy": "*"}
        token = platform.token if token is None else token
        self.url = "http://%s127.0.0.1:%d/spaces/%s" % (
            "%s:%s@" % (user, token) if token else "", platform.port.number, space)
        self.started = False

    def git(self, *args):
        done = subprocess.run(["git", *args], cwd=self.dir, env=self.env, capture_output=True, timeout=120)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def must(self, *args):
        code, out = self.git(*args)
        assert code == 0, "git %s: %s" % (" ".join(args), out)
        return out

    def commit(self, files, message="change"):
        if not self.started:
            self.must("init", "-q", "-b", "main")
            self.started = True
            files = {"README.md": front_matter(), "app.lua": "return 1\n", **files}
        for path, content in files.items():
            full = os.path.join(self.dir, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        self.must("add", "-A")
        self.must("commit", "-q", "--allow-empty", "-m", message)
        return self.must("rev-parse", "HEAD").strip()

    def push(self, *args):
        return self.git("push", self.url, *(args or ("main",)))

    def start_push(self, *args):
        return subprocess.Popen(["git", "push", self.url, *(args or ("main",))], cwd=self.dir, env=self.env,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def deploy(self, files, message="change"):
        head = self.commit(files, message)
        code, out = self.push()
        assert code == 0, out
        return head, out


def front_matter(more=""):
    return "---\ntitle: Test\nsdk: lua\n%s---\n# Test\n" % more
