"""The real vitrine-gateway with Spaces that have several workers: who gets more, who waits where."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import *  # noqa: F401,F403,E402

# The textbox (node 7) is handled one at a time in a worker, the button (node 10) at will.
TREE_ONE = {"title": "One by one", "root": {"n": 1, "key": "column", "type": "column", "props": {},
            "children": [
                {"n": 7, "key": "column/textbox", "type": "textbox", "props": {},
                 "on": {"submit": {"concurrency": 1}}},
                {"n": 9, "key": "column/label", "type": "label", "props": {}},
                {"n": 10, "key": "column/button", "type": "button", "props": {},
                 "on": {"click": {}}},
                {"n": 11, "key": "column/button:2", "type": "button", "props": {},
                 "on": {"click": {"parallel": True}}}]}}
QUIET = (ACCEPTED, PHASE, TREE, COMMIT)


def visitor(g):
    page = Page(g.port)
    page.join()
    page.expect(TREE)
    return page


def begin(g, pages, arguments=()):
    """A gateway, so many visitors, and their worker with each visitor's channel."""
    g.start(arguments=arguments)
    g.route(tree=TREE_ONE)
    g.synced()
    visitors = [visitor(g) for _ in range(pages)]
    worker = g.wake(tree=TREE_ONE)
    by_session = {}
    for _ in visitors:
        f = worker.open()
        by_session[f.json()["session"]] = f.channel
    for v in visitors:
        v.channel = by_session[v.session]
    return visitors, worker


def second(g, replica="r2"):
    return g.wake(replica=replica, tree=TREE_ONE)


def starts(worker, page, n=1):
    """The worker gets the visitor's event."""
    return worker.expect(EVENT, channel=page.channel, seq=n, skip=(ACK, CLOSE))


def arrives(worker, page):
    """The session comes to the worker, perhaps not for the first time."""
    while True:
        f = worker.expect(OPEN, skip=(ACK, CLOSE)) if page.channel not in worker.seq else \
            worker.next()
        if f.type == RESUME and f.channel == page.channel:
            worker.lost(f.channel)
        elif f.type == OPEN and f.channel == page.channel:
            worker.seq[f.channel] = f.seq
            return f
        else:
            assert f.type in (ACK, CLOSE), f


def done(worker, page, event):
    worker.answer(event, "done")
    page.expect(COMMIT, node=event.seq, skip=(ACCEPTED, PHASE, TREE, PATCH, QUEUE))


def place(page, **want):
    f = page.expect(QUEUE, skip=QUIET)
    value = f.json()
    for name, wanted in want.items():
        assert value.get(name) == wanted, "%s: wanted %r in %r" % (name, wanted, value)
    return value


def an_event_that_would_only_wait_is_kept_back_and_its_visitor_told(g):
    (a, b, c), worker = begin(g, 3, ["--limit", "replicas=1"])
    a.event(1)
    first = starts(worker, a)
    b.event(1)
    place(b, place=1, of=1)
    c.event(1)
    assert "expected_ms" not in place(c, place=2, of=2), "nobody knows yet how long it takes"
    worker.quiet()
    done(worker, a, first)
    place(b, place=0)
    second_one = starts(worker, b)
    assert place(c, place=1, of=1)["expected_ms"] > 0
    worker.quiet()
    done(worker, b, second_one)
    place(c, place=0)
    done(worker, c, starts(worker, c))
    g.agent.quiet()


def an_event_that_starts_at_once_is_told_nothing(g):
    (a, b), worker = begin(g, 2)
    for n in range(1, 30):
        for page in (a, b):
            page.event(n, kind=CLICK, node=10)
        for page in (a, b):
            event = worker.expect(EVENT)
            worker.answer(event, "x")
        for page in (a, b):
            page.expect(COMMIT, skip=(ACCEPTED, PHASE, PATCH))
    a.event(30)
    worker.answer(starts(worker, a, 30), "x")
    a.expect(COMMIT, node=30, skip=(ACCEPTED, PHASE, PATCH))


