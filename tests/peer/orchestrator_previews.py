"""A preview for each branch, and branches that become main. orchestrator_previews.py PROGRAM HOOK [TEST…]"""
import json
import os
import signal
import sqlite3
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator import Case
from orchestrator_fakes import CHECK, front_matter, until

SPACE = "admin/demo"


class Previews(Case):
    def setUp(self):
        super().setUp()
        self.r = self.repo()
        self.first, _ = self.r.deploy({})

    def branch(self, name, files, at="main"):
        """A commit on a branch of its own, pushed."""
        self.r.must("checkout", "-q", "-B", name, at)
        head = self.r.commit(files, "on " + name)
        code, out = self.r.push(name)
        return head, code, out

    def pushed(self, name, files, at="main"):
        head, code, out = self.branch(name, files, at)
        self.assertEqual(code, 0, out)
        self.assertIn("preview live in", out)
        return head, out

    def list(self, **more):
        status, o = self.p.call("GET", "/api/spaces/%s/previews" % SPACE, **more)
        return {v["branch"]: v for v in o} if status == 200 else status

    def promote(self, branch, space=SPACE, **more):
        return self.p.call("POST", "/api/spaces/%s/promote" % space, {"branch": branch}, **more)

    def sql(self, words, *args):
        db = sqlite3.connect(self.p.data + "/vitrine.db")
        db.execute("PRAGMA foreign_keys = ON")
        rows = db.execute(words, args).fetchall()
        db.commit()
        db.close()
        return rows

    def route(self, name):
        return self.p.gateway.routes.get(name)

    def gone(self, preview):
        until("the gateway is told", lambda: preview["space"] in self.p.gateway.gone)


