"""A whole `vitrine up` that orders its certificates at pebble, the authority for tests of Let's Encrypt's
people (Debian package pebble). acme.py VITRINE"""

import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

VITRINE = os.path.abspath(sys.argv[1])
DEADLINE = 60
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
TLS_USER, ACME_USER = 61208, 61209
LIFE = 30 * 86400
UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/systemd/vitrine-acme.service.in")


def capabilities():
    with open(UNIT) as f:
        line = re.search("^CapabilityBoundingSet=(.*)$", f.read(), re.M).group(1)
    return ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in line.split())])


CAPABILITIES = capabilities()


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE, **more).stdout.decode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def until(words, check, told=lambda: ""):
    end = time.monotonic() + DEADLINE
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, "waited in vain until %s\n%s" % (words, told())
        time.sleep(0.05)


class Acme(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="vitrine-acme-")
        os.chmod(cls.dir, 0o711)
        cls.programs, cls.logs = {}, {}
        cls.data = cls.path("data")
        cls.http, cls.tls, cls.order, cls.dns, cls.manage = (free_port() for _ in range(5))
        cls.directory = "https://localhost:%d/dir" % cls.order
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test",
                "-days", "2", "-keyout", cls.path("ca.key"), "-out", cls.path("ca.pem"))
        cls.issue("pebble", "localhost")
        cls.start_pebble()
        # What this test's authority shows itself with is trusted by its own processes only.
        cls.begin("up", VITRINE, "up", "--data", cls.data, "--port", str(cls.http), "--tls-port", str(cls.tls),
                  "--tls-acme", "one.example", "--tls-acme", "blocked.example", "--tls-acme-directory",
                  cls.directory, "--tls-acme-contact", "ops@one.example", trusting=True)

    @classmethod
    def tearDownClass(cls):
        for name in ("up", "pebble", "names"):
            cls.end(name)
        shutil.rmtree(cls.dir)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.dir, *names)

    @classmethod
    def issue(cls, name, *hosts, left=None):
        """A certificate of our own authority, of whose 90 days so many are left, and its key."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-addext",
                "subjectAltName=" + ",".join("DNS:" + h for h in hosts), "-keyout", cls.path(name + ".key"),
                "-out", cls.path(name + ".csr"))
        with open(cls.path("ca.cnf"), "w") as f:
            f.write("[ca]\ndefault_ca=a\n[a]\nnew_certs_dir=%s\ndatabase=%s\nserial=%s\ndefault_md=sha256\n"
                    "copy_extensions=copy\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n" %
                    (cls.dir, cls.path("index.txt"), cls.path("serial")))
        open(cls.path("index.txt"), "a").close()
        end = time.time() + (60 if left is None else left) * 86400
        openssl("ca", "-batch", "-config", cls.path("ca.cnf"), "-create_serial", "-notext", "-startdate",
                time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end - 90 * 86400)), "-enddate",
                time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end)), "-cert", cls.path("ca.pem"), "-keyfile",
                cls.path("ca.key"), "-in", cls.path(name + ".csr"), "-out", cls.path(name + ".pem"))

    @classmethod
    def trusting(cls, *command):
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" %s && exec "$@"' % BUNDLE, cls.path("ca.pem"),
                *command]

    @classmethod
    def begin(cls, name, *command, trusting=False, **env):
        log = open(cls.path(name + ".log"), "ab")
        cls.programs[name] = subprocess.Popen(cls.trusting(*command) if trusting else command, stdout=log, stderr=log,
                                              env={**os.environ, **env}, cwd=cls.dir)
        log.close()

    @classmethod
    def end(cls, name):
        program = cls.programs.pop(name, None)
        if program:
            program.send_signal(signal.SIGTERM)
            program.wait(DEADLINE)

    @classmethod
    def said(cls, name):
        with open(cls.path(name + ".log")) as f:
            return f.read()

    @classmethod
    def start_pebble(cls):
        if "names" not in cls.programs:
            cls.begin("names", "pebble-challtestsrv", "-defaultIPv6", "", "-dns01", "127.0.0.1:%d" % cls.dns,
                      "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:%d" % cls.manage)
        with open(cls.path("pebble.json"), "w") as f:
            json.dump({"pebble": {
                "listenAddress": "127.0.0.1:%d" % cls.order, "managementListenAddress": "127.0.0.1:%d" % free_port(),
                "certificate": cls.path("pebble.pem"), "privateKey": cls.path("pebble.key"), "httpPort": cls.http,
                "tlsPort": 1, "certificateValidityPeriod": LIFE, "domainBlocklist": ["blocked.example"]}}, f)
        cls.begin("pebble", "pebble", "-config", cls.path("pebble.json"), "-dnsserver", "127.0.0.1:%d" % cls.dns,
                  PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="0")  # asked again for a nonce, orders are counted twice

    def cli(self, *arguments, data=None):
        """With no more power than vitrine-acme.service has, and its umask."""
        done = subprocess.run(self.trusting("setpriv", "--no-new-privs", "--bounding-set", CAPABILITIES, "--inh-caps",
                                            "-all", VITRINE, *arguments, "--data", data or self.data),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE,
                              umask=0o077)
        return done.returncode, done.stdout

    def served(self, host):
        """What a client that asks for this host gets, as openssl shows it. "": nothing."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.tls), timeout=DEADLINE) as s, \
                    context.wrap_socket(s, server_hostname=host) as t:
                der = t.getpeercert(True)
        except OSError:
            return ""
        return openssl("x509", "-inform", "DER", "-noout", "-issuer", "-serial", "-ext", "subjectAltName", input=der)

    def certificate(self, data):
        """The own authority's certificate as vitrine-tls finds it there, as openssl shows it."""
        return openssl("x509", "-in", data + "/tls/certs/ca.pem", "-noout", "-issuer", "-serial", "-ext", "subjectAltName")

    def serial_of(self, host, issuer="Pebble"):
        text = until("%s is served with a certificate of %s" % (host, issuer),
                     lambda: (lambda t: t if issuer in t.split("\n")[0] and "DNS:" + host in t else "")(
                         self.served(host)), lambda: self.said("up")[-4000:] + self.said("pebble")[-2000:])
        return re.search("serial=(.*)", text).group(1)

    def host(self, name):
        with open(self.path("data/run/tls/status.json")) as f:
            return {h["host"]: h for h in json.load(f)["hosts"]}[name]

    def get(self, target, host="one.example"):
        c = http.client.HTTPConnection("127.0.0.1", self.http, timeout=DEADLINE)
        c.request("GET", target, headers={"Host": host})
        answer = c.getresponse()
        return answer.status, answer.read()

    def put(self, name, left, *hosts, data=None):
        """In the place of what is there: a certificate with so many days left of 90."""
        self.issue("put", *hosts, left=left)
        code, out = self.cli("tls", "install", "--name", name, self.path("put.pem"), self.path("put.key"), data=data)
        self.assertEqual(code, 0, out)

    def orders(self):
        return self.said("pebble").count("/order-plz")

    def test_1_a_host_has_its_certificate_soon_after_the_start_and_nobody_restarts(self):
        self.assertRegex(self.serial_of("one.example"), "[0-9A-F]{8}")
        until("it is told", lambda: self.host("one.example")["until"] > time.time() + LIFE - 3600)
        self.assertEqual(self.host("one.example")["words"], "")
        self.assertEqual(self.said("up").count("service=tls"), 1, self.said("up"))

    def test_2_keys_are_for_their_users_only(self):
        for path, uid, mode in (("data/tls/certs/acme-one.example.pem", TLS_USER, 0o600),
                                ("data/acme/state.json", 0, 0o600), ("data/acme/account", ACME_USER, 0o700),
                                ("data/acme/account/private/key.pem", ACME_USER, 0o400)):
            st = os.stat(self.path(path))
            self.assertEqual((st.st_uid, st.st_mode & 0o777), (uid, mode), path)
        found = subprocess.run(["grep", "-rl", "PRIVATE KEY", self.path("data/acme"), self.path("data/run")],
                               stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertEqual(found, [self.path("data/acme/account/private/key.pem")])
        self.assertEqual(os.listdir(self.path("data/run/tls/challenges")), [])

    def test_3_what_the_authority_refuses_is_told_with_the_next_try_and_is_not_tried_again_at_once(self):
        refused = until("it is refused", lambda: self.host("blocked.example")["words"] and self.host("blocked.example"))
        self.assertIn("forbidden by policy", refused["words"])
        self.assertEqual((refused["until"], refused["failures"]), (0, 1))
        self.assertEqual(refused["next"] - refused["tried"], 15 * 60)
        self.assertRegex(self.said("up"), r"host=blocked.example got no certificate: .*forbidden by policy.*next try 20")
        # Visitors are served meanwhile, and see of whom.
        self.serial_of("blocked.example", "Vitrine CA")
        code, out = self.cli("status")
        told = " ".join(out.split())
        self.assertRegex(told, r"!! blocked\.example got no certificate: .*forbidden by policy: \S+; next try at 20")
        self.assertNotIn("one.example got", told)
        before = self.orders()
        code, out = self.cli("tls", "renew")
        self.assertEqual(code, 1, out)
        self.assertIn("1 host is without", out)
        self.assertEqual(self.orders(), before)
        code, out = self.cli("tls", "renew", "--now")
        self.assertEqual((code, self.host("blocked.example")["failures"], self.orders()), (1, 2, before + 1), out)
        tried = self.host("blocked.example")
        self.assertEqual(os.stat(self.path("data/run/tls/status.json")).st_mode & 0o777, 0o644)
        self.assertEqual(tried["next"] - tried["tried"], 30 * 60)

    def test_4_a_third_of_its_life_before_its_end_a_certificate_is_replaced(self):
        self.serial_of("one.example")
        self.put("acme-one.example", 31, "one.example")
        kept = self.serial_of("one.example", "CN = test")
        self.cli("tls", "renew", "--now")
        self.assertEqual(self.serial_of("one.example", "CN = test"), kept)
        self.put("acme-one.example", 29, "one.example")
        # Within a quarter of an hour of the last order there is another one only by hand.
        self.cli("tls", "renew")
        self.assertEqual(self.host("one.example")["failures"], 0)
        self.serial_of("one.example", "CN = test")
        self.cli("tls", "renew", "--now")
        self.assertNotEqual(self.serial_of("one.example"), kept)

    def test_5_the_own_authority_s_certificate_is_replaced_too_for_the_same_names(self):
        """Where no `vitrine up` does so, for names of its own."""
        data, names = self.path("alone"), ("blocked.example", "inside.example")
        os.makedirs(data)
        code, out = self.cli("tls", "ca", *names, data=data)
        self.assertEqual(code, 0, out)
        kept = self.certificate(data)
        self.cli("tls", "renew", data=data)
        self.assertEqual(self.certificate(data), kept)
        self.put("ca", 29, *names, data=data)
        self.assertIn("CN = test", self.certificate(data).split("\n")[0])
        self.cli("tls", "renew", data=data)
        fresh = self.certificate(data)
        self.assertIn("Vitrine CA", fresh.split("\n")[0])
        for name in names:
            self.assertIn("DNS:" + name, fresh)

    def test_7_while_the_authority_is_away_the_old_certificate_goes_on_and_nobody_asks_for_the_others(self):
        self.put("acme-one.example", 10, "one.example")
        self.serial_of("one.example", "CN = test")
        until("it is told", lambda: re.search("!! a certificate ends in 9 days: vitrine tls list", self.cli("status")[1]))
        self.end("pebble")
        tries = self.host("blocked.example")["failures"]
        code, out = self.cli("tls", "renew", "--now")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"host=one.example got no certificate: .*; next try 20.*; the one before goes on")
        self.assertEqual(out.count("got no certificate"), 1, out)
        self.assertEqual(self.host("blocked.example")["failures"], tries)
        self.assertGreater(self.host("one.example")["until"], time.time() + 9 * 86400)
        self.serial_of("one.example", "CN = test")
        # One that has forgotten us is told anew who we are.
        self.start_pebble()
        until("it is back", lambda: socket.socket().connect_ex(("127.0.0.1", self.order)) == 0)
        code, out = self.cli("tls", "renew", "--now")
        self.assertIn("host=one.example has a certificate until", out)
        self.serial_of("one.example")
        self.assertEqual((self.host("one.example")["words"], self.host("one.example")["failures"]), ("", 0))

    def test_8_hosts_that_nobody_wants_any_more_have_no_certificate(self):
        code, out = self.cli("tls", "acme", "--directory", self.directory, "two.example")
        self.assertEqual(code, 0, out)
        self.serial_of("two.example")
        self.assertEqual([n for n in os.listdir(self.path("data/tls/certs")) if n.startswith("acme-")],
                         ["acme-two.example.pem"])
        code, out = self.cli("tls", "install", "--name", "acme-corp", self.path("put.pem"), self.path("put.key"))
        self.assertEqual(code, 1)
        self.assertIn("names with acme- are those of vitrine tls acme", out)
        for wrong, words in (("*.example", "no host"), ("127.0.0.1", "no host"), ("a..b", "no host")):
            code, out = self.cli("tls", "acme", wrong)
            self.assertEqual(code, 1)
            self.assertIn(words, out)
        code, out = self.cli("tls", "acme", "--directory", "http://x/", "a.example")
        self.assertEqual(code, 2)
        self.assertIn("is no directory of an authority", out)

    def test_8_custom_domains_are_those_that_the_orchestrator_names_or_named_last(self):
        """Against one that is ours: what it says is what is tried."""
        data, named = self.path("other"), []
        for folder in ("run/tls/challenges", "orchestrator"):
            os.makedirs(os.path.join(data, folder))
        with open(os.path.join(data, "orchestrator/ctl.key"), "w") as f:
            f.write("0" * 64)

        class Names(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps([{"domain": name, "space": "a/b"} for name in named]).encode()
                self.send_response(200 if self.path == "/api/domains" else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "cli"

            def log_message(self, *words):
                pass

        def hosts(*arguments):
            self.cli("tls", *arguments, data=data)
            with open(os.path.join(data, "run/tls/status.json")) as f:
                return {h["host"]: h["custom"] for h in json.load(f)["hosts"]}

        path = os.path.join(data, "run/http.sock")
        with socketserver.UnixStreamServer(path, Names) as server:
            threading.Thread(target=server.serve_forever).start()
            named += ["blocked.example", "shop.blocked.example"]
            self.assertEqual(hosts("acme", "--directory", self.directory, "own.blocked.example"),
                             {"own.blocked.example": False, "blocked.example": True, "shop.blocked.example": True})
            named.remove("blocked.example")
            self.assertEqual(hosts("renew"), {"own.blocked.example": False, "shop.blocked.example": True})
            server.shutdown()
        os.unlink(path)
        self.assertEqual(hosts("renew"), {"own.blocked.example": False, "shop.blocked.example": True})

    def test_9_an_authority_that_cannot_see_the_proof_is_quoted(self):
        """Its names lead to where nobody listens for it."""
        c = http.client.HTTPConnection("127.0.0.1", self.manage, timeout=DEADLINE)
        c.request("POST", "/add-a", json.dumps({"host": "far.example.", "addresses": ["127.0.0.99"]}))
        self.assertEqual(c.getresponse().status, 200)
        code, out = self.cli("tls", "acme", "--directory", self.directory, "far.example")
        self.assertEqual(code, 1)
        self.assertRegex(out, "host=far.example got no certificate: .*127.0.0.99")
        self.assertEqual(os.listdir(self.path("data/run/tls/challenges")), [])

    def test_6_answers_for_authorities_are_by_http_bounded_and_lead_nowhere_else(self):
        folder, token = self.path("data/run/tls/challenges"), "A" * 43
        until("the gateway answers", lambda: self.get("/healthz")[0] == 200)
        with open(os.path.join(folder, token), "w") as f:
            f.write(token + "." + "b" * 43)
        self.assertEqual(self.get("/.well-known/acme-challenge/" + token), (200, (token + "." + "b" * 43).encode()))
        self.assertEqual(self.get("/")[0], 308)
        os.symlink("/etc/hostname", os.path.join(folder, "S" * 43))
        with open(os.path.join(folder, "L" * 43), "w") as f:
            f.write("L" * 43 + "." + "b" * 5000)
        with open(os.path.join(folder, "W" * 43), "w") as f:
            f.write("<script>alert(1)</script>")
        for target in ("S" * 43, "L" * 43, "W" * 43, "x" * 43, "short", "../../services.json", "A" * 200, "",
                       "A" * 43 + "/", "%2e%2e%2f" + "A" * 43):
            self.assertEqual(self.get("/.well-known/acme-challenge/" + target)[0], 404, target)
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))


if __name__ == "__main__":
    for program in ("pebble", "pebble-challtestsrv", "uacme", "openssl"):
        if not shutil.which(program):
            print("skipped: there is no %s here" % program)
            sys.exit(77)
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: only root has a mount namespace in which this authority is trusted")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2, warnings="ignore")
