"""The real vitrine-gateway where Spaces have hosts of their own: what is there, and who is known there."""

import hashlib
import json
import os
import re
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Upstream  # noqa: E402
from gateway_fakes import *  # noqa: F401,F403,E402

API = [{"name": "echo", "node": 7, "event": "submit",
        "inputs": [{"name": "text", "component": "textbox", "type": "string", "required": True}],
        "outputs": [{"name": "out", "component": "textbox", "type": "string"}]}]
BROWSER = ("Accept: text/html", "Sec-Fetch-Dest: document")


def begin(g, scheme="http", arguments=(), **more):
    g.url = "%s://demos.test:%d" % (scheme, g.port)
    g.start(arguments=("--url", g.url, "--spaces-domain", "spaces.test", *arguments))
    g.route(api=API, **more)
    g.synced()


def at(g, host, path, *headers, method="GET", body=b""):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: %s:%d" % (host, g.port), "Connection: close", *headers]
    if body:
        lines.append("Content-Length: %d" % len(body))
    return http(g.port, "\r\n".join(lines) + "\r\n\r\n", body)


ECHO = "alice-echo.spaces.test"


class Orchestrator(threading.Thread):
    """Answers who is who: a cookie "c-NAME" is NAME's, unless it has ended."""

    def __init__(self, g):
        super().__init__(daemon=True)
        self.edge, self.ended, self.asked = g.edge, set(), []
        self.edge.sock.settimeout(0.05)
        self.stop = False
        self.start()

    def run(self):
        while not self.stop:
            try:
                f = self.edge.next()
            except TimeoutError:
                continue
            except (Closed, OSError):
                return
            if f.type != IDENTIFY:
                continue
            cookie = f.json()["cookie"]
            self.asked.append(cookie)
            known = cookie.startswith("c-") and cookie not in self.ended
            self.edge.send(Frame(IDENTITY, {"user": cookie[2:]} if known else {}, seq=f.seq))

    def end(self):
        self.stop = True
        self.join()
        self.edge.sock.settimeout(DEADLINE)


def cookies(headers):
    """Name and value of what one answer sets."""
    return re.match(r"([^=]+)=([^;]*)", headers["set-cookie"]).groups()


def path_of(url, base):
    assert url.startswith(base), (url, base)
    return url[len(base):]


def walk(g, host, sign_in, next="/"):
    """The way through the door: the pass as a cookie, or None, and where it led."""
    status, headers, _ = at(g, host, "/-/enter?next=" + next)
    assert status == 303 and headers["cache-control"] == "no-store", (status, headers)
    name, secret = cookies(headers)
    path = path_of(headers["location"], g.url)
    assert secret not in path
    status, headers, _ = at(g, "demos.test", path, *(["Cookie: vitrine_session=" + sign_in] if sign_in else []))
    if status != 303 or headers["location"].startswith("/-/sign-in"):
        return None, (status, headers.get("location"))
    path = path_of(headers["location"], "http://%s:%d" % (host, g.port))
    assert "c-" not in path
    g.last_code, g.last_secret = path, "%s=%s" % (name, secret)
    status, headers, _ = at(g, host, path, "Cookie: " + g.last_secret)
    assert status == 303, status
    return "%s=%s" % cookies(headers), headers["location"]


def a_space_is_at_the_root_of_its_host(g):
    begin(g)
    status, headers, body = at(g, ECHO, "/")
    assert status == 200 and b"Echo &lt;1&gt;" in body
    data = json.loads(body.split(b'id="vitrine-data">')[1].split(b"</script>")[0])
    assert data["base"] == "" and data["platform"] == g.url
    assert data["address"] == "http://%s:%d" % (ECHO, g.port)
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert at(g, ECHO.upper() + ".", "/?x=1")[0] == 200
    assert at(g, ECHO, "/p/more")[0] == 200 and at(g, ECHO, "/assets/app-1a2b.js")[0] == 200
    status, headers, _ = at(g, ECHO, "/-/embed")
    assert status == 200 and "frame-ancestors *" in headers["content-security-policy"]
    assert json.loads(at(g, ECHO, "/-/openapi.json")[2])["servers"][0]["url"] == "http://%s:%d" % (ECHO, g.port)
    config = json.loads(at(g, ECHO, "/config")[2])
    assert config["root"] == "http://%s:%d" % (ECHO, g.port)
    status, headers, _ = at(g, ECHO, "/-/uploads", "Tus-Resumable: 1.0.0", "Upload-Length: 5", method="POST")
    assert status == 201 and headers["location"].startswith("/-/uploads/")


