"""The real vitrine-gateway between programs (REST, MCP) and workers that may be in strangers' hands."""

import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import *  # noqa: F401,F403,E402

CALL, RESULT = 0x38, 0x16
YIELD, FINAL, PROGRESS, LOG = 1, 2, 3, 4
BASE = "/spaces/alice/echo/-"
API = [{"name": "echo", "node": 7, "event": "submit",
        "inputs": [{"name": "text", "component": "textbox", "type": "string", "required": True},
                   {"name": "more", "component": "json", "type": "json"}],
        "outputs": [{"name": "out", "component": "json", "type": "json"}]}]


class Asked(threading.Thread):
    """A request under way."""

    def __init__(self, g, path, *headers, body=b"{}", method="POST"):
        super().__init__(daemon=True)
        self.arguments = (g.port, BASE + path, *headers)
        self.more = {"method": method, "body": body if isinstance(body, bytes) else
                     json.dumps(body).encode()}
        self.start()

    def run(self):
        try:
            self.answer = get(*self.arguments, **self.more)
        except OSError:
            self.answer = None  # the gateway has ended

    def got(self):
        self.join(DEADLINE)
        assert not self.is_alive(), "no answer"
        return self.answer

    def json(self):
        status, _, body = self.got()
        return status, json.loads(body)


def begin(g, **more):
    g.start()
    g.route(api=API, **more)
    g.synced()


def serve(g):
    w = g.wake(hello=False)
    w.send(Frame(HELLO, {"tree": w.TREE, "api": API, "load_usec": 1000}, 1))
    return w, w.open()


def call_of(w):
    """The CALL that comes next, and its arguments."""
    f = w.expect(CALL, skip=(ACK, OPEN, CLOSE, RESUME, CANCEL))
    name, _, args = f.value.partition(b"\0")
    assert name == b"echo", f
    return f, json.loads(args)


def say(w, call, op, value):
    w.send(Frame(RESULT, value if isinstance(value, bytes) else json.dumps(value).encode(), op,
                 call.channel, call.seq))


def end(w, call, value):
    say(w, call, FINAL, value)
    w.commit(call.channel, call.seq)


def events(body):
    out = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            out.append((fields["event"], json.loads(fields["data"])))
    return out


def a_call_goes_to_the_worker_and_its_result_to_the_program(g):
    begin(g)
    asked = Asked(g, "/api/echo", body={"text": "a", "more": {"b": [1.50, None]}})
    w, _ = serve(g)
    call, args = call_of(w)
    assert args == ["a", {"b": [1.50, None]}]
    end(w, call, [9007199254740993])
    assert asked.got()[0] == 200 and asked.got()[2] == b'{"out":9007199254740993}'


def a_private_space_is_there_for_its_owners_token_only(g):
    begin(g, private=True)
    for path in ("/api/echo", "/mcp"):
        assert get(g.port, BASE + path, method="POST", body=b"{}")[0] == 404
    for path in ("/openapi.json", "/agents.md"):
        assert get(g.port, BASE + path)[0] == 404
    for user, status in ((None, 401), ("bob", 404), ("alice", 200)):
        asked = Asked(g, "/openapi.json", "Authorization: Bearer hf_%s" % user, method="GET", body=b"")
        f = g.edge.expect(IDENTIFY, skip=(ACTIVITY,))
        assert f.json()["cookie"] == "hf_%s" % user
        g.edge.send(Frame(IDENTITY, {"user": user} if user else {}, seq=f.seq))
        assert asked.json()[0] == status, user
        if status == 200:
            assert asked.json()[1]["security"] == [{"token": []}]
    # A browser asks first, and without the token.
    for path in ("/api/echo", "/openapi.json", "/agents.md"):
        status, headers, _ = get(g.port, BASE + path, "Origin: http://a.example", method="OPTIONS")
        assert status == 200 and headers["access-control-allow-origin"] == "*", path


def a_private_spaces_files_are_there_for_its_owners_token_only(g):
    begin(g, private=True)
    known = set()

    def as_user(user, path, *headers, **more):
        asked = Asked(g, path, "Authorization: Bearer hf_%s" % user, *headers, **more)
        if user not in known:  # the gateway remembers who has asked a moment ago
            known.add(user)
            f = g.edge.expect(IDENTIFY, skip=(ACTIVITY,))
            assert f.json()["cookie"] == "hf_%s" % user
            g.edge.send(Frame(IDENTITY, {"user": user}, seq=f.seq))
        return asked.got()

    assert get(g.port, BASE + "/upload?name=a.txt", method="POST", body=b"words")[0] == 404
    assert as_user("bob", "/upload?name=a.txt", body=b"words")[0] == 404
    status, _, body = as_user("alice", "/upload?name=a.txt", body=b"words")
    assert status == 200, (status, body)
    path = "/file/" + json.loads(body)["file"]
    assert get(g.port, BASE + path)[0] == 404
    assert as_user("bob", path, method="GET", body=b"")[0] == 404
    status, _, body = as_user("alice", path, method="GET", body=b"")
    assert (status, body) == (200, b"words")
    tus = ("Tus-Resumable: 1.0.0", "Upload-Length: 5")
    assert as_user("bob", "/uploads", *tus, body=b"")[0] == 404
    assert as_user("alice", "/uploads", *tus, body=b"")[0] == 201