def a_second_worker_comes_and_takes_who_waits(g):
    (a, b, c), worker = begin(g, 3)
    for page in (a, b, c):
        page.event(1)
    first = starts(worker, a)
    other = second(g)
    opened = other.open()
    assert opened.channel == b.channel and opened.json()["session"] == b.session
    taken = starts(other, b)
    worker.expect(CLOSE, channel=b.channel)
    worker.quiet()
    done(other, b, taken)
    # c is next, and the second worker is free first.
    arrives(other, c)
    done(other, c, starts(other, c))
    done(worker, a, first)
    # Each stays where it is now.
    for page, at in ((a, worker), (b, other), (c, other)):
        page.event(2)
        done(at, page, starts(at, page, 2))


def no_more_workers_come_than_the_operator_allows(g):
    (a, b, c), worker = begin(g, 3, ["--limit", "replicas=2"])
    for page in (a, b, c):
        page.event(1)
    other = second(g)
    other.open()
    place(c, place=2, of=2)
    time.sleep(1.2)
    g.agent.quiet(skip=(NOTE,))
    done(worker, a, starts(worker, a))


def no_more_workers_come_than_the_space_asks_for(g):
    g.start()
    g.route(tree=TREE_ONE, replicas=1)
    g.synced()
    a, b = visitor(g), visitor(g)
    worker = g.wake(tree=TREE_ONE)
    for _ in (a, b):
        f = worker.open()
        (a if f.json()["session"] == a.session else b).channel = f.channel
    a.event(1)
    b.event(1)
    first = starts(worker, a)
    place(b, place=1)
    time.sleep(1.2)
    g.agent.quiet(skip=(NOTE,))
    done(worker, a, first)
    done(worker, b, starts(worker, b))


def whoever_comes_anew_goes_to_the_least_loaded(g):
    (a, b), worker = begin(g, 2)
    a.event(1)
    b.event(1)
    first = starts(worker, a)
    other = second(g)
    other.open()
    taken = starts(other, b)
    done(other, b, taken)
    # One runs on the first, nothing on the second.
    d = visitor(g)
    assert other.open().json()["session"] == d.session
    done(worker, a, first)
    e = visitor(g)
    assert worker.expect(OPEN, skip=(ACK, CLOSE)).json()["session"] == e.session


def a_calm_space_loses_a_worker_and_no_session(g):
    (a, b), worker = begin(g, 2, ["--limit", "calm=1"])
    a.event(1)
    b.event(1)
    first = starts(worker, a)
    other = second(g)
    other.open()
    taken = starts(other, b)
    done(other, b, taken)
    done(worker, a, first)
    # One of the two is drained; its session goes to the other with what it had.
    sleep = g.agent.expect(SLEEP, skip=(NOTE,))
    gone, stays = ((worker, other) if sleep.json()["replica"] == "r1" else (other, worker))
    page = a if gone is worker else b
    opened = arrives(stays, page)
    gone.expect(CLOSE, channel=page.channel)
    assert opened.seq == 1
    assert [9, "value", SET, "done"] in opened.json()["overlay"], opened.json()
    for one in (a, b):
        one.event(2)
        done(stays, one, starts(stays, one, 2))
    g.agent.quiet(1.5, skip=(NOTE,))


def what_runs_on_a_drained_worker_is_not_cut(g):
    (a, b), worker = begin(g, 2, ["--limit", "calm=1"])
    a.event(1)
    b.event(1)
    first = starts(worker, a)
    other = second(g)
    other.open()
    done(other, b, starts(other, b))
    # The first one goes on for long: the second is calm, has as many sessions, and one must go.
    b.event(2)
    taken = starts(other, b, 2)
    done(other, b, taken)
    sleep = g.agent.expect(SLEEP, skip=(NOTE,))
    if sleep.json()["replica"] == "r1":
        raise AssertionError("a worker was put to sleep under a running event")
    done(worker, a, first)
    arrives(worker, b)