def nothing_of_the_platform_is_at_a_spaces_host(g):
    seen = []
    g.http_server = Upstream(g.path("run/http.sock"), lambda h, line, headers: seen.append(line))
    begin(g)
    g.route(bundle="b2", space="s2", name="other", sync=False)
    for path in ("/api/whoami-v2", "/api/login", "/-/sign-in", "/-/account", "/-/admin", "/-/connection", "/-/logs",
                 "/-/settings", "/-/api", "/v1/models", "/models/a/b", "/metrics", "/healthz", "/lfs-storage/get/x",
                 "/alice/echo", "/spaces/alice/echo", "/spaces/alice/other", "/spaces/alice/other/-/openapi.json",
                 "/info/refs?service=git-upload-pack", "/tree/main", "/resolve/main/app.lua", "/raw/main/app.lua",
                 "/-/site/index.html", "/-/probe/head", "//alice/other", "/-/../api/x", "/space.html"):
        assert at(g, ECHO, path)[0] == 404, path
    for path in ("/login", "/gradio_api/login", "/api/login", "/git-receive-pack"):
        assert at(g, ECHO, path, "Content-Type: application/x-www-form-urlencoded", method="POST",
                  body=b"username=a&password=b")[0] == 404, path
    assert seen == []
    page = Page(g.port, space="alice/other", host="%s:%d" % (ECHO, g.port))
    assert page.status in (404, 426)


def a_page_talks_to_its_own_host_only(g):
    begin(g)
    g.route(bundle="b2", space="s2", name="other", sync=False)
    page = Socket(g, ECHO, origin="http://%s:%d" % (ECHO, g.port))
    assert page.status == 101
    page.join()
    page.expect(TREE)
    g.wake()
    assert Socket(g, ECHO, origin="http://alice-other.spaces.test:%d" % g.port).status == 403
    assert Socket(g, ECHO, origin=g.url).status == 403
    assert Socket(g, "nobody-x.spaces.test").status == 426
    assert at(g, ECHO, "/-/stream", "Origin: http://alice-other.spaces.test:%d" % g.port, method="POST")[0] == 403
    assert at(g, ECHO, "/-/stream", "Origin: http://%s:%d" % (ECHO, g.port), method="POST")[0] == 201


class Socket(Page):
    """A browser's WebSocket to the root of a host."""

    def __init__(self, g, host, **more):
        self.target = "/-/ws"
        sock = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
        real = sock.sendall

        class Rewriting:
            def __getattr__(self, name):
                return getattr(sock, name)

            def sendall(self, data):
                real(data.replace(b"GET /spaces/alice/echo/-/ws ", b"GET /-/ws "))

        super().__init__(g.port, host="%s:%d" % (host, g.port), sock=Rewriting(), **more)


def the_door_signs_in_and_signing_out_ends_it(g):
    begin(g, private=True)
    people = Orchestrator(g)
    assert at(g, ECHO, "/", *BROWSER)[0] == 404
    # The platform's cookie says nothing here, whoever planted it.
    assert at(g, ECHO, "/", "Cookie: vitrine_session=c-alice")[0] == 404
    assert walk(g, ECHO, None)[1][1].startswith("/-/sign-in?next=%2F-%2Fenter") or \
        walk(g, ECHO, None)[1][1].startswith("/-/sign-in?next=/-/enter")
    assert walk(g, ECHO, "c-bob") == (None, (404, None))
    mine, led = walk(g, ECHO, "c-alice", "/p/two%3Fx=1")
    assert led == "/p/two?x=1" and "c-alice" not in mine
    assert at(g, ECHO, "/", "Cookie: " + mine)[0] == 200
    assert at(g, ECHO, "/-/enter?next=/p/x", "Cookie: " + mine)[1]["location"] == "/p/x"
    # It is no sign-in at the platform, and none elsewhere.
    assert at(g, "demos.test", "/spaces/alice/echo", "Cookie: " + mine)[0] == 404
    assert at(g, "demos.test", "/spaces/alice/echo", "Cookie: vitrine_session=" + mine.split("=")[1])[0] == 404
    people.end()
    g.route(bundle="b2", space="s2", name="other", private=True, sync=False)
    people = Orchestrator(g)
    assert at(g, "alice-other.spaces.test", "/", "Cookie: " + mine)[0] == 404
    people.end()
    page = Socket(g, ECHO, cookie=mine, origin="http://%s:%d" % (ECHO, g.port))
    people = Orchestrator(g)
    page.join()
    assert page.welcome.json()["user"] == "alice" and page.welcome.json()["owner"] is True
    people.ended.add("c-alice")
    g.until(lambda: at(g, ECHO, "/", "Cookie: " + mine)[0] == 404)
    people.end()