class Life(Previews):
    def test_a_push_to_a_branch_is_built_and_served_beside_what_is_live(self):
        head, out = self.pushed("fix-typo", {"app.lua": "return 2"})
        self.assertIn("a preview of fix-typo", out)
        self.assertIn("/spaces/admin/demo--fix-typo", out)
        self.assertEqual(self.live(), (self.first, 1))
        one = self.list()["fix-typo"]
        self.assertEqual((one["id"], one["commit"]), ("admin/demo--fix-typo", head))
        until("the gateway has it", lambda: self.route(one["id"]))
        route = self.route(one["id"])
        self.assertEqual((route["of"], route["branch"], route["title"]), ("demo", "fix-typo", "Test"))
        self.assertNotEqual(route["bundle"], self.route(SPACE)["bundle"])
        self.assertNotIn("of", self.route(SPACE))
        # Neither a Space of its own, nor a repo.
        names = [o["id"] for o in self.p.call("GET", "/api/spaces")[1]]
        self.assertEqual(names, [SPACE])
        self.assertEqual(self.p.call("GET", "/api/spaces/" + one["id"])[0], 404)
        self.assertNotEqual(self.r.git("ls-remote", self.r.url + "--fix-typo")[0], 0)
        self.assertEqual(self.p.call("GET", "/api/spaces/%s/runtime" % one["id"])[1]["sha"], head)
        # The next push is a newer version of the same one.
        again, _ = self.pushed("fix-typo", {"app.lua": "return 3"}, "fix-typo")
        self.assertEqual(self.list()["fix-typo"]["commit"], again)
        self.assertEqual(self.route(one["id"])["space"], route["space"])
        self.assertGreater(self.route(one["id"])["epoch"], route["epoch"])

    def test_branches_with_odd_names_have_addresses_of_letters_digits_and_dashes(self):
        ids = set()
        for name in ("feature/x", "feature-x", "feature_x", "日本"):
            self.pushed(name, {"app.lua": "return '%s'" % name})
            ids.add(self.list()[name]["id"])
        self.assertEqual(len(ids), 4)
        for i in ids:
            self.assertRegex(i, r"^admin/demo--[a-z0-9-]+$")

    def test_a_branch_that_does_not_load_refuses_the_push_and_leaves_nothing(self):
        _, code, out = self.branch("broken", {"app.lua": "SYNTAX"})
        self.assertNotEqual(code, 0)
        self.assertIn("app.lua:1: unexpected symbol", out)
        self.assertIn("branch broken is refused", out)
        self.assertEqual(self.list(), {})
        self.assertNotIn("broken", self.r.must("ls-remote", self.r.url))
        good, _ = self.pushed("broken", {"app.lua": "return 2"}, "broken")
        code, out = self.branch("broken", {"app.lua": "SYNTAX"}, "broken")[1:]
        self.assertNotEqual(code, 0)
        self.assertEqual(self.list()["broken"]["commit"], good)
        builds = self.p.call("GET", "/api/spaces/admin/demo--broken/builds")[1]
        self.assertEqual([b["state"] for b in builds], ["failed", "live"])
        self.assertEqual(self.live(), (self.first, 1))

    def test_a_push_of_main_and_branches_serves_all_of_them_or_none(self):
        self.r.must("checkout", "-q", "-B", "a", "main")
        a = self.r.commit({"app.lua": "return 'a'"})
        self.r.must("checkout", "-q", "main")
        new = self.r.commit({"app.lua": "return 'main'"})
        code, out = self.r.push("main", "a")
        self.assertEqual(code, 0, out)
        self.assertEqual((self.live()[0], self.list()["a"]["commit"]), (new, a))
        self.r.must("checkout", "-q", "-B", "b", "main")
        self.r.commit({"app.lua": "SYNTAX"})
        self.r.must("checkout", "-q", "main")
        self.r.commit({"app.lua": "return 'later'"})
        code, out = self.r.push("main", "b")
        self.assertNotEqual(code, 0)
        self.assertIn("branch b is refused, and the whole push with it", out)
        self.assertEqual(self.live()[0], new)
        self.assertEqual(list(self.list()), ["a"])

    def test_many_branches_at_once_are_stored_without_previews(self):
        for i in range(6):
            self.r.must("branch", "b%d" % i)
        code, out = self.r.push(*["b%d" % i for i in range(6)])
        self.assertEqual(code, 0, out)
        self.assertIn("of so many branches at once none gets a preview", out)
        self.assertEqual(self.list(), {})

    def test_of_more_than_five_the_one_without_a_push_for_longest_ends(self):
        for i in range(5):
            self.pushed("b%d" % i, {"app.lua": "return %d" % i})
        until("the gateway has all", lambda: len(self.p.gateway.routes) == 6)
        first, second = (self.route("admin/demo--b%d" % i) for i in range(2))
        # Somebody is looking at the first: the second goes.
        self.p.gateway.link.send(0x69, 0, {"space": first["space"], "phase": "running", "sessions": 1})
        until("the visitor is known", lambda: self.list()["b0"]["sessions"] == 1)
        self.pushed("b5", {"app.lua": "return 5"})
        self.assertEqual(sorted(self.list()), ["b0", "b2", "b3", "b4", "b5"])
        self.gone(second)

    def test_what_a_push_has_just_built_makes_no_room_for_the_rest_of_it(self):
        for i in range(5):
            self.pushed("b%d" % i, {"app.lua": "return %d" % i})
        until("the gateway has all", lambda: len(self.p.gateway.routes) == 6)
        for i in range(1, 5):
            space = self.route("admin/demo--b%d" % i)["space"]
            self.p.gateway.link.send(0x69, 0, {"space": space, "phase": "running", "sessions": 1})
        until("the visitors are known", lambda: sum(o["sessions"] for o in self.list().values()) == 4)
        for i in (5, 6):
            self.r.must("checkout", "-q", "-B", "b%d" % i, "main")
            self.r.commit({"app.lua": "return %d" % i})
        code, out = self.r.push("b5", "b6")
        self.assertEqual(code, 0, out)
        self.assertEqual(sorted(self.list()), ["b2", "b3", "b4", "b5", "b6"])

    def test_a_commit_by_the_api_makes_a_preview_too(self):
        self.assertEqual(self.p.call("POST", "/api/spaces/%s/branch/try%%2Fit" % SPACE, {})[0], 200)
        self.assertEqual(self.list(), {})
        lines = [{"key": "header", "value": {"summary": "by API"}},
                 {"key": "file", "value": {"path": "app.lua", "content": "return 2", "encoding": "utf-8"}}]
        status, _, text = self.p.request("POST", "/api/spaces/%s/commit/try%%2Fit" % SPACE,
                                         raw="\n".join(map(json.dumps, lines)), token=self.p.token)
        self.assertEqual(status, 200, text)
        self.assertIn("preview live in", json.loads(text)["hookOutput"])
        self.assertEqual(self.list()["try/it"]["commit"], json.loads(text)["commitOid"])
        status, _, _ = self.p.request("DELETE", "/api/spaces/%s/branch/try%%2Fit" % SPACE, token=self.p.token)
        self.assertEqual((status, self.list()), (200, {}))

    def test_a_branch_without_an_app_is_stored(self):
        self.r.must("checkout", "-q", "--orphan", "docs")
        self.r.must("rm", "-rfq", ".")
        self.r.commit({"notes.md": "# Notes"})
        code, out = self.r.push("docs")
        self.assertEqual(code, 0, out)
        self.assertEqual(self.list(), {})
        self.assertEqual(self.sql("SELECT count(*) FROM repos WHERE kind = 3"), [(0,)])

    def test_a_branch_of_pages_is_served_from_its_spaces_repo(self):
        front = "---\ntitle: Pages\nsdk: static\n---\n"
        r = self.repo("admin/pages")
        r.deploy({"README.md": front, "index.html": "<p>live</p>"})
        r.must("checkout", "-q", "-b", "new")
        r.commit({"index.html": "<p>next</p>"})
        code, out = r.push("new")
        self.assertEqual(code, 0, out)
        get = lambda name: self.p.request("GET", "/spaces/admin/%s/-/site/index.html" % name, token=self.p.token)
        self.assertEqual([get("pages")[2], get("pages--new")[2]], ["<p>live</p>", "<p>next</p>"])
        self.assertEqual(self.p.call("PUT", "/api/spaces/admin/pages/settings", {"private": True})[0], 200)
        status, headers, _ = get("pages--new")
        self.assertEqual(status, 307)
        self.assertEqual(self.p.request("GET", headers["Location"])[2], "<p>next</p>")
        # It is stopped with its Space, also for who has the address of a private file.
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/pages/takedown", {"reason": "It lies."})[0], 200)
        self.assertEqual([get("pages")[0], get("pages--new")[0], self.p.request("GET", headers["Location"])[0]],
                         [404, 404, 404])

    def test_a_deleted_branch_ends_its_preview(self):
        self.pushed("one", {"app.lua": "return 1 + 1"})
        until("the gateway has it", lambda: self.route("admin/demo--one"))
        self.assertEqual(self.r.push("--delete", "one")[0], 0)
        self.assertEqual(self.list(), {})
        self.gone(self.route("admin/demo--one"))
        self.assertEqual(self.sql("SELECT count(*) FROM builds b LEFT JOIN spaces s ON s.id = b.space_id "
                                  "WHERE s.id IS NULL"), [(0,)])

    def test_a_preview_ends_seven_days_after_the_last_push(self):
        self.pushed("old", {"app.lua": "return 2"})
        self.pushed("new", {"app.lua": "return 3"})
        self.sql("UPDATE previews SET pushed_usec = pushed_usec - 604800000000 + 60000000")
        self.sql("UPDATE previews SET pushed_usec = pushed_usec - 60000000 WHERE branch = 'old'")
        self.p.restart()
        until("it has ended", lambda: list(self.list()) == ["new"])
        self.assertIn("heads/old", self.r.must("ls-remote", self.r.url))
        self.pushed("old", {"app.lua": "return 4"}, "old")
        self.assertEqual(sorted(self.list()), ["new", "old"])

    def test_it_can_be_ended_by_who_may_push(self):
        self.pushed("one", {"app.lua": "return 2"})
        bob = self.user("bob")
        end = lambda token: self.p.request("DELETE", "/api/spaces/%s/previews" % SPACE, {"branch": "one"}, token=token)[0]
        self.assertEqual([end(None), end(bob), end(self.p.token), end(self.p.token)], [401, 403, 204, 404])

    def test_a_preview_has_its_spaces_name_owner_visibility_settings_and_end(self):
        self.pushed("one", {"app.lua": "return 2"})
        bob = self.user("bob")
        self.assertEqual(list(self.list(token=bob)), ["one"])
        until("the gateway has it", lambda: self.route("admin/demo--one"))
        before = self.route("admin/demo--one")
        put = lambda kind, body: self.p.call("POST", "/api/spaces/%s/%s" % (SPACE, kind), body)[0]
        self.assertEqual(put("variables", {"key": "GREETING", "value": "hi"}), 200)
        until("its workers start anew", lambda: self.route("admin/demo--one")["settings"] > before.get("settings", 0))
        self.assertEqual(put("pause", {}), 200)
        until("it is stopped too", lambda: self.route("admin/demo--one").get("stopped"))
        self.assertEqual(put("restart", {}), 200)
        until("and goes on", lambda: not self.route("admin/demo--one").get("stopped"))
        self.assertEqual(self.p.call("PUT", "/api/spaces/%s/settings" % SPACE, {"private": True})[0], 200)
        until("it is private", lambda: self.route("admin/demo--one").get("private"))
        self.assertEqual(self.list(token=bob), 404)
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/demo--one/runtime", token=bob)[0], 404)
        self.assertEqual(self.p.call("POST", "/api/repos/move", {"fromRepo": SPACE, "toRepo": "admin/next",
                                                                "type": "space"})[0], 200)
        until("it has the new name", lambda: self.route("admin/next--one"))
        self.assertEqual(self.p.call("DELETE", "/api/spaces/admin/next")[0], 204)
        self.gone(before)
        self.assertEqual(self.sql("SELECT count(*) FROM previews"), [(0,)])

    def test_a_start_of_a_preview_gets_its_spaces_secrets_and_the_owner_can_see_that(self):
        self.assertEqual(self.p.call("POST", "/api/spaces/%s/secrets" % SPACE, {"key": "KEY", "value": "geheim"})[0], 200)
        self.pushed("one", {"app.lua": "return 2"})
        space = self.sql("SELECT id FROM previews")[0][0]
        told = []
        self.p.agent.link.on_message = lambda link, type_, seq, value, fds: told.append((type_, value))
        WANT_SETTINGS, SETTINGS = 0x7C, 0x72
        self.p.agent.link.send(WANT_SETTINGS, 0, {"space": space, "check": False})
        until("they come", lambda: [m for t, m in told if t == SETTINGS])
        m = json.loads([m for t, m in told if t == SETTINGS][-1])
        self.assertEqual((m["space"], m["secrets"]), (space, {"KEY": "geheim"}))
        audit = self.p.call("GET", "/api/spaces/%s/secrets/audit" % SPACE)[1]
        self.assertIn("a start of a preview", [a["why"] for a in audit])


