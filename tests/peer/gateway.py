"""The real vitrine-gateway between fake peers: what a visitor and a worker see of it."""

import json
import os
import socket
import socketserver
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import *  # noqa: F401,F403,E402

REQUEST = "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ready(g):
    """A started gateway with one Space, one page and one worker."""
    g.start()
    g.route()
    g.synced()
    page = Page(g.port)
    page.join()
    page.expect(TREE)
    worker = g.wake()
    worker.opened = worker.open()
    return page, worker


def click(page, worker, n, text, answer):
    page.event(n, values=[(7, json.dumps(text).encode())])
    worker.expect(VALUE, node=7)
    worker.answer(worker.expect(EVENT, seq=n), answer)
    page.expect(PATCH, skip=(ACCEPTED, PHASE, TREE))
    return page.expect(COMMIT, node=n)


# --- pages ---

def pages_are_served_with_their_headers(g):
    g.start()
    g.route()
    status, headers, body = get(g.port, "/spaces/alice/echo")
    assert status == 200 and b"Echo &lt;1&gt;" in body
    data = body.split(b'id="vitrine-data">')[1].split(b"</script>")[0]
    assert b"<" not in data
    value = json.loads(data)
    assert value["title"] == "Echo <1>" and value["phase"] == "asleep"
    assert value["tree"]["root"]["children"][0]["n"] == 7
    assert value["base"] == "/spaces/alice/echo" and value["space"] == "s1"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "HttpOnly" in headers["set-cookie"] and "SameSite=Lax" in headers["set-cookie"]
    assert get(g.port, "/spaces/alice/echo", 'If-None-Match: ' + headers["etag"])[0] == 304
    for path in ("/", "/-/sign-in", "/spaces/alice/echo/-/logs"):
        status, headers, body = get(g.port, path)
        assert status == 200 and b"platform" in body, path
    assert get(g.port, "/spaces/alice/nothing")[0] == 404
    assert get(g.port, "/spaces/alice/echo/-/ws")[0] == 426
    for path in ("/models", "/new", "/alice", "/alice/m", "/datasets/alice/d", "/alice/m/tree/main/a%20b?x=1",
                 "/spaces/alice/echo/tree/main", "/datasets/alice/d/commit/abc", "/metrics-lab/m", "/metrics-lab",
                 "/healthz-lab"):
        status, headers, body = get(g.port, path)
        assert status == 200 and b"platform" in body, path
    for path in ("/alice/m/nothing", "/api-less/m/tree", "/datasets/alice", "/nothing.txt", "/-x-/m"):
        assert get(g.port, path)[0] == 404, path
    assert get(g.port, "/", method="POST", body=b"x")[0] == 405


def assets_come_compressed_and_never_from_elsewhere(g):
    g.start()
    status, headers, body = get(g.port, "/assets/app-1a2b.js", "Accept-Encoding: gzip, br")
    assert status == 200 and body == b"brotli bytes" and headers["content-encoding"] == "br"
    assert "immutable" in headers["cache-control"]
    assert headers["content-type"].startswith("text/javascript")
    assert get(g.port, "/assets/app-1a2b.js", "Accept-Encoding: gzip, br",
               "If-None-Match: " + headers["etag"])[0] == 304
    status, headers, body = get(g.port, "/assets/app-1a2b.js", "Accept-Encoding: br;q=0")
    assert body == b"console.log(1)" and "content-encoding" not in headers
    g.write("data/secret.txt", "secret")
    for path in ("/assets/../../data/secret.txt", "/assets/%2e%2e/%2e%2e/data/secret.txt",
                 "/assets//etc/passwd", "/../data/secret.txt", "/space.html", "/assets/.hidden",
                 "/assets/app%00.js"):
        status, _, body = get(g.port, path)
        assert status == 404 and b"secret" not in body.replace(b"secret.txt", b""), path


def a_restart_without_the_orchestrator_still_serves(g):
    g.start()
    g.route()
    g.route(bundle="b2", space="s2", name="second", sync=False)
    g.kill()
    g.listeners["edge"].close()
    os.unlink(g.path("run/edge.sock"))
    g.start(edge=False)
    g.synced()
    g.until(lambda: get(g.port, "/spaces/alice/echo")[0] == 200)
    assert get(g.port, "/spaces/alice/second")[0] == 200
    status, _, body = get(g.port, "/healthz")
    assert status == 200 and json.loads(body)["status"] == "degraded"
    status, headers, body = get(g.port, "/api/spaces")
    assert status == 502 and headers["retry-after"] and "error" in json.loads(body)
    page = Page(g.port)
    page.join()
    worker = g.wake()
    worker.open()
    click(page, worker, 1, "hi", "HI")


def routes_that_are_not_named_again_are_gone(g):
    g.start()
    g.route()
    g.route(bundle="b2", space="s2", name="second", sync=False)
    g.edge.close()
    g.edge = g.accept("edge")
    g.route(bundle="b2", space="s2", name="second")
    g.until(lambda: get(g.port, "/spaces/alice/echo")[0] == 404)
    g.edge.send(Frame(ROUTE_GONE, {"space": "s2"}))
    g.until(lambda: get(g.port, "/spaces/alice/second")[0] == 404)
    assert os.listdir(g.path("data/routes")) == []


