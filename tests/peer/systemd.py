"""The installed units: what systemd says of them, and that they start a platform. systemd.py BUILD"""
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

BUILD = os.path.abspath(sys.argv[1])
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SERVICES = ["inference", "fetch", "boxd", "orchestrator", "agent", "gateway"]
UNITS = SERVICES + ["tls"]  # which is not started unless an operator says so
# systemd-analyze security: 0 is nothing exposed, 10 everything.
EXPOSURE = {"gateway": 2.0, "tls": 2.0, "acme": 4.0, "orchestrator": 2.0, "agent": 2.0, "inference": 2.0, "fetch": 2.0, "boxd": 4.0}
CAPABILITIES = {"boxd": "setuid,setgid,kill"}
PORT = 8080


def run(*args, **more):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


class Unit:
    """A unit file: section.key to its values, in order. Lines that go on are joined."""

    def __init__(self, path):
        self.values, section = {}, ""
        with open(path) as f:
            text = f.read().replace("\\\n", " ")
        for line in text.split("\n"):
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                self.values.setdefault("%s.%s" % (section, key), []).append(value)

    def get(self, key):
        return self.values.get(key, [])


class Staged(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = tempfile.mkdtemp(prefix="vitrine-stage-")
        done = run("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": cls.stage})
        assert done.returncode == 0, done.stdout
        found = [d for d, _, files in os.walk(cls.stage) if "vitrine.target" in files]
        assert len(found) == 1, found
        cls.units = found[0]
        cls.prefix = cls.units[len(cls.stage):].removesuffix("/lib/systemd/system")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.stage)

    def unit(self, name):
        return Unit("%s/vitrine-%s" % (self.units, name))


class Installed(Staged):
    def test_exposure_is_below_the_promised(self):
        for name, most in EXPOSURE.items():
            out = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                      "%s/vitrine-%s.service" % (self.units, name)).stdout
            level = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", out).group(1))
            print("  vitrine-%s: exposure %.1f, below %.1f promised" % (name, level, most))
            self.assertLess(level, most, out)

    def test_systemd_finds_nothing_wrong_with_them(self):
        shutil.copytree("/usr/lib/systemd/system", self.stage + "/usr/lib/systemd/system",
                        symlinks=True, dirs_exist_ok=True)
        paths = [os.path.join(self.units, name) for name in sorted(os.listdir(self.units))
                 if name.startswith("vitrine")]
        done = run("systemd-analyze", "verify", "--root=" + self.stage, *paths)
        # An unknown key is said and yet no failure.
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_users_are_those_of_the_units(self):
        with open(self.stage + self.prefix + "/lib/sysusers.d/vitrine.conf") as f:
            users = dict(re.findall(r"^u (\S+) (\d+)", f.read(), re.M))
        self.assertIn("vitrine-acme", users)
        for name in UNITS:
            self.assertEqual(self.unit(name + ".service").get("Service.User"), ["vitrine-" + name])
            self.assertIn("vitrine-" + name, users)
        done = run("systemd-sysusers", "--dry-run", "--root=" + self.stage,
                   self.stage + self.prefix + "/lib/sysusers.d/vitrine.conf")
        self.assertEqual(len(re.findall("Creating user", done.stdout)), len(UNITS) + 1, done.stdout)