def a_code_is_used_once_and_by_the_browser_that_asked(g):
    begin(g)
    people = Orchestrator(g)
    mine, _ = walk(g, ECHO, "c-alice")
    assert mine
    assert at(g, ECHO, g.last_code, "Cookie: " + g.last_secret)[0] == 403
    # Nobody is signed in as somebody else by a link.
    _, headers, _ = at(g, ECHO, "/-/enter")
    path = path_of(headers["location"], g.url)
    _, headers, _ = at(g, "demos.test", path, "Cookie: vitrine_session=c-mallory")
    code = path_of(headers["location"], "http://%s:%d" % (ECHO, g.port))
    assert at(g, ECHO, code)[0] == 403
    assert at(g, ECHO, code, "Cookie: vitrine_enter=" + "a" * 26)[0] == 403
    for bad in ("host=%s&state=x" % ECHO, "host=a%20b&state=" + "0" * 64, "state=" + "0" * 64):
        assert at(g, "demos.test", "/-/enter?" + bad, "Cookie: vitrine_session=c-alice")[0] == 400, bad
    for host in ("evil.org", "demos.test", "nobody-x.spaces.test", "spaces.test"):
        assert at(g, "demos.test", "/-/enter?host=%s&state=%s" % (host, "0" * 64),
                  "Cookie: vitrine_session=c-alice")[0] == 404, host
    for next in ("//evil.org", "https://evil.org", "/\\evil.org", "/%5Cevil.org", "/a%0d%0aSet-Cookie:x"):
        assert walk(g, ECHO, "c-alice", next)[1] == "/", next
    people.end()


def a_code_is_taken_from_the_network_it_was_made_for(g):
    begin(g, arguments=("--proxy", "127.0.0.1"))
    people = Orchestrator(g)
    # The owner's page has chosen the secret, sent the visitor along and read the code on its way.
    secret = "a" * 26
    state = hashlib.sha256(secret.encode()).hexdigest()
    alone = {"cross-origin-opener-policy": "same-origin", "cache-control": "no-store",
             "content-security-policy": "frame-ancestors 'none'"}

    def goes(made, taken):
        status, headers, _ = at(g, "demos.test", "/-/enter?host=%s&state=%s" % (ECHO, state),
                                "Cookie: vitrine_session=c-alice", "X-Forwarded-For: " + made)
        assert status == 303 and alone.items() <= headers.items(), headers
        status, headers, _ = at(g, ECHO, path_of(headers["location"], "http://%s:%d" % (ECHO, g.port)),
                                "Cookie: vitrine_enter=" + secret, "X-Forwarded-For: " + taken)
        assert alone.items() <= headers.items(), headers
        assert (status, "set-cookie" in headers) in ((303, True), (403, False)), (status, headers)
        return status == 303

    assert goes("192.0.2.1", "192.0.2.200") and not goes("192.0.2.1", "192.0.3.1")
    assert goes("2001:db8::1", "2001:db8::2:1") and not goes("2001:db8::1", "2001:db8:0:1::1")
    assert not goes("192.0.2.1", "2001:db8::1") and not goes("192.0.2.1", "127.0.0.2")
    assert goes("127.0.0.2", "::1")  # this machine, by either name
    people.end()


