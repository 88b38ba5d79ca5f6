"""The real vitrine-gateway and pages that no WebSocket reaches: event streams, polls and POSTs, in
good order, cut off, repeated, and in hostile hands.
"""

import base64
import json
import os
import socket
import struct
import sys
import time
from http.client import HTTPConnection

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import click, ready  # noqa: E402,F401
from gateway_fakes import *  # noqa: F401,F403,E402

BASE = "/spaces/alice/echo/-/"


class StreamPage(Page):
    """A page over a stream; events says by which half it reads."""

    def __init__(self, port, cookie=None, events=True, open=True):
        self.port, self.events, self.headers = port, events, []
        self.inbox, self.joiner = [], Joiner()
        self.n = self.after = 0
        self.stream = self.reader = None
        self.sender = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self.cookie = cookie
        if not cookie:
            self.cookie = get(port, "/spaces/alice/echo")[1]["set-cookie"].split(";")[0]
        if open:
            status, body = self.post("stream")
            assert status == 201, body
            self.stream = json.loads(body)["stream"]
            assert len(self.stream) == 26

    def post(self, path, body=b""):
        self.sender.request("POST", BASE + path, body, {"Cookie": self.cookie})
        answer = self.sender.getresponse()
        return answer.status, answer.read()

    def piece(self, n, body, ack=0, stream=None):
        return self.post("send?stream=%s&n=%d&ack=%d" % (stream or self.stream, n, ack), body)

    def send(self, *frames):
        self.n += 1
        status, body = self.piece(self.n, b"".join(f.bytes() for f in frames), self.after)
        assert status == 204, (status, body)

    def get(self, path, *headers):
        """A GET whose answer goes on: (status, headers, file)."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)
        # HTTP/1.0, as nginx speaks it: no chunks.
        lines = ["GET %s HTTP/1.0" % (BASE + path), "Host: 127.0.0.1:%d" % self.port,
                 "Cookie: " + self.cookie, *headers]
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        f = s.makefile("rb")
        s.close()
        status = int(f.readline().split()[1])
        head = {}
        while True:
            line = f.readline().decode().strip()
            if not line:
                return status, head, f
            name, _, value = line.partition(": ")
            head[name.lower()] = value

    def read_event(self):
        """One event: (name, id, data); heartbeats are passed over."""
        name, id, data = "message", None, b""
        while True:
            line = self.reader.readline()
            if not line:
                raise Closed()
            line = line.rstrip(b"\n")
            if line.startswith(b"event: "):
                name = line[7:].decode()
            elif line.startswith(b"id: "):
                id = int(line[4:])
            elif line.startswith(b"data:"):
                data = line[5:].strip()
            elif not line and (id or name != "message"):
                return name, id, data

    def attach(self):
        status, head, self.reader = self.get("events?stream=%s&after=%d" % (self.stream, self.after))
        assert status == 200, self.reader.read()
        assert head["content-type"] == "text/event-stream"
        assert head["x-accel-buffering"] == "no" and "no-transform" in head["cache-control"]
        assert self.read_event()[0] == "open"

    def poll(self, wait=20):
        status, _, f = self.get("poll?stream=%s&after=%d&wait=%d" % (self.stream, self.after, wait))
        body = f.read()
        f.close()
        if status != 200:
            raise Closed(status)
        self.after = struct.unpack("<Q", body[:8])[0]
        return body[8:]

    def _message(self):
        if not self.events:
            return self.poll()
        if not self.reader:
            self.attach()
        name, id, data = self.read_event()
        if name == "end":
            raise Closed()
        assert id > self.after, "%d came after %d" % (id, self.after)
        self.after = id
        return base64.b64decode(data)

    def cut(self):
        """The network ends the stream; the page does not know what it missed."""
        self.reader.close()
        self.reader = None

    def close(self):
        if self.reader:
            self.cut()
        self.sender.close()


class Echo(Page):
    """The WebSocket that says back what it hears."""

    def __init__(self, port, *headers):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.buffer = b""
        self.sock.sendall(("\r\n".join([
            "GET /-/probe/ws HTTP/1.1", "Host: 127.0.0.1:%d" % port, "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers]) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self._need(len(self.buffer) + 1)
        self.head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")


def joined(g, events):
    g.start()
    g.route()
    g.synced()
    page = StreamPage(g.port, events=events)
    page.join()
    page.expect(TREE)
    worker = g.wake()
    worker.opened = worker.open()
    return page, worker


# --- in good order ---

def a_page_lives_over_an_event_stream(g):
    page, worker = joined(g, True)
    for n in range(1, 6):
        click(page, worker, n, "hi", "HI %d" % n)


def a_page_lives_over_polls(g):
    page, worker = joined(g, False)
    for n in range(1, 6):
        click(page, worker, n, "hi", "HI %d" % n)


def a_poll_that_nothing_comes_for_is_answered_in_time(g):
    page, worker = joined(g, False)
    while page.poll(1):
        pass
    began = time.monotonic()
    assert page.poll(2) == b""
    assert 1 < time.monotonic() - began < 10


def a_silent_event_stream_says_that_it_lives(g):
    page, worker = joined(g, True)
    page.event(1)
    page.expect(ACCEPTED, skip=(PHASE,))
    began = time.monotonic()
    while page.reader.readline().strip() != b":":
        pass
    assert time.monotonic() - began < 8


# --- nothing is lost ---

def what_a_cut_stream_had_on_its_way_comes_again(g):
    page, worker = joined(g, True)
    click(page, worker, 1, "a", "A")
    had = page.after
    click(page, worker, 2, "b", "B")
    page.cut()
    page.after, page.inbox = had, []
    assert page.expect(COMMIT, skip=(ACCEPTED, PHASE, PATCH)).node == 2
    page.cut()
    worker.patch(worker.opened.channel, 9, "value", "while nobody reads")
    worker.commit(worker.opened.channel)
    worker.expect(ACK)
    assert page.expect(PATCH).value.endswith(b'"while nobody reads"')


def a_poll_whose_answer_is_lost_is_asked_again(g):
    page, worker = joined(g, False)
    click(page, worker, 1, "a", "A")
    had = page.after
    page.event(2)
    worker.answer(worker.expect(EVENT, seq=2, skip=(ACK,)), "B")
    page.expect(COMMIT, skip=(ACCEPTED, PHASE, PATCH))
    page.after, page.inbox = had, []
    assert page.expect(COMMIT, skip=(ACCEPTED, PHASE, PATCH)).node == 2


def a_page_changes_between_stream_polls_and_socket(g):
    page, worker = joined(g, True)
    click(page, worker, 1, "a", "A")
    page.events = False
    click(page, worker, 2, "b", "B")
    seq = 2
    socket_page = Page(g.port, cookie=page.cookie)
    assert socket_page.join(page.session, seq, "b1").json()["state"] == "resumed"
    click(socket_page, worker, 3, "c", "C")
    assert "another window" in page.closed()


def a_piece_that_comes_twice_counts_once(g):
    page, worker = joined(g, True)
    body = Frame(EVENT, b"", SUBMIT, 0, 7, 1).bytes()
    for _ in range(3):
        assert page.piece(2, body) == (204, b"")
    worker.answer(worker.expect(EVENT, seq=1), "once")
    page.expect(COMMIT, skip=(ACCEPTED, PHASE, PATCH))
    assert page.piece(2, Frame(EVENT, b"", SUBMIT, 0, 7, 2).bytes())[0] == 204
    worker.quiet()
    page.n = 2
    click(page, worker, 2, "b", "B")


def a_piece_that_comes_too_early_waits_with_its_page(g):
    page, worker = joined(g, True)
    first, second = (Frame(EVENT, b"", SUBMIT, 0, 7, n).bytes() for n in (1, 2))
    status, body = page.piece(3, second)
    assert status == 409 and "2 is the next" in json.loads(body)["error"]
    worker.quiet()
    assert page.piece(2, first)[0] == 204
    assert page.piece(3, second)[0] == 204
    assert worker.expect(EVENT).seq == 1
    assert worker.expect(EVENT).seq == 2


def a_piece_that_is_cut_off_counts_not_at_all(g):
    page, worker = joined(g, True)
    body = Frame(EVENT, b"", SUBMIT, 0, 7, 1).bytes()
    with socket.create_connection(("127.0.0.1", g.port)) as s:
        s.sendall(("POST %ssend?stream=%s&n=2 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: %s\r\n"
                   "Content-Length: %d\r\n\r\n" % (BASE, page.stream, g.port, page.cookie,
                                                   len(body))).encode() + body[:-1])
    worker.quiet()
    assert page.piece(2, body)[0] == 204
    assert worker.expect(EVENT).seq == 1


def frames_split_over_pieces_are_joined(g):
    page, worker = joined(g, True)
    text = "x" * 100000
    parts = list(Frame(VALUE, text, node=7, seq=1).parts())
    assert len(parts) > 1
    for part in parts:
        page.n += 1
        assert page.piece(page.n, part)[0] == 204
    page.send(Frame(EVENT, b"", SUBMIT, 0, 7, 1))
    assert len(worker.expect(VALUE).value) > 100000
    worker.expect(EVENT, seq=1)


def a_gateway_that_was_killed_knows_the_session_and_not_the_stream(g):
    page, worker = joined(g, True)
    click(page, worker, 1, "a", "A")
    g.kill()
    page.close()
    g.start()
    g.route()
    g.agent.send(Frame(LINK, {"replica": "r1", "space": "s1", "bundle": "b1", "epoch": g.epoch}),
                 [g.kept["r1"].fileno()])
    g.synced()
    old = StreamPage(g.port, cookie=page.cookie, open=False)
    for path in ("events?stream=%s&after=3", "poll?stream=%s&after=3"):
        assert old.get(path % page.stream)[0] == 404
    assert old.piece(3, b"", stream=page.stream)[0] == 404
    again = StreamPage(g.port, cookie=page.cookie)
    assert again.join(page.session, 1, "b1").json()["state"] == "resumed"


# --- in hostile hands ---

def a_stream_is_its_visitors_alone(g):
    page, worker = joined(g, True)
    thief = StreamPage(g.port)
    assert thief.cookie != page.cookie
    for path in ("events?stream=%s", "poll?stream=%s"):
        status, _, f = thief.get(path % page.stream)
        assert status == 404 and "another visitor" in json.loads(f.read())["error"]
    status, body = thief.piece(2, Frame(EVENT, b"", SUBMIT, 0, 7, 1).bytes(), stream=page.stream)
    assert status == 404
    assert thief.post("send?stream=%s&close=1" % page.stream)[0] == 404
    worker.quiet()
    # Nor does it open in another Space, for its own visitor.
    g.route(bundle="b2", space="s2", name="second", sync=False)
    assert get(g.port, "/spaces/alice/second/-/poll?stream=" + page.stream,
               "Cookie: " + page.cookie)[0] == 404
    click(page, worker, 1, "a", "A")


def another_sites_page_is_refused(g):
    page, worker = joined(g, True)
    evil, own = "Origin: https://evil.example", "Origin: http://127.0.0.1:%d" % g.port
    cookie = "Cookie: " + page.cookie
    for method, path in (("POST", "stream"), ("POST", "send?n=2&stream=" + page.stream),
                         ("GET", "events?stream=" + page.stream),
                         ("GET", "poll?wait=1&stream=" + page.stream)):
        status, _, body = get(g.port, BASE + path, cookie, evil, method=method)
        assert status == 403 and b"Origin" in body, path
    assert get(g.port, BASE + "stream", cookie, own, "Content-Length: 0", method="POST")[0] == 201
    assert get(g.port, BASE + "stream", cookie, method="GET")[0] == 405
    assert get(g.port, BASE + "poll", cookie, method="POST", body=b"x")[0] == 405
    assert get(g.port, "/spaces/alice/nothing/-/stream", cookie, "Content-Length: 0",
               method="POST")[0] == 404


def what_is_no_number_is_refused_with_words(g):
    page, worker = joined(g, True)
    for query in ("n=-1", "n=x", "n=1x", "n=99999999999999999999", "n=2&ack=-1", "n=", "n=0x2"):
        status, body = page.post("send?stream=%s&%s" % (page.stream, query))
        assert status == 400 and "numbers" in json.loads(body)["error"], query
    for after in ("-1", "x", "", "1.5"):
        assert page.get("poll?stream=%s&after=%s" % (page.stream, after))[0] == 400, after
    # More than was ever said, and more than is kept.
    assert page.get("poll?stream=%s&after=1000000" % page.stream)[0] == 410
    for id in ("", "x" * 26, "x" * 4000, "%00"):
        assert page.get("poll?stream=%s" % id)[0] == 404
    click(page, worker, 1, "a", "A")


def a_body_over_the_limit_is_refused(g):
    page, worker = joined(g, True)
    status, body = page.piece(2, b"\0" * (1048576 + 1))
    assert status == 413 and "1048576" in json.loads(body)["error"]
    worker.quiet()
    click(page, worker, 1, "a", "A")


def broken_frames_end_the_page_with_words(g):
    page, worker = joined(g, True)
    page.send(Frame(WELCOME, {}))
    assert "not known here" in page.closed()
    fresh = StreamPage(g.port, cookie=page.cookie)
    fresh.join(page.session)


def streams_per_address_are_bounded(g):
    g.start(arguments=("--sockets-per-address", "24"))
    g.route()
    cookie = get(g.port, "/spaces/alice/echo")[1]["set-cookie"].split(";")[0]
    answers = [get(g.port, BASE + "stream", "Cookie: " + cookie, "Content-Length: 0",
                   method="POST") for _ in range(40)]
    opened = [a for a in answers if a[0] == 201]
    refused = [a for a in answers if a[0] in (429, 503)]
    assert 16 <= len(opened) <= 24 and len(opened) + len(refused) == 40
    assert all(b"too many connections" in a[2] for a in refused)
    # Who never joins is forgotten, and its place is free again.
    g.until(lambda: get(g.port, BASE + "stream", "Cookie: " + cookie, "Content-Length: 0",
                        method="POST")[0] == 201)


def a_page_that_does_not_read_costs_a_bounded_queue(g):
    page, worker = joined(g, True)
    page.attach()
    before = g.rss_kib()
    channel = worker.opened.channel
    for i in range(100):
        worker.patch(channel, 9, "value", "y" * 1000000)
        worker.commit(channel)
        worker.expect(ACK)
    grown = g.rss_kib() - before
    print("  100 MB were said, memory grew by %d KiB" % grown)
    assert g.sanitized() or grown < 24 << 10
    worker.patch(channel, 9, "value", "the end")
    worker.commit(channel)
    while True:
        f = page.expect(PATCH, skip=(ACCEPTED, PHASE, COMMIT, TREE))
        if f.value.endswith(b'"the end"'):
            break


def a_page_that_closes_is_gone_at_once(g):
    page, worker = joined(g, False)
    assert page.post("send?stream=%s&close=1" % page.stream)[0] == 204
    assert page.get("poll?stream=" + page.stream)[0] == 404


def a_later_reader_takes_the_earlier_ones_place(g):
    page, worker = joined(g, True)
    earlier = page.reader
    page.reader = None
    page.attach()
    rest = earlier.read()
    assert rest.endswith(b"event: end\ndata:\n\n"), rest[-60:]
    click(page, worker, 1, "a", "A")


# --- what /-/connection tries out ---

def a_probe_tells_what_has_arrived_and_no_secret(g):
    page, worker = joined(g, True)
    status, _, body = get(g.port, "/-/probe/head", "Cookie: a=secret; " + page.cookie,
                          "X-Forwarded-Proto: https", "Via: 1.1 proxy",
                          "Authorization: Bearer secret")
    told = json.loads(body)
    assert status == 200 and b"secret" not in body
    assert told["http"] == "HTTP/1.1" and told["cookie"] is True
    assert told["headers"]["X-Forwarded-Proto"] == "https" and told["headers"]["Via"]
    assert told["headers"]["Host"] == "127.0.0.1:%d" % g.port
    told = json.loads(get(g.port, "/-/probe/head", "Cookie: vitrine_visitor=forged")[2])
    assert told["cookie"] is False


def probes_are_bounded(g):
    g.start()
    g.route()
    assert json.loads(get(g.port, "/-/probe/size", method="POST", body=b"x" * 3000000)[2]) == \
        {"bytes": 3000000}
    status, _, body = get(g.port, "/-/probe/size", method="POST", body=b"x" * (32 << 20 | 1))
    assert status == 413 and b"33554432" in body
    assert get(g.port, "/-/probe/size", "Origin: http://evil", method="POST", body=b"x")[0] == 403
    assert get(g.port, "/-/probe/wait?s=31")[0] == 400
    began = time.monotonic()
    assert json.loads(get(g.port, "/-/probe/wait?s=1")[2]) == {"waited": 1}
    assert 0.9 < time.monotonic() - began < 10
    status, headers, body = get(g.port, "/-/probe/range", "Range: bytes=100-199")
    assert status == 206 and len(body) == 100
    assert headers["content-range"] == "bytes 100-199/1000"
    assert len(get(g.port, "/-/probe/range")[2]) == 1000
    assert get(g.port, "/-/probe/ws")[0] == 426
    # A stop does not wait for those that wait.
    with socket.create_connection(("127.0.0.1", g.port)) as s, \
            socket.create_connection(("127.0.0.1", g.port)) as t:
        s.sendall(b"GET /-/probe/wait?s=30 HTTP/1.1\r\nHost: x\r\n\r\n")
        t.sendall(b"GET /-/probe/events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in t.recv(65536)
        g.process.send_signal(signal.SIGTERM)
        assert g.process.wait(DEADLINE) == 0


def the_probes_event_stream_ticks_and_is_quiet(g):
    g.start()
    g.route()
    page = StreamPage(g.port, open=False)
    with socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE) as s:
        s.sendall(b"GET /-/probe/events HTTP/1.0\r\nHost: x\r\n\r\n")
        page.reader = s.makefile("rb")
        began = time.monotonic()
        assert page.read_event()[0] == "open"
        assert page.read_event()[0] == "tick"
        assert time.monotonic() - began < 8
        assert page.read_event()[0] == "end"
        assert time.monotonic() - began > 12


def the_probes_socket_says_back_what_it_hears(g):
    g.start(arguments=("--sockets-per-address", "8"))
    g.route()

    assert b"403" in Echo(g.port, "Origin: https://evil.example").head
    for _ in range(20):  # each is counted, and no longer once it is gone
        echo = Echo(g.port)
        assert b"101" in echo.head
        echo.send_raw(b"hello")
        assert echo._message() == b"hello"
        echo.close()
        g.until(lambda: get(g.port, "/healthz")[0] == 200)
    for bad in (b"x" * 257, b"x" * 100000):
        echo = Echo(g.port)
        echo.send_raw(bad)
        try:
            echo._message()
            raise AssertionError("it was said back")
        except (Closed, ConnectionError):
            pass


# --- behind a trusted proxy ---

def each_visitor_behind_a_trusted_proxy_is_counted_for_himself(g):
    g.start(arguments=("--sockets-per-address", "4", "--proxy", "127.0.0.1"))
    g.route()
    sockets = [Echo(g.port, "X-Forwarded-For: 6.6.6.6, 10.0.0.%d" % (n % 3)) for n in range(12)]
    assert all(b" 101 " in s.head for s in sockets)
    late = Echo(g.port, "X-Forwarded-For: 10.0.0.9, 10.0.0.1")
    assert b" 503 " in late.head
    status, _, body = get(g.port, "/healthz", "X-Forwarded-For: 10.0.0.1")
    assert status == 503 and b"too many connections" in body
    # A header of the visitor's own before that of the proxy's is nobody's word.
    assert get(g.port, "/healthz", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.7")[0] == 200
    assert get(g.port, "/healthz")[0] == 200
    for s in sockets:
        s.close()
    g.until(lambda: get(g.port, "/healthz", "X-Forwarded-For: 10.0.0.1")[0] == 200)
    for _ in range(20):  # requests give back what they count
        assert get(g.port, "/healthz", "X-Forwarded-For: 10.0.0.1")[0] == 200
        assert get(g.port, BASE + "stream", "X-Forwarded-For: 10.0.0.%d" % (20 + _),
                   "Content-Length: 0", method="POST")[0] == 201


def who_is_no_trusted_proxy_is_not_believed(g):
    g.start(arguments=("--sockets-per-address", "4", "--proxy", "10.1.1.1"))
    g.route()
    sockets = [Echo(g.port, "X-Forwarded-For: 10.0.0.%d" % n) for n in range(4)]
    assert all(b" 101 " in s.head for s in sockets)
    with socket.create_connection(("127.0.0.1", g.port)) as s:
        s.settimeout(DEADLINE)
        got = s.recv(4096)
        assert b" 503 " in got, got
    for s in sockets:
        s.close()
    g.until(lambda: get(g.port, "/healthz")[0] == 200)


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",)] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
