"""The real vitrine-gateway and workers that were taken over: what they send, and what they do not.

Beside each attacker, Space s1, stands a victim, Space s2, whose clicks are answered throughout.
"""

import json
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import PNG, click, ready  # noqa: E402
from gateway_fakes import *  # noqa: F401,F403,E402


class Victim:
    """A page of another Space, and its worker."""

    def __init__(self, g):
        self.g, self.n = g, 0
        g.route(bundle="v1", space="s2", name="second", sync=False)
        self.page = Page(g.port, "alice/second")
        self.page.join()
        self.page.expect(TREE)
        wake = g.agent.expect(WAKE, skip=(NOTE, STOP, SLEEP))
        self.worker = Worker(g.give_worker(wake.seq, "victim", "v1", "s2"), "victim", "v1")
        self.worker.hello()
        self.worker.opened = self.worker.open()

    def click(self):
        self.n += 1
        click(self.page, self.worker, self.n, "hi", "HI %d" % self.n)
        self.worker.expect(ACK)


def start(g, *limits):
    """Gateway, attacker's page and worker, and a victim."""
    arguments = [a for limit in limits for a in ("--limit", limit)]
    g.start(arguments=arguments)
    g.route()
    g.synced()
    page = Page(g.port)
    page.join()
    page.expect(TREE)
    worker = g.wake()
    worker.opened = worker.open()
    victim = Victim(g)
    victim.click()
    return page, worker, victim


def stopped(g, replica="r1"):
    """The reason of the next STOP; the agent obeys."""
    f = g.agent.expect(STOP, skip=(NOTE, WAKE, SLEEP)).json()
    assert f["replica"] == replica, f
    g.kept.pop(replica).close()
    g.agent.send(Frame(GONE, {"replica": replica, "space": "s1", "reason": f["reason"]}))
    return f["reason"]


