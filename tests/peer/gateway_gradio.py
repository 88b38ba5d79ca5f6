"""The real vitrine-gateway between Gradio's clients, by hand, and a worker."""

import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_programs import *  # noqa: F401,F403,E402

SPACE = "/spaces/alice/echo"


def post(g, path, **body):
    return get(g.port, SPACE + path, method="POST", body=json.dumps(body).encode())


def join(g, hash, *args):
    return post(g, "/gradio_api/queue/join", fn_index=1, session_hash=hash, data=list(args))


def event_of(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])["event_id"]


class Stream:
    """A GET that is read bit by bit."""

    def __init__(self, g, path):
        self.sock = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
        self.sock.sendall(("GET %s%s HTTP/1.1\r\nHost: x\r\n\r\n" % (SPACE, path)).encode())
        self.data = b""

    def until(self, words):
        while words not in self.data:
            more = self.sock.recv(1 << 16)
            assert more, "the stream ended before %r: %r" % (words, self.data[-400:])
            self.data += more
        return self.data


def cpu_sec(g):
    with open("/proc/%d/stat" % g.process.pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def who_waits_for_a_call_costs_no_time(g):
    begin(g)
    event_of(join(g, "h", "a"))
    w, _ = serve(g)
    call, _ = call_of(w)
    stream = Stream(g, "/gradio_api/queue/data?session_hash=h")
    stream.until(b"process_starts")
    before = cpu_sec(g)
    time.sleep(1)
    spent = cpu_sec(g) - before
    assert spent < 0.4, spent
    end(w, call, ["done"])
    stream.until(b"process_completed")


def a_call_without_the_queue_has_a_session_as_long_as_it_runs(g):
    begin(g)
    id = event_of(post(g, "/call/echo", session_hash="h", data=["a"]))
    w, _ = serve(g)
    call, _ = call_of(w)
    if os.environ.get("VITRINE_PATIENT"):  # longer than a session without anything is kept
        time.sleep(62)
    assert post(g, "/gradio_api/cancel", event_id=id, fn_index=1, session_hash="h")[0] == 200
    assert w.expect(CANCEL, skip=(ACK, CLOSE, OPEN)).channel == call.channel
    w.commit(call.channel, call.seq)
    assert events(get(g.port, SPACE + "/call/echo/" + id)[2])[-1][0] == "error"
    again = event_of(post(g, "/call/echo", session_hash="h", data=["b"]))
    call, _ = call_of(w)
    end(w, call, ["done"])
    assert events(get(g.port, SPACE + "/call/echo/" + again)[2])[-1] == ("complete", ["done"])


def who_reads_again_hears_what_the_first_one_was_not_sent(g):
    begin(g)
    id = event_of(post(g, "/call/echo", data=["a"]))
    w, _ = serve(g)
    call, _ = call_of(w)
    first = Stream(g, "/call/echo/" + id)
    say(w, call, YIELD, ["0"])
    w.commit(call.channel, call.seq, INTERIM)
    first.until(b'["0"]')
    big = "x" * (7 << 20)  # more than a socket holds
    end(w, call, [big])
    first.until(b"event: complete")
    time.sleep(0.3)
    assert events(get(g.port, SPACE + "/call/echo/" + id)[2]) == [("complete", [big])]


def who_asks_for_nonsense_keeps_no_space_full(g):
    begin(g)
    id = event_of(post(g, "/call/echo", data=["a"]))
    w, _ = serve(g)
    call, _ = call_of(w)
    for _ in range(1100):
        event_of(post(g, "/call/echo", session_hash="h", data=[1, 2, 3, 4]))
    for _ in range(1100):
        event_of(join(g, "q", 1, 2, 3, 4))
    end(w, call, ["done"])
    assert events(get(g.port, SPACE + "/call/echo/" + id)[2]) == [("complete", ["done"])]


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",)
         and v.__name__ not in ("cpu_sec",)] if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