def a_cookie_counts_on_pages_of_this_host_only(g):
    begin(g)
    cookie = "Cookie: vitrine_session=abc"
    asked = Asked(g, "/api/echo", cookie, "Origin: http://evil.example", body={"text": "a"})
    w, opened = serve(g)
    assert "user" not in opened.json()
    call, _ = call_of(w)
    end(w, call, [1])
    assert asked.got()[0] == 200 and asked.got()[1]["access-control-allow-origin"] == "*"
    asked = Asked(g, "/api/echo", cookie, "Origin: http://127.0.0.1:%d" % g.port, body={"text": "a"})
    f = g.edge.expect(IDENTIFY, skip=(ACTIVITY,))
    g.edge.send(Frame(IDENTITY, {"user": "bob"}, seq=f.seq))
    assert w.expect(OPEN, skip=(ACK, CLOSE)).json()["user"] == "bob"
    call, _ = call_of(w)
    end(w, call, [1])
    assert asked.got()[0] == 200
    assert get(g.port, BASE + "/mcp", "Origin: http://evil.example", method="POST", body=b"{}")[0] == 403


def what_a_worker_makes_up_is_told_as_an_error_or_as_null(g):
    begin(g)
    asked = Asked(g, "/api/echo", body={"text": "a"})
    w, _ = serve(g)
    for says, status, answer in (
            (b"{not json", 500, None), (b"7", 200, {"out": None}), (b"[]", 200, {"out": None}),
            (b'[1,2,3]', 200, {"out": 1}), (b'{"a":1}', 200, None),
            (b'[\n"a\\nb"\r\n]', 200, {"out": "a\nb"})):
        call, _ = call_of(w)
        end(w, call, says)
        got, value = asked.json()
        assert got == status and (answer is None or value == answer), (says, got, value)
        assert status == 200 or value["error"]
        asked = Asked(g, "/api/echo", body={"text": "a"})
    call, _ = call_of(w)
    w.commit(call.channel, call.seq)  # ended, and nothing was said
    assert asked.json()[0] == 500
    asked = Asked(g, "/api/echo", body={"text": "a"})
    call, _ = call_of(w)
    big = "x" * (6 << 20)
    end(w, call, [big])
    assert asked.json() == (200, {"out": big})
    assert get(g.port, "/healthz")[0] == 200


def a_worker_that_is_lost_is_told_with_when_to_come_again(g):
    begin(g)
    asked = Asked(g, "/api/echo", body={"text": "a"})
    w, _ = serve(g)
    call_of(w)
    g.lose_worker(w)
    status, value = asked.json()
    assert status == 503 and value["error"] and int(asked.got()[1]["retry-after"]) > 0


def a_program_that_goes_away_takes_its_call_with_it(g):
    begin(g)
    for accept in ("*/*", "text/event-stream"):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
        s.sendall(('POST %s/api/echo HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nContent-Length: 12\r\n\r\n'
                   '{"text":"a"}' % (BASE, accept)).encode())
        if accept == "*/*":
            w, _ = serve(g)
        call, _ = call_of(w)
        s.close()
        assert w.expect(CANCEL, skip=(ACK, CLOSE, OPEN)).channel == call.channel
        w.commit(call.channel, call.seq)


def who_does_not_read_misses_steps_and_not_the_result(g):
    begin(g)
    s = socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE)
    s.sendall(('POST %s/api/echo HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n'
               'Content-Length: 12\r\n\r\n{"text":"a"}' % BASE).encode())
    w, _ = serve(g)
    call, _ = call_of(w)
    before = g.rss_kib()
    for i in range(200):
        say(w, call, YIELD, [str(i) * 60000])
        w.commit(call.channel, call.seq, INTERIM)
    end(w, call, ["done"])
    body = b""
    while True:
        more = s.recv(1 << 20)
        if not more:
            break
        body += more
    grown = g.rss_kib() - before
    assert b'data: {"out":"done"}' in body
    assert body.count(b"event: value") < 200
    print("  grew by %d KiB" % grown)
    if not g.sanitized():
        assert grown < 64 * 1024, grown


