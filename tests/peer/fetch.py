"""The real vitrine-fetch between a gateway, servers and a DNS that are ours. fetch.py PROGRAM [TEST…]

It runs in namespaces of its own: there the DNS may answer at port 53, an address that looks public
may be this machine's, and a certificate authority may be trusted.
"""

import ctypes
import fcntl
import gzip
import http.server
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import Closed, Frame, Peer  # noqa: E402

REQUEST, CANCEL, ANSWER, FAILED = 0xd0, 0xd1, 0xd8, 0xd9
MIB = 1 << 20
PUBLIC = "93.184.216.34"  # on our own loopback interface
libc = ctypes.CDLL(None, use_errno=True)


# --- the place ---

def ioctl_address(name, number, address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(s, number, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address)))


def enter_namespaces(folder):
    """False: this machine has none for us."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        if libc.unshare(0x00020000 | 0x40000000) != 0:  # mount, net
            return False
    elif libc.unshare(0x10000000 | 0x00020000 | 0x40000000) != 0:  # and user
        return False
    else:
        for name, words in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
            with open("/proc/self/" + name, "w") as f:
                f.write(words)
    ioctl_address(b"lo", 0x8916, "127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH22x", b"lo", 0x1 | 0x8 | 0x40))  # up
    ioctl_address(b"lo:1", 0x8916, PUBLIC)
    make_authority(folder)
    with open(folder + "/resolv.conf", "w") as f:
        f.write("nameserver 127.0.0.1\n")
    libc.mount(None, b"/", None, 0x44000, None)  # private, recursively
    for name, over in (("resolv.conf", "/etc/resolv.conf"), ("ca.pem", "/etc/ssl/certs/ca-certificates.crt")):
        over = os.path.realpath(over)
        if libc.mount((folder + "/" + name).encode(), over.encode(), None, 0x1000, None) != 0:
            return False
    return True


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority(folder):
    """ca.pem, and certificates for tls.test by it and by nobody."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder + "/ca.key", "-out", folder + "/ca.pem", "-subj", "/CN=ours", "-days", "2")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder + "/tls.key", "-out", folder + "/tls.csr", "-subj", "/CN=tls.test")
    with open(folder + "/names", "w") as f:
        f.write("subjectAltName=DNS:tls.test")
    openssl("x509", "-req", "-in", folder + "/tls.csr", "-CA", folder + "/ca.pem", "-CAkey", folder + "/ca.key",
            "-CAcreateserial", "-out", folder + "/tls.pem", "-days", "2", "-extfile", folder + "/names")
    openssl("req", "-x509", "-key", folder + "/tls.key", "-out", folder + "/self.pem", "-subj", "/CN=tls.test",
            "-addext", "subjectAltName=DNS:tls.test", "-days", "2")