def one_of_several_workers_dies_and_only_what_ran_there_is_asked_about(g):
    (a, b, c), worker = begin(g, 3, ["--limit", "replicas=2"])
    for page in (a, b, c):
        page.event(1)
    first = starts(worker, a)
    other = second(g)
    other.open()
    starts(other, b)
    place(c, place=2)
    place(c, place=1, of=1)
    g.lose_worker(other)
    f = b.expect(INTERRUPTED, skip=(ACCEPTED, PHASE, QUEUE))
    assert f.seq == 1
    # c's event had not begun: its turn comes as if nothing had been.
    arrives(worker, b)
    done(worker, a, first)
    done(worker, c, starts(worker, c))
    b.send(Frame(RETRY, seq=1))
    done(worker, b, starts(worker, b))


def a_worker_that_cannot_be_had_is_no_visitors_business(g):
    (a, b), worker = begin(g, 2)
    a.event(1)
    b.event(1)
    first = starts(worker, a)
    wake = g.agent.expect(WAKE, skip=(NOTE,))
    g.agent.send(Frame(WAKE_FAILED, {"message": "every box of this node is in use",
                                     "retry_ms": 1000}, seq=wake.seq))
    time.sleep(1.2)
    g.agent.quiet(skip=(NOTE,))
    done(worker, a, first)
    while True:
        f = b.next()
        if f.type == QUEUE and f.json()["place"] == 0:
            break
        assert f.type != PHASE or f.json()["phase"] != "failed", f
    done(worker, b, starts(worker, b))


def a_cancelled_event_waits_no_longer(g):
    (a, b), worker = begin(g, 2, ["--limit", "replicas=1"])
    a.event(1)
    first = starts(worker, a)
    b.event(1)
    place(b, place=1)
    b.send(Frame(CANCEL, seq=1))
    event = starts(worker, b)
    worker.expect(CANCEL, channel=b.channel, seq=1)
    place(b, place=0)
    done(worker, b, event)
    done(worker, a, first)


def a_second_event_of_a_visitor_stands_behind_those_of_others(g):
    (a, b), worker = begin(g, 2, ["--limit", "replicas=1"])
    a.event(1)
    first = starts(worker, a)
    a.event(2)
    a.event(3)
    b.event(1)
    place(b, place=1, of=1)
    done(worker, a, first)
    event = starts(worker, b)
    worker.quiet()
    place(a, place=1, of=1)
    done(worker, b, event)
    done(worker, a, starts(worker, a, 2))
    done(worker, a, starts(worker, a, 3))


def what_runs_in_parallel_overtakes_what_waits(g):
    (a, b), worker = begin(g, 2, ["--limit", "replicas=1"])
    a.event(1)
    first = starts(worker, a)
    b.event(1)
    place(b, place=1)
    b.event(2, kind=CLICK, node=11)
    quick = starts(worker, b, 2)
    done(worker, b, quick)
    done(worker, a, first)
    # The worker has seen a later one: it forgets the session and gets the earlier one anew.
    worker.expect(CLOSE, channel=b.channel)
    worker.expect(RESUME, channel=b.channel)
    worker.lost(b.channel)
    worker.open()
    done(worker, b, starts(worker, b, 1))


def a_busy_worker_is_full_at_its_number_of_handlers(g):
    pages, worker = begin(g, 17, ["--limit", "replicas=1"])
    for page in pages:
        page.event(1, kind=CLICK, node=10)
    events = {}
    for _ in range(16):
        f = worker.expect(EVENT)
        events[f.channel] = f
    worker.quiet()
    late = next(p for p in pages if p.channel not in events)
    place(late, place=1, of=1)
    one = pages[0] if pages[0] is not late else pages[1]
    done(worker, one, events[one.channel])
    done(worker, late, starts(worker, late))