class Filtered(Staged):
    """What a unit takes away by SystemCallFilter ends a service that calls it, as its own filter would."""
    CARRIES = {"gateway": ["GATEWAY"], "orchestrator": ["ORCHESTRATOR", "GIT"], "agent": ["AGENT"],
               "inference": ["LOADER", "INFERENCE"], "fetch": ["FETCH"], "tls": ["TLS"]}

    def group(self, name):
        """The calls of a set of systemd's, with those of the sets in it."""
        out = run("systemd-analyze", "syscall-filter", "--no-pager", name).stdout
        words = re.findall(r"^    ([@\w-]+)$", out, re.M)
        return set().union({w for w in words if w[0] != "@"}, *(self.group(w) for w in words if w[0] == "@"))

    def left_by(self, unit):
        """What the unit leaves, and what it refuses with an error, the rest being deadly."""
        left, refused = set(), set()
        for value in unit.get("Service.SystemCallFilter"):
            for word in value.strip("~").split():
                name, error = (word + ":").split(":")[:2]
                calls = self.group(name) if name[0] == "@" else {name}
                refused = refused | calls if error else refused - calls
                left = left - calls if value[0] == "~" else left | calls
        return left, refused

    def rules(self):
        """Each call that a service is prepared for, by the table of its own filter, and who carries it."""
        with open(os.path.join(ROOT, "sandbox/confine_policy.h")) as f:
            bits = {name: 1 << int(n) for name, n in re.findall(r"^\t(FILTER_\w+) = 1 << (\d+)", f.read(), re.M)}
        with open(os.path.join(ROOT, "sandbox/confine_policy.c")) as f:
            text = f.read()
        groups = dict(re.findall(r"^#define ([A-Z]+)[ \t]+(\(?[A-Z_ \t|]+\)?)(?: */\*.*)?$", text.replace("\\\n", ""), re.M))
        for _ in groups:  # one may stand before those in it
            for name, value in groups.items():
                if set(re.findall(r"\w+", value)) <= bits.keys():
                    bits[name] = eval(value, {}, bits)
        for who, call in re.findall(r"^\t((?:ALLOW|REFUSE)(?:_IF)?\([^,]+), (\w+)", text, re.M):
            what, who = who.split("(")
            yield eval(who, {}, bits), call, what.startswith("ALLOW"), bits

    def test_no_unit_ends_its_service_for_a_call_that_the_service_makes(self):
        self.maxDiff = None
        known, rules = self.group("@known"), list(self.rules())
        self.assertGreater(len(rules), 150)
        for name, filters in self.CARRIES.items():
            left, refused = self.left_by(self.unit(name + ".service"))
            carried = [(call, allowed) for who, call, allowed, bits in rules
                       if any(who & bits["FILTER_" + f] for f in filters) and call in known]
            with self.subTest(name):
                self.assertGreater(len(carried), 50)
                self.assertEqual({call for call, _ in carried} - left - refused, set(), "ends it")
                self.assertEqual({call for call, allowed in carried if allowed} - left - {"fchown"}, set(),
                                 "is refused; but fchown, which SQLite calls as root alone")


