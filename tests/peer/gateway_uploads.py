"""The real vitrine-gateway and clients of tus 1.0.0: uploads that are cut, that go on, that lie."""

import base64
import json
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import PNG, ready  # noqa: E402
from gateway_fakes import *  # noqa: F401,F403,E402

UPLOADS = "/spaces/alice/echo/-/uploads"
FILES = "/spaces/alice/echo/-/file/"
TUS = "Tus-Resumable: 1.0.0"
BODY = "Content-Type: application/offset+octet-stream"


class Client:
    """One visitor."""

    def __init__(self, g):
        self.g, self.cookie = g, None

    def ask(self, method, path, *headers, body=b""):
        own = ["Cookie: " + self.cookie] if self.cookie else []
        status, answer, rest = get(self.g.port, path, TUS, *own, *headers, method=method, body=body)
        if "set-cookie" in answer:
            self.cookie = answer["set-cookie"].split(";")[0]
        return status, answer, rest

    def make(self, length, name="n.bin", *headers, body=b""):
        meta = base64.b64encode(name.encode()).decode()
        return self.ask("POST", UPLOADS, "Upload-Length: %d" % length,
                        "Upload-Metadata: filename " + meta, *headers, body=body)

    def patch(self, url, offset, body):
        return self.ask("PATCH", url, BODY, "Upload-Offset: %d" % offset, body=body)

    def offset(self, url):
        status, headers, _ = self.ask("HEAD", url)
        return int(headers["upload-offset"]) if status == 200 else status


def open_patch(g, client, url, offset, length):
    """A PATCH whose body has not come yet."""
    s = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
    s.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n%s\r\n%s\r\nUpload-Offset: %d\r\n"
               "Content-Length: %d\r\nConnection: close\r\n\r\n"
               % (url, client.cookie, TUS, BODY, offset, length)).encode())
    return s


def left_in(g, space="s1"):
    folder = g.path("data/files/" + space)
    return sorted(os.listdir(folder)) if os.path.exists(folder) else []


def an_upload_in_pieces_is_the_file(g):
    page, worker = ready(g)
    ada = Client(g)
    status, headers, _ = ada.ask("OPTIONS", UPLOADS)
    assert status == 204 and headers["tus-version"] == "1.0.0"
    assert "creation" in headers["tus-extension"] and "expiration" in headers["tus-extension"]
    assert int(headers["tus-max-size"]) == 1 << 30
    status, headers, _ = ada.make(len(PNG), "../cat pic.png")
    url = headers["location"]
    assert status == 201 and url.startswith(UPLOADS + "/") and headers["tus-resumable"] == "1.0.0"
    assert headers["upload-expires"].endswith("GMT")
    assert ada.offset(url) == 0
    status, headers, _ = ada.patch(url, 0, PNG[:100])
    assert (status, headers["upload-offset"]) == (204, "100")
    assert get(g.port, FILES + url.split("/")[-1])[0] == 404  # not before it is whole
    status, headers, _ = ada.patch(url, 100, PNG[100:])
    assert (status, headers["upload-offset"]) == (204, str(len(PNG)))
    assert headers["upload-type"] == "image/png"
    # The last answer may have been lost: asking again says that all is there.
    assert ada.offset(url) == len(PNG)
    ident = url.split("/")[-1]
    status, headers, body = get(g.port, FILES + ident)
    assert (status, body) == (200, PNG) and "cat%20pic.png" in headers["content-disposition"]
    page.event(1, values=[(7, json.dumps({"file": ident}).encode())])
    assert worker.expect(FILE).json() == {"id": ident, "name": "cat pic.png", "type": "image/png",
                                          "size": len(PNG)}
    with os.fdopen(worker.fds.pop(), "rb") as f:
        assert f.read() == PNG
    assert left_in(g) == [ident, ident + ".json"]


def a_small_file_is_one_request(g):
    g.start()
    g.route()
    ada = Client(g)
    status, headers, _ = ada.make(len(PNG), "a.png", BODY, body=PNG)
    assert (status, headers["upload-offset"]) == (201, str(len(PNG)))
    assert get(g.port, FILES + headers["location"].split("/")[-1])[2] == PNG
    status, headers, _ = ada.make(0, "empty")
    assert (status, headers["upload-offset"]) == (201, "0")
    assert get(g.port, FILES + headers["location"].split("/")[-1])[::2] == (200, b"")
    # By a proxy that knows only GET and POST.
    url = ada.make(3)[1]["location"]
    assert ada.ask("POST", url, BODY, "Upload-Offset: 0", "X-HTTP-Method-Override: PATCH",
                   body=b"abc")[0] == 204
    assert get(g.port, FILES + url.split("/")[-1])[2] == b"abc"