def a_link_keeps_nobody_from_a_public_space(g):
    """try=1: whoever turns out not to be known comes back to the page, once, and without a pass."""
    begin(g)
    own = "http://%s:%d" % (ECHO, g.port)

    def follow(cookie, enter_cookie=True):
        """From the link by path to the page at the host: the addresses on the way."""
        url, way, jar = g.url + "/spaces/alice/echo/p/x?a=1", [], []
        while True:
            host = "demos.test" if url.startswith(g.url) else ECHO
            shown = ["Cookie: " + "; ".join(jar)] if host == ECHO and jar else []
            if host != ECHO:
                shown = ["Cookie: vitrine_session=" + cookie]
            status, headers, _ = at(g, host, path_of(url, g.url if host != ECHO else own), *BROWSER, *shown)
            if host == ECHO and enter_cookie and "set-cookie" in headers:
                jar.append("%s=%s" % cookies(headers))
            if status != 303:
                return status, url, way
            url = headers["location"]
            url = own + url if url.startswith("/") else url
            way.append(url)
            assert len(way) < 6, way

    people = Orchestrator(g)
    status, url, way = follow("c-alice")
    assert status == 200 and url == own + "/p/x?a=1" and "code=" in way[2] and len(way) == 4, way
    status, url, way = follow("old")
    assert status == 200 and url == own + "/p/x?a=1" and len(way) == 3, way
    # A browser that keeps no cookies there.
    status, url, way = follow("c-alice", enter_cookie=False)
    assert status == 200 and url == own + "/p/x?a=1" and len(way) == 4, way
    # "Sign in" means it.
    _, headers, _ = at(g, ECHO, "/-/enter?next=/p/x")
    status, headers, _ = at(g, "demos.test", path_of(headers["location"], g.url), "Cookie: vitrine_session=old")
    assert status == 303 and headers["location"].startswith("/-/sign-in?next="), headers
    people.end()
    g.edge.close()  # and it has never said who this is
    status, url, way = follow("c-carol")
    assert status == 200 and url == own + "/p/x?a=1" and len(way) == 3, way


def a_long_way_in_ends_at_the_sign_in(g):
    begin(g)
    for next, whole in (("/p/" + "x" * 1000, True), ("/" + "%3D" * 1023, True), ("/" + "x" * 6000, False)):
        _, headers, _ = at(g, ECHO, "/-/enter?next=" + next)
        path = path_of(headers["location"], g.url)
        status, headers, _ = at(g, "demos.test", path)
        asked = urllib.parse.unquote(headers["location"].split("next=", 1)[1])
        assert status == 303 and len(headers["location"]) < 8192 and asked == path, (status, next)
        assert ("next=/" + next[1:4] in path) == whole
    # One that somebody wrote by hand leads to the Space's first page.
    path = "/-/enter?host=%s&state=%s&next=/" % (ECHO, "0" * 64)
    status, headers, _ = at(g, "demos.test", path + "x" * 7999)
    assert status == 303 and urllib.parse.unquote(headers["location"].split("next=", 1)[1]) == path


def leaving_takes_a_page_of_that_host(g):
    begin(g)
    own = "Origin: http://%s:%d" % (ECHO, g.port)
    assert at(g, ECHO, "/-/leave", own)[0] == 405
    assert at(g, ECHO, "/-/leave", method="POST")[0] == 403
    assert at(g, ECHO, "/-/leave", "Origin: " + g.url, method="POST")[0] == 403
    status, headers, _ = at(g, ECHO, "/-/leave", own, method="POST")
    assert status == 204 and "vitrine_pass=;" in headers["set-cookie"] and "Max-Age=0" in headers["set-cookie"]


def who_may_not_know_of_a_space_cannot_tell(g):
    begin(g)
    g.route(bundle="b2", space="s2", name="secret", private=True, api=API, sync=False)
    g.route(bundle=None, space="s3", name="site", private=True, sync=False, tree=None, **{"class": "static"})
    g.until(lambda: at(g, ECHO, "/")[0] == 200)
    names = ("secret", "site", "missing")

    def same(path, *headers, **more):
        seen = []
        for name in names:
            host = "alice-%s.spaces.test" % name
            own = "Origin: http://%s:%d" % (host, g.port)
            status, told, body = at(g, host, path, own, *headers, **more)
            told = {k: v for k, v in told.items() if k not in ("date", "set-cookie", "ratelimit")}
            seen.append((status, body.replace(name.encode(), b"NAME"), told))
        assert seen[0] == seen[2], (path, headers, seen)
        assert seen[1] == seen[2], (path, headers, seen)

    for path in ("/", "/p/x", "/config", "/-/openapi.json", "/-/embed", "/-/ws", "/-/file/x", "/-/mcp", "/x/y.txt",
                 "/app.js", "/-/nothing", "/gradio_api/info", "/assets/app-1a2b.js", "/assets/x.js"):
        for headers in ((), BROWSER, ("Cookie: vitrine_pass=" + "ab" * 60,)):
            same(path, *headers)
    for path in ("/-/stream", "/-/send?stream=x&n=1", "/-/uploads", "/-/api/echo", "/-/mcp", "/gradio_api/call/echo"):
        same(path, method="POST", body=b"{}")
    for path in ("/-/stream", "/-/send?stream=x&n=1"):
        same(path, "Authorization: Bearer made-up", method="POST", body=b"{}")
        same(path, "Authorization: Bearer made-up")
    for host in ["alice-%s.spaces.test" % name for name in names]:
        assert Socket(g, host, origin="http://%s:%d" % (host, g.port)).status == 426, host
    # By path too: streams say the same, and nobody's quota of a private Space shows.
    for path in ("/-/stream", "/-/send?stream=x&n=1"):
        seen = [at(g, "demos.test", "/spaces/alice/%s%s" % (n, path), method="POST", body=b"{}") for n in names]
        assert seen[0][0] == seen[2][0] == 404 and seen[0][2] == seen[2][2], (path, seen)