class Gift:
    """A file to be sent that tells when nobody holds it any more, whoever may look into whom."""

    def __init__(self):
        self.held, self.fd = os.pipe()

    def is_gone(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        return bool(select.select([self.held], [], [], 0)[0]) and os.read(self.held, 1) == b""


def refused(g):
    return json.loads(get(g.port, "/healthz")[2])["filesRefused"]


def header(type, length=0, op=0, channel=0, node=0, seq=0):
    return struct.pack("<HBBIII", length, type, op, channel, node, seq)


# --- frames ---

# catalogue 94, 95
def a_malformed_or_unknown_frame_ends_that_link_only(g):
    page, worker, victim = start(g)
    channel = worker.opened.channel
    seq = worker.seq
    good = Frame(PATCH, b'value\0"x"', SET, channel, 9).bytes()
    packets = {
        "no bytes": b"",
        "half a header": header(PATCH)[:7],
        "a length that lies": header(PATCH, 65535, SET, channel),
        "a length over the limit": header(PATCH, 61425, SET, channel) + b"x" * 61425,
        "junk behind a good frame": good + b"\x01\x02\x03",
        "an unknown type": header(0xEE),
        "a type of another link": header(WAKE),
        "a type of the other direction": Frame(OPEN, {}, channel=channel).bytes(),
        "a type of another phase": Frame(LOAD_FAILED, {"message": "x"}).bytes(),
        "a type the agent hears": Frame(0x01, {"version": "1"}).bytes(),
        "a page a second time": Frame(HELLO, {"tree": Worker.TREE, "api": [],
                                              "load_usec": 1}).bytes(),
        "a session's message on the link's channel": Frame(PATCH, b'v\0"x"', SET, 0, 9).bytes(),
        "the link's message on a session's channel": Frame(
            HELLO, {"tree": Worker.TREE, "api": [], "load_usec": 1}, channel=channel).bytes(),
        "a patch without a path": Frame(PATCH, b"novalue", SET, channel, 9).bytes(),
        "a patch of an unknown kind": Frame(PATCH, b'v\0"x"', 9, channel, 9).bytes(),
        "an image of an unknown kind": Frame(IMAGE, b"k\0" + b"1", 9, channel).bytes()
        + Frame(COMMIT, b"", FINISH, channel, 0, 1).bytes(),
        "a group out of order": Frame(COMMIT, b"", FINISH, channel, 0, 7).bytes(),
        "a group number of 2^32-1": Frame(COMMIT, b"", FINISH, channel, 0, 2**32 - 1).bytes(),
        "a commit of an unknown kind": Frame(COMMIT, b"", 77, channel, 0, 1).bytes(),
        "a value over the limit of its type": header(COMMIT, 5, FINISH, channel, 0, 1) + b"bytes",
        "a continued value that another interrupts":
            header(PATCH, 1, SET | MORE, channel) + b"v" + header(COMMIT, 0, FINISH, channel),
    }
    for n, (words, packet) in enumerate(packets.items()):
        if n:
            worker = g.wake("w%d" % n)
            worker.opened = worker.open()
            seq = worker.opened.seq
            assert seq == 0
        worker.sock.send(packet)
        reason = stopped(g, worker.replica)
        print("  %s: %s" % (words, reason))
        assert reason and "closed its link" not in reason, words
        try:
            while True:
                worker.next()
        except (Closed, ConnectionError):
            pass
        victim.click()


# catalogue 94
def a_value_that_never_ends_is_cut_at_the_limit_of_its_type(g):
    page, worker, victim = start(g)
    before = g.rss_kib()
    part = header(PATCH, VALUE_MAX, SET | MORE, worker.opened.channel, 9) + b"v\0" \
        + b" " * (VALUE_MAX - 2)
    worker.sock.settimeout(1)
    sent = 0
    try:
        while sent << 10 < 1 << 20:  # 60 MiB and more
            worker.sock.send(part)
            sent += 1
    except OSError:
        pass
    assert "limit" in stopped(g)
    assert sent * VALUE_MAX < 16 << 20
    victim.click()
    assert g.sanitized() or g.rss_kib() - before < 40 * 1024


# catalogue 94
def a_worker_that_hangs_up_and_lives_on_is_ended(g):
    page, worker, victim = start(g)
    page.event(1)
    worker.expect(EVENT)
    worker.sock.shutdown(socket.SHUT_RDWR)
    assert "closed its link" in stopped(g)
    f = page.expect(INTERRUPTED)
    assert f.seq == 1
    second = g.wake("r2")
    second.open()
    victim.click()


# catalogue 94, 95
def a_bad_frame_of_the_agent_or_the_orchestrator_ends_that_link_only(g):
    page, worker, victim = start(g)
    channel = worker.opened.channel
    bad = [b"", b"\x01", header(0xEE), header(WAKE), header(SYNC, 3) + b"abc",
           Frame(GONE, {"replica": 5}).bytes(), Frame(LINK, {"replica": "x"}).bytes(),
           Frame(CPU, {"replica": "r1", "usec": -1}).bytes(), header(GONE, 60000)]
    for packet in bad:
        g.agent.sock.send(packet)
        g.agent = g.accept("wake")
        g.synced()
        victim.click()
        click(page, worker, victim.n - 1, "x", "X")
    for packet in [b"", b"\x01", header(0xEE), header(SYNCED, 1) + b"a", header(IDENTIFY),
                   Frame(ROUTE, {"space": "s1"}).bytes(), Frame(ROUTE_GONE, {}).bytes()]:
        g.edge.sock.send(packet)
        g.edge = g.accept("edge")
        victim.click()
    assert channel == worker.opened.channel


# catalogue 95
def a_page_that_breaks_the_protocol_loses_its_socket_only(g):
    page, worker, victim = start(g)
    for packet in [b"\x01", header(EVENT, 500), header(0xEE), header(PATCH, 3) + b"a\0b",
                   header(WELCOME), header(COMMIT), header(EVENT, 0, 1, 1, 7, 1),
                   header(VALUE, 1, MORE, 0, 7, 1) + b"1" + header(EVENT, 0, 1, 0, 7, 1),
                   Frame(VALUE, b"[" * 500, node=7, seq=1).bytes(), header(ACK, seq=9)]:
        other = Page(g.port)
        other.join()
        other.send_raw(packet)
        assert other.closed(), packet
        victim.click()


# --- files ---

# catalogue 96
def files_of_a_worker_never_arrive_and_are_counted(g):
    page, worker, victim = start(g)
    counted, gift = refused(g), Gift()
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    cycle = worker.sock.fileno()
    patch = Frame(PATCH, b'value\0"with a file"', SET, worker.opened.channel, 9).bytes()
    for fds in ([folder], [cycle], [gift.fd], [gift.fd] * 253):
        socket.send_fds(worker.sock, [patch], fds)
    worker.commit(worker.opened.channel)
    page.expect(COMMIT, skip=(PATCH, PHASE, ACCEPTED))  # so all of it has been heard
    assert refused(g) == counted + 4
    for _ in range(200):
        socket.send_fds(worker.sock, [patch], [gift.fd] * 253)
        worker.commit(worker.opened.channel)
        page.expect(COMMIT, skip=(PATCH, PHASE, ACCEPTED))
    assert refused(g) == counted + 204
    g.until(gift.is_gone)
    # The agent may send files with LINK only.
    gift = Gift()
    g.agent.send(Frame(CPU, {"replica": "r1", "usec": 5}), [gift.fd, gift.fd])
    g.until(lambda: refused(g) == counted + 206)
    g.until(gift.is_gone)
    os.close(folder)
    victim.click()


# --- identity ---

# catalogue 98
def another_spaces_session_or_file_is_nothing_to_a_worker(g):
    page, worker, victim = start(g)
    status, _, body = get(g.port, "/spaces/alice/second/-/upload?name=v.png",
                          "Cookie: " + victim.page.cookie, method="POST", body=PNG)
    assert status == 200
    secret = json.loads(body)["file"]
    foreign = victim.worker.opened.channel
    for channel in (foreign, 999999, 2**32 - 1):
        worker.patch(channel, 9, "value", "stolen")
        worker.send(Frame(IMAGE, b"k\0" + b'"stolen"', IMAGE_SET, channel))
        worker.send(Frame(COMMIT, b"", FINISH, channel, 1, 1))
        worker.send(Frame(FAIL, {"message": "stolen"}, FAIL_ERROR, channel, 1))
        worker.send(Frame(LOST, channel=channel))
    # The file of the other Space, named in every place where a file may be named.
    worker.patch(worker.opened.channel, 9, "value", {"file": secret})
    worker.image(worker.opened.channel, "stolen", json.dumps({"file": secret}).encode())
    worker.commit(worker.opened.channel)
    page.expect(COMMIT, skip=(PATCH, PHASE, ACCEPTED))
    page.event(1, values=[(7, json.dumps({"file": secret}).encode())])
    worker.expect(VALUE)  # without a FILE before it
    worker.answer(worker.expect(EVENT), "none")
    page.expect(COMMIT, skip=(PATCH, PHASE, ACCEPTED))
    assert get(g.port, "/spaces/alice/echo/-/file/" + secret, "Cookie: " + page.cookie)[0] == 404
    g.lose_worker(worker)
    assert g.wake("r2").open().json().get("files", []) == []
    # A visitor of one Space cannot go on with a session of the other.
    thief = Page(g.port, cookie=victim.page.cookie)
    thief.join(victim.page.session)
    assert thief.welcome.json()["state"] == "new" and thief.session != victim.page.session
    victim.click()
    assert b"stolen" not in b"".join(f.value for f in victim.page.inbox)


# --- the watchdog ---

def told(page, words="restarted", skip=()):
    f = page.expect(INTERRUPTED, skip=(PHASE, ACCEPTED, PATCH, COMMIT, TREE, *skip))
    assert words in f.json()["message"], f
    return f


# catalogue 31
def a_worker_that_does_not_read_is_ended_and_everybody_is_told(g):
    page, worker, victim = start(g, "stall=1")
    page.event(1, values=[(7, b'"%s"' % (b"x" * 900000))])
    victim.click()
    assert "did not read" in stopped(g)
    told(page)
    g.wake("r2").open()
    victim.click()


# catalogue 31
def a_worker_that_reads_slowly_is_not_ended(g):
    page, worker, victim = start(g, "stall=2")
    page.event(1, values=[(7, b'"%s"' % (b"x" * 900000))])
    for _ in range(10):
        time.sleep(0.5)
        worker.inbox += worker.joiner.take(worker.sock.recv(65536))
    worker.answer(worker.expect(EVENT, skip=(VALUE, ACK)), "slow")
    page.expect(COMMIT, node=1, skip=(PATCH, PHASE, ACCEPTED))


# catalogue 15, 16
def a_worker_that_neither_reads_nor_speaks_is_ended(g):
    page, worker, victim = start(g, "silent=2")
    page.event(1)
    assert "no sign of life" in stopped(g)
    told(page)
    victim.click()


# catalogue 30
def a_worker_that_finishes_nothing_is_ended_whatever_it_says(g):
    page, worker, victim = start(g, "event=2")
    page.event(1)
    event = worker.expect(EVENT)
    end = time.monotonic() + DEADLINE
    while not select.select([g.agent.sock], [], [], 0.02)[0]:
        assert time.monotonic() < end
        # Groups, and finished events that nobody sent.
        worker.patch(event.channel, 9, "value", "busy")
        worker.commit(event.channel, 1, INTERIM)
        worker.commit(event.channel, 77)
        while select.select([worker.sock], [], [], 0)[0]:
            worker.sock.recv(65536)
    assert "finished nothing" in stopped(g)
    told(page)
    victim.click()


# catalogue 38
def a_worker_that_burns_without_being_asked_is_ended(g):
    page, worker, victim = start(g, "idle=3")
    for _ in range(10):
        g.agent.send(Frame(CPU, {"replica": "victim", "usec": 250000}))
        g.agent.send(Frame(CPU, {"replica": "r1", "usec": 1000000}))
    assert "nobody had asked" in stopped(g)
    victim.click()
    # What a visitor asked for may cost what it costs.
    second = g.wake("r2")
    second.open()
    page.event(1)
    event = second.expect(EVENT)
    time.sleep(1.5)
    for _ in range(10):
        g.agent.send(Frame(CPU, {"replica": "r2", "usec": 1000000}))
    time.sleep(1.5)
    second.answer(event, "done")
    page.expect(COMMIT, node=1, skip=(PATCH, PHASE, ACCEPTED))


# --- floods ---

class Flood(threading.Thread):
    """Sends the packets of make(i) as fast as they are taken."""

    def __init__(self, worker, make):
        super().__init__(daemon=True)
        self.worker, self.make, self.sent, self.over = worker, make, 0, False
        self.start()

    def run(self):
        try:
            while not self.over:
                self.worker.sock.send(self.make(self.sent))
                self.sent += 1
        except (OSError, ConnectionError):
            pass

    def end(self):
        self.over = True
        self.worker.sock.shutdown(socket.SHUT_RDWR)
        self.join(DEADLINE)
        assert not self.is_alive()


def under(g, victim, flood, seconds=4):
    """The victim is answered for a while; returns its slowest click, and what memory grew by."""
    before, slowest = g.rss_kib(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        victim.click()
        slowest = max(slowest, time.monotonic() - began)
    grown = g.rss_kib() - before
    print("  %d packets taken, slowest click %d ms, memory grew by %d KiB"
          % (flood.sent, slowest * 1000, grown))
    return 0 if g.sanitized() else grown


# catalogue 27
def a_flood_of_small_groups_waits_in_the_workers_own_socket(g):
    page, worker, victim = start(g)
    channel = worker.opened.channel
    group = Frame(PATCH, b'value\0"x"', SET, channel, 9).bytes()

    def make(i):
        return b"".join(group + Frame(COMMIT, b"", INTERIM, channel, 0, i * 100 + j + 1).bytes()
                        for j in range(100))

    flood = Flood(worker, make)
    grown = under(g, victim, flood)
    # Nine units a group, and what fits into a socket. The page reads nothing meanwhile.
    assert flood.sent * 100 * 9 < 40000 + 20000 * 8, flood.sent
    assert grown < 32 * 1024, grown
    assert "slowed down" in g.agent.expect(NOTE).json()["line"]
    g.agent.quiet(skip=(NOTE,))
    # Its page still gets a whole state at its own pace.
    flood.over = True
    while True:
        f = page.next()
        if f.type == COMMIT and f.seq > 100:
            break
    flood.end()


# catalogue 27
def a_flood_of_useless_frames_is_no_cheaper(g):
    page, worker, victim = start(g)
    packet = Frame(PATCH, b'value\0"x"', SET, 424242, 9).bytes() * 1000
    flood = Flood(worker, lambda i: packet)
    grown = under(g, victim, flood)
    assert flood.sent * 1000 < 40000 + 20000 * 8, flood.sent
    assert grown < 16 * 1024, grown
    flood.end()


# catalogue 27
def pages_that_do_not_read_hold_little_of_a_flood(g):
    page, worker, victim = start(g)
    pages = []
    for _ in range(60):
        p = Page(g.port)
        p.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        p.join()
        worker.open()
        pages.append(p)
    channels = sorted(worker.seq)

    def make(i):
        channel = channels[i // 8 % len(channels)]
        step = i % 8
        if step == 7:
            worker.seq[channel] += 1
            return Frame(COMMIT, b"", INTERIM, channel, 0, worker.seq[channel]).bytes()
        if step == 0:
            return header(PATCH, 8, SET | MORE, channel, 9) + b"value\0 \""
        body = b"y" * 50000 + (b'"' if step == 6 else b"")
        return header(PATCH, len(body), SET | (MORE if step < 6 else 0), channel, 9) + body

    flood = Flood(worker, make)
    grown = under(g, victim, flood, 8)
    # 60 overlays of 300 KB and their outboxes, and 32 MiB for all that wait.
    assert grown < 110 * 1024, grown
    flood.end()
    for p in pages:
        p.close()


# catalogue 20, 27
def sessions_of_one_space_hold_no_more_than_its_share(g):
    g.start(arguments=("--sessions-mib-per-space", "8"))
    g.route()
    g.synced()
    victim = Victim(g)
    victim.click()
    first = Page(g.port)
    first.join()
    worker = g.wake()
    worker.open()
    cookies = []
    for i in range(30):
        p = Page(g.port)
        p.join()
        opened = worker.expect(OPEN, skip=(ACK, CLOSE))
        worker.image(opened.channel, "k", b'"%s"' % (b"z" * 500000))
        worker.commit(opened.channel)
        worker.expect(ACK, channel=opened.channel, skip=(CLOSE, ACK))
        p.close()
        cookies.append((p.cookie, p.session))

    def left():
        states = []
        for cookie, session in (cookies[0], cookies[-1]):
            p = Page(g.port, cookie=cookie)
            p.join(session)
            states.append(p.welcome.json()["state"])
            p.close()
        return states

    time.sleep(2.5)
    # The oldest is forgotten, the newest and the one that is looked at are there.
    assert left() == ["new", "resynchronised"]
    first.event(1)
    event = worker.expect(EVENT, skip=(ACK, CLOSE, OPEN))
    worker.commit(event.channel, 1)
    first.expect(COMMIT, node=1, skip=(PATCH, ACCEPTED, PHASE, TREE))
    victim.click()
    # Where all are looked at, the largest go.
    pages = []
    for i in range(20):
        p = Page(g.port)
        p.join()
        opened = worker.expect(OPEN, skip=(ACK, CLOSE))
        worker.image(opened.channel, "k", b'"%s"' % (b"z" * 900000))
        worker.commit(opened.channel)
        pages.append(p)
    ended = []
    time.sleep(2.5)
    for p in pages:
        p.sock.settimeout(0.2)
        try:
            if p.closed():
                ended.append(p)
        except TimeoutError:
            pass
    assert 8 <= len(ended) < 20, len(ended)
    victim.click()


# --- pages of a worker ---

def tree_of(children):
    return {"title": "T", "root": {"n": 1, "key": "column", "type": "column", "props": {},
                                   "children": children}}


def leaf(n, **props):
    return {"n": n, "key": "k%d" % n, "type": "markdown", "props": props}


# catalogue 28
def a_page_over_its_limits_is_refused_whoever_made_it(g):
    page, worker, victim = start(g)
    deep = leaf(2)
    for n in range(3, 60):
        deep = {"n": n, "key": "k%d" % n, "type": "column", "props": {}, "children": [deep]}
    trees = {
        "too many": tree_of([leaf(n) for n in range(2, 2500)]),
        "too deep": tree_of([deep]),
        "no root": {"title": "T"},
        "a root that is text": {"title": "T", "root": "x"},
        "a child that is a number": tree_of([5]),
        "a title without end": {**tree_of([]), "title": "t" * 3000},
    }
    g.lose_worker(worker)
    for n, (words, tree) in enumerate(trees.items()):
        worker = g.wake("t%d" % n, tree=tree)
        reason = stopped(g, worker.replica)
        print("  %s: %s" % (words, reason))
        assert "tree" in reason or "HELLO" in reason, reason
        victim.click()
    raw = [
        b'{"tree":[],"api":[],"load_usec":1}',
        b'{"tree":{"root":{}},"api":[],"load_usec":NaN}',
        b'{"tree":{"root":{}},"api":[],"load_usec":1e400}',
        b'{"tree":{"root":{"props":{"v":"\xff\xfe"}}},"api":[],"load_usec":1}',
        b'{"tree":' + b"[" * 100000 + b"]" * 100000 + b',"api":[],"load_usec":1}',
        b'{"tree":{"root":{}},"api":[],"load_usec":1,"api":[]}',
    ]
    for n, value in enumerate(raw):
        worker = g.wake("u%d" % n, hello=False)
        worker.send(Frame(HELLO, value))
        stopped(g, worker.replica)
        victim.click()
    # Names that mean something to JavaScript or HTML are text like any other.
    worker = g.wake("last", tree=tree_of([leaf(2, **{"__proto__": {"x": 1}, "constructor": "c"}),
                                          leaf(3, value="<script>alert(1)</script>")]))
    worker.open()
    body = get(g.port, "/spaces/alice/echo")[2]
    assert b"<script>alert" not in body


# catalogue 103
def nothing_a_visitor_or_a_worker_names_becomes_a_header(g):
    page, worker, victim = start(g)
    evil = "a%0d%0aSet-Cookie:%20evil=1%0d%0a%0d%0a<script>.png%22;x=%22"
    status, _, body = get(g.port, "/spaces/alice/echo/-/upload?name=" + evil, method="POST",
                          body=b"text")
    assert status == 200
    up = json.loads(body)
    ident = "abcdefghjkmnpqrstvwxyz0123"
    worker.send(Frame(BLOB, ident.encode() + b"\0text/html\r\nSet-Cookie: evil=1\0<script>", 0,
                      worker.opened.channel))
    worker.commit(worker.opened.channel)
    page.expect(COMMIT)
    for file in (up["file"], ident):
        status, headers, body = get(g.port, "/spaces/alice/echo/-/file/" + file)
        assert status == 200
        assert "evil" not in headers.get("set-cookie", "") and "x" not in headers
        assert headers["content-type"] == "text/plain"
        assert headers["content-disposition"].startswith("attachment")
        assert "sandbox" in headers["content-security-policy"]
    # Titles and names of a route end in HTML, and in no header.
    g.route(title="</title><script>alert(1)</script>")
    g.until(lambda: b"&lt;/title&gt;" in get(g.port, "/spaces/alice/echo")[2])
    assert b"<script>alert" not in get(g.port, "/spaces/alice/echo")[2]
    victim.click()


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",)
         and v not in (refused, start)] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