class Meanwhile(Previews):
    """What happens to a Space while a push to it runs."""

    def push_and(self, act):
        """Pushes main and a branch; act is called while main is built, before the branch's preview is there."""
        agent, asked = self.p.agent, []
        self.r.must("checkout", "-q", "main")
        self.r.commit({"app.lua": "return 'next'"})
        self.r.must("checkout", "-q", "-B", "one", "main")
        self.r.commit({"app.lua": "return 'one'"})
        judge, once = agent.link.on_message, threading.Lock()

        def hold(link, type_, seq, value, fds):
            if type_ == CHECK and once.acquire(blocking=False):
                asked.append((link, type_, seq, value, [os.dup(fd) for fd in fds]))
            else:
                judge(link, type_, seq, value, fds)
        agent.link.on_message = hold
        out = []
        push = threading.Thread(target=lambda: out.append(self.r.push("main", "one")))
        push.start()
        until("main is built", lambda: asked)
        act()
        judge(*asked[0])
        for fd in asked[0][4]:
            os.close(fd)
        push.join()
        return out[0]

    def test_its_preview_is_as_private_as_the_space_is_by_then(self):
        bob = self.user("bob")
        put = lambda: self.p.call("PUT", "/api/spaces/%s/settings" % SPACE, {"private": True})[0]
        code, out = self.push_and(lambda: self.assertEqual(put(), 200))
        self.assertEqual(code, 0, out)
        until("the gateway has it", lambda: self.route("admin/demo--one"))
        self.assertTrue(self.route("admin/demo--one")["private"])
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/demo--one/runtime", token=bob)[0], 404)

    def test_its_preview_has_the_name_that_the_space_has_by_then(self):
        move = {"fromRepo": SPACE, "toRepo": "admin/next", "type": "space"}
        code, out = self.push_and(lambda: self.assertEqual(self.p.call("POST", "/api/repos/move", move)[0], 200))
        self.assertEqual(code, 0, out)
        until("the gateway has it", lambda: self.route("admin/next--one"))
        self.assertIsNone(self.route("admin/demo--one"))

    def test_a_push_that_a_takedown_comes_between_is_refused(self):
        head = self.p.head(SPACE)
        down = lambda: self.p.call("POST", "/api/spaces/%s/takedown" % SPACE, {"reason": "It mines."})[0]
        code, out = self.push_and(lambda: self.assertEqual(down(), 200))
        self.assertNotEqual(code, 0)
        self.assertIn("taken down by an administrator meanwhile: It mines.", out)
        self.assertEqual(self.p.head(SPACE), head)
        # Who pushes to what is down already is an administrator.
        self.assertEqual(self.r.push("main", "one")[0], 0)

    def test_a_deleted_space_gets_no_preview(self):
        self.push_and(lambda: self.assertEqual(self.p.call("DELETE", "/api/spaces/" + SPACE)[0], 204))
        self.assertEqual(self.sql("SELECT count(*) FROM repos WHERE kind = 3"), [(0,)])