def a_socket_reaches_no_space_but_the_hosts_own(g):
    begin(g)
    g.route(bundle="b2", space="s2", name="echo2", sync=False)
    g.until(lambda: at(g, "alice-echo2.spaces.test", "/")[0] == 200)
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")

    def asks(target):
        head = ["GET %s HTTP/1.1" % target, "Host: %s:%d" % (ECHO, g.port), "Connection: Upgrade", *upgrade]
        sock = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
        sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        status = int(sock.recv(4096).split()[1])
        sock.close()
        return status

    assert asks("/-/ws") == 101
    for target in ("2/-/ws", "2/-/ws?x", "-/ws", "?/-/ws", "/../echo2/-/ws"):
        assert asks(target) in (400, 404), target


def a_persons_browser_is_sent_to_the_host_and_programs_stay(g):
    begin(g)
    people = Orchestrator(g)
    path, own = "/spaces/alice/echo", "http://%s:%d" % (ECHO, g.port)
    assert at(g, "demos.test", path)[0] == 200
    assert at(g, "demos.test", path, "Accept: text/html", "Sec-Fetch-Dest: iframe")[0] == 200
    assert json.loads(at(g, "demos.test", path + "/config")[2])["root"].endswith(path)
    for target, wanted in ((path, "/"), (path + "/", "/"), (path + "?a=1", "/?a=1"), (path + "/p/x?a=1", "/p/x?a=1")):
        status, headers, _ = at(g, "demos.test", target, *BROWSER)
        assert status == 303 and headers["location"] == own + wanted, (target, headers)
    status, headers, _ = at(g, "demos.test", path + "?a=1", *BROWSER, "Cookie: vitrine_session=c-bob")
    assert headers["location"] == own + "/-/enter?try=1&next=/%3Fa%3D1"
    people.end()