def an_old_epoch_changes_nothing(g):
    g.start()
    g.route(bundle="b2")
    g.edge.send(Frame(ROUTE, {"space": "s1", "owner": "alice", "name": "echo", "epoch": 1,
                              "title": "old", "class": "small", "sleep_sec": 1}))
    g.route(bundle="b3", space="s3", name="third")
    assert b'"bundle":"b2"' in get(g.port, "/spaces/alice/echo")[2]


def a_private_space_exists_only_for_its_owner(g):
    g.start()
    g.route(private=True)
    assert g.process.poll() is None
    assert get(g.port, "/spaces/alice/echo")[0] == 404

    def answer(user):
        ask = g.edge.expect(IDENTIFY, skip=(ACTIVITY,))
        value = {"user": user} if user else {}
        g.edge.send(Frame(IDENTITY, value, seq=ask.seq))
        return ask.json()["cookie"]

    seen = []
    for user, cookie, want in (("bob", "c-bob", 404), ("alice", "c-alice", 200)):
        t = threading.Thread(target=lambda: seen.append(answer(user)))
        t.start()
        assert get(g.port, "/spaces/alice/echo", "Cookie: vitrine_session=" + cookie)[0] == want
        t.join()
        assert seen[-1] == cookie
    page = Page(g.port)
    page.send(Frame(JOIN, {}))
    assert "no such Space" in page.closed()
    g.synced()
    page = Page(g.port, cookie="vitrine_session=c-alice")
    page.join()
    assert page.welcome.json()["owner"] is True and page.welcome.json()["user"] == "alice"


# --- sessions ---

def a_click_goes_round_and_the_state_grows(g):
    page, worker = ready(g)
    assert worker.opened.json()["image"] == {} and worker.opened.json()["overlay"] == []
    assert worker.opened.json()["session"] == page.session
    page.event(1, values=[(7, b'"hello"')])
    assert worker.expect(VALUE).value == b'"hello"'
    event = worker.expect(EVENT, seq=1, node=7, op=SUBMIT)
    worker.patch(event.channel, 9, "value", "par")
    worker.commit(event.channel, 1, INTERIM)
    worker.patch(event.channel, 9, "value", "tial", APPEND)
    worker.image(event.channel, "turns", b'["hello"')
    worker.image(event.channel, "turns", b',"x"]', keep=8)
    worker.commit(event.channel, 1)
    assert page.expect(PATCH).value == b'value\0"par"'
    assert page.expect(COMMIT).op == INTERIM
    assert page.expect(PATCH, op=APPEND).value == b"value\0tial"
    done = page.expect(COMMIT)
    assert (done.op, done.node, done.seq, done.channel) == (FINISH, 1, 2, 0)
    assert worker.expect(ACK).channel == event.channel