class Promote(Previews):
    def test_a_branch_becomes_main_without_a_build(self):
        head, _ = self.pushed("next", {"app.lua": "return 2"})
        bundle = self.p.call("GET", "/api/spaces/%s/runtime" % SPACE)[1]
        checks = len(self.p.agent.checks)
        status, o = self.promote("next")
        self.assertEqual((status, o["commit"]), (200, head), o)
        self.assertEqual(len(self.p.agent.checks), checks)
        self.assertEqual((self.p.head(SPACE), self.live()), (head, (head, 2)))
        until("the gateway has it", lambda: self.route(SPACE)["bundle"] == o["bundle"])
        self.assertEqual(self.route(SPACE)["bundle"], self.route("admin/demo--next")["bundle"])
        status, o = self.promote("next")
        self.assertEqual(status, 409)
        self.assertIn("main is at", o["error"])
        # It is a version like any other.
        self.assertEqual(self.p.call("POST", "/api/spaces/%s/rollback" % SPACE, {})[1]["commit"], self.first)
        self.r.must("checkout", "-q", "main")
        self.r.must("pull", "-q", self.r.url, "main")
        self.r.deploy({"app.lua": "return 3"})

    def test_a_branch_keeps_the_hosts_that_its_app_may_ask(self):
        front = "---\ntitle: Test\nsdk: lua\nhttp:\n  - api.example.org\n---\n"
        self.pushed("next", {"README.md": front})
        self.assertEqual(self.promote("next")[0], 200)
        until("the gateway has it", lambda: self.route(SPACE).get("http") == "api.example.org")

    def test_a_main_with_commits_of_its_own_is_not_overwritten(self):
        self.pushed("next", {"app.lua": "return 2"})
        self.r.must("checkout", "-q", "main")
        head, _ = self.r.deploy({"other.lua": "return 1"})
        status, o = self.promote("next")
        self.assertEqual(status, 409)
        self.assertIn("main has commits that branch 'next' lacks", o["error"])
        self.assertEqual(self.live()[0], head)
        self.r.must("checkout", "-q", "next")
        self.r.must("merge", "-q", "-m", "merge", "main")
        self.assertEqual(self.r.push("next")[0], 0)
        self.assertEqual(self.promote("next")[0], 200)

    def test_what_cannot_be_promoted_is_told(self):
        self.assertEqual(self.promote("none")[0], 404)
        self.pushed("next", {"app.lua": "return 2"})
        self.assertEqual([self.promote("next", token=None)[0], self.promote("next", token=self.user("bob"))[0]],
                         [401, 403])
        self.assertEqual(self.p.call("POST", "/api/spaces/%s/branch/next" % SPACE,
                                     {"startingPoint": "main", "overwrite": True})[0], 200)
        status, o = self.promote("next")
        self.assertEqual(status, 409)
        self.assertIn("push it again", o["error"])

    def test_a_space_whose_first_push_was_a_branch_gets_its_main(self):
        r = self.repo("admin/fresh")
        r.commit({})
        code, out = r.push("main:refs/heads/idea")
        self.assertEqual(code, 0, out)
        self.assertIn("preview live in", out)
        self.assertEqual(self.live("admin/fresh")[0], None)
        self.assertEqual(self.promote("idea", "admin/fresh")[0], 200)
        self.assertEqual(self.live("admin/fresh")[0], self.p.head("admin/fresh"))