def the_files_of_a_static_space_are_its_hosts_own(g):
    seen = []

    def handle(h, line, headers):
        seen.append((line[1], headers))
        found = b"HTTP/1.1 200 OK" if line[1].split("?")[0].endswith(("index.html", ".js")) else b"HTTP/1.1 404 Not Found"
        h.wfile.write(found + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    g.http_server = Upstream(g.path("run/http.sock"), handle)
    begin(g)
    site = {"class": "static", "entry": "pages/index.html"}
    g.route(bundle=None, space="s2", name="site", sync=False, tree=None, **site)
    own = "alice-site.spaces.test"
    g.until(lambda: at(g, own, "/")[0] == 200)
    assert at(g, own, "/")[2] == b"hi" and seen[-1][0] == "/spaces/alice/site/-/site/pages/index.html"
    assert at(g, own, "/a/b.js?v=1", "Cookie: vitrine_session=stolen; x=y")[0] == 200
    target, headers = seen[-1]
    assert target == "/spaces/alice/site/-/site/a/b.js?v=1" and headers["x-vitrine-at-host"] == ["1"]
    assert "cookie" not in headers
    assert at(g, own, "/missing", *BROWSER)[0] == 404 and at(g, own, "/missing", *BROWSER)[2] != b"hi"
    assert at(g, own, "/assets/app-1a2b.js")[2] == b"hi"
    assert at(g, own, "/api/x.js")[2] == b"hi" and seen[-1][0] == "/spaces/alice/site/-/site/api/x.js"
    assert at(g, own, "/", method="POST", body=b"x")[0] == 405
    assert at(g, own, "/-/settings")[0] == 404 and at(g, own, "/-/embed")[1]["location"] == "/"
    # A private one: the sign-in inside the pass goes on, and nothing else.
    g.route(bundle=None, space="s2", name="site", sync=False, tree=None, private=True, **site)
    g.until(lambda: at(g, own, "/")[0] != 200)
    people = Orchestrator(g)
    mine, _ = walk(g, own, "c-alice")
    before = len(seen)
    assert at(g, own, "/", "Cookie: vitrine_session=c-bob; " + mine)[0] == 200
    assert seen[-1][1]["cookie"] == ["vitrine_session=c-alice"] and len(seen) == before + 1
    people.end()


def brought_and_former_hosts_are_the_spaces(g):
    begin(g, domains="demo.company.com", was="alice-old")
    assert at(g, "demo.company.com", "/")[0] == 200 and at(g, "Demo.Company.COM", "/api/x")[0] == 404
    status, headers, _ = at(g, "alice-old.spaces.test", "/p/x?y")
    assert status == 307 and headers["location"] == "http://%s:%d/p/x?y" % (ECHO, g.port)
    g.kill()
    g.start(edge=False, arguments=("--url", g.url, "--spaces-domain", "spaces.test"))
    assert at(g, "demo.company.com", "/")[0] == 200


PROVE, PROVED, REQUEST, ANSWER, FAILED = 0x5e, 0x5f, 0xd0, 0xd8, 0xd9


def a_host_is_proved_by_what_only_the_gateway_can_say(g):
    g.listeners["fetch"] = g.listen("fetch")
    begin(g)
    fetch = g.accept("fetch")

    def ask(host):
        g.edge.send(Frame(PROVE, {"host": host, "token": "t0ken"}))
        f = fetch.expect(REQUEST)
        value = f.json()
        assert value["prove"] is True and value["method"] == "GET" and value["allow"] == []
        assert value["url"] == "http://%s:%d/.well-known/vitrine-domain/t0ken" % (host, g.port)
        return f.seq

    def answer(seq, body, status=200):
        head = {"status": status, "headers": [], "url": "x", "redirects": 0, "host": "x", "ms": 1}
        fetch.send(Frame(ANSWER, json.dumps(head).encode() + b"\0" + body, seq=seq))
        said = g.edge.expect(PROVED, skip=(ACTIVITY, IDENTIFY)).json()
        assert said["token"] == "t0ken"
        return said.get("words")

    path = "/.well-known/vitrine-domain/t0ken"
    assert at(g, "demo.company.com", path)[0] == 404
    seq = ask("demo.company.com")
    # Said for that host and that token, and only while it is asked; at a Space's own host as well.
    assert at(g, "other.company.com", path)[0] == 404 and at(g, "demo.company.com", path + "x")[0] == 404
    status, _, body = at(g, "Demo.Company.com", path)
    assert status == 200 and len(body) == 64
    assert answer(seq, body) is None
    assert at(g, "demo.company.com", path)[0] == 404
    # What somebody else says, an answer for another host, and one that is not an answer.
    assert "somebody else" in answer(ask("a.company.com"), b"hello")
    assert "somebody else" in answer(ask("a.company.com"), body)
    seq = ask("demo.company.com")
    words = answer(seq, at(g, "demo.company.com", path)[2], status=302)
    # What is found there is nobody's business: not even its status.
    assert "somebody else" in words and "302" not in words
    seq = ask("demo.company.com")
    fetch.send(Frame(FAILED, {"code": "no_host", "message": "demo.company.com has no address", "ms": 1}, seq=seq))
    assert "no address" in g.edge.expect(PROVED, skip=(ACTIVITY,)).json()["words"]
    ask("demo.company.com")
    fetch.close()
    assert "try again" in g.edge.expect(PROVED, skip=(ACTIVITY,)).json()["words"]


def https_keeps_cookies_to_their_host(g):
    begin(g, scheme="https")
    status, headers, _ = at(g, ECHO, "/-/enter")
    assert headers["set-cookie"].startswith("__Host-vitrine_enter=") and "Secure" in headers["set-cookie"]
    assert "Domain" not in headers["set-cookie"] and "Path=/;" in headers["set-cookie"]
    planted = "a" * 26 + "." + "0" * 32
    status, headers, _ = at(g, ECHO, "/", "Cookie: vitrine_visitor=" + planted)
    assert headers["set-cookie"].startswith("__Host-vitrine_visitor=") and "Secure" in headers["set-cookie"]


def hostile_hosts_are_refused_or_the_platforms(g):
    begin(g)
    for host in ("x y", "a/../b", "alice-echo.spaces.test/..", "<b>"):
        assert at(g, host, "/")[0] == 400, host
    for host in ("..spaces.test", "alice-echo.spaces.test.evil.org", "xalice-echo.spaces.test.", "evil-alice-echo.spaces.test",
                 "alice-echo.xspaces.test", "alice--echo.spaces.test", "-alice-echo.spaces.test", "a" * 300):
        status, _, body = at(g, host, "/")
        assert b"Echo" not in body, host


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",)] if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