class Started(Staged):
    """What systemd would do, without its sandbox: sockets by the .socket files, users, capabilities,
    folders, arguments, fds from 3 on."""
    entered = False

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can start services as their users")
        if self.prefix != "/usr/local":
            self.skipTest("the build is made for " + self.prefix)
        self.children, self.logs, self.sockets = [], {}, {}
        self.addCleanup(self.end)
        if not Started.entered:
            self.enter_a_mount_namespace()
        Started.entered = True

    def enter_a_mount_namespace(self):
        """The staged files where they would be, and folders that nobody else sees; for good."""
        libc = ctypes.CDLL(None, use_errno=True)
        MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 4096, 16384, 1 << 18, 0x20000

        def check(r, what):
            if r != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)

        check(libc.unshare(CLONE_NEWNS), "unshare")
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "/")
        os.chmod(self.stage, 0o755)
        for folder in ("/run", "/var/lib"):
            check(libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"mode=0755"), folder)
            os.mkdir(folder + "/vitrine")
        check(libc.mount((self.stage + self.prefix).encode(), self.prefix.encode(), None, MS_BIND,
                         None), self.prefix)
        os.symlink("/run/vitrine", "/var/lib/vitrine/run")

    def listen(self, name):
        """The sockets of a .socket file, in its order."""
        unit, fds = self.unit(name + ".socket"), []
        for key, values in unit.values.items():
            kind = {"Socket.ListenStream": socket.SOCK_STREAM,
                    "Socket.ListenSequentialPacket": socket.SOCK_SEQPACKET}.get(key)
            for value in values if kind else []:
                inet = not value.startswith("/")
                s = socket.socket(socket.AF_INET if inet else socket.AF_UNIX, kind)
                if inet:
                    host, self.port = value.rsplit(":", 1)
                    self.assertEqual(int(self.port), PORT)
                    s.bind((host, 0))
                    self.port = s.getsockname()[1]
                else:
                    s.bind(value)
                    os.chmod(value, int(unit.get("Socket.SocketMode")[0], 8))
                s.listen(128)
                s.setblocking(False)
                fds.append(s)
        return fds

    def start(self, name):
        unit, sockets = self.unit(name + ".service"), self.sockets[name]
        command = unit.get("Service.ExecStart")[0].replace(
            "${VITRINE_URL}", "http://127.0.0.1:%d" % self.port)
        for line in unit.get("Service.Environment"):
            for key, value in (word.split("=", 1) for word in line.split()):
                command = command.replace("${%s}" % key, value)
        # A variable without braces is as many words as it has, none when it is not set.
        argv = [word for word in shlex.split(command) if not word.startswith("$")]
        with open(self.stage + self.prefix + "/lib/sysusers.d/vitrine.conf") as f:
            uid = int(re.search(r"^u vitrine-%s (\d+)" % name, f.read(), re.M).group(1))
        for folder in unit.get("Service.StateDirectory"):
            os.mkdir("/var/lib/" + folder, 0o700)
            os.chown("/var/lib/" + folder, uid, uid)
        caps = ",".join("+" + c for c in CAPABILITIES.get(name, "").split(",") if c)
        drop = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                "--no-new-privs"]
        if caps:
            drop += ["--inh-caps", caps, "--ambient-caps", caps]
        log = self.logs[name] = tempfile.TemporaryFile("w+")

        def place():
            high = [os.dup(s.fileno()) for s in sockets]
            high = [os.dup2(fd, 100 + i) for i, fd in enumerate(high)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
            os.closerange(3 + len(high), 200)

        self.children.append(subprocess.Popen(
            drop + argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, close_fds=False,
            preexec_fn=place, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}))

    def end(self):
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for listening in self.sockets.values():
            for s in listening:
                s.close()
        for log in self.logs.values():
            log.close()

    def words(self):
        for log in self.logs.values():
            log.seek(0)
        return "".join("%s: %s" % (name, line) for name, log in self.logs.items() for line in log)

    def ask(self, path, body=None, token=None):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path),
                                         data=body and json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            return json.load(e)
        except OSError:
            return {}

    def until(self, words, check):
        end = time.monotonic() + 30
        while not check():
            self.assertLess(time.monotonic(), end, "waited in vain until %s\n%s" % (words, self.words()))
            time.sleep(0.05)

    def test_the_units_start_a_platform_that_takes_a_push(self):
        self.sockets = {name: self.listen(name) for name in SERVICES}
        for name in SERVICES:
            self.start(name)
        self.until("it is healthy", lambda: self.ask("/healthz").get("status") == "ok")
        for name, child in zip(SERVICES, self.children):
            with open("/proc/%d/status" % child.pid) as f:
                status = f.read()
            self.assertRegex(status, r"NoNewPrivs:\t1", name)
            if name != "boxd":
                self.assertRegex(status, r"Seccomp:\t2", name)
                self.assertRegex(status, r"CapPrm:\t0{16}", name)
        self.push()
        for child in self.children:
            self.assertIsNone(child.poll(), self.words())

    def test_the_program_in_the_path_is_a_supervisor_too(self):
        data = self.stage + "/data"
        up = subprocess.Popen([self.prefix + "/bin/vitrine", "up", "--port", "0", "--data", data],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.children.append(up)
        line = ""
        while not line.startswith("vitrine: ready on"):
            line = up.stdout.readline()
            self.assertTrue(line, "it ended")
        up.stdout.close()

    def push(self):
        """With the CLI's key, as an operator would make a token."""
        out = run(self.stage + self.prefix + "/bin/vitrine", "token", "create", "test", "--data",
                  "/var/lib/vitrine")
        token = re.search(r"hf_\w+", out.stdout)
        self.assertTrue(token, out.stdout + self.words())
        repo = self.stage + "/repo"
        os.mkdir(repo)
        with open(repo + "/app.lua", "w") as f:
            f.write('local ui = require "vitrine.ui"\n'
                    'return ui.page({ title = "Unit" }, function() return ui.markdown "hello" end)\n')
        git = ["git", "-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", "-c",
               "init.defaultBranch=main"]
        for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
            done = run(*git, *args)
            self.assertEqual(done.returncode, 0, done.stdout)
        done = run(*git, "push", "http://admin:%s@127.0.0.1:%d/spaces/admin/unit" % (
            token.group(0), self.port), "HEAD:main")
        self.assertEqual(done.returncode, 0, done.stdout + self.words())


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed (Debian package systemd)")
        sys.exit(77)
    if not os.access(BUILD, os.W_OK):
        print("skipped: cmake --install writes a list into the build folder, which is not ours")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2, warnings="ignore")