def a_gateway_that_comes_back_finds_both_workers(g):
    (a, b), worker = begin(g, 2)
    a.event(1)
    b.event(1)
    starts(worker, a)
    other = second(g)
    other.open()
    starts(other, b)
    g.kill()
    g.start()
    for w in (worker, other):
        ours = g.kept[w.replica]
        g.agent.send(Frame(LINK, {"replica": w.replica, "space": "s1", "bundle": "b1",
                                  "epoch": g.epoch}, seq=0), [ours.fileno()])
    g.synced()
    for w, page in ((worker, a), (other, b)):
        w.expect(RESUME, channel=0, skip=(ACK, CLOSE))
        w.hello(tree=TREE_ONE)
        w.expect(RESUME, channel=page.channel, skip=(ACK, CLOSE))
        w.expect(RESUME, channel=0)
        w.hello(tree=TREE_ONE)
        event = starts(w, page)
        w.answer(event, "after all")
    for page in (a, b):
        again = Page(g.port, cookie=page.cookie)
        again.join(session=page.session)
        again.expect(PATCH, skip=(ACCEPTED, PHASE, TREE))
    g.agent.quiet(skip=(NOTE,))


# --- changes of its settings ---

def ends(g, replica):
    told = g.agent.expect(SLEEP, skip=(NOTE, STOP)).json()["replica"]
    assert told == replica, "%s was ended, not %s" % (told, replica)


def changes_of_settings_in_a_row_hold_one_more_box(g):
    (a,), first = begin(g, 1)
    for version in range(1, 11):
        g.route(tree=TREE_ONE, settings=version)
    asked = g.agent.expect(WAKE)
    g.agent.quiet(0.5)
    # What comes has the settings of when it was asked for: it goes, another one is asked for.
    g.give_worker(asked.seq, "r2")
    ends(g, "r2")
    third = g.wake("r3", tree=TREE_ONE)
    arrives(third, a)
    ends(g, "r1")
    # Still loading at the next change, or running without a session: it goes at once.
    g.route(tree=TREE_ONE, settings=11)
    loading = g.wake("r4", hello=False)
    g.route(tree=TREE_ONE, settings=12)
    ends(g, "r4")
    loading.close()
    fifth = g.wake("r5", tree=TREE_ONE)
    arrives(fifth, a)
    g.route(tree=TREE_ONE, settings=13)
    ends(g, "r3")
    sixth = g.wake("r6", tree=TREE_ONE)
    arrives(sixth, a)
    ends(g, "r5")
    g.agent.quiet()


def handlers_run_on_with_the_settings_of_two_changes(g):
    (a,), first = begin(g, 1)
    visitors, workers, events = [a], [first], []
    a.event(1)
    events.append(starts(first, a))
    for version in (1, 2):
        g.route(tree=TREE_ONE, settings=version)
        workers.append(g.wake("r%d" % (version + 1), tree=TREE_ONE))
        page = visitor(g)
        page.channel = workers[-1].open().channel
        page.event(1)
        events.append(starts(workers[-1], page))
        visitors.append(page)
    g.agent.quiet(skip=(NOTE,))
    g.route(tree=TREE_ONE, settings=3)
    ends(g, "r1")
    last = g.wake("r4", tree=TREE_ONE)
    arrives(last, a)
    for worker, page, event in list(zip(workers, visitors, events))[1:]:
        done(worker, page, event)
        arrives(last, page)
        ends(g, worker.replica)


def a_worker_that_dies_soon_after_a_change_is_replaced_at_once(g):
    (a,), first = begin(g, 1)
    g.route(tree=TREE_ONE, settings=1)
    g.lose_worker(first)
    other = second(g)
    arrives(other, a)
    g.lose_worker(other)
    third = g.wake("r3", tree=TREE_ONE)
    arrives(third, a)
    for version in (2, 3):
        g.route(tree=TREE_ONE, settings=version)
    asked = g.agent.expect(WAKE, skip=(NOTE,))
    g.lose_worker(third)
    g.give_worker(asked.seq, "r4")
    ends(g, "r4")
    fifth = g.wake("r5", tree=TREE_ONE)
    arrives(fifth, a)