def a_killed_gateway_goes_on_where_the_disk_is(g):
    g.start()
    g.route()
    ada = Client(g)
    size = 3 << 20
    data = random.Random(1).randbytes(size)
    url = ada.make(size)[1]["location"]
    acknowledged = 0
    for cut in range(4):
        assert ada.patch(url, acknowledged, data[acknowledged:acknowledged + 100000])[0] == 204
        acknowledged += 100000
        s = open_patch(g, ada, url, acknowledged, size - acknowledged)
        s.sendall(data[acknowledged:acknowledged + 300000])
        path = g.path("data/files/s1/.%s.kept" % url.split("/")[-1])
        g.until(lambda: os.path.getsize(path) > acknowledged)
        g.kill()
        s.close()
        g.start()
        g.synced()
        g.until(lambda: get(g.port, "/spaces/alice/echo")[0] == 200)
        offset = ada.offset(url)
        assert acknowledged < offset == os.path.getsize(path), (acknowledged, offset)
        acknowledged = offset
    assert ada.patch(url, acknowledged, data[acknowledged:])[0] == 204
    assert get(g.port, FILES + url.split("/")[-1])[2] == data
    # Whole on the disk, and killed before anybody was told.
    url = ada.make(100)[1]["location"]
    with open_patch(g, ada, url, 0, 100) as s:
        s.sendall(b"x" * 60)
        path = g.path("data/files/s1/.%s.kept" % url.split("/")[-1])
        g.until(lambda: os.path.getsize(path) == 60)
        g.kill()
    with open(path, "ab") as f:
        f.write(b"x" * 40)
    g.start()
    g.until(lambda: get(g.port, "/spaces/alice/echo")[0] == 200)
    assert ada.offset(url) == 100
    assert get(g.port, FILES + url.split("/")[-1])[2] == b"x" * 100


def one_writer_at_a_time(g):
    g.start()
    g.route()
    ada = Client(g)
    url = ada.make(1000)[1]["location"]
    path = g.path("data/files/s1/.%s.kept" % url.split("/")[-1])
    with open_patch(g, ada, url, 0, 1000) as s:
        s.sendall(b"a" * 10)
        g.until(lambda: os.path.getsize(path) == 10)
        status, _, body = ada.patch(url, 10, b"b" * 10)
        assert status == 423 and "another request" in json.loads(body)["error"]
        assert ada.offset(url) == 10  # asking is always answered
        time.sleep(5.5)  # it brings nothing: whoever comes now goes on
        assert ada.patch(url, 10, b"c" * 10)[0] == 204
        s.sendall(b"a" * 990)
        answer = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            answer += more
        assert answer.startswith(b"HTTP/1.1 409"), answer
    assert ada.offset(url) == 20
    assert ada.patch(url, 20, b"d" * 980)[0] == 204
    assert get(g.port, FILES + url.split("/")[-1])[2] == b"a" * 10 + b"c" * 10 + b"d" * 980