class Names(threading.Thread):
    """A DNS with one record per name and question; a list is gone through, one answer each time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.records, self.asked = {}, {}
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            data, peer = self.sock.recvfrom(2048)
            end = data.index(b"\0", 12)
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += 1 + data[at]
            name, kind = ".".join(labels).lower(), struct.unpack(">H", data[end + 1:end + 3])[0]
            addresses = self.answer(name, kind)
            if addresses is None:
                continue  # never answered
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, 4 if kind == 1 else 16)
                            + socket.inet_pton(family, a) for a in addresses)
            known = name in self.records
            head = data[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, len(addresses), 0, 0)
            self.sock.sendto(head + data[12:end + 5] + body, peer)

    def answer(self, name, kind):
        record = self.records.get(name, [])
        if record == "silent":
            return None
        wanted = [r for r in record if not isinstance(r, list) and (":" in r) == (kind == 28)]
        turns = [r for r in record if isinstance(r, list)]
        if turns and kind == 1:
            n = self.asked[name] = self.asked.get(name, 0) + 1
            return [turns[0][(n - 1) % len(turns[0])]]
        return wanted if kind in (1, 28) else []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def any(self):
        url = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(url.query))
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n)
        self.server.hits.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        getattr(self, "at_" + url.path[1:].replace("-", "_"), self.at_echo)(q, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = any

    def at_echo(self, q, body):
        self.say(200, json.dumps({"method": self.command, "path": self.path, "body": body.decode("latin-1"),
                                  "headers": {k.lower(): v for k, v in self.headers.items()},
                                  "at": self.server.server_address[0]}).encode(),
                 Content_Type="application/json", Set_Cookie="a=b", X_Odd="caf\xe9")

    def at_go(self, q, body):
        self.say(int(q.get("code", 302)), b"", Location=q["to"])

    def at_status(self, q, body):
        self.say(int(q["code"]), b"words")

    def at_bytes(self, q, body):
        self.say(200, b"x" * int(q["n"]))

    def at_endless(self, q, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = b"10000\r\n" + b"y" * 65536 + b"\r\n"
        try:
            while True:
                self.wfile.write(chunk)
        except OSError:
            self.close_connection = True

    def at_bomb(self, q, body):
        self.say(200, BOMB, Content_Encoding="gzip")

    def at_packed(self, q, body):
        self.say(200, gzip.compress(b"packed words"), Content_Encoding="gzip")

    def at_encoded(self, q, body):
        self.say(200, b"???", Content_Encoding=q["as"])

    def at_lines(self, q, body):
        """Lines of a head, as they are, before a body that is packed once."""
        self.wfile.write(("HTTP/1.1 %s\r\n\r\n" % q["lines"]).encode("latin-1") + gzip.compress(b"words"))
        self.close_connection = True

    def at_broken(self, q, body):
        self.say(200, b"no gzip at all", Content_Encoding="gzip")

    def at_hang(self, q, body):
        self.server.wait.wait(30)
        self.close_connection = True

    def at_drip(self, q, body):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.server.wait.wait(0.05):
                self.wfile.write(b"z")
        except OSError:
            pass
        self.close_connection = True

    def at_long_headers(self, q, body):
        self.send_response(200)
        for i in range(40):
            self.send_header("X-%d" % i, "v" * 4000)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def at_cut(self, q, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address="127.0.0.1", port=0, certificate=None):
        self.hits, self.wait = [], threading.Event()
        super().__init__((address, port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, FOLDER + "/tls.key")
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, address):
        pass

    def url(self, path="/echo", host=None):
        return "http://%s:%d%s" % (host or self.server_address[0], self.port, path)


class Fetch:
    """The program with one gateway."""

    def __init__(self, *options):
        path = "%s/fetch-%d.sock" % (FOLDER, time.monotonic_ns())
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen(8)
        self.path, self.seq = path, 0
        self.log = open(path + ".log", "w+")
        env = {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9",
               "HOME": FOLDER, "PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

        def give():
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
        self.process = subprocess.Popen([PROGRAM, "--listen-fd", "3", *options], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env=env, preexec_fn=give, close_fds=False)
        listener.close()
        self.peer = self.connect()

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(self.path)
        return Peer(s)

    def send(self, url, body=None, space="s1", allow=("*", "*:*"), **more):
        self.seq += 1
        fields = {"space": space, "allow": list(allow), "method": "GET", "url": url, **more}
        value = json.dumps(fields).encode() + (b"" if body is None else b"\0" + body)
        self.peer.send(Frame(REQUEST, value, seq=self.seq))
        return self.seq

    def take(self):
        f = self.peer.next()
        head, _, body = f.value.partition(b"\0")
        return f, json.loads(head), body

    def ask(self, url, body=None, **more):
        seq = self.send(url, body, **more)
        f, fields, body = self.take()
        assert f.seq == seq, (f, seq)
        return f.type, fields, body

    def answer(self, url, body=None, **more):
        kind, fields, body = self.ask(url, body, **more)
        assert kind == ANSWER, fields
        return fields, body

    def failed(self, url, code, rule=None, words="", body=None, **more):
        kind, fields, _ = self.ask(url, body, **more)
        assert kind == FAILED, fields
        assert (fields["code"], fields.get("rule")) == (code, rule), fields
        assert words in fields["message"], fields
        return fields

    def words(self):
        self.log.seek(0)
        return self.log.read()

    def close(self):
        self.peer.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(f.read().split("VmHWM:")[1].split()[0])


class Case(unittest.TestCase):
    options = ("--allow", "*:*", "--allow-private", "127.0.0.1/32")

    def setUp(self):
        self.fetch = Fetch(*self.options)
        self.server = Server()
        self.addCleanup(self.end)

    def end(self):
        self.server.wait.set()
        code = self.fetch.close()
        words = self.fetch.words()
        self.server.shutdown()
        self.server.server_close()
        self.assertEqual(code, 0, words)
        self.assertNotIn("Sanitizer", words)
        self.assertNotIn("runtime error", words)


class Answers(Case):
    def test_an_answer_comes_with_status_headers_body_and_who_answered(self):
        a, body = self.fetch.answer(self.server.url("/echo?q=1#part"))
        said = json.loads(body)
        self.assertEqual((a["status"], a["redirects"]), (200, 0))
        self.assertEqual(a["url"], self.server.url("/echo?q=1"))
        self.assertEqual(a["host"], "127.0.0.1:%d" % self.server.port)
        headers = dict(map(tuple, a["headers"]))
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(headers["x-odd"], "caf\xe9")
        self.assertEqual(said["path"], "/echo?q=1")
        self.assertTrue(said["headers"]["user-agent"].startswith("vitrine/"))

    def test_methods_headers_and_bodies_arrive_as_they_were_given(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            _, body = self.fetch.answer(self.server.url(), b"\x00\xff words", method=method,
                                        headers=[["X-Key", "k"], ["Content-Type", "x/y"], ["X-Empty", ""]])
            said = json.loads(body)
            self.assertEqual(said["method"], method)
            self.assertEqual(said["body"], "\x00\xff words")
            self.assertEqual((said["headers"]["x-key"], said["headers"]["content-type"]), ("k", "x/y"))
            self.assertEqual(said["headers"]["x-empty"], "")
        _, body = self.fetch.answer(self.server.url(), b"", method="POST")
        self.assertEqual(json.loads(body)["headers"]["content-length"], "0")
        self.assertNotIn("content-type", json.loads(body)["headers"])
        a, body = self.fetch.answer(self.server.url(), method="HEAD")
        self.assertEqual((a["status"], body), (200, b""))

    def test_every_status_is_an_answer(self):
        for status in (204, 304, 401, 404, 418, 500):
            self.assertEqual(self.fetch.answer(self.server.url("/status?code=%d" % status))[0]["status"], status)

    def test_no_cookie_is_kept_and_no_proxy_of_the_environment_is_used(self):
        for _ in range(2):
            _, body = self.fetch.answer(self.server.url())
        self.assertNotIn("cookie", json.loads(body)["headers"])

    def test_packed_answers_are_unpacked(self):
        self.assertEqual(self.fetch.answer(self.server.url("/packed"))[1], b"packed words")
        self.fetch.failed(self.server.url("/broken"), "failed")
        self.fetch.failed(self.server.url("/encoded?as=br"), "refused", "encoding", "'br'")
        for coding in ("gzip, gzip", "gzip ,gzip ,br", "gzip,gzip", "gzip gzip", "gzip,", "br"):
            self.fetch.failed(self.server.url("/encoded?as=" + urllib.parse.quote(coding)), "refused", "encoding")

    def test_an_answer_is_unpacked_once_however_often_it_says_it_is_packed(self):
        def lines(*lines, first="200 OK"):
            return self.server.url("/lines?lines=" + urllib.parse.quote("\r\n".join((first, *lines))))
        for coding in ("gzip", " x-gzip\t ", "GZIP"):
            self.assertEqual(self.fetch.answer(lines("Content-Encoding:" + coding))[1], b"words")
        for coding in ("", "identity"):
            self.assertNotEqual(self.fetch.answer(lines("Content-Encoding:" + coding))[1], b"words")
        packed = "Content-Encoding: gzip"
        for head in ((packed, packed), (packed, "X: y", "content-encoding: deflate"), (packed, "Content-Encoding:"),
                     ("Content-Encoding: identity", packed), (packed, "", "HTTP/1.1 200 OK", packed),
                     ("Transfer-Encoding: gzip",), (packed, "Transfer-Encoding: gzip"),
                     ("Transfer-Encoding: gzip, chunked",)):
            self.fetch.failed(lines(*head, first="103 Early Hints" if "" in head else "200 OK"), "refused", "encoding")
        a, _ = self.fetch.answer(self.server.url("/go?to=" + urllib.parse.quote("/packed")))
        self.assertEqual((a["status"], a["redirects"]), (200, 1))

    def test_a_failure_is_told_also_where_its_words_are_no_text(self):
        self.fetch.failed(self.server.url("/encoded?as=%c3%bf"), "refused", "encoding", "'?'")
        self.fetch.failed(self.server.url(), "bad_request", "header", "?' is no name",
                          headers=[["X" * 39 + "\u00e9", "y"]])
        self.fetch.failed(self.server.url(), "bad_request", "header", "'\u00e9' is no name", headers=[["\u00e9", "y"]])

    def test_names_are_looked_up_and_unknown_ones_are_said_so(self):
        NAMES.records["app.test"] = ["127.0.0.1"]
        self.assertEqual(self.fetch.answer(self.server.url(host="app.test"))[0]["host"],
                         "app.test:%d" % self.server.port)
        self.fetch.failed(self.server.url(host="nobody.test"), "no_host")

    def test_what_cannot_be_connected_or_breaks_off_is_said_so(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.fetch.failed("http://127.0.0.1:%d/" % s.getsockname()[1], "unreachable")
        self.fetch.failed(self.server.url("/cut"), "failed")

    def test_many_at_once_each_get_their_own(self):
        wanted = {self.fetch.send(self.server.url("/echo?n=%d" % n), space="s%d" % n): n for n in range(40)}
        for _ in range(40):
            f, _, body = self.fetch.take()
            self.assertEqual(json.loads(body)["path"], "/echo?n=%d" % wanted.pop(f.seq))

    def test_a_cancelled_request_ends_and_nothing_is_said(self):
        seq = self.fetch.send(self.server.url("/hang"))
        while not self.server.hits:
            time.sleep(0.01)
        self.fetch.peer.send(Frame(CANCEL, seq=seq))
        self.fetch.peer.send(Frame(CANCEL, seq=seq + 1000))
        for _ in range(10):  # its place is free again
            self.fetch.answer(self.server.url())
        self.fetch.peer.quiet(0.1)

    def test_a_gateway_that_breaks_the_protocol_or_dies_loses_its_requests_and_the_next_is_served(self):
        for frame in (Frame(REQUEST, b"{}"), Frame(REQUEST, b"no json"), Frame(0x11), Frame(REQUEST, b"")):
            peer = self.fetch.connect()
            peer.send(frame)
            with self.assertRaises((Closed, OSError)):
                peer.next()
        for _ in range(8):
            self.fetch.send(self.server.url("/hang"))
        while len(self.server.hits) < 8:
            time.sleep(0.01)
        self.fetch.peer.close()
        self.fetch.peer = self.fetch.connect()
        deadline = time.monotonic() + 20
        while self.fetch.ask(self.server.url())[0] == FAILED:  # until the old link's end was heard
            self.assertLess(time.monotonic(), deadline)


class Refusals(Case):
    def test_addresses_inside_are_refused_in_every_notation(self):
        port = self.server.port
        for host, rule in (("127.0.0.2", "loopback"), ("0.0.0.0", "this network"), ("10.1.2.3", "private"),
                           ("172.16.0.1", "private"), ("192.168.1.1", "private"), ("169.254.169.254", "link-local"),
                           ("100.64.0.1", "carriers"), ("198.18.0.1", "benchmarks"), ("192.0.2.1", "documentation"),
                           ("224.0.0.1", "multicast"), ("255.255.255.255", "reserved"), ("2130706434", "loopback"),
                           ("0x7f000002", "loopback"), ("0177.0.0.2", "loopback"), ("127.2", "loopback"),
                           ("[::1]", "loopback"), ("[::]", "unspecified"), ("[::ffff:127.0.0.1]", "IPv4"),
                           ("[::127.0.0.1]", "IPv4"), ("[64:ff9b::7f00:1]", "NAT64"), ("[2002:7f00:1::]", "6to4"),
                           ("[fe80::1]", "link-local"), ("[fd00::1]", "unique local"), ("[ff02::1]", "multicast"),
                           ("[2001:db8::1]", "documentation"), ("[2001::1]", "Teredo")):
            fields = self.fetch.failed("http://%s:%d/" % (host, port), "refused", "address", rule, space=host)
            self.assertTrue(fields["host"])
        self.assertEqual(self.server.hits, [])

    def test_an_address_of_this_machine_is_refused_however_public_it_looks(self):
        server = Server(PUBLIC)
        self.fetch.failed(server.url(), "refused", "address", "of this machine")
        self.assertEqual(server.hits, [])
        server.shutdown()

    def test_a_name_that_points_inside_is_refused(self):
        NAMES.records["inside.test"] = ["127.0.0.2"]
        NAMES.records["inside6.test"] = ["::1"]
        NAMES.records["mixed.test"] = ["127.0.0.2", "127.0.0.1"]
        for name in ("inside.test", "inside6.test"):
            self.fetch.failed(self.server.url(host=name), "refused", "address", name)
        kind, fields, _ = self.fetch.ask(self.server.url(host="mixed.test"))
        self.assertTrue(kind == ANSWER or fields["rule"] == "address")

    def test_a_name_whose_address_changes_is_connected_only_where_it_was_checked(self):
        inside = Server("127.0.0.2", self.server.port)
        NAMES.records["rebind.test"] = [["127.0.0.1", "127.0.0.2"]]
        ends = set()
        for n in range(40):
            kind, fields, body = self.fetch.ask(self.server.url(host="rebind.test"), space="r%d" % n)
            ends.add((kind, fields.get("rule")))
            self.assertTrue(kind == FAILED or json.loads(body)["at"] == "127.0.0.1", fields)
        self.assertEqual(ends, {(ANSWER, None), (FAILED, "address")})
        self.assertEqual(NAMES.asked["rebind.test"], 40)  # each looked it up once
        self.assertEqual(inside.hits, [])
        inside.shutdown()

    def test_redirects_are_checked_like_the_first_url(self):
        NAMES.records["inside.test"] = ["127.0.0.2"]
        here = self.server.url("")
        for to, code, rule in (("http://127.0.0.2:1/", "refused", "address"), ("http://inside.test/", "refused", "address"),
                               ("ftp://127.0.0.1/", "refused", "scheme"), ("file:///etc/passwd", "refused", "scheme"),
                               ("gopher://127.0.0.1/", "refused", "scheme"),
                               ("http://u:p@127.0.0.1/", "refused", "url"),
                               (here + "/go?to=http%3A%2F%2F10.0.0.1%2F", "refused", "address")):
            self.fetch.failed(self.server.url("/go?to=" + urllib.parse.quote(to, "")), code, rule)
        self.fetch.failed(self.server.url("/go?to=" + urllib.parse.quote(self.server.url(host="[::1]"), "")),
                          "refused", "app", "front matter", allow=["127.0.0.1:*"])
        self.assertEqual({hit[1].split("?")[0] for hit in self.server.hits}, {"/go"})

    def test_redirects_are_followed_five_times_and_no_more(self):
        def chain(n):
            return "/echo" if n == 0 else "/go?to=" + urllib.parse.quote(chain(n - 1), "")
        a, _ = self.fetch.answer(self.server.url(chain(5)))
        self.assertEqual((a["redirects"], a["url"]), (5, self.server.url("/echo")))
        self.fetch.failed(self.server.url(chain(6)), "refused", "redirect", "more than 5")

    def test_a_redirect_keeps_method_and_body_only_where_it_says_so(self):
        def go(code, method):
            _, body = self.fetch.answer(self.server.url("/go?to=/echo&code=%d" % code), b"words", method=method)
            said = json.loads(body)
            return said["method"], said["body"]
        self.assertEqual([go(c, "POST") for c in (301, 302, 303)], [("GET", "")] * 3)
        self.assertEqual([go(c, "POST") for c in (307, 308)], [("POST", "words")] * 2)
        self.assertEqual(go(302, "PUT"), ("PUT", "words"))
        self.assertEqual(go(303, "PUT"), ("GET", ""))

    def test_headers_and_bodies_of_one_origin_do_not_go_to_another(self):
        other = Server()
        to = "?to=" + urllib.parse.quote(other.url(), "")
        keys = [["Authorization", "Bearer key"], ["Cookie", "c=1"], ["X-Api-Key", "key"], ["Accept", "text/x"]]
        _, body = self.fetch.answer(self.server.url("/go" + to), headers=keys)
        said = json.loads(body)["headers"]
        self.assertEqual(said["accept"], "text/x")
        for name in ("authorization", "cookie", "x-api-key"):
            self.assertNotIn(name, said)
        self.assertEqual(self.server.hits[0][2]["x-api-key"], "key")
        back = "?to=" + urllib.parse.quote(self.server.url("/echo"), "")
        _, body = self.fetch.answer(self.server.url("/go" + back), headers=keys)
        self.assertEqual(json.loads(body)["headers"]["authorization"], "Bearer key")
        there = "?to=" + urllib.parse.quote(other.url("/go" + back), "")
        _, body = self.fetch.answer(self.server.url("/go" + there), headers=keys)
        for name in ("authorization", "cookie", "x-api-key"):  # another origin chose this path
            self.assertNotIn(name, json.loads(body)["headers"])
        self.fetch.failed(self.server.url("/go%s&code=307" % to), "refused", "redirect", "with a body", b"words",
                          method="POST")
        other.shutdown()

    def test_schemes_urls_methods_and_headers_that_no_app_may_send(self):
        url = self.server.url()
        for bad, code, rule in (("file:///etc/passwd", "refused", "scheme"), ("ftp://x.test/", "refused", "scheme"),
                                ("http://u:p@x.test/", "refused", "url"), ("nonsense", "bad_request", "url"),
                                ("http://", "bad_request", "url"), ("http://ex\u00e4mple.test/", "bad_request", "url"),
                                ("http://a b.test/", "bad_request", "url"), ("http://x.test:0/", "bad_request", "url"),
                                ("http://x.test:99999/", "bad_request", "url"),
                                ("http://x.test/" + "a" * 8180, "bad_request", "url")):
            self.fetch.failed(bad, code, rule)
        for method in ("CONNECT", "TRACE", "get", "GET /"):
            self.fetch.failed(url, "refused", "method", method=method)
        self.fetch.failed(url, "bad_request", "method", body=b"x")
        for name in ("Host", "content-length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "Expect"):
            self.fetch.failed(url, "refused", "header", name, headers=[[name, "x"]])
        for pair in (["X", "a\r\nY: b"], ["X\r\nY", "b"], ["X y", "b"], ["", "b"], ["X", 1], ["X"], "X: y"):
            self.fetch.failed(url, "bad_request", "header", headers=[pair])
        self.fetch.failed(url, "refused", "size", headers=[["X", "y"]] * 65)
        self.fetch.failed(url, "refused", "size", headers=[["X", "y" * 33000]])
        self.assertEqual(self.server.hits, [])

    def test_the_apps_list_and_the_operators_must_both_cover_the_host(self):
        self.fetch.failed(self.server.url(), "refused", "app", "README.md", allow=[])
        self.fetch.failed(self.server.url(), "refused", "app", allow=["127.0.0.1"])
        self.fetch.answer(self.server.url(), allow=["127.0.0.1:%d" % self.server.port])
        for options, words in (((), "allows no host"), (("--allow", "api.test"), "is not among")):
            fetch = Fetch(*options)
            fetch.failed(self.server.url(), "refused", "operator", words)
            self.assertEqual(fetch.close(), 0)
        for options in (("--allow", "http://x"), ("--allow-private", "10.0.0.1/8"), ("--nothing", "x")):
            fetch = Fetch(*options)
            self.assertEqual(fetch.process.wait(20), 2)
            fetch.close()


class Proofs(Case):
    """Whether a host leads to this platform: asked of hosts on no list, and nothing but that."""
    options = ("--prove",)
    path = "/.well-known/vitrine-domain/t0ken"

    def test_one_path_is_asked_of_this_machine_and_nothing_else(self):
        server = Server(PUBLIC)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        NAMES.records["mine.test"] = [PUBLIC]
        NAMES.records["private.test"] = ["10.1.2.3"]
        mine, more = "http://mine.test:%d" % server.port, {"prove": True, "allow": ()}
        a, _ = self.fetch.answer(mine + self.path, **more)
        self.assertEqual(a["status"], 200)
        self.assertEqual([h[:2] for h in server.hits], [("GET", self.path)])
        for url in (mine + "/other", mine + "/.well-known/vitrine-domain/../../x", mine.replace("http:", "https:") + self.path):
            self.fetch.failed(url, "refused", "operator", **more)
        self.fetch.failed(mine + self.path, "refused", "operator", method="POST", **more)
        self.fetch.failed("http://private.test:%d%s" % (server.port, self.path), "refused", "address", **more)
        self.fetch.failed(mine + self.path, "refused", "operator", allow=("*:*",))
        self.assertEqual(len(server.hits), 1)

    def test_a_name_that_leads_to_every_machine_proves_nothing(self):
        for name, address in (("four.test", "127.0.0.1"), ("far.test", "127.9.9.9")):
            NAMES.records[name] = [address]
            self.fetch.failed("http://%s:%d%s" % (name, self.server.port, self.path), "refused", "address", "loopback",
                              prove=True, allow=())
        self.assertEqual(self.server.hits, [])


class NamedLoopback(Case):
    options = ("--prove", "--allow-private", "127.0.0.1/32")

    def test_unless_the_operator_named_it(self):
        NAMES.records["four.test"] = ["127.0.0.1"]
        a, _ = self.fetch.answer("http://four.test:%d%s" % (self.server.port, Proofs.path), prove=True, allow=())
        self.assertEqual(a["status"], 200)


class NoProofs(Case):
    def test_it_is_not_asked_unless_the_operator_said_so(self):
        self.fetch.failed(self.server.url(Proofs.path), "refused", "operator", prove=True)
        self.assertEqual(self.server.hits, [])


class Limits(Case):
    def test_an_answer_of_8_mib_passes_and_a_byte_more_does_not(self):
        a, body = self.fetch.answer(self.server.url("/bytes?n=%d" % (8 * MIB)))
        self.assertEqual(len(body), 8 * MIB)
        for path in ("/bytes?n=%d" % (8 * MIB + 1), "/endless"):
            self.fetch.failed(self.server.url(path), "too_large", "size", "8 MiB")
        a, body = self.fetch.answer(self.server.url("/bytes?n=%d" % (9 * MIB)), method="HEAD")
        self.assertEqual((dict(map(tuple, a["headers"]))["content-length"], body), (str(9 * MIB), b""))

    def test_a_bomb_is_no_larger_in_memory_than_an_answer_may_be(self):
        before = self.fetch.memory_kib()
        self.fetch.failed(self.server.url("/bomb"), "too_large", "size")
        if b"__asan_init" not in open(PROGRAM, "rb").read():
            self.assertLess(self.fetch.memory_kib() - before, 32 * 1024)

    def test_a_body_of_1_mib_passes_and_long_headers_do_not(self):
        _, body = self.fetch.answer(self.server.url(), b"b" * MIB, method="POST")
        self.assertEqual(len(json.loads(body)["body"]), MIB)
        self.fetch.failed(self.server.url(), "too_large", "size", "1 MiB", b"b" * (MIB + 1), method="POST")
        self.fetch.failed(self.server.url("/long-headers"), "too_large", "size", "64 KiB")

    def test_slow_servers_and_silent_names_are_given_up_when_time_is_over(self):
        NAMES.records["silent.test"] = "silent"
        for url in (self.server.url("/hang"), self.server.url("/drip"), self.server.url(host="silent.test")):
            fields = self.fetch.failed(url, "timeout", "time", timeout_ms=300)
            self.assertGreaterEqual(fields["ms"], 250)
        began = time.monotonic()
        self.fetch.answer(self.server.url())  # the resolver that still waits holds nobody up
        self.assertLess(time.monotonic() - began, 5)

    def test_a_space_has_8_requests_at_once_and_120_within_a_minute(self):
        for _ in range(8):
            self.fetch.send(self.server.url("/hang"))
        self.fetch.failed(self.server.url(), "busy", "concurrency", "8 requests of this Space")
        self.fetch.answer(self.server.url(), space="another")
        self.server.wait.set()
        for _ in range(8):
            self.fetch.take()
        for _ in range(112):
            self.fetch.answer(self.server.url())
        self.fetch.failed(self.server.url(), "busy", "rate", "120 requests")
        self.fetch.answer(self.server.url(), space="another")

    def test_all_spaces_together_have_128_requests_at_once(self):
        for n in range(128):
            self.fetch.send(self.server.url("/hang"), space="s%d" % (n // 8))
        self.fetch.failed(self.server.url(), "busy", "concurrency", "128 requests", space="another")

    def test_names_that_nobody_answers_leave_memory_for_the_next_ones(self):
        NAMES.records["silent.test"], NAMES.records["app.test"] = "silent", ["127.0.0.1"]
        for around in range(2):
            for n in range(128):
                self.fetch.send(self.server.url(host="silent.test"), space="s%d" % (n // 8), timeout_ms=500)
            self.assertEqual({self.fetch.take()[1]["code"] for n in range(128)}, {"timeout"})
        self.fetch.answer(self.server.url(host="app.test"))


class Certificates(Case):
    def ask_with(self, certificate, host="tls.test"):
        NAMES.records["tls.test"] = NAMES.records["other.test"] = ["127.0.0.1"]
        server = Server(certificate=FOLDER + certificate)
        end = self.fetch.ask("https://%s:%d/echo" % (host, server.port))
        server.shutdown()
        return end

    def test_a_certificate_counts_only_by_a_known_authority_and_for_its_name(self):
        kind, fields, _ = self.ask_with("/tls.pem")
        self.assertEqual(kind, ANSWER, fields)
        for certificate, host in (("/self.pem", "tls.test"), ("/tls.pem", "other.test")):
            kind, fields, _ = self.ask_with(certificate, host)
            self.assertEqual((kind, fields["code"]), (FAILED, "tls"), fields)

    def test_no_redirect_leads_from_https_to_http(self):
        NAMES.records["tls.test"] = ["127.0.0.1"]
        server = Server(certificate=FOLDER + "/tls.pem")
        to = urllib.parse.quote(self.server.url(), "")
        self.fetch.failed("https://tls.test:%d/go?to=%s" % (server.port, to), "refused", "redirect", "from https to http")
        server.shutdown()


class Confinement(Case):
    def test_it_has_no_capability_no_new_privileges_and_a_filter(self):
        self.fetch.answer(self.server.url())
        with open("/proc/%d/status" % self.fetch.process.pid) as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)), ("1", "2", 0))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    with tempfile.TemporaryDirectory(prefix="vitrine-fetch-") as FOLDER:
        os.chmod(FOLDER, 0o755)
        if not enter_namespaces(FOLDER):
            print("skipped: this machine gives no user, mount and network namespaces to this user")
            sys.exit(77)
        BOMB = gzip.compress(bytes(64 * MIB))
        NAMES = Names()
        unittest.main(verbosity=2, warnings="ignore")