def a_dropped_connection_is_resumed_from_where_it_was(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    page.event(2)
    event = worker.expect(EVENT, seq=2)
    page.expect(ACCEPTED, seq=2, skip=(PHASE,))
    page.close()
    worker.answer(event, "B")
    worker.expect(ACK, seq=2, skip=())
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    assert again.welcome.json()["state"] == "resumed"
    assert (again.welcome.seq, again.welcome.node) == (2, 2)
    assert again.expect(PATCH).value == b'value\0"B"'
    assert again.expect(COMMIT).seq == 2
    click(again, worker, 3, "c", "C")
    fresh = Page(g.port, cookie=page.cookie)
    fresh.join(page.session)
    assert fresh.welcome.json()["state"] == "resynchronised"
    fresh.expect(TREE)
    state = {}
    while True:
        f = fresh.expect(PATCH, skip=(PHASE, ACCEPTED)) if len(state) < 2 else fresh.next()
        if f.type == COMMIT:
            assert f.seq == 3
            break
        state[f.node] = f.value
    assert state == {7: b'value\0"c"', 9: b'value\0"C"'}
    assert "another window" in again.closed()


def an_event_sent_twice_is_handled_once(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    page.event(1)
    page.expect(ACCEPTED, seq=1, skip=(PHASE,))
    worker.quiet()
    page.event(3)
    assert "2 is next" in page.closed()


def too_many_unfinished_events_close_the_socket(g):
    page, worker = ready(g)
    for n in range(1, 34):
        page.event(n)
    assert "unfinished" in page.closed()
    for n in range(1, 33):
        worker.expect(EVENT, seq=n)
    worker.quiet()


def nobody_joins_somebody_elses_session(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    thief = Page(g.port)
    thief.join(page.session, seq=1, bundle="b1")
    assert thief.welcome.json()["state"] == "new"
    assert thief.session != page.session
    last = "0" if page.cookie[-1] != "0" else "1"
    forged = Page(g.port, cookie=page.cookie[:-1] + last)
    forged.join(page.session)
    assert forged.welcome.json()["state"] == "new"


# catalogue 105
def the_gateway_is_killed_and_nothing_is_lost(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    page.event(2, values=[(7, b'"b"')])
    event = worker.expect(EVENT, seq=2, skip=(ACK, VALUE))
    page.expect(ACCEPTED, seq=2, skip=(PHASE,))
    g.kill()
    # The worker finishes while nobody is there. Half of its group went down with the old gateway:
    # what waits in the link is the end of it, which alone would lose the patch.
    worker.commit(event.channel, event.seq)
    g.start()
    pair = (worker.sock, g.kept["r1"])
    g.give_worker(0, pair=pair)
    g.synced()
    assert worker.expect(RESUME, skip=(ACK,)).channel == 0
    worker.hello()
    resume = worker.expect(RESUME, skip=(ACK,))
    assert (resume.channel, resume.seq) == (event.channel, 1)
    worker.seq[event.channel] = 1
    worker.answer(event, "B")  # the whole group again
    assert worker.expect(RESUME).channel == 0
    worker.hello()
    worker.quiet()  # event 2 is finished
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    if again.welcome.seq == 1:
        assert again.welcome.json()["state"] == "resumed"
    again.expect(PATCH, skip=(PHASE, ACCEPTED, TREE))
    while True:
        f = again.next()
        if f.type == COMMIT and f.seq == 2:
            break
    click(again, worker, 3, "c", "C")


def a_worker_that_gives_up_at_a_handover_costs_no_session(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    g.kill()
    g.start()
    g.give_worker(0, pair=(worker.sock, g.kept["r1"]))
    g.synced()
    worker.expect(RESUME, skip=(ACK,), channel=0)
    worker.expect(RESUME)  # its session stands on it
    worker.send(Frame(LOAD_FAILED, {"message": "no more"}))
    assert g.agent.expect(STOP).json()["reason"] == "the app did not load"
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    assert again.welcome.seq == 1
    another = g.wake("r2")
    another.open()
    click(again, another, 2, "b", "B")


def a_worker_that_forgot_is_told_everything(g):
    page, worker = ready(g)
    page.event(1, values=[(7, b'"a"')])
    event = worker.expect(EVENT, skip=(VALUE,))
    worker.patch(event.channel, 9, "value", "A")
    worker.image(event.channel, "k", b'{"deep":[1,2]}')
    worker.commit(event.channel, 1)
    page.expect(COMMIT, skip=(PATCH, ACCEPTED, PHASE))
    g.kill()
    g.start()
    g.give_worker(0, pair=(worker.sock, g.kept["r1"]))
    g.synced()
    worker.expect(RESUME, channel=0)
    worker.hello()
    channel = worker.expect(RESUME).channel
    worker.lost(channel)
    opened = worker.expect(OPEN, skip=(RESUME, ACK))
    assert opened.seq == 1 and opened.json()["image"] == {"k": {"deep": [1, 2]}}
    assert opened.json()["overlay"] == [[7, "value", 1, "a"], [9, "value", 1, "A"]]
    worker.seq[channel] = 1
    worker.hello()
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    click(again, worker, 2, "b", "B")


def a_lost_worker_interrupts_and_the_visitor_decides(g):
    page, worker = ready(g)
    page.event(1, values=[(7, b'"keep"')])
    event = worker.expect(EVENT, skip=(VALUE,))
    worker.patch(event.channel, 0, "progress", {"fraction": 0.5})
    worker.commit(event.channel, 1, INTERIM)
    page.expect(COMMIT, skip=(PATCH, ACCEPTED, PHASE))
    page.event(2)
    worker.expect(EVENT, seq=2)
    g.lose_worker(worker)
    for n in (1, 2):
        f = page.expect(INTERRUPTED)
        assert (f.seq, f.node, f.op) == (n, 7, SUBMIT)
    second = g.wake("r2")
    opened = second.open()
    assert opened.json()["overlay"] == [[7, "value", 1, "keep"]]  # progress went with its worker
    page.phase("running")
    page.send(Frame(CANCEL, seq=2))
    page.send(Frame(RETRY, seq=1))
    assert second.expect(VALUE).value == b'"keep"'
    second.answer(second.expect(EVENT, seq=1), "done")
    page.expect(COMMIT, node=1, skip=(PATCH, ACCEPTED, PHASE))
    # A later page hears of what still waits for a decision, and of nothing else.
    page.event(3)
    second.expect(EVENT, seq=3)
    g.lose_worker(second)
    page.expect(INTERRUPTED, seq=3)
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session)
    assert again.expect(INTERRUPTED, skip=(PHASE, ACCEPTED, TREE, PATCH, COMMIT)).seq == 3
    third = g.wake("r3")
    third.open()
    # A new event overtakes; then the retried one is older than what the worker has seen.
    click(again, third, 4, "x", "X")
    again.send(Frame(RETRY, seq=3))
    channel = third.expect(CLOSE).channel
    third.expect(RESUME, channel=channel)
    third.lost(channel)
    third.open()
    third.answer(third.expect(EVENT, seq=3), "late")
    again.expect(COMMIT, node=3, skip=(PATCH, ACCEPTED, PHASE))


def handlers_declared_safe_are_retried_by_themselves(g):
    page, worker = ready(g)
    page.event(1, kind=CLICK, node=10)
    worker.expect(EVENT, seq=1)
    g.lose_worker(worker)
    second = g.wake("r2")
    second.open()
    second.answer(second.expect(EVENT, seq=1, node=10), "again")
    page.expect(COMMIT, node=1, skip=(PATCH, ACCEPTED, PHASE))


def events_wait_for_a_worker(g):
    g.start()
    g.route()
    g.synced()
    page = Page(g.port)
    page.join()
    page.event(1, values=[(7, b'"early"')])
    page.expect(ACCEPTED, seq=1, skip=(PHASE, TREE))
    worker = g.wake()
    worker.open()
    assert worker.expect(VALUE).value == b'"early"'
    worker.answer(worker.expect(EVENT, seq=1), "late")
    page.expect(COMMIT, node=1, skip=(PATCH, PHASE, ACCEPTED, TREE))


def a_worker_that_cannot_start_is_explained(g):
    g.start()
    g.route()
    g.synced()
    page = Page(g.port)
    page.join()
    wake = g.agent.expect(WAKE)
    g.agent.send(Frame(WAKE_FAILED, {"message": "no free slot", "retry_ms": 300}, seq=wake.seq))
    page.expect(TREE)
    assert page.phase("failed")["message"] == "no free slot"
    worker = g.wake(hello=False)  # the next tick tries again
    worker.send(Frame(LOAD_FAILED, {"message": "boom", "file": "app.lua", "line": 3}))
    assert "boom" not in page.phase("failed")["message"]
    stop = g.agent.expect(STOP).json()
    assert stop == {"replica": "r1", "reason": "the app did not load"}


def a_deploy_moves_sessions_between_events(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    page.event(2)
    event = worker.expect(EVENT, seq=2)
    g.route(bundle="b2")
    second = g.wake("r2", "b2", upgrade=True)
    worker.quiet()  # its event runs: nothing moves
    worker.patch(event.channel, 9, "value", "B")
    worker.image(event.channel, "n", b"2")
    worker.commit(event.channel, 2)
    assert worker.expect(CLOSE).channel == event.channel
    opened = second.open()
    assert opened.json()["from"] == "b1" and opened.json()["image"] == {"n": 2}
    assert opened.seq == 2
    page.expect(COMMIT, node=2, skip=(PATCH, ACCEPTED, PHASE))
    page.event(3)  # waits for the upgrade
    second.image(opened.channel, "n", b"3")
    second.patch(opened.channel, 9, "value", "upgraded")
    second.commit(opened.channel, 0)
    page.phase("deployed")
    assert page.expect(TREE).json()["bundle"] == "b2"
    second.answer(second.expect(EVENT, seq=3), "C")
    while True:
        f = page.next()
        if f.type == COMMIT and f.node == 3:
            break
    assert f.seq == 4
    assert g.agent.expect(SLEEP).json()["replica"] == "r1"


def a_failed_upgrade_leaves_the_session_where_it_was(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    g.route(bundle="b2")
    second = g.wake("r2", "b2", upgrade=True)
    channel = worker.expect(CLOSE).channel
    opened = second.open()
    second.image(channel, "n", b'"half"')
    second.send(Frame(FAIL, {"message": "upgrade broke"}, FAIL_ERROR, channel))
    second.commit(channel, 0)
    second.expect(CLOSE, channel=channel)
    # It had the session before, so it is asked whether it has let go of it.
    worker.expect(RESUME, skip=(ACK, CLOSE), channel=channel)
    worker.lost(channel)
    back = worker.open()
    assert back.seq == 1 and back.json()["image"] == {} and "from" not in back.json()
    click(page, worker, 2, "b", "B")
    # A new session uses the new version.
    other = Page(g.port)
    other.join()
    assert other.welcome.json()["bundle"] == "b2"
    second.open()
    assert opened


def a_new_version_that_does_not_start_keeps_the_old_one_serving(g):
    page, worker = ready(g)
    g.route(bundle="b2")
    wake = g.agent.expect(WAKE)
    assert wake.json()["bundle"] == "b2"
    g.agent.send(Frame(WAKE_FAILED, {"message": "no memory", "retry_ms": 60000}, seq=wake.seq))
    click(page, worker, 1, "a", "A")
    g.edge.quiet(skip=(ACTIVITY,))


def an_idle_space_sleeps_and_wakes_on_a_visit(g):
    g.start()
    g.route(sleep_sec=1)
    g.synced()
    page = Page(g.port)
    page.join()
    worker = g.wake()
    worker.open()
    click(page, worker, 1, "a", "A")
    page.close()
    assert g.agent.expect(SLEEP).json()["replica"] == "r1"
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    assert again.welcome.json()["state"] == "resumed"
    second = g.wake("r2")
    assert second.open().json()["overlay"][1] == [9, "value", 1, "A"]
    click(again, second, 2, "b", "B")
    phases = []
    while "asleep" not in phases:
        phases.append(g.edge.expect(ACTIVITY).json()["phase"])


def a_restarted_space_gets_a_worker_without_a_visitor_and_sleeps_after_its_time(g):
    g.start()
    g.route(sleep_sec=1)
    g.route(bundle=None, space="s2", name="files", **{"class": "static"})
    for space in ("s2", "s1", "s1", "nothing"):
        g.edge.send(Frame(EDGE_WAKE, {"space": space}))
    g.synced()  # whichever comes first
    worker = g.wake()
    phases = []
    while "running" not in phases:
        told = g.edge.expect(ACTIVITY).json()
        assert told["space"] == "s1"
        phases.append(told["phase"])
    assert g.agent.expect(SLEEP).json()["replica"] == worker.replica  # and no second WAKE


def errors_are_for_the_owner(g):
    page, worker = ready(g)
    page.event(1)
    event = worker.expect(EVENT)

    def fail(event):
        worker.send(Frame(FAIL, {"message": "app.lua:7: secret", "file": "app.lua", "line": 7,
                                 "traceback": "secret trace", "reference": "ref42"},
                          FAIL_ERROR, event.channel, event.seq))
        worker.commit(event.channel, event.seq)

    fail(event)
    f = page.expect(FAIL, node=1)
    assert f.json() == {"message": "Something went wrong in this demo (reference ref42)",
                        "reference": "ref42"}
    owner = Page(g.port, cookie="vitrine_session=alices")
    owner.send(Frame(JOIN, {}))
    ask = g.edge.expect(IDENTIFY, skip=(ACTIVITY,))
    g.edge.send(Frame(IDENTITY, {"user": "alice"}, seq=ask.seq))
    assert owner.expect(WELCOME).json()["owner"] is True
    worker.open()
    owner.event(1)
    fail(worker.expect(EVENT))
    assert owner.expect(FAIL, skip=(ACCEPTED, PHASE, TREE)).json()["line"] == 7


def passwords_are_not_kept(g):
    page, worker = ready(g)
    page.event(1, values=[(8, b'"hunter2"'), (7, b'"name"')])
    values = [worker.expect(VALUE), worker.expect(VALUE)]
    assert {v.value for v in values} == {b'"hunter2"', b'"name"'}
    event = worker.expect(EVENT)
    assert os.listdir(g.path("data/sessions/secret")) == ["%d-1" % event.channel]
    # It survives a kill as long as the event does …
    g.kill()
    g.start()
    g.give_worker(0, pair=(worker.sock, g.kept["r1"]))
    g.synced()
    worker.expect(RESUME, channel=0)
    worker.hello()
    worker.expect(RESUME, channel=event.channel)
    worker.expect(RESUME, channel=0)
    worker.hello()
    got = [worker.expect(VALUE), worker.expect(VALUE)]
    assert {v.value for v in got} == {b'"hunter2"', b'"name"'}
    worker.answer(worker.expect(EVENT), "ok")
    g.until(lambda: os.listdir(g.path("data/sessions/secret")) == [])
    # … and is nowhere afterwards.
    for root, _, names in os.walk(g.path("data")):
        for name in names:
            with open(os.path.join(root, name), "rb") as f:
                assert b"hunter2" not in f.read(), name
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session)
    nodes = set()
    again.expect(TREE)
    while True:
        f = again.next()
        if f.type == COMMIT:
            break
        if f.type == PATCH:
            nodes.add(f.node)
    assert nodes == {7, 9}


def a_slow_page_catches_up(g):
    page, worker = ready(g)
    page.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    page.event(1)
    event = worker.expect(EVENT)
    for i in range(400):
        worker.patch(event.channel, 9, "value", "%04d" % i + "x" * 20000)
        worker.commit(event.channel, 1, INTERIM)
    worker.patch(event.channel, 9, "value", "end")
    worker.commit(event.channel, 1)
    last, seq = None, 0
    while seq < 401:
        f = page.next()
        if f.type == PATCH and f.node == 9:
            last = f.value
        elif f.type == COMMIT:
            seq = f.seq
    assert last == b'value\0"end"'
    assert g.rss_kib() < 200 * 1024


def a_worker_that_breaks_the_protocol_loses_its_link(g):
    page, worker = ready(g)
    bad = [
        Frame(COMMIT, b"", FINISH, worker.opened.channel, 0, 7),
        Frame(PATCH, b"no nul", SET, worker.opened.channel, 9),
        Frame(PATCH, b"value\0" + b"1", 9, worker.opened.channel, 9),
        Frame(IMAGE, b"key\0rest", IMAGE_SET, worker.opened.channel, 5),
        Frame(0x7F, b""),
        Frame(HELLO, {"tree": {"root": {}}, "api": 3}),
        Frame(PATCH, b"value\0" + b"1" * (300 * 1024), SET, 0, 9),
    ]
    for i, frame in enumerate(bad):
        worker.send(frame)
        if frame.type == IMAGE:
            worker.commit(worker.opened.channel, 0)
        gone = g.agent.expect(STOP)
        assert gone.json()["replica"] == worker.replica, frame
        worker = g.wake("r%d" % (i + 2))
        worker.opened = worker.open()
    click(page, worker, 1, "still", "here")


def hostile_pages_are_refused_in_words(g):
    page, worker = ready(g)
    cases = [
        (lambda p: p.send_raw(b"hello", opcode=1), "binary"),
        (lambda p: p.send_raw(b"abc"), "frame header"),
        (lambda p: p.send_raw(struct.pack("<HBBIII", 500, EVENT, 1, 0, 7, 1) + b"xx"), "length"),
        (lambda p: p.send(Frame(EVENT, b"null", 1, 0, 7, 1)), "out of turn"),
        (lambda p: p.send(Frame(0x99, b"")), "not known"),
        (lambda p: p.send(Frame(JOIN, b"[1]")), "object"),
        (lambda p: p.send(Frame(JOIN, b"{")), "JSON"),
        (lambda p: p.send(Frame(JOIN, {"session": "x" * 40})), "session"),
        (lambda p: p.send(Frame(JOIN, b"{" + b" " * 9000 + b"}")), "limit"),
        (lambda p: p.send(Frame(JOIN, {"query": [1]})), "query"),
    ]
    for act, words in cases:
        p = Page(g.port)
        act(p)
        said = p.closed()
        assert said and words in said, (words, said)
    joined = [
        (Frame(EVENT, b"{nope", 1, 0, 7, 1), "JSON"),
        (Frame(VALUE, b'"\xff"', 0, 0, 7, 1), "JSON"),
        (Frame(EVENT, b'"' + b"x" * (257 * 1024) + b'"', 1, 0, 7, 1), "limit"),
        (Frame(EVENT, b"null", 1, 5, 7, 1), "channel"),
        (Frame(JOIN, {}), "out of turn"),
        (Frame(ACK, b"", seq=99), "ACK"),
        (Frame(HELLO, {}), "not known"),
    ]
    for frame, words in joined:
        p = Page(g.port)
        p.join()
        p.expect(TREE)
        p.send(frame)
        said = p.closed()
        assert said and words in said, (words, said)
    assert g.process.poll() is None


def hostile_heads_are_refused_in_words(g):
    g.start()
    g.route()
    host = "Host: 127.0.0.1:%d\r\n" % g.port
    cases = [
        ("GARBAGE\r\n\r\n", 400, b"request line"),
        ("\x16\x03\x01\x02\x00\x01", 400, b"not HTTP"),
        ("GET / HTTP/2.0\r\n" + host + "\r\n", 400, b"HTTP/1"),
        ("GET / HTTP/1.1\r\n\r\n", 400, b"Host"),
        ("GET / HTTP/1.1\r\n" + host + host + "\r\n", 400, b"Host"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, b"Host"),
        ("GET / HTTP/1.1\r\n" + host + " folded: x\r\n\r\n", 400, b"header"),
        ("GET / HTTP/1.1\r\n" + host + "X: " + "y" * 20000 + "\r\n\r\n", 431, b"limit"),
        ("GET /" + "a" * 20000 + " HTTP/1.1\r\n" + host + "\r\n", 431, b"over"),
        ("GET / HTTP/1.1\r\n" + host + "".join("A%d: b\r\n" % i for i in range(200)) + "\r\n",
         431, b"fields"),
    ]
    for request, status, words in cases:
        got, _, body = http(g.port, request)
        assert got == status and words in body, (request[:60], got, body)
    assert Page(g.port, origin="http://evil.example").status == 403
    assert Page(g.port, origin="http://127.0.0.1:%d" % g.port).status == 101
    assert Page(g.port, "alice/none").status == 404
    # Half a head is waited for, and whoever goes away meanwhile costs nothing.
    half = socket.create_connection(("127.0.0.1", g.port))
    half.sendall(b"GET / HT")
    time.sleep(0.1)
    half.sendall(b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert half.recv(100).startswith(b"HTTP/1.1 200")
    gone = socket.create_connection(("127.0.0.1", g.port))
    gone.sendall(b"GET / HT")
    gone.close()
    assert get(g.port, "/healthz")[0] == 200


def slow_heads_are_cut_off(g):
    g.start()
    slow = socket.create_connection(("127.0.0.1", g.port))
    slow.settimeout(30)
    slow.sendall(b"GET / HTTP/1.1\r\n")
    assert slow.recv(100).startswith(b"HTTP/1.1 408")


def an_orderly_end_tells_every_page_to_come_back(g):
    page, worker = ready(g)
    click(page, worker, 1, "a", "A")
    g.process.terminate()
    assert page.closed() is None and page.close_code == 1012
    assert g.process.wait(DEADLINE) == 0


# --- files ---

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def uploads_reach_the_worker_and_come_back(g):
    page, worker = ready(g)
    status, _, body = get(g.port, "/spaces/alice/echo/-/upload?name=../cat%20pic.png",
                          method="POST", body=PNG)
    assert status == 200, body
    up = json.loads(body)
    assert up["type"] == "image/png" and up["size"] == len(PNG) and up["name"] == "cat pic.png"
    form = (b"--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"n.html\"\r\n"
            b"Content-Type: image/png\r\n\r\n<script>alert(1)</script>\r\n--XX--\r\n")
    status, _, body = get(g.port, "/spaces/alice/echo/-/upload",
                          "Content-Type: multipart/form-data; boundary=XX", method="POST",
                          body=form)
    html = json.loads(body)
    assert status == 200 and html["type"] == "text/plain" and html["name"] == "n.html"
    page.event(1, values=[(7, json.dumps({"file": up["file"]}).encode())])
    file = worker.expect(FILE)
    assert file.json()["id"] == up["file"] and file.json()["name"] == "cat pic.png"
    with os.fdopen(worker.fds.pop(), "rb") as f:
        assert f.read() == PNG
    worker.expect(VALUE)
    worker.answer(worker.expect(EVENT), "got it")
    url = "/spaces/alice/echo/-/file/"
    status, headers, body = get(g.port, url + up["file"])
    assert (status, body) == (200, PNG) and headers["content-type"] == "image/png"
    assert headers["content-disposition"].startswith("inline")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    status, headers, body = get(g.port, url + html["file"])
    assert headers["content-disposition"].startswith("attachment")
    status, headers, body = get(g.port, url + up["file"], "Range: bytes=8-11")
    assert (status, body) == (206, PNG[8:12])
    assert headers["content-range"] == "bytes 8-11/%d" % len(PNG)
    assert get(g.port, url + up["file"], "Range: bytes=-4")[2] == PNG[-4:]
    assert get(g.port, url + up["file"], "Range: bytes=99999-")[0] == 416
    assert get(g.port, url + up["file"], "Range: bytes=0-1,4-5")[::2] == (200, PNG)
    etag = headers["etag"]
    assert get(g.port, url + up["file"], "Range: bytes=0-3", "If-Range: " + etag)[0] == 206
    assert get(g.port, url + up["file"], "Range: bytes=0-3", 'If-Range: "other"')[0] == 200
    assert get(g.port, url + up["file"], "If-None-Match: " + etag)[0] == 304
    status, headers, body = get(g.port, url + up["file"], "Range: bytes=0-3", method="HEAD")
    assert (status, body) == (200, b"") and headers["content-length"] == str(len(PNG))
    for bad in ("x" * 26, "../../visitor.key", up["file"] + ".json", "0" * 26):
        assert get(g.port, url + bad)[0] == 404, bad
    # After a restart the state names the file, so the worker gets it again.
    g.lose_worker(worker)
    second = g.wake("r2")
    opened = second.open()
    assert opened.json()["files"] == [{"id": up["file"], "name": "cat pic.png",
                                       "type": "image/png", "size": len(PNG)}]
    assert second.expect(FILE).json()["id"] == up["file"]


def uploads_are_bounded(g):
    g.start(arguments=("--upload-mib", "10"))
    g.route()
    status, _, body = get(g.port, "/spaces/alice/echo/-/upload", method="POST",
                          body=b"x" * (10485760 + 1))
    assert status == 413 and "limit" in json.loads(body)["error"]
    assert get(g.port, "/spaces/alice/none/-/upload", method="POST", body=b"x")[0] == 404
    assert get(g.port, "/spaces/alice/echo/-/upload", "Origin: http://evil.example",
               method="POST", body=b"x")[0] == 403
    assert get(g.port, "/spaces/alice/echo/-/upload", "Content-Type: multipart/form-data",
               method="POST", body=b"x")[0] == 400
    left = os.listdir(g.path("data/files/s1")) if os.path.exists(g.path("data/files/s1")) else []
    assert left == [], left


def blobs_of_workers_are_files(g):
    page, worker = ready(g)
    ident = "abcdefghjkmnpqrstvwxyz0123"
    worker.send(Frame(BLOB, ident.encode() + b"\0image/png\0" + PNG, 0, worker.opened.channel))
    worker.send(Frame(BLOB, ident.encode() + b"\0image/png\0" + b"other", 0,
                      worker.opened.channel))
    worker.patch(worker.opened.channel, 9, "value", {"file": ident})
    worker.commit(worker.opened.channel, 0)
    page.expect(PATCH)
    assert get(g.port, "/spaces/alice/echo/-/file/" + ident)[2] == PNG
    named = "abcdefghjkmnpqrstvwxyz0124"
    worker.send(Frame(BLOB, named.encode() + b"\0text/csv;name=../s\xc3\xbc.csv\0a,b", 0,
                      worker.opened.channel))
    g.until(lambda: get(g.port, "/spaces/alice/echo/-/file/" + named)[0] == 200)
    _, headers, body = get(g.port, "/spaces/alice/echo/-/file/" + named)
    assert body == b"a,b"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''s%C3%BC.csv"


# --- upstream ---

class Upstream(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path, handle):
        self.handle_request_bytes = handle
        super().__init__(path, UpstreamHandler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.server_close()


class UpstreamHandler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.answer()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the gateway gave up on it, because its client did

    def answer(self):
        line = self.rfile.readline().decode()
        headers = {}
        while True:
            h = self.rfile.readline().decode().rstrip("\r\n")
            if not h:
                break
            name, _, value = h.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        self.server.handle_request_bytes(self, line.split(), headers)

    def body(self, headers):
        if "transfer-encoding" in headers:
            while True:
                n = int(self.rfile.readline(), 16)
                data = self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    return
                yield data
        left = int(headers.get("content-length", ["0"])[0])
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                return
            left -= len(data)
            yield data


def requests_pass_through_untouched(g):
    seen = {}

    def handle(h, line, headers):
        seen["line"], seen["headers"] = line, headers
        seen["body"] = b"".join(h.body(headers))
        h.wfile.write(b"HTTP/1.1 207 Odd\r\nContent-Type: x/y\r\nX-One: 1\r\nX-One: 2\r\n"
                      b"X-Content-Type-Options: nosniff\r\n"
                      b"Connection: close\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked"
                      b"\r\n\r\n5\r\n\x1f\x8babc\r\n0\r\n\r\n")

    g.http_server = Upstream(g.path("run/http.sock"), handle)
    g.start()
    target = "/spaces/a/b.git/info/refs?service=git-upload-pack&x=%2F%20"
    status, headers, body = get(
        g.port, target, "Git-Protocol: version=2", "X-Vitrine-Remote: 6.6.6.6",
        "Keep-Alive: 5", "Authorization: Basic eA==", "Accept-Encoding: gzip")
    assert status == 207 and body == b"\x1f\x8babc" and headers["content-encoding"] == "gzip"
    assert seen["line"][:2] == ["GET", target]
    h = seen["headers"]
    assert h["x-vitrine-remote"] == ["127.0.0.1"] and h["git-protocol"] == ["version=2"]
    assert h["authorization"] == ["Basic eA=="] and h["host"] == ["127.0.0.1:%d" % g.port]
    assert "keep-alive" not in h and "transfer-encoding" not in h
    body = b"P" * 100000
    status, _, _ = get(g.port, "/api/x", "Content-Encoding: gzip", method="POST", body=body)
    assert status == 207 and seen["body"] == body
    assert seen["headers"]["content-encoding"] == ["gzip"]
    assert seen["headers"]["content-length"] == ["100000"]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (b"a" * 70000, b"b" * 3)) \
        + b"0\r\n\r\n"
    status, _, _ = http(g.port, "POST /spaces/a/b/git-receive-pack HTTP/1.1\r\nHost: x\r\n"
                        "Connection: close\r\nTransfer-Encoding: chunked\r\n"
                        "Expect: 100-continue\r\n\r\n", chunks)
    assert seen["body"] == b"a" * 70000 + b"bbb" and "expect" not in seen["headers"]
    heard = []
    assert http(g.port, "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", heard=heard.append)[0] == 207
    assert heard[-1].count(b"nosniff") == 1 and heard[-1].count(b"X-One") == 2
    assert get(g.port, "/api/x", method="DELETE")[0] == 207 and seen["line"][0] == "DELETE"
    status, headers, body = get(g.port, "/api/x", method="HEAD")
    assert status == 207 and body == b""


def large_bodies_stream_in_constant_memory(g):
    size = 64 << 20
    total = {"up": 0}

    def handle(h, line, headers):
        if line[0] == "POST":
            for part in h.body(headers):
                total["up"] += len(part)
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            h.wfile.write(b"d" * 65536)

    g.http_server = Upstream(g.path("run/http.sock"), handle)
    g.start()
    get(g.port, "/healthz")
    before = g.rss_kib()
    for coded in (False, True):
        total["up"] = 0
        with socket.create_connection(("127.0.0.1", g.port), timeout=60) as s:
            how = "Transfer-Encoding: chunked" if coded else "Content-Length: %d" % size
            s.sendall(("POST /api/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n\r\n"
                       % how).encode())
            for _ in range(size >> 16):
                s.sendall((b"10000\r\n" if coded else b"") + b"u" * 65536
                          + (b"\r\n" if coded else b""))
            if coded:
                s.sendall(b"0\r\n\r\n")
            answer = b""
            while True:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
            assert answer.endswith(b"ok"), answer[:200]
        assert total["up"] == size
    with socket.create_connection(("127.0.0.1", g.port), timeout=60) as s:
        s.sendall(b"GET /api/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.3)  # a reader that is slow to start holds the other side up
        got = 0
        while True:
            more = s.recv(1 << 20)
            if not more:
                break
            got += len(more)
        assert size < got < size + 1000
    grown = g.rss_kib() - before
    print("  peak grew by %d KiB for 3 × 64 MiB" % grown)
    if not os.environ.get("ASAN_OPTIONS"):
        assert grown < 16 * 1024, grown


def events_of_the_orchestrator_are_not_held_back(g):
    gate = threading.Event()

    def handle(h, line, headers):
        h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        h.wfile.flush()
        gate.wait(DEADLINE)
        h.wfile.write(b"data: 2\n\n")

    g.http_server = Upstream(g.path("run/http.sock"), handle)
    g.start()
    with socket.create_connection(("127.0.0.1", g.port), timeout=DEADLINE) as s:
        s.sendall(b"GET /api/logs HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        while b"data: 1" not in data:
            data += s.recv(4096)
        gate.set()
        while b"data: 2" not in data:
            data += s.recv(4096)


def an_orchestrator_that_dies_is_said_in_words(g):
    def handle(h, line, headers):
        if "early" in line[1]:
            h.wfile.write(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        elif "half" in line[1]:
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    g.http_server = Upstream(g.path("run/http.sock"), handle)
    g.start()
    status, headers, body = get(g.port, "/api/dies")
    assert status == 502 and headers["retry-after"] == "1" and "error" in json.loads(body)
    status, _, body = get(g.port, "/api/half")
    assert status == 200 and body == b"half"  # and the connection ends early
    status, _, body = get(g.port, "/api/early", method="POST", body=b"x" * 3000000)
    assert (status, body) == (401, b"no")
    # A client that goes away takes its request with it.
    with socket.create_connection(("127.0.0.1", g.port)) as s:
        s.sendall(b"POST /api/early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nxx")
    assert get(g.port, "/healthz")[0] == 200


# --- limits ---

def sockets_per_address_are_bounded(g):
    g.start(arguments=("--sockets-per-address", "8"))
    g.route()
    held = []
    for _ in range(20):
        held.append(socket.create_connection(("127.0.0.1", g.port)))
    status, _, body = get(g.port, "/healthz")
    assert status == 503 and b"too many" in body
    for s in held:
        s.close()
    g.until(lambda: get(g.port, "/healthz")[0] == 200)


def sessions_expire(g):
    g.start(arguments=("--session-keep-sec", "1"))
    g.route()
    g.synced()
    page = Page(g.port)
    page.join()
    worker = g.wake()
    worker.open()
    click(page, worker, 1, "a", "A")
    page.close()
    worker.expect(CLOSE)
    again = Page(g.port, cookie=page.cookie)
    again.join(page.session, seq=1, bundle="b1")
    assert again.welcome.json()["state"] == "new"


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",) and v is not ready] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    run(TESTS, sys.argv)