# --- limits of a Space ---

def sessions_of_a_space_are_bounded_in_words(g):
    (a, b), worker = begin(g, 2, ["--limit", "sessions=2"])
    for page in (a, b):
        page.event(1)
        done(worker, page, starts(worker, page))
    c = Page(g.port)
    c.send(Frame(JOIN, {}))
    assert "this Space has 2 sessions, which is the limit" in c.closed()


def sessions_of_a_visitor_are_bounded_in_words(g):
    (a,), worker = begin(g, 1, ["--limit", "visitor-sessions=1"])
    again = Page(g.port, cookie=a.cookie)
    again.send(Frame(JOIN, {}))
    assert "you have 1 sessions open, which is the limit" in again.closed()
    # Another visitor is another matter.
    visitor(g)


def too_many_gestures_are_refused_in_words_and_nothing_is_lost(g):
    (a, b), worker = begin(g, 2, ["--limit", "session-events=1"])
    for n in range(1, 11):
        a.event(n, kind=CLICK, node=10)
        done(worker, a, starts(worker, a, n))
    a.event(11, kind=CLICK, node=10)
    bye = a.expect(BYE)
    assert "more than 1 things a second" in bye.json()["reason"] and bye.json()["retry"]
    # The others do not feel it; after a moment the page sends it again.
    b.event(1)
    done(worker, b, starts(worker, b))
    time.sleep(1.1)
    again = Page(g.port, cookie=a.cookie)
    assert again.join(session=a.session).node == 10
    again.channel = a.channel
    again.expect(COMMIT, node=0, skip=(ACCEPTED, PHASE, TREE, PATCH))
    again.event(11, kind=CLICK, node=10)
    done(worker, again, starts(worker, again, 11))


def too_many_gestures_in_a_space_are_refused_in_words(g):
    (a, b), worker = begin(g, 2, ["--limit", "space-events=1"])
    for n in range(1, 6):
        for page in (a, b):
            page.event(n, kind=CLICK, node=10)
            done(worker, page, starts(worker, page, n))
    b.event(6, kind=CLICK, node=10)
    assert "All visitors of this Space together" in b.expect(BYE).json()["reason"]


run([sessions_of_a_space_are_bounded_in_words,
     sessions_of_a_visitor_are_bounded_in_words,
     too_many_gestures_are_refused_in_words_and_nothing_is_lost,
     too_many_gestures_in_a_space_are_refused_in_words,
     an_event_that_would_only_wait_is_kept_back_and_its_visitor_told,
     an_event_that_starts_at_once_is_told_nothing,
     a_second_worker_comes_and_takes_who_waits,
     no_more_workers_come_than_the_operator_allows,
     no_more_workers_come_than_the_space_asks_for,
     whoever_comes_anew_goes_to_the_least_loaded,
     a_calm_space_loses_a_worker_and_no_session,
     what_runs_on_a_drained_worker_is_not_cut,
     one_of_several_workers_dies_and_only_what_ran_there_is_asked_about,
     a_worker_that_cannot_be_had_is_no_visitors_business,
     a_cancelled_event_waits_no_longer,
     a_second_event_of_a_visitor_stands_behind_those_of_others,
     what_runs_in_parallel_overtakes_what_waits,
     a_busy_worker_is_full_at_its_number_of_handlers,
     changes_of_settings_in_a_row_hold_one_more_box,
     handlers_run_on_with_the_settings_of_two_changes,
     a_worker_that_dies_soon_after_a_change_is_replaced_at_once,
     a_gateway_that_comes_back_finds_both_workers], sys.argv)