def as_many_calls_as_a_session_may_have_and_the_next_one_is_told_when(g):
    begin(g)
    asked = [Asked(g, "/api/echo?session=a", body={"text": "a"}) for _ in range(80)]
    w, _ = serve(g)
    while True:
        done = [a for a in asked if not a.is_alive()]
        refused = [a for a in done if a.got()[0] == 429]
        if refused:
            break
        call, _ = call_of(w)
    assert int(refused[0].got()[1]["retry-after"]) > 0


def a_body_has_a_limit_and_so_have_methods(g):
    begin(g)
    status, _, body = get(g.port, BASE + "/api/echo", method="POST",
                          body=b'{"text":"' + b"x" * (7 << 20) + b'"}')
    assert status == 413, (status, body)
    status, _, body = get(g.port, BASE + "/api/echo", method="POST",
                          body=b'{"text":"' + b"x" * (4 << 20) + b'"}')
    assert status == 413, (status, body)
    assert get(g.port, BASE + "/api/echo", method="PUT", body=b"{}")[0] == 405
    status, headers, _ = get(g.port, BASE + "/api/echo", "Origin: http://a.example", method="OPTIONS")
    assert status == 200 and headers["access-control-allow-origin"] == "*"
    deep = b'{"text":' + b"[" * 100000 + b"]" * 100000 + b"}"
    assert get(g.port, BASE + "/api/echo", method="POST", body=deep)[0] == 400
    assert get(g.port, BASE + "/mcp", method="POST", body=deep)[0] == 400
    assert get(g.port, BASE + "/mcp", method="DELETE")[0] == 405


def calls_that_run_hold_nothing_of_what_may_be_received(g):
    begin(g)
    body = b'{"text":"a"}' + b" " * (5900 << 10)
    asked = [Asked(g, "/api/echo", body=body)]
    w, _ = serve(g)
    calls = [call_of(w)[0]]
    for _ in range(13):
        asked.append(Asked(g, "/api/echo", body=body))
        calls.append(call_of(w)[0])
    for call in calls:
        end(w, call, [1])
    for a in asked:
        assert a.got()[0] == 200


def only_its_own_session_cancels_an_mcp_call(g):
    begin(g)
    g.route(space="s2", name="other", sync=False, api=API)

    def message(id, method, **params):
        o = {"jsonrpc": "2.0", "method": method, "params": params}
        return {**o, "id": id} if id is not None else o

    def session():
        status, headers, _ = get(g.port, BASE + "/mcp", method="POST",
                                 body=json.dumps(message(0, "initialize")).encode())
        assert status == 200
        return "Mcp-Session-Id: " + headers["mcp-session-id"]

    ada, bob = session(), session()
    for progress in (None, "t"):
        params = {"name": "echo", "arguments": {"text": "a"}}
        if progress:
            params["_meta"] = {"progressToken": progress}
        asked = Asked(g, "/mcp", ada, "Accept: application/json, text/event-stream",
                      body=message(7, "tools/call", **params))
        if not progress:
            w, _ = serve(g)
        call, _ = call_of(w)
        note = json.dumps(message(None, "notifications/cancelled", requestId=7)).encode()
        assert get(g.port, BASE + "/mcp", bob, method="POST", body=note)[0] == 202
        other = BASE.replace("echo", "other") + "/mcp"
        assert get(g.port, other, ada, method="POST", body=note)[0] == 202
        w.quiet(0.2, skip=(ACK, OPEN))
        assert get(g.port, BASE + "/mcp", ada, method="POST", body=note)[0] == 202
        assert w.expect(CANCEL, skip=(ACK, OPEN)).channel == call.channel
        w.commit(call.channel, call.seq)
        status, _, body = asked.got()
        assert status == 200
        # A stream ends without a word about it; a plain answer has to be one.
        assert b'"id":7' not in body if progress else json.loads(body)["result"]["isError"]
    # Without a session nobody knows whose call it is.
    asked = Asked(g, "/mcp", body=message(7, "tools/call", name="echo", arguments={"text": "a"}))
    call, _ = call_of(w)
    assert get(g.port, BASE + "/mcp", method="POST", body=note)[0] == 202
    w.quiet(0.2, skip=(ACK, OPEN))
    end(w, call, ["b"])
    assert asked.json()[1]["id"] == 7
    assert asked.json()[1]["result"]["structuredContent"] == {"out": "b"}


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",) and v not in (begin, serve)] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