class Crash(Previews):
    PUSH = ["before-build", "before-pending", "after-pending", "after-accept", "before-live", "after-live",
            "after-answer"]
    AGAIN = ["after-pending", "before-live"]

    def ref(self, branch):
        out = self.r.must("ls-remote", self.r.url, "refs/heads/" + branch)
        return out.split("\t")[0].split("\n")[-1] if out.strip() else ""

    def test_killed_at_each_point_of_a_push_to_a_branch(self):
        for fault in self.PUSH:
            # What of a version before it can be lost, main's own test tells of each point.
            for first in (True, False) if fault in self.AGAIN else (True,):
                with self.subTest(fault=fault, first=first):
                    name = "%s-%d" % (fault, first)
                    if not first:
                        self.pushed(name, {"app.lua": "return '%s'" % name})
                    self.p.restart(fault=fault)
                    head, code, out = self.branch(name, {"app.lua": "return 2"}, "main" if first else name)
                    self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
                    self.p.restart()

                    def settled():
                        shown = self.list().get(name, {}).get("commit") or ""
                        return shown == self.ref(name) and (name in self.list()) == bool(shown) \
                            and self.sql("SELECT count(*) FROM builds WHERE state = 'pending'") == [(0,)]
                    until("it is settled", settled)
                    self.assertTrue(code != 0 or self.ref(name) == head, out)
                    self.assertEqual(self.live(), (self.first, 1))
                    self.assert_clean(SPACE)
                    if self.ref(name):
                        self.r.must("push", "-q", self.r.url, "--delete", name)
                    self.p.restart()

    def test_killed_between_a_new_owner_and_what_follows(self):
        self.pushed("one", {"app.lua": "return 2"})
        self.sql("UPDATE repos SET owner = 'bob' WHERE kind = 3")
        self.p.restart()
        until("it is its Space's owner's", lambda: self.route("admin/demo--one"))
        self.assertEqual(self.list()["one"]["id"], "admin/demo--one")

    def test_killed_at_each_point_of_a_promotion(self):
        for fault, moved in (("promote-pending", False), ("promote-moved", True)):
            with self.subTest(fault=fault):
                name = fault
                head, _ = self.pushed(name, {"app.lua": "return '%s'" % name}, self.p.head(SPACE))
                before = self.p.head(SPACE)
                self.p.restart(fault=fault)
                self.assertEqual(self.promote(name)[0], 0)
                self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
                self.p.restart()
                want = head if moved else before
                until("it is settled", lambda: self.live()[0] == want
                      and self.sql("SELECT count(*) FROM builds WHERE state = 'pending'") == [(0,)])
                self.assertEqual(self.p.head(SPACE), want)
                self.assert_clean(SPACE)
                if not moved:
                    self.assertEqual(self.promote(name)[0], 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2, warnings="ignore")