def what_does_not_fit_changes_nothing(g):
    g.start(arguments=("--upload-mib", "1", "--files-mib-per-space", "2"))
    g.route()
    ada, eve = Client(g), Client(g)
    status, _, body = ada.make((1 << 20) + 1)
    assert status == 413 and "limit" in json.loads(body)["error"]
    url = ada.make(1 << 20)[1]["location"]
    assert ada.patch(url, 1, b"x")[0] == 409
    assert ada.patch(url, 0, b"x" * ((1 << 20) + 1))[0] == 413 and ada.offset(url) == 0
    # The same without a length ahead: the piece that runs over is not taken.
    with socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE) as s:
        s.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n%s\r\n%s\r\nUpload-Offset: 0\r\n"
                   "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                   % (url, ada.cookie, TUS, BODY)).encode())
        for _ in range(17):
            s.sendall(b"10000\r\n" + b"y" * 65536 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 413")
    assert ada.offset(url) <= 1 << 20
    # The Space's share is set aside when an upload begins, and given back when it is dropped.
    second = ada.make(1 << 20)[1]["location"]
    status, _, body = eve.make(1)
    assert status == 507 and "room" in json.loads(body)["error"]
    assert get(g.port, "/spaces/alice/echo/-/upload", method="POST", body=b"x")[0] == 507
    assert ada.ask("DELETE", second)[0] == 204 and ada.offset(second) == 404
    assert eve.make(1)[0] == 201
    assert ada.ask("DELETE", second)[0] == 404


def strangers_and_nonsense_are_refused(g):
    g.start()
    g.route()
    g.route(space="s2", name="other", sync=False)
    g.route(space="s3", name="closed", private=True, sync=False)
    ada, eve = Client(g), Client(g)
    url = ada.make(10)[1]["location"]
    eve.make(1)
    assert eve.offset(url) == 404 and eve.patch(url, 0, b"x")[0] == 404
    assert eve.ask("DELETE", url)[0] == 404
    assert ada.offset(url.replace("/echo/", "/other/")) == 404
    assert ada.patch(url, 0, b"x")[0] == 204
    assert ada.ask("POST", UPLOADS, "Upload-Length: 1", "Origin: http://evil.example")[0] == 403
    assert ada.ask("POST", UPLOADS.replace("/echo/", "/none/"), "Upload-Length: 1")[0] == 404
    assert ada.ask("POST", UPLOADS.replace("/echo/", "/closed/"), "Upload-Length: 1")[0] == 404
    assert left_in(g, "s3") == []
    for headers in ((), ("Upload-Length: -1",), ("Upload-Length: 1x",), ("Upload-Length: ",),
                    ("Upload-Length: 99999999999999999999",), ("Upload-Defer-Length: 1",),
                    ("Upload-Length: 1", "Upload-Metadata: filename !!"),
                    ("Upload-Length: 1", "Upload-Metadata: filename " + "YWFh" * 2000)):
        assert ada.ask("POST", UPLOADS, *headers)[0] == 400, headers
    status, headers, _ = get(g.port, UPLOADS, "Upload-Length: 1", method="POST")
    assert status == 412 and headers["tus-version"] == "1.0.0"
    assert ada.ask("PATCH", url, "Upload-Offset: 1", body=b"x")[0] == 415
    assert ada.ask("PATCH", url, BODY, body=b"x")[0] == 400
    assert ada.ask("PATCH", url, BODY, "Upload-Offset: 1e3", body=b"x")[0] == 400
    for path in ("/", "/../x", "/" + "x" * 26, "/" + "0" * 25, "/" + url.split("/")[-1] + "/x"):
        assert ada.ask("HEAD", UPLOADS + path)[0] == 404, path
    assert ada.ask("GET", UPLOADS)[0] == 405 and ada.ask("PUT", url)[0] == 405
    assert ada.offset(url) == 1


def unfinished_uploads_are_counted(g):
    g.start()
    g.route()
    ada, bob = Client(g), Client(g)
    urls = [ada.make(10)[1]["location"] for _ in range(16)]
    status, _, body = ada.make(10)
    assert status == 429 and "16" in json.loads(body)["error"]
    assert bob.make(10)[0] == 201
    assert ada.patch(urls[0], 0, b"x" * 10)[0] == 204
    assert ada.make(10)[0] == 201
    # Whoever goes away before being told of an upload leaves none behind.
    before = len(left_in(g))
    with socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE) as s:
        s.sendall(("POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\nUpload-Length: 1000\r\n"
                   "Content-Length: 1000\r\n\r\nhalf" % (UPLOADS, TUS, BODY)).encode())
        g.until(lambda: len(left_in(g)) > before)
    g.until(lambda: len(left_in(g)) == before)


def slow_and_large_ones_hold_no_memory(g):
    g.start()
    g.route()
    ada = Client(g)
    size = 64 << 20
    url = ada.make(size)[1]["location"]
    clients = [Client(g) for _ in range(40)]
    urls = [c.make(1 << 20)[1]["location"] for c in clients]
    before = g.rss_kib()
    slow = []
    for client, its in zip(clients, urls):
        s = open_patch(g, client, its, 0, 1 << 20)
        s.sendall(b"s" * 70000)
        slow.append(s)
    with open_patch(g, ada, url, 0, size) as s:
        for _ in range(size >> 16):
            s.sendall(b"u" * 65536)
        answer = s.recv(65536)
    assert answer.startswith(b"HTTP/1.1 204"), answer
    for s in slow:
        s.sendall(b"s")
    # A reader that takes nothing: the file waits on the disk, not in memory.
    readers = []
    for _ in range(40):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
        s.sendall(("GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % (FILES + url.split("/")[-1])).encode())
        assert s.recv(1000)
        readers.append(s)
    assert get(g.port, "/healthz")[0] == 200
    grown = g.rss_kib() - before
    print("  peak grew by %d KiB for 64 MiB, 40 slow writers and 40 slow readers" % grown)
    if not g.sanitized():
        assert grown < 16 * 1024, grown
    for s in slow + readers:
        s.close()


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",)] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
