"""The real vitrine-tls before the real vitrine-gateway: what clients that are not ours see of them."""

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import *  # noqa: F401,F403,E402

TLS = sys.argv[2] if len(sys.argv) > 2 else ""


def openssl(*arguments, check=True, **more):
    return subprocess.run(["openssl", *arguments], check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE, **more).stdout.decode()


def at_fd(number, sock, *command):
    """The command, for a program that is to find the socket at that descriptor."""
    return ["sh", "-c", 'exec "$0" "$@" %d<&%d %d<&-' % (number, sock.fileno(), sock.fileno()), *command]


class Front:
    """vitrine-tls and the gateway behind it, with an authority of our own."""

    def __init__(self, g):
        self.g, self.process = g, None
        for name in ("ca", "certs"):
            os.mkdir(g.path(name))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test",
                "-days", "2", "-keyout", g.path("ca/key.pem"), "-out", g.path("ca/cert.pem"))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.behind = socket.socket(socket.AF_UNIX)
        self.behind.bind(g.path("run/front.sock"))
        self.behind.listen(512)

    def issue(self, file, *hosts, days=2, key="ec", aside=False):
        """Puts a certificate there as one file, whole, and says its serial number."""
        g = self.g
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", key]
        openssl("req", *kind, "-nodes", "-subj", "/CN=" + hosts[0].replace("*", "any"), "-addext",
                "subjectAltName=" + ",".join(("IP:" if h[0].isdigit() else "DNS:") + h for h in hosts),
                "-keyout", g.path("ca/new.key"), "-out", g.path("ca/new.csr"))
        openssl("x509", "-req", "-in", g.path("ca/new.csr"), "-copy_extensions", "copy", "-days", str(days),
                "-CA", g.path("ca/cert.pem"), "-CAkey", g.path("ca/key.pem"), "-out", g.path("ca/new.pem"))
        with open(g.path("ca/new.pem")) as f, open(g.path("ca/new.key")) as k:
            text = f.read() + k.read()
        if aside:
            return text
        self.put(file, text)
        return int(openssl("x509", "-in", g.path("ca/new.pem"), "-noout", "-serial").split("=")[1], 16)

    def put(self, file, text):
        with open(self.g.path("certs/.new"), "w") as f:
            f.write(text)
        os.rename(self.g.path("certs/.new"), self.g.path("certs/" + file))

    def start(self, *arguments, gateway=()):
        g = self.g
        # The gateway takes both of its listening sockets: 3 for http, 4 for vitrine-tls.
        g.command = at_fd(4, self.behind, g.program)
        g.fds = (3, self.behind.fileno())
        g.start(arguments=gateway)
        self.words = open(g.path("words"), "w")
        self.process = subprocess.Popen(
            at_fd(3, self.listener, TLS, "--certs", g.path("certs"), "--gateway", g.path("run/front.sock"),
                  *arguments),
            pass_fds=(self.listener.fileno(),), stderr=self.words,
            env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")})
        self.says("serving|no certificate|usage")
        g.route()
        g.synced()

    def said(self):
        with open(self.g.path("words")) as f:
            return f.read()

    def says(self, pattern, times=1):
        try:
            self.g.until(lambda: len(re.findall(pattern, self.said())) >= times)
        except AssertionError:
            raise AssertionError("not %d times %r in %s" % (times, pattern, self.said()[-2000:]))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.listener.close()
        self.behind.close()
        assert code == 0, "vitrine-tls ended with %r: %s" % (code, self.said())

    def context(self, **more):
        c = ssl.create_default_context(cafile=self.g.path("ca/cert.pem"))
        for name, value in more.items():
            setattr(c, name, value)
        return c

    def connect(self, name="one.example", context=None, session=None, source="127.0.0.1"):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE, source_address=(source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (context or self.context()).wrap_socket(s, server_hostname=name, session=session)

    def get(self, path, *headers, name="one.example", close=True, on=None, **more):
        s = on or self.connect(name, **more)
        s.sendall("\r\n".join(["GET %s HTTP/1.1" % path, "Host: " + name, *headers,
                               "Connection: " + ("close" if close else "keep-alive")]).encode() + b"\r\n\r\n")
        answer = read_answer(s)
        if close:
            s.close()
        return answer


def read_answer(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            return 0, {}, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    n = int(headers.get("content-length", 0))
    while len(body) < n:
        more = s.recv(65536)
        if not more:
            break
        body += more
    return int(lines[0].split()[1]), headers, body


def serial(s):
    return int(s.getpeercert()["serialNumber"], 16)


def with_front(test):
    def run(g):
        f = Front(g)
        try:
            test(f)
        finally:
            if f.process:
                if f.process.poll() not in (None, 0):
                    sys.stderr.write(f.said())
                f.stop()
    run.__name__ = test.__name__
    run.test = True
    return run


@with_front
def pages_come_over_both_versions_with_cookies_for_tls_only(f):
    f.issue("one.pem", "one.example")
    f.start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = f.context(maximum_version=version, minimum_version=version)
        c.set_alpn_protocols(["h2", "http/1.1"])
        s = f.connect(context=c)
        assert s.version() == {772: "TLSv1.3", 771: "TLSv1.2"}[version] and s.selected_alpn_protocol() == "http/1.1"
        status, headers, body = f.get("/spaces/alice/echo", on=s)
        assert status == 200 and b"Echo &lt;1&gt;" in body
        assert "; Secure" in headers["set-cookie"], headers
    assert "Secure" not in get(f.g.port, "/spaces/alice/echo")[1]["set-cookie"]
    body = os.urandom(300000).hex().encode()
    s = f.connect()
    s.sendall(b"POST /-/probe/size HTTP/1.1\r\nHost: one.example\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert str(len(body)).encode() in read_answer(s)[2]
    s.close()
    # A client that is not Python's.
    out = subprocess.run(["curl", "-sS", "--cacert", f.g.path("ca/cert.pem"), "--resolve",
                          "one.example:%d:127.0.0.1" % f.port, "-w", "%{http_code} %{http_version}", "-o", "/dev/null",
                          "https://one.example:%d/spaces/alice/echo" % f.port],
                         stdout=subprocess.PIPE, timeout=DEADLINE)
    assert out.stdout == b"200 1.1", out


@with_front
def old_versions_weak_ciphers_and_other_protocols_are_refused(f):
    f.issue("one.pem", "one.example")
    f.start()
    at = "127.0.0.1:%d" % f.port
    for arguments in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
                      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], ["-alpn", "h2"]):
        out = openssl("s_client", "-connect", at, *arguments, check=False, stdin=subprocess.DEVNULL)
        assert "alert" in out and "Cipher is (NONE)" in out, (arguments, out)
    # It does not begin to negotiate anew, and goes on with what there is.
    out = openssl("s_client", "-connect", at, "-tls1_2", "-servername", "one.example", check=False,
                  input=b"R\nGET /healthz HTTP/1.1\nHost: x\n\n")
    assert "no renegotiation" in out, out
    with socket.create_connection(("127.0.0.1", f.port), timeout=DEADLINE) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b"HTTP" not in s.recv(100)
        except ConnectionResetError:
            pass


@with_front
def a_client_may_take_new_keys_again_and_again(f):
    f.issue("one.pem", "one.example")
    f.start()
    with subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % f.port, "-tls1_3", "-servername",
                           "one.example"], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as client:
        said = b""

        def until_it_says(words, times=1):
            nonlocal said
            while said.count(words) < times:
                assert select.select([client.stdout], [], [], DEADLINE)[0], said
                more = os.read(client.stdout.fileno(), 65536)
                assert more, said
                said += more

        for i in range(20):
            client.stdin.write(b"K\n")
            until_it_says(b"KEYUPDATE", i + 1)
        client.stdin.write(b"GET /healthz HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n")
        until_it_says(b"HTTP/1.1 200")


@with_front
def each_name_has_its_certificate(f):
    one, two = f.issue("a.pem", "one.example", "127.0.0.1"), f.issue("b.pem", "two.example", "*.two.example")
    f.issue("c.pem", "rsa.example", key="rsa:2048")
    f.start()
    for name, wanted in (("one.example", one), ("ONE.example", one), ("two.example", two), ("x.two.example", two),
                         ("127.0.0.1", one)):
        with f.connect(name) as s:
            assert serial(s) == wanted, name
    with f.connect("rsa.example") as s:
        assert s.version() == "TLSv1.3"
    for name in ("three.example", "x.y.two.example"):
        try:
            f.connect(name)
        except ssl.SSLCertVerificationError:
            continue
        raise AssertionError(name + " has a certificate of another")


@with_front
def sessions_resume_by_ticket_also_after_a_reload(f):
    f.issue("one.pem", "one.example")
    f.start()
    c = f.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    first = f.connect(context=c)
    f.get("/healthz", on=first, close=False)
    session = first.session
    assert not first.session_reused
    first.close()
    f.issue("one.pem", "one.example")
    f.says("serving 1 cert", times=2)
    again = f.connect(context=c, session=session)
    assert again.session_reused
    again.close()


@with_front
def certificates_change_while_clients_are_served(f):
    f.issue("one.pem", "one.example")
    f.start()
    kept = f.connect()
    stop, failed, served = threading.Event(), [], [0]

    def keep_asking():
        while not stop.is_set():
            try:
                assert f.get("/healthz")[0] == 200
                served[0] += 1
            except Exception as e:  # noqa: BLE001
                failed.append(repr(e))

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(3):
        wanted = f.issue("one.pem", "one.example")
        f.says("serving 1 cert", times=i + 2)
        with f.connect() as s:
            assert serial(s) == wanted
        assert f.get("/healthz", on=kept, close=False)[0] == 200
    f.process.send_signal(signal.SIGHUP)
    f.says("serving 1 cert", times=5)
    before = served[0]
    f.g.until(lambda: served[0] > before + 10)
    stop.set()
    for t in threads:
        t.join()
    assert not failed, failed[:3]
    kept.close()


@with_front
def what_is_no_certificate_is_refused_with_words_and_the_one_before_stays(f):
    good = f.issue("one.pem", "one.example")
    f.start()
    other, old = f.issue("", "one.example", aside=True), f.issue("", "one.example", days=-1, aside=True)
    with open(f.g.path("certs/one.pem")) as one:
        own = one.read()
    cert, key = own.split("-----END CERTIFICATE-----\n")
    cert += "-----END CERTIFICATE-----\n"
    locked = openssl("pkey", "-aes128", "-passout", "pass:x", input=key.encode())
    weak = f.issue("", "one.example", key="rsa:1024", aside=True)
    for text, words in ((cert + other.split("-----END CERTIFICATE-----\n")[1], "not that of the first"),
                        (cert, "the key: there is none"), (key, "the certificate: there is none"),
                        (cert + locked, "passphrase"), (cert[:200] + cert[300:] + key, "certificate 1"), ("", "there is none"),
                        (other.split("-----BEGIN PRIVATE")[0] + own, "not that of the first|has not issued"),
                        (old, "has expired on"), (weak, "too small"), ("x" * 300000, "KiB|limit|larger|over")):
        f.put("one.pem", text)
        f.says("file=one.pem .*(%s).*the one before stays" % words)
        with f.connect() as s:
            assert serial(s) == good, words
    f.put("one.pem", own)
    f.put("two.pem", "nothing")
    f.says("file=two.pem .*left out")
    os.unlink(f.g.path("certs/one.pem"))
    f.says("there is no certificate")
    with socket.create_connection(("127.0.0.1", f.port), timeout=DEADLINE) as s:
        assert s.recv(1) == b""
    f.put("one.pem", own)
    f.g.until(lambda: "serving 1 cert" in f.said().split("there is no certificate")[-1])
    assert f.get("/healthz")[0] == 200


@with_front
def limits_per_address_hold_behind_it(f):
    f.issue("one.pem", "one.example")
    f.start(gateway=("--sockets-per-address", "4"))
    held = [f.connect(source="127.0.0.9") for _ in range(4)]
    for s in held:
        assert f.get("/healthz", on=s, close=False)[0] == 200
    status, _, body = f.get("/healthz", source="127.0.0.9")
    assert status == 503 and b"from your address" in body
    assert f.get("/healthz", "X-Forwarded-For: 127.0.0.9")[0] == 200
    for s in held:
        s.close()
    f.g.until(lambda: f.get("/healthz", source="127.0.0.9")[0] == 200)


@with_front
def connections_per_address_are_bounded_before_the_handshake(f):
    f.issue("one.pem", "one.example")
    f.start("--sockets-per-address", "50")
    held = [socket.create_connection(("127.0.0.1", f.port)) for _ in range(200)]
    # Those beyond it are closed at once, while the others wait for what they have to say.
    f.g.until(lambda: len(select.select(held, [], [], 0)[0]) >= 150)
    assert f.get("/healthz", source="127.0.0.2")[0] == 200
    for s in held:
        s.close()
    f.g.until(lambda: reachable(f))


def reachable(f):
    try:
        return f.get("/healthz")[0] == 200
    except (OSError, ssl.SSLError):
        return False


@with_front
def a_slow_handshake_ends_and_holds_up_nobody(f):
    f.issue("one.pem", "one.example")
    f.start()
    slow = socket.create_connection(("127.0.0.1", f.port), timeout=DEADLINE)
    slow.sendall(b"\x16\x03\x01\x02\x00\x01")
    silent = socket.create_connection(("127.0.0.1", f.port), timeout=DEADLINE)
    mute = f.connect()  # its handshake is done, and then it says nothing
    began = time.monotonic()
    while select.select([slow, silent, mute], [], [], 0)[0] == []:
        try:
            slow.sendall(b"\x00")
        except OSError:
            break
        assert f.get("/healthz")[0] == 200
        assert time.monotonic() - began < DEADLINE
        time.sleep(0.2)
    for s in (slow, silent):
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            pass
    mute.settimeout(DEADLINE)
    try:
        assert mute.recv(100) == b""
    except ConnectionResetError:
        pass


@with_front
def nothing_is_lost_when_the_client_reads_slowly(f):
    f.issue("one.pem", "one.example")
    f.start()
    f.g.write("ui/assets/large-1.js", "0123456789abcdef" * 500000)
    s = f.connect()
    s.sendall(b"GET /assets/large-1.js HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n")
    data = b""
    time.sleep(0.3)  # all buffers between the two are full by now
    while True:
        more = s.recv(10000)
        if not more:
            break
        data += more
    assert data.endswith(b"0123456789abcdef" * 500000)
    s.close()


@with_front
def websockets_go_through(f):
    f.issue("one.pem", "one.example")
    f.start(gateway=("--https-port", str(f.port)))
    host = "one.example:%d" % f.port
    page = Page(f.port, host=host, origin="https://" + host, sock=f.connect())
    assert page.status == 101 and "; Secure" in page.head
    page.join()
    worker = f.g.wake()
    worker.open()
    page.expect(TREE)
    page.event(1, values=[(7, b'"hi"')])
    worker.answer(worker.expect(EVENT, seq=1, skip=(ACK, VALUE)), "HI")
    page.expect(PATCH, skip=(ACCEPTED, PHASE, TREE))
    page.close()
    refused = Page(f.g.port, origin="http://127.0.0.1:%d" % f.g.port)
    assert refused.status == 403


@with_front
def http_leads_to_https(f):
    f.issue("one.pem", "one.example")
    f.start(gateway=("--https-port", str(f.port)))
    status, headers, _ = get(f.g.port, "/spaces/alice/echo?x=1")
    assert status == 308 and headers["location"] == "https://127.0.0.1:%d/spaces/alice/echo?x=1" % f.port
    assert get(f.g.port, "/api/login", method="POST", body=b"{}")[0] == 308
    assert get(f.g.port, "/healthz")[0] == 200
    assert http(f.g.port, "GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n")[1]["location"] == \
        "https://[::1]:%d/" % f.port
    assert f.get("/spaces/alice/echo")[0] == 200


@with_front
def answers_carry_the_headers_that_keep_a_page_to_itself(f):
    f.issue("one.pem", "one.example")
    f.start()
    page, embed, api = (f.get(path)[1] for path in (
        "/spaces/alice/echo", "/spaces/alice/echo/-/embed", "/healthz"))
    for headers in (page, embed, api):
        assert headers["strict-transport-security"] == "max-age=15552000"
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
    assert page["cross-origin-opener-policy"] == "same-origin" and "cross-origin-opener-policy" not in embed
    assert "frame-ancestors 'self'" in page["content-security-policy"]
    assert "frame-ancestors *" in embed["content-security-policy"]
    assert "strict-transport-security" not in get(f.g.port, "/spaces/alice/echo")[1]


@with_front
def requests_are_counted_by_address_token_and_space(f):
    f.issue("one.pem", "one.example")
    f.start(gateway=("--limit", "address-requests=4", "--limit", "token-requests=2", "--limit", "space-requests=6"))
    token = "Authorization: Bearer hf_"

    def ask(source, *headers, path="/-/sign-in"):
        status, headers, body = f.get(path, *headers, source=source)
        return status, headers, body

    status, headers, _ = ask("127.0.0.11")
    assert status == 200 and headers["ratelimit-policy"] == '"address";q=40;w=10'
    left, reset = re.fullmatch(r'"address";r=(\d+);t=(\d+)', headers["ratelimit"]).groups()
    assert 30 <= int(left) < 40 and int(reset) <= 10 and "retry-after" not in headers
    f.g.until(lambda: ask("127.0.0.11")[0] == 429)
    status, headers, body = ask("127.0.0.11")
    if status == 429:
        assert int(headers["retry-after"]) >= 1 and b"of this address" in body
        assert headers["ratelimit"].startswith('"address";r=0;t=')
    # Others have their own, and one token is one however many addresses use it.
    assert ask("127.0.0.12")[0] == 200
    seen = [ask("127.0.0.%d" % (20 + n % 8), token + "one") for n in range(40)]
    refused = [h for s, h, b in seen if s == 429]
    assert refused and all(h["ratelimit-policy"] == '"token";q=20;w=10' for h in refused), seen[-1]
    assert ask("127.0.0.12", token + "two")[0] == 200
    seen = [ask("127.0.0.%d" % (30 + n % 16), path="/spaces/alice/echo") for n in range(130)]
    assert any(s == 429 and b"of this space" in b for s, h, b in seen)
    assert f.get("/healthz", source="127.0.0.11")[0] == 200


@with_front
def while_the_gateway_restarts_clients_wait(f):
    f.issue("one.pem", "one.example")
    f.start()
    f.g.kill()
    answers = []
    t = threading.Thread(target=lambda: answers.append(f.get("/healthz")[0]))
    t.start()
    f.g.start()
    t.join(DEADLINE)
    assert answers == [200]


@with_front
def what_does_not_say_whose_it_is_gets_no_word(f):
    f.issue("one.pem", "one.example")
    f.start()
    for data in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\nGET / HTTP/1.1\r\n\r\n",
                 b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c" + b"\0" * 12):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(f.g.path("run/front.sock"))
        s.sendall(data)
        try:
            assert s.recv(100) == b"", data
        except ConnectionResetError:
            pass
        s.close()


@with_front
def its_numbers_reach_the_orchestrator_by_way_of_the_gateway(f):
    f.issue("one.pem", "one.example")
    f.issue("two.pem", "one.example", days=1)  # nobody is shown it
    f.start()
    for _ in range(3):
        f.get("/healthz")
    wanted = {'handshakes_total{result="done"}': 3, "certificates": 1, "connections": 0}
    while True:
        text = f.g.edge.expect(0x6e, skip=NEWS).value.split(b"\0")[0].decode()
        told = {name.removeprefix("vitrine_tls_"): float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}
        if all(told[name] == value for name, value in wanted.items()):
            break
    assert 86400 < told["earliest_expiry_seconds"] - time.time() <= 2 * 86400, told


TESTS = [v for v in list(globals().values()) if getattr(v, "test", None) is True]

if __name__ == "__main__":
    run(TESTS, [sys.argv[0], sys.argv[1], *sys.argv[3:]])
