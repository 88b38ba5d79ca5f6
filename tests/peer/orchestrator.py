"""The real orchestrator and the real git, between fakes. orchestrator.py PROGRAM HOOK [TEST…]"""
import base64
import gzip
import hashlib
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator_fakes import (ACTIVITY, ATTACH, CHECK, CHECKED, DEVICE, HEADER, IDENTIFY, LIST, LOG, ROUTE, WANT_BUNDLE,
                                WORKER, WORKER_UP, Agent, Gateway, Platform, Repo, front_matter, until)

PROGRAM, HOOK = sys.argv[1:3]
SANITIZED = b"__asan_init" in open(PROGRAM, "rb").read()


class Case(unittest.TestCase):
    data = None

    def setUp(self):
        self.p = Platform(PROGRAM, HOOK, self.data)
        self.addCleanup(self._close)

    def _close(self):
        words = self.p.words()
        code = self.p.close()
        self.assertNotIn("Sanitizer", words, words)
        self.assertNotIn("runtime error", words, words)
        self.assertEqual(code, 0, words)

    def repo(self, space="admin/demo", **more):
        return Repo(self.p, space, **more)

    def refused(self, repo, *words):
        code, out = repo.push()
        self.assertNotEqual(code, 0, out)
        for word in words:
            self.assertIn(word, out)
        return out

    def commit_by_api(self, space, text, noise=b""):
        """(status, commit id or error)"""
        lines = [{"key": "header", "value": {"summary": "by API"}},
                 {"key": "file", "value": {"path": "app.lua", "content": text, "encoding": "utf-8"}}]
        if noise:
            lines.append({"key": "file", "value": {"path": "noise.bin", "encoding": "base64",
                                                   "content": base64.b64encode(noise).decode()}})
        status, _, answer = self.p.request("POST", "/api/spaces/%s/commit/main" % space,
                                           raw="\n".join(map(json.dumps, lines)), token=self.p.token)
        return status, json.loads(answer)["commitOid" if status == 200 else "error"] if answer else None

    def assert_clean(self, space):
        """git fsck has nothing to say but that nobody needs an object, or that there is none yet."""
        code, out = self.p.fsck(space)
        lines = [l for l in out.split("\n") if l and not l.startswith(("dangling ", "notice: "))]
        self.assertEqual((code, lines), (0, []))

    def live(self, space="admin/demo"):
        """(commit, epoch) of what is live by the API; the routes must agree once they are synced."""
        status, o = self.p.call("GET", "/api/spaces/" + space)
        return (o["commit"], o["epoch"]) if status == 200 else (None, None)

    def user(self, name, scope="write"):
        self.assertEqual(self.p.call("POST", "/api/users", {"name": name, "password": "long enough"})[0], 201)
        status, o = self.p.call("POST", "/api/tokens", {"name": "t", "user": name, "scope": scope})
        self.assertEqual(status, 201)
        return o["token"]


class Audit(Case):
    """Who did what: rows that say so, checked here without our own code."""

    def rows(self):
        status, rows = self.p.call("GET", "/api/audit")
        self.assertEqual(status, 200, rows)
        return rows

    def whole(self, rows):
        before = "0" * 64
        for n, row in enumerate(rows, 1):
            self.assertEqual((row["n"], row["prev"]), (n, before))
            text = json.dumps({k: row[k] for k in ("n", "time", "who", "action", "subject", "detail", "prev")},
                              separators=(",", ":"), ensure_ascii=False)
            before = hashlib.sha256(text.encode()).hexdigest()
            self.assertEqual(row["hash"], before)

    def test_what_is_done_is_in_the_log_and_what_is_refused_or_read_is_not(self):
        call = lambda *a, **m: self.p.request(*a, token=self.p.token, **m)  # noqa: E731
        self.assertEqual(call("POST", "/api/users", {"name": "ada", "password": "a long password"})[0], 201)
        self.assertEqual(call("POST", "/api/users", {"name": "ada", "password": "a long password"})[0], 409)
        self.assertEqual(call("POST", "/api/repos/create", {"type": "space", "name": "quiet", "sdk": "lua"})[0], 200)
        self.assertEqual(call("PUT", "/api/spaces/admin/quiet/settings", {"private": True})[0], 200)
        self.assertEqual(call("POST", "/api/spaces/admin/quiet/secrets", {"key": "KEY", "value": "not to be told"})[0],
                         200)
        self.assertEqual(self.p.request("POST", "/api/login", {"username": "ada", "password": "a long password"})[0],
                         200)
        call("GET", "/api/users")
        rows = self.rows()
        self.whole(rows)
        told = [(r["who"], r["action"]) for r in rows]
        self.assertEqual([t for t in told if t[1] != "read secrets"][-5:], [
            ("admin", "POST /api/users"), ("admin", "POST /api/repos/create"),
            ("admin", "PUT /api/:kind/:owner/:name/settings"), ("admin", "POST /api/spaces/:owner/:name/secrets"),
            ("ada", "POST /api/login")])
        secret = [r for r in rows if r["action"] == "POST /api/spaces/:owner/:name/secrets"][-1]
        self.assertEqual(secret["subject"], "/api/spaces/admin/quiet/secrets")
        self.assertIn('"key":"KEY"', secret["detail"])
        self.assertNotIn("not to be told", json.dumps(rows))
        self.assertNotIn("a long password", json.dumps(rows))
        self.p.restart()
        self.assertEqual(self.rows(), rows)

    def test_junk_in_a_request_does_not_hide_what_was_done(self):
        junk = {"organization": ["A" * 9000], "type": ["B"] * 900, "role": "C" * 250}
        status, answer = self.p.call("POST", "/api/tokens", {"name": "laptop", **junk})
        self.assertEqual(status, 201, answer)
        rows = self.rows()
        self.whole(rows)
        self.assertEqual((rows[-1]["who"], rows[-1]["action"]), ("admin", "POST /api/tokens"))
        detail = json.loads(rows[-1]["detail"])
        self.assertEqual([detail[k] for k in ("name", *junk)], ["laptop", *["(too long to be kept)"] * 3])

    def test_who_is_nobody_and_does_nothing_is_not_in_it(self):
        before = self.rows()
        for cookie in ({}, {"headers": {"Cookie": "vitrine_session=" + "0" * 64}}):
            self.assertEqual(self.p.request("POST", "/api/logout", {"type": ["A"]}, **cookie)[0], 204)
        self.assertEqual(self.rows(), before)
        self.assertEqual(self.p.request("POST", "/api/logout", {}, token=self.p.token)[0], 204)
        self.assertEqual([(r["who"], r["action"]) for r in self.rows()[len(before):]], [("admin", "POST /api/logout")])

    def test_signing_in_by_link_is_in_it_without_the_links_key(self):
        url = self.p.call("POST", "/api/login/links", {})[1]["url"]
        path = "/api/login/links/" + url.rsplit("/", 1)[1]
        self.assertEqual([self.p.request("GET", path)[0] for _ in range(2)], [303, 410])
        rows = self.rows()
        self.whole(rows)
        self.assertEqual([(r["who"], r["action"], r["subject"]) for r in rows[-2:]],
                         [("admin", "POST /api/login/links", "/api/login/links"),
                          ("admin", "GET /api/login/links/:id", "/api/login/links/:id")])

    def test_only_administrators_see_it(self):
        self.assertEqual(self.p.request("GET", "/api/audit")[0], 401)

    def changes(self):
        """Each is one request; what it changes is there or it is not."""
        call = self.p.call
        names = lambda path: {o["name"] for o in call("GET", path)[1]}  # noqa: E731
        return {
            "POST /api/tokens": (lambda: call("POST", "/api/tokens", {"name": "t2"}),
                                 lambda: "t2" in names("/api/tokens")),
            "POST /api/users": (lambda: call("POST", "/api/users", {"name": "bob", "password": "long enough"}),
                                lambda: "bob" in names("/api/users")),
            "POST /api/repos/create": (lambda: call("POST", "/api/repos/create", {"type": "model", "name": "m"}),
                                       lambda: call("GET", "/api/models/admin/m")[0] == 200),
            "POST /api/credits": (
                lambda: call("POST", "/api/credits", {"account": "user:admin", "seconds": 60, "reason": "a talk"}),
                lambda: bool(call("GET", "/api/usage")[1]["budgets"][0]["credits"])),
        }

    def test_a_kill_leaves_neither_a_change_without_its_row_nor_a_row_without_its_change(self):
        for action, (change, is_there) in self.changes().items():
            for fault, kept in (("before-change", False), ("after-change", True)):
                with self.subTest(action=action, fault=fault):
                    self.assertFalse(is_there())
                    before = self.rows()
                    self.p.restart(fault=fault)
                    self.assertEqual(change()[0], 0, "it was ended before it answered")
                    self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
                    self.p.restart()
                    rows = self.rows()
                    self.whole(rows)
                    fresh = [r["action"] for r in rows[len(before):] if r["action"] != "read secrets"]
                    self.assertEqual((fresh, is_there()), ([action] * kept, kept))

    def test_each_change_is_told_once(self):
        self.assertEqual(self.p.call("POST", "/api/tokens", {"name": "once"})[0], 201)
        rows = self.rows()
        self.assertEqual([r["action"] for r in rows].count("POST /api/tokens"), 1)
        self.assertNotIn("status", json.loads(rows[-1]["detail"]))


class Push(Case):
    def test_a_first_push_makes_the_space_and_says_so_phase_by_phase(self):
        r = self.repo()
        head, out = r.deploy({})
        lines = [line.strip() for line in out.split("\n") if line.startswith("remote: ")]
        self.assertRegex(lines[-1], r"^remote: vitrine: live in \d+ ms: %s/spaces/admin/demo$" % self.p.url)
        for phase in ("front matter", "bundle (2 files", "stored", "box", "app loaded"):
            self.assertTrue(any(phase in line and line.endswith(" ms") for line in lines), out)
        self.assertEqual(self.live(), (head, 1))
        until("the gateway knows", lambda: self.p.gateway.routes.get("admin/demo", {}).get("epoch") == 1)
        route = self.p.gateway.routes["admin/demo"]
        self.assertEqual((route["title"], route["entry"], route["class"], route["sleep_sec"]),
                         ("Test", "app.lua", "small", 300))
        self.assertEqual(route["tree"], {"title": "T", "root": {}})
        self.assertNotIn("replicas", route)
        until("the agent has it", lambda: self.p.agent.bundles)
        self.assertEqual(self.p.agent.bundles[0], ({"bundle": route["bundle"]}, 1))
        self.assert_clean("admin/demo")

    def test_a_refusal_says_file_and_line_and_the_old_version_serves(self):
        r = self.repo()
        head, _ = r.deploy({})
        r.commit({"app.lua": "\n\nSYNTAX"})
        self.refused(r, "remote: vitrine: app.lua:3: unexpected symbol near '='", "keeps serving")
        self.assertEqual(self.live(), (head, 1))
        self.assertEqual(self.p.head("admin/demo"), head)
        builds = self.p.call("GET", "/api/spaces/admin/demo/builds")[1]
        self.assertEqual([b["state"] for b in builds], ["failed", "live"])
        self.assertIn("app.lua:3", builds[0]["message"])
        self.assertEqual([p["name"] for p in builds[1]["phases"]],
                         ["front matter", "bundle", "stored", "box", "app loaded"])
        self.assert_clean("admin/demo")
        objects = os.listdir(self.p.repo_path("admin/demo") + "/objects")
        self.assertFalse([o for o in objects if o.startswith("tmp_")])

    def test_what_cannot_be_a_space_is_refused_in_words(self):
        cases = [
            ({"README.md": "---\ntitle: x\nsdk: nonsense\n---\n"}, "README.md:3: sdk: 'nonsense'"),
            ({"README.md": front_matter("models:\n  - vitrine/nothing\n")},
             "README.md:5: models: 'vitrine/nothing' is not served here"),
            ({"README.md": front_matter("app_file: main.lua\n")},
             "README.md:4: app_file: 'main.lua' is not in the repo"),
            ({"README.md": "---\ntitle: [x\n---\n"}, "README.md:"),
            ({"big.bin": os.urandom(34 << 20)}, "over the limit of 32 MiB"),
        ]
        for i, (files, words) in enumerate(cases):
            r = self.repo("admin/case-%d" % i)
            r.commit(files)
            self.refused(r, words)
            self.assertEqual(self.p.call("GET", "/api/spaces/admin/case-%d" % i)[1]["bundle"], None)
        r = self.repo("admin/link")
        r.commit({})
        os.symlink("/etc/passwd", r.dir + "/evil")
        r.commit({})
        self.refused(r, "evil: is a symbolic link")
        self.assertEqual(self.p.call("GET", "/api/spaces")[1], [])

    def test_a_space_without_an_app_is_kept_and_serves_nothing_until_one_comes(self):
        r = self.repo("admin/files")
        r.commit({"app.lua": ""})
        r.must("rm", "-q", "app.lua")
        r.must("commit", "-q", "-m", "no app")
        code, out = r.push()
        self.assertEqual(code, 0, out)
        self.assertIn("remote: vitrine: app.lua: is not in the repo; the files are kept", out)
        self.assertEqual(self.live("admin/files"), (None, 0))
        r.commit({"README.md": "---\ntitle: x\nsdk: gradio\napp_file: app.py\n---\n", "app.py": "import gradio\n"})
        code, out = r.push()
        self.assertEqual(code, 0, out)
        self.assertIn("remote: vitrine: README.md:3: sdk: 'gradio' does not run here; the files are kept, and visitors see the card", out)
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/files")[1]["bundle"], None)
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/files/runtime")[1]["stage"], "RUNNING")
        head, _ = r.deploy({"README.md": front_matter(), "app.lua": "return 1\n"})
        self.assertEqual(self.live("admin/files"), (head, 2))
        r.must("rm", "-q", "app.lua")
        r.must("commit", "-q", "-m", "gone")
        self.refused(r, "app.lua: is not in the repo", "keeps serving")
        self.assertEqual(self.live("admin/files"), (head, 2))

    def test_what_no_push_may_bring_is_refused_whatever_the_repo_and_branch(self):
        token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
        cases = [
            ({"conf/keys.py": "x = 1\nTOKEN = '%s'\n" % token}, "conf/keys.py:2: holds an access token"),
            ({"w/m.pt": b"\x80\x02]q\x01(K\x01K\x02e."}, "w/m.pt: is a Python pickle"),
            ({"a/File": "1", "a/file": "2"}, "a/file: is the same file as File"),
        ]
        for i, (files, words) in enumerate(cases):
            r = self.repo("admin/bad-%d" % i)
            r.commit(files)
            out = self.refused(r, "remote: vitrine: " + words)
            self.assertIn("vitrine: refused", out)
            code, out = r.push("main:refs/heads/other")
            self.assertNotEqual(code, 0, out)
            self.assert_clean("admin/bad-%d" % i)
        r = self.repo("admin/allowed")
        r.commit({"keys.py": token}, "test vector\n\nSecrets-Allowed: it was revoked years ago")
        code, out = r.push()
        self.assertEqual(code, 0, out)

    def test_models_that_are_served_are_accepted_and_unknown_keys_remarked(self):
        r = self.repo()
        r.commit({"README.md": front_matter("models:\n  - vitrine/tiny-sentiment\ntitel: y\n")})
        code, out = r.push()
        self.assertEqual(code, 0, out)
        self.assertIn("README.md:6: titel: unknown key; did you mean 'title'?", out)

    def test_the_same_tree_gives_the_same_bundle(self):
        one, two = self.repo("admin/one"), self.repo("admin/two")
        one.deploy({})
        two.commit({"app.lua": "return 2"})
        two.deploy({"app.lua": "return 1\n"})
        bundles = [self.p.call("GET", "/api/spaces/admin/" + n)[1]["bundle"] for n in ("one", "two")]
        self.assertEqual(bundles[0], bundles[1])

    def test_other_refs_are_stored_and_main_cannot_be_deleted(self):
        r = self.repo()
        head, _ = r.deploy({})
        self.assertEqual(r.push("main:refs/heads/broken")[0], 0)
        r.commit({"app.lua": "SYNTAX"})
        code, out = r.push("HEAD:refs/tags/v1")
        self.assertEqual(code, 0, out)
        self.assertIn("vitrine: stored", out)
        code, out = r.push("--delete", "main")
        self.assertNotEqual(code, 0)
        self.assertIn("main cannot be deleted", out)
        self.assertEqual(r.push("--delete", "broken")[0], 0)
        self.assertEqual(self.live(), (head, 1))

    def test_a_forced_push_goes_back_with_a_build(self):
        r = self.repo()
        first, _ = r.deploy({})
        r.deploy({"app.lua": "return 2"})
        self.assertNotEqual(r.push(first + ":main")[0], 0)
        self.assertEqual(r.push("--force", first + ":main")[0], 0)
        self.assertEqual(self.live(), (first, 3))

    def test_without_an_agent_a_push_is_refused_and_with_a_late_one_it_goes_on(self):
        r = self.repo()
        head, _ = r.deploy({})
        self.p.agent.close()
        r.commit({"app.lua": "return 2"})
        self.refused(r, "the build box is not available; try again")
        self.assertEqual(self.live(), (head, 1))

        silent = self.p.agent = Agent(self.p.run)
        silent.answers = False
        push = r.start_push()
        until("the check has come", lambda: silent.checks)
        silent.close()
        self.p.agent = Agent(self.p.run)
        out = push.communicate(timeout=60)[0].decode()
        self.assertEqual(push.returncode, 0, out)
        self.assertEqual(self.live()[1], 2)

    def test_of_two_pushes_to_one_branch_one_wins_and_git_tells_the_other(self):
        a = self.repo()
        a.deploy({})
        b = self.repo()
        b.must("clone", "-q", b.url, ".")
        b.started = True
        heads = [a.commit({"app.lua": "return 'a'"}), b.commit({"app.lua": "return 'b'"})]
        agent, held = self.p.agent, []
        agent.judge_now, agent.answers = agent.judge, False
        pushes = [a.start_push(), b.start_push()]
        until("both are being checked", lambda: len(agent.checks) == 3)
        held = agent.checks[1:]
        for seq, (m, files) in enumerate(held, start=2):
            agent.link.send(CHECKED, seq, agent.judge(m, files))
        outs = [p.communicate(timeout=60)[0].decode() for p in pushes]
        codes = [p.returncode for p in pushes]
        self.assertEqual(sorted(c == 0 for c in codes), [False, True], outs)
        winner = codes.index(0)
        self.assertIn("rejected", outs[1 - winner])
        self.assertEqual(self.live(), (heads[winner], 2))
        self.assertEqual(self.p.head("admin/demo"), heads[winner])
        until("the loser's build is forgotten",
              lambda: len(self.p.call("GET", "/api/spaces/admin/demo/builds")[1]) == 2)
        self.assert_clean("admin/demo")

    def test_many_pushes_at_once_all_go_live(self):
        repos = [self.repo("admin/p%d" % i) for i in range(24)]
        for r in repos:
            r.commit({"app.lua": "return '%s'" % r.space})
        pushes = [r.start_push() for r in repos]
        outs = [push.communicate(timeout=120)[0].decode() for push in pushes]
        self.assertEqual([push.returncode for push in pushes], [0] * 24, outs)
        self.assertEqual(len(self.p.get("/api/spaces")[1]), 24)

    def test_too_many_refs_in_one_push_are_refused(self):
        r = self.repo()
        r.commit({})
        refs = ["HEAD:refs/heads/b%d" % i for i in range(1001)]
        code, out = r.push(*refs)
        self.assertNotEqual(code, 0)
        self.assertIn("more than 1000 refs", out)

    def test_the_hook_alone_refuses(self):
        done = subprocess.run([HOOK], input=b"", capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"through Vitrine only", done.stderr)


class Git(Case):
    def test_what_was_pushed_comes_back_by_every_protocol(self):
        r = self.repo()
        head, _ = r.deploy({"data/noise.bin": os.urandom(100000)})
        for version in ("0", "1", "2"):
            copy = self.repo(token="")
            copy.must("-c", "protocol.version=" + version, "clone", "-q", copy.url, ".")
            self.assertEqual(copy.must("rev-parse", "HEAD").strip(), head)
            self.assertEqual(copy.must("ls-remote", copy.url + ".git", "refs/heads/main").split()[0], head)
        shallow = self.repo(token="")
        r.deploy({"app.lua": "return 2"})
        shallow.must("clone", "-q", "--depth", "1", shallow.url, ".")
        self.assertEqual(shallow.must("rev-list", "--count", "HEAD").strip(), "1")
        shallow.must("fetch", "-q", "--unshallow")
        self.assertEqual(shallow.must("rev-list", "--count", "HEAD").strip(), "2")

    def test_chunked_and_gzipped_bodies_go_through(self):
        r = self.repo()
        r.commit({"big.bin": os.urandom(12 << 20)})
        code, out = r.git("-c", "http.postBuffer=65536", "push", r.url, "main")
        self.assertEqual(code, 0, out)
        copy = self.repo(token="")
        copy.must("clone", "-q", copy.url, ".")
        for i in range(60):
            r.commit({"app.lua": "return %d" % i})
        self.assertEqual(r.push()[0], 0)
        for i in range(200):
            copy.must("tag", "-m", "t", "t%d" % i)
        for version in ("0", "2"):
            copy.must("-c", "protocol.version=" + version, "fetch", "-q", "origin")
        self.assertEqual(copy.must("rev-parse", "origin/main"), r.must("rev-parse", "HEAD"))

    def test_memory_does_not_grow_with_the_pack(self):
        def peak():
            for line in open("/proc/%d/status" % self.p.process.pid):
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) // 1024
        r = self.repo()
        r.deploy({})
        r.commit({"a.bin": os.urandom(80 << 20)})
        before = peak()
        code, out = r.push("main:refs/tags/large")  # a branch would be built, and is bounded
        self.assertEqual(code, 0, out)
        copy = self.repo(token="")
        copy.must("clone", "-q", "--branch", "large", copy.url, ".")
        self.assertLess(peak() - before, 24, "MiB")

    def test_a_client_that_hangs_up_leaves_a_whole_repo(self):
        r = self.repo()
        head, _ = r.deploy({})
        r.commit({"a.bin": os.urandom(8 << 20)})
        for delay in (0.01, 0.03, 0.06, 0.1):
            push = r.start_push("main:refs/heads/x")
            time.sleep(delay)
            push.kill()
            push.wait()
        until("git has ended", lambda: not subprocess.run(
            ["ps", "--ppid", str(self.p.process.pid)], capture_output=True, text=True).stdout.count("git"))
        self.assert_clean("admin/demo")
        self.assertEqual(self.live(), (head, 1))
        # One of them may have been whole already, and lands between this push's question and answer.
        until("a push goes through", lambda: r.push("--force", "main:refs/heads/x")[0] == 0)

    def test_damaged_bodies_are_refused_and_the_process_stays_up(self):
        self.repo().deploy({})
        path = "/spaces/admin/demo/git-upload-pack"
        zipped = gzip.compress(b"0000" * 1000)
        bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = bomb.compress(b"0" * (11 << 20)) + bomb.flush()
        gz = {"Content-Encoding": "gzip"}
        self.assertEqual(self.p.request("POST", path, raw=zipped[:-20], headers=gz)[0], 400)
        self.assertEqual(self.p.request("POST", path, raw=b"not gzip", headers=gz)[0], 400)
        self.assertEqual(self.p.request("POST", path, raw=bomb, headers=gz)[0], 413)
        self.assertEqual(self.p.request("POST", path, raw=b"x" * (11 << 20))[0], 413)
        self.assertEqual(self.p.request("POST", path, raw=b"x", headers={"Content-Encoding": "br"})[0], 415)
        push = "/spaces/admin/demo/git-receive-pack"
        for raw, headers in ((b"garbage", {}), (zipped[:-20], gz), (b"", {}), (b"0000", {}), (b"x" * (1 << 20), {})):
            status = self.p.request("POST", push, raw=raw, headers=headers, token=self.p.token)[0]
            self.assertIn(status, (200, 400))
        self.assertEqual(self.p.request("GET", "/spaces/admin/demo/info/refs")[0], 403)
        self.assertEqual(self.p.get("/api/models")[0], 200)
        self.assert_clean("admin/demo")


class Crash(Case):
    FAULTS = ["before-build", "before-pending", "after-pending", "after-accept", "before-live", "after-live",
              "after-answer"]

    def settle(self, r, space, head, before, code, out):
        """After a restart: wholly there or wholly absent, and acknowledged means live."""
        until("it is settled", lambda: (self.live(space)[0] or "") in (self.p.head(space), "")
              and (self.live(space)[0] is not None) == bool(self.p.head(space)))
        now = self.p.head(space)
        self.assertIn(now, (head, before))
        self.assertEqual(self.live(space)[0] or "", now)
        if code == 0:
            self.assertEqual(now, head, out)
        self.assert_clean(space)
        until("the gateway agrees", lambda: self.p.gateway.synced)
        if now:
            bundle = self.p.call("GET", "/api/spaces/" + space)[1]["bundle"]
            self.assertEqual(self.p.gateway.routes[space]["bundle"], bundle)
        # A git that is ended between making a lock file and noting it leaves it to the next git.
        until("lock files are swept by whoever comes next", lambda: r.git("ls-remote", r.url)
              and not [n for n in self.files(self.p.repo_path(space)) if n.endswith(".lock")])

    @staticmethod
    def files(path):
        return [name for _, _, names in os.walk(path) for name in names]

    def test_killed_at_each_point_of_a_push(self):
        for fault in self.FAULTS:
            for first in (True, False):
                with self.subTest(fault=fault, first=first):
                    space = "admin/%s-%d" % (fault, first)
                    r = self.repo(space)
                    before = "" if first else r.deploy({})[0]
                    self.p.restart(fault=fault)
                    head = r.commit({"app.lua": "return 2"})
                    code, out = r.push()
                    self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
                    self.p.restart()
                    self.settle(r, space, head, before, code, out)
                    r.deploy({"app.lua": "return 3"})
                    self.p.restart()

    API_FAULTS = ["after-seal", "before-build", "before-pending", "after-pending", "before-keep", "after-keep",
                  "before-live", "after-live", "after-answer"]

    def test_killed_at_each_point_of_a_commit_by_the_api(self):
        for fault in self.API_FAULTS:
            with self.subTest(fault=fault):
                space = "admin/api-%s" % fault
                r = self.repo(space)
                before = r.deploy({})[0]
                self.p.restart(fault=fault)
                status, made = self.commit_by_api(space, "return 2")
                self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
                self.p.restart()
                until("it is settled", lambda: self.live(space)[0] == self.p.head(space))
                now = self.p.head(space)
                kept = self.API_FAULTS.index(fault) >= self.API_FAULTS.index("after-keep")
                self.assertEqual(now != before, kept, (status, fault))
                self.assertTrue(status != 200 or now == made)
                self.settle(r, space, now, before, 1, "")
                status, made = self.commit_by_api(space, "return 3")
                self.assertEqual((status, self.live(space)[0]), (200, made))
                self.assertFalse([n for n in os.listdir(self.p.repo_path(space) + "/objects") if n.startswith("tmp_")])

    def test_what_a_repo_has_ahead_of_the_database_is_built_and_live_after_the_start(self):
        """As in a backup that was taken while somebody pushed."""
        r = self.repo("admin/ahead")
        old = r.deploy({})[0]
        head = r.commit({"app.lua": "return 2"})
        self.p.end()
        path = self.p.repo_path("admin/ahead")
        r.git("push", path, "main:refs/heads/main", "-f")
        self.assertEqual(self.p.head("admin/ahead"), head)
        self.p.start()
        until("it is live", lambda: self.live("admin/ahead")[0] == head)
        self.assertNotEqual(old, head)

    def test_killed_at_any_moment(self):
        r = self.repo()
        before = r.deploy({})[0]
        dice = random.Random(7)
        for i in range(12 if not SANITIZED else 6):
            head = r.commit({"app.lua": "return %d" % i})
            push = r.start_push()
            time.sleep(dice.uniform(0.005, 0.15))
            self.p.end(signal.SIGKILL)
            out = None
            self.p.start()
            out = push.communicate(timeout=60)[0].decode()
            self.settle(r, "admin/demo", head, before, push.returncode, out)
            before = self.p.head("admin/demo")

    def test_a_rollback_is_never_undone(self):
        r = self.repo()
        first, _ = r.deploy({})
        r.deploy({"app.lua": "return 2"})
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/rollback", {})[0], 200)
        self.assertEqual(self.live(), (first, 3))
        for signo in (signal.SIGKILL, signal.SIGTERM):
            self.p.restart(signo=signo)
            time.sleep(0.3)
            self.assertEqual(self.live(), (first, 3))
        self.assertEqual(r.deploy({"app.lua": "return 3"})[0], self.live()[0])

    def test_an_ended_orchestrator_ends_its_gits(self):
        r = self.repo()
        r.deploy({})
        self.p.agent.answers = False
        r.commit({"app.lua": "return 2"})
        push = r.start_push()
        until("the check has come", lambda: len(self.p.agent.checks) == 2)
        self.assertEqual(self.p.end(), 0)
        self.assertNotEqual(push.wait(20), 0)
        self.p.start()
        self.assertEqual(r.push()[0], 0)


class DiskFull(Case):
    def setUp(self):
        self.mount = "/tmp/vitrine-full-%d" % os.getpid()
        os.makedirs(self.mount, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", self.mount],
                          capture_output=True).returncode != 0:
            os.rmdir(self.mount)
            self.skipTest("only who may mount a tmpfs can fill one")
        self.addCleanup(lambda: (subprocess.run(["umount", self.mount], check=True), os.rmdir(self.mount)))
        self.data = self.mount + "/data"
        super().setUp()

    def fill(self, leave):
        f = os.open(self.mount + "/filler", os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(f, b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass
        os.ftruncate(f, max(0, os.fstat(f).st_size // 4096 * 4096 - leave))
        os.close(f)

    def test_a_push_fails_with_words_and_the_old_version_serves(self):
        r = self.repo()
        head, _ = r.deploy({})
        failed = 0
        for leave in (0, 4096, 16384, 65536, 131072, 262144):
            self.fill(leave)
            new = r.commit({"app.lua": "return %d" % leave, "noise.bin": os.urandom(100000)})
            code, out = r.push()
            os.unlink(self.mount + "/filler")
            if code == 0:
                head = new
            else:
                failed += 1
                self.assertRegex(out, r"(?i)no space left|disk|full|507|unpack|error", out)
            until("it is settled", lambda: self.live()[0] == self.p.head("admin/demo"))
            self.assertEqual(self.live()[0], head)
            self.assert_clean("admin/demo")
        self.assertGreaterEqual(failed, 3)
        head, _ = r.deploy({"app.lua": "return 'again'"})
        self.assertEqual(self.live()[0], head)


    def test_a_commit_by_the_api_fails_with_words_and_leaves_nothing(self):
        r = self.repo()
        head, _ = r.deploy({})
        failed = 0
        for leave in (0, 4096, 16384, 65536, 131072, 262144):
            self.fill(leave)
            status, said = self.commit_by_api("admin/demo", "return %d" % leave, os.urandom(100000))
            os.unlink(self.mount + "/filler")
            if status == 200:
                head = said
            else:
                failed += 1
                self.assertIn(status, (422, 507), said)
                self.assertRegex(said, r"(?i)no space left|disk", said)
            until("it is settled", lambda: self.live()[0] == self.p.head("admin/demo"))
            self.assertEqual(self.live()[0], head)
            self.assert_clean("admin/demo")
            self.assertFalse([n for n in os.listdir(self.p.repo_path("admin/demo") + "/objects") if n.startswith("tmp_")])
        self.assertGreaterEqual(failed, 2)
        self.assertEqual(self.commit_by_api("admin/demo", "return 'again'")[0], 200)


class Confined(Case):
    """What git, or whatever has taken it over while it unpacks a push, gets at. A hook stands for it:
    it is started by git and is no more free than git is."""
    TRIES = {
        "database": ": < $DATA/vitrine.db",
        "another repo": ": < $OTHER/HEAD",
        "key": ": < $DATA/ctl.key",
        "passwd": ": < /etc/passwd",
        "list": "ls / > /dev/null",
        "new key": ": > $DATA/ctl.key",
        "new hook": "ln -s /bin/true $DATA/hooks/update",
        "outside": ": > $OUTSIDE/made",
        "program": "echo '#!/bin/true' > tried-program && chmod +x tried-program && ./tried-program",
        "own repo": ": > tried-file && : < HEAD",
    }

    def setUp(self):
        self.outside = tempfile.mkdtemp(prefix="vitrine-outside-")
        self.addCleanup(shutil.rmtree, self.outside)
        self.script = self.outside + "/hook"
        with open(self.script, "w") as f:
            f.write("#!/bin/sh\nexec 2> /dev/null\n")
        os.chmod(self.script, 0o755)
        self.p = Platform(PROGRAM, self.script)
        self.addCleanup(self._close)
        with open(self.script, "a") as f:
            f.write("DATA=%s OUTSIDE=%s\n: > tried\n" % (self.p.data, self.outside))
            for name, command in self.TRIES.items():
                f.write("( %s ) && echo '%s' >> tried\n" % (command, name))
            f.write("exit 1\n")

    def test_a_git_that_was_taken_over_has_its_repo_and_nothing_else(self):
        r = self.repo()
        r.commit({"app.lua": "return 1"})
        other = self.repo("admin/other")
        other.commit({"app.lua": "return 1"})
        self.assertNotEqual(other.push()[0], 0)  # makes the repo
        with open(self.script, "r+") as f:
            text = f.read().replace("$OTHER", self.p.repo_path("admin/other"))
            f.seek(0)
            f.write(text)
        self.assertNotEqual(r.push()[0], 0)
        with open(self.p.repo_path("admin/demo") + "/tried") as f:
            done = f.read().split("\n")[:-1]
        # A sanitized orchestrator lets read and start everything (docs/THREATS.md).
        reads = ["database", "another repo", "key", "passwd", "list", "program"] if SANITIZED else []
        self.assertEqual([name for name in done if name not in reads], ["own repo"])
        self.assertFalse(os.path.exists(self.outside + "/made"))
        self.assertGreater(os.stat(self.p.data + "/ctl.key").st_size, 0)


class Rights(Case):
    def test_who_may_push_where(self):
        ada, reader = self.user("ada"), self.user("bob", scope="read")
        cases = [("admin/x", "", 128), ("admin/x", "hf_" + "x" * 37, 128), ("admin/x", "x" * 5000, 128),
                 ("ada/x", reader, 128), ("bob/x", reader, 128), ("admin/x", ada, 128), ("vitrine/x", ada, 128),
                 ("nobody/x", self.p.token, 128), ("admin/A", self.p.token, 128), ("admin/a--b", self.p.token, 128),
                 ("admin/a_b", self.p.token, 128), ("api/x", self.p.token, 128), ("spaces/x", self.p.token, 128),
                 ("ada/x", ada, 0), ("ada/y", self.p.token, 0), ("vitrine/x", self.p.token, 0)]
        for space, token, want in cases:
            with self.subTest(space=space, token=token[:6]):
                r = self.repo(space, token=token)
                r.commit({})
                code, out = r.push()
                self.assertEqual(code == 0, want == 0, out)
                self.assertNotIn("error: 5", out)
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/x")[0], 404)
        self.assertEqual([s["id"] for s in self.p.call("GET", "/api/spaces")[1]], ["vitrine/x", "ada/y", "ada/x"])
        self.assertFalse(os.path.exists(self.p.repo_path("bob/x")))

    def test_git_is_asked_for_a_password(self):
        status, headers, text = self.p.request("GET", "/spaces/admin/x/info/refs?service=git-receive-pack")
        self.assertEqual((status, headers["WWW-Authenticate"][:12]), (401, "Basic realm="))
        self.assertTrue(text.startswith("vitrine: "))
        for header in ("Basic " + "!" * 10, "Basic", "Bearer", "Bearer  ", "Digest x", self.p.basic("hf_nope")):
            status = self.p.request("GET", "/api/whoami-v2", headers={"Authorization": header})[0]
            self.assertEqual(status, 401, header)
        status, _, text = self.p.request("GET", "/api/whoami-v2", headers={"Authorization": self.p.basic(self.p.token)})
        self.assertEqual(status, 200)

    def test_rest_by_role(self):
        self.repo().deploy({})
        ada = self.user("ada")
        rows = [  # method, path, anonymous, another user, administrator
            ("GET", "/api/spaces", 200, 200, 200),
            ("GET", "/api/spaces/admin/demo", 200, 200, 200),
            ("GET", "/api/spaces/admin/demo/builds", 200, 200, 200),
            ("GET", "/api/models", 200, 200, 200),
            ("GET", "/api/whoami-v2", 401, 200, 200),
            ("GET", "/api/tokens", 401, 200, 200),
            ("GET", "/api/users", 401, 403, 200),
            ("GET", "/api/status", 401, 403, 200),
            ("GET", "/api/top", 401, 403, 200),
            ("GET", "/api/devices", 401, 403, 200),
            *(("POST", "/api/devices/cpu/" + act, 401, 403, 200) for act in ("drain", "return")),
            ("GET", "/api/spaces/admin/demo/logs/run", 401, 403, 200),
            ("GET", "/api/spaces/admin/demo/logs/build", 401, 403, 200),
            ("GET", "/api/spaces/admin/demo/events", 401, 403, 200),
            ("GET", "/api/events", 401, 403, 200),
            ("POST", "/api/spaces/admin/demo/rollback", 401, 403, 409),
            ("GET", "/api/spaces/hardware", 200, 200, 200),
            ("GET", "/api/spaces/admin/demo/runtime", 200, 200, 200),
            *(("GET", "/api/spaces/admin/demo/" + kind, 401, 403, 200)
              for kind in ("secrets", "variables", "secrets/audit")),
            *(("POST", "/api/spaces/admin/demo/" + kind, 401, 403, 400)
              for kind in ("secrets", "variables", "hardware", "sleeptime")),
            *(("POST", "/api/spaces/admin/demo/" + what, 401, 403, 200) for what in ("pause", "restart")),
            ("GET", "/api/spaces/admin/none", 401, 404, 404),
            ("GET", "/api/nothing", 404, 404, 404),
            ("PUT", "/api/spaces", 405, 405, 405),
            ("DELETE", "/api/spaces/admin/demo", 401, 403, 204),
        ]
        for method, path, *want in rows:
            got = [self.p.request(method, path, token=t)[0] for t in (None, ada, self.p.token)]
            self.assertEqual(got, want, (method, path))

    def test_a_device_is_taken_out_and_given_back_and_the_last_one_only_by_whoever_says_so(self):
        def order(name, act, body=None):
            return self.p.call("POST", "/api/devices/%s/%s" % (name, act), body)

        status, d = order("cuda", "drain", {"reason": "a new fan"})
        self.assertEqual((status, d["state"], d["reason"]), (200, "draining", "a new fan"))
        status, answer = order("cpu", "exclude", {"reason": "smoke"})
        self.assertEqual(status, 409)
        self.assertIn("cpu is the last device in service", answer["error"])
        self.assertEqual(self.p.call("GET", "/api/devices")[1]["devices"][1]["state"], "serving")
        self.assertEqual(order("cpu", "exclude", {"reason": "smoke", "last": True})[0], 200)
        self.assertIn("no device is in service: every model call is refused", self.p.call("GET", "/api/status")[1]["problems"])
        status, answer = order("tpu", "return")
        self.assertEqual((status, answer["error"]), (404, "device: there is no 'tpu'"))
        self.assertEqual(order("cpu", "drain", {"reason": "x" * 201})[0], 400)
        for name in ("cuda", "cpu"):
            self.assertEqual(order(name, "return")[1]["state"], "serving")
        rows = [(r["action"], r["subject"], json.loads(r["detail"]).get("reason") if isinstance(r["detail"], str) else r["detail"].get("reason"))
                for r in self.p.call("GET", "/api/audit?last=20")[1] if "/api/devices/" in r["subject"]]
        self.assertEqual(rows[:2], [("POST /api/devices/:name/drain", "/api/devices/cuda/drain", "a new fan"),
                                    ("POST /api/devices/:name/exclude", "/api/devices/cpu/exclude", "smoke")])

    def test_an_order_to_a_device_is_in_the_audit_log_before_inference_has_it(self):
        told = []

        def leave(link, type_, seq, value, fds):
            if type_ == DEVICE:
                db = sqlite3.connect(self.p.data + "/vitrine.db")
                told.extend(db.execute("SELECT who, subject FROM audit WHERE subject LIKE '/api/devices/%'"))
                db.close()
                link.close()
        self.p.inference.links[-1].on_message = leave
        self.assertEqual(self.p.call("POST", "/api/devices/cuda/drain", {"reason": "a new fan"})[0], 503)
        self.assertEqual(told, [("admin", "/api/devices/cuda/drain")])
        rows = [r["detail"] if isinstance(r["detail"], dict) else json.loads(r["detail"])
                for r in self.p.call("GET", "/api/audit?last=20")[1] if "/api/devices/" in r["subject"]]
        self.assertEqual([r.get("status") for r in rows], [None, 503])  # what was tried, and what came of it

    def test_a_private_space_is_there_for_its_owner_and_administrators_only(self):
        ada, bob = self.user("ada"), self.user("bob")
        mine = self.repo("ada/secret", token=ada)
        mine.deploy({})
        path, settings = "/api/spaces/ada/secret", "/api/spaces/ada/secret/settings"
        refs = "/spaces/ada/secret/info/refs?service=git-upload-pack"

        def see(token):
            basic = {"headers": {"Authorization": self.p.basic(token)}} if token else {}
            listed = [s["id"] for s in self.p.call("GET", "/api/spaces", token=token)[1]]
            return (self.p.request("GET", path, token=token)[0], self.p.request("GET", path + "/builds", token=token)[0],
                    self.p.request("GET", refs, **basic)[0], listed)

        for who, want in ((None, 401), (bob, 403)):
            self.assertEqual(self.p.request("PUT", settings, {"private": True}, token=who)[0], want)
        for bad in ({}, {"private": "yes"}, {"private": None}):
            status, answer = self.p.call("PUT", settings, bad, token=ada)
            self.assertEqual((status, answer["field"]), (400, "private"))
        status, answer = self.p.call("PUT", settings, {"private": True}, token=ada)
        self.assertEqual((status, answer["private"]), (200, True))
        until("the gateway knows", lambda: self.p.gateway.routes["ada/secret"].get("private"))
        everything = (200, 200, 200, ["ada/secret"])
        self.assertEqual([see(t) for t in (ada, self.p.token)], [everything] * 2)
        self.assertEqual([see(t) for t in (None, bob)], [(401, 401, 401, []), (404, 404, 404, [])])
        mine.deploy({"app.lua": "return 2"})
        until("the new version is private too", lambda: self.p.gateway.routes["ada/secret"].get("private"))
        self.assertEqual(self.p.call("PUT", settings, {"private": False}, token=ada)[1]["private"], False)
        self.assertEqual(see(bob), everything)

    def test_failed_builds_are_for_the_owner(self):
        r = self.repo()
        r.deploy({})
        r.commit({"app.lua": "SYNTAX"})
        self.refused(r)
        self.assertEqual([b["state"] for b in self.p.get("/api/spaces/admin/demo/builds")[1]], ["live"])
        self.assertEqual(len(self.p.call("GET", "/api/spaces/admin/demo")[1]["builds"]), 2)
        files = [{"path": "README.md", "content": front_matter()}, {"path": "app.lua", "content": "SYNTAX"}]
        self.assertEqual(self.p.call("POST", "/api/repos/create", {"type": "space", "name": "never", "files": files})[0], 200)
        until("its build has failed", lambda: self.p.get("/api/spaces/admin/never/runtime")[1]["stage"] == "BUILD_ERROR")
        for path, runtime in (("/api/spaces/admin/never/runtime", lambda o: o),
                              ("/api/spaces/admin/never", lambda o: o["runtime"]),
                              ("/api/spaces?expand=runtime&search=never", lambda o: o[0]["runtime"])):
            self.assertIn("app.lua:1", runtime(self.p.call("GET", path)[1])["errorMessage"], path)
            mine = runtime(self.p.get(path)[1])
            self.assertEqual((mine["stage"], "errorMessage" in mine), ("BUILD_ERROR", False), path)

    def test_the_control_key_is_the_administrator(self):
        key = open(self.p.data + "/ctl.key").read()
        self.assertEqual(os.stat(self.p.data + "/ctl.key").st_mode & 0o777, 0o600)
        self.assertEqual(self.p.request("GET", "/api/status", headers={"X-Vitrine-Ctl": key})[0], 200)
        for bad in ("", "x", key[:-1], key + "x", key[:-1] + "!"):
            self.assertEqual(self.p.request("GET", "/api/status", headers={"X-Vitrine-Ctl": bad})[0], 401, bad)


class People(Case):
    def login(self, name, password, remote="1.2.3.4"):
        status, headers, text = self.p.request("POST", "/api/login", {"username": name, "password": password},
                                               headers={"X-Vitrine-Remote": remote})
        cookie = (headers.get("Set-Cookie") or "").split(";")[0]
        return status, cookie, text

    def test_signing_in_changing_the_password_signing_out(self):
        password = open(self.p.data + "/first-admin-password").read()
        self.assertEqual(os.stat(self.p.data + "/first-admin-password").st_mode & 0o777, 0o600)
        status, cookie, text = self.login("admin", password)
        self.assertEqual(status, 200, text)
        self.assertNotIn(password, self.p.words())
        other = self.login("admin", password)[1]
        me = self.p.get("/api/whoami-v2", headers={"Cookie": cookie})[1]
        self.assertEqual((me["name"], me["admin"], me["type"]), ("admin", True, "user"))

        def change(old, new, csrf):
            return self.p.request("POST", "/api/account/password", {"old": old, "new": new},
                                  headers={"Cookie": cookie, **({"X-CSRF-Token": csrf} if csrf else {})})[0]
        self.assertEqual(change(password, "new password", None), 403)
        self.assertEqual(change(password, "new password", "x" * 26), 403)
        self.assertEqual(change("wrong wrong", "new password", me["csrf"]), 403)
        self.assertEqual(change(password, "short", me["csrf"]), 400)
        self.assertEqual(change(password, "new password", me["csrf"]), 204)
        self.assertEqual(self.p.request("GET", "/api/whoami-v2", headers={"Cookie": other})[0], 401)
        self.assertEqual(self.login("admin", password)[0], 403)
        self.assertEqual(self.login("admin", "new password")[0], 200)
        self.assertEqual(self.p.request("POST", "/api/logout", headers={"Cookie": cookie})[0], 403)
        self.assertEqual(self.p.request("POST", "/api/logout", headers={
            "Cookie": cookie, "X-CSRF-Token": me["csrf"]})[0], 204)
        self.assertEqual(self.p.request("GET", "/api/whoami-v2", headers={"Cookie": cookie})[0], 401)

    def test_cookies_are_closed_to_scripts_and_other_sites(self):
        password = open(self.p.data + "/first-admin-password").read()
        _, headers, _ = self.p.request("POST", "/api/login", {"username": "admin", "password": password})
        self.assertIn("HttpOnly", headers["Set-Cookie"])
        self.assertIn("SameSite=Lax", headers["Set-Cookie"])
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual(self.p.request("POST", "/api/login", raw="username=a&password=b", headers=form)[0], 415)

    def test_guessing_is_slowed_down_by_address_and_by_name(self):
        answers = [self.login("nobody-%d" % i, "wrong password", "9.9.9.9")[0] for i in range(12)]
        self.assertEqual(answers, [403] * 10 + [429] * 2)
        status, _, text = self.login("admin", "x" * 20, "9.9.9.9")
        self.assertEqual(status, 429)
        self.assertIn("too many attempts", text)
        answers = [self.login("admin", "wrong password", "8.8.8.%d" % i)[0] for i in range(12)]
        self.assertIn(429, answers)

    def test_tokens_are_shown_once_used_and_revoked(self):
        status, made = self.p.call("POST", "/api/tokens", {"name": "laptop"})
        self.assertEqual(status, 201)
        self.assertRegex(made["token"], r"^hf_[A-Za-z0-9]{34,}$")
        token = made["token"]
        listed = self.p.call("GET", "/api/tokens", token=token)[1]
        self.assertNotIn(token, str(listed))
        self.assertEqual(sorted(t["name"] for t in listed), ["laptop", "vitrine up"])
        until("its use is noted", lambda: all(t["lastUsedAt"] for t in self.p.call("GET", "/api/tokens")[1]))
        me = self.p.call("GET", "/api/whoami-v2", token=token)[1]
        self.assertEqual(me["auth"]["accessToken"]["displayName"], "laptop")
        self.assertEqual(self.p.call("DELETE", "/api/tokens/" + made["id"])[0], 204)
        self.assertEqual(self.p.call("DELETE", "/api/tokens/" + made["id"])[0], 404)
        self.assertEqual(self.p.request("GET", "/api/whoami-v2", token=token)[0], 401)
        with open(self.p.data + "/vitrine.db-wal", "rb") as f:
            self.assertNotIn(token.encode(), f.read())

    def test_a_token_that_expires_makes_none_that_does_not(self):
        token = self.p.call("POST", "/api/tokens", {"name": "today", "expiresInDays": 1})[1]["token"]
        for path, body in (("/api/tokens", {"name": "forever"}), ("/api/login/links", {})):
            status, o = self.p.call("POST", path, body, token=token)
            self.assertEqual(status, 403)
            self.assertIn("a token that expires", o["error"])
        self.assertEqual(self.p.call("GET", "/api/tokens", token=token)[0], 200)

    def test_a_token_for_one_repo_does_not_tell_of_others(self):
        self.repo().deploy({})
        token = self.p.call("POST", "/api/tokens", {"name": "n", "repos": ["spaces/admin/demo"]})[1]["token"]
        for path in ("/api/tokens", "/api/usage"):
            self.assertEqual(self.p.call("GET", path, token=token)[0], 403)
            self.assertEqual(self.p.call("GET", path)[0], 200)
        self.assertEqual(self.p.call("GET", "/api/whoami-v2", token=token)[0], 200)

    def test_a_start_token_replaces_the_one_before(self):
        old = self.p.token
        self.p.end()
        self.p.start(token=True)
        self.assertEqual(self.p.call("GET", "/api/whoami-v2")[0], 200)
        self.assertEqual(self.p.request("GET", "/api/whoami-v2", token=old)[0], 401)

    def test_users_are_made_by_administrators(self):
        make = lambda body, **k: self.p.call("POST", "/api/users", body, **k)[0]
        self.assertEqual(make({"name": "ada", "password": "long enough"}), 201)
        self.assertEqual(make({"name": "ada", "password": "long enough"}), 409)
        for bad in ({"name": "Ada", "password": "long enough"}, {"name": "api", "password": "long enough"},
                    {"name": "bob", "password": "short"}, {"name": "bob"}, {"name": 7, "password": "long enough"}):
            self.assertEqual(make(bad), 400, bad)
        token = self.p.call("POST", "/api/tokens", {"name": "t", "user": "ada"})[1]["token"]
        self.assertEqual(make({"name": "eve", "password": "long enough"}, token=token), 403)
        self.assertEqual(self.p.call("POST", "/api/tokens", {"name": "t", "user": "admin"}, token=token)[0], 403)
        self.assertEqual([u["name"] for u in self.p.call("GET", "/api/users")[1]], ["ada", "admin"])


class Api(Case):
    def test_bad_input_is_refused_with_field_and_limit(self):
        def post(raw, type_="application/json", path="/api/tokens"):
            status, _, text = self.p.request("POST", path, raw=raw, headers={"Content-Type": type_}, token=self.p.token)
            return status, text
        self.assertEqual(post(b"{")[0], 400)
        self.assertEqual(post(b"[]")[0], 400)
        self.assertEqual(post(b"{}")[0], 400)
        self.assertIn('"field":"name"', post(b"{}")[1])
        self.assertEqual(post(b'{"name":"a","name":"b"}')[0], 400)
        self.assertEqual(post(b'{"name":"a\\u0000b"}')[0], 400)
        self.assertEqual(post(b"[" * 5000)[0], 400)
        self.assertEqual(post(b'{"name":"\xff"}')[0], 400)
        self.assertEqual(post(b'{"name":"x"}', "text/plain")[0], 415)
        status, text = post(b'{"name":"' + b"x" * 70000 + b'"}')
        self.assertEqual((status, "65536" in text), (413, True))
        status, text = post(b'{"name":"' + b"x" * 101 + b'"}')
        self.assertEqual((status, "limit is 100" in text), (400, True))
        self.assertEqual(self.p.get("/api/spaces?search=" + "x" * 101)[0], 400)
        self.assertEqual(self.p.get("/api/spaces?limit=0")[0], 400)
        self.assertEqual(self.p.get("/api/spaces/" + "x" * 500 + "/y")[0], 404)

    def test_listing_and_searching(self):
        for name in ("mood", "chat", "a-1"):
            self.repo("admin/" + name).deploy({"README.md": "---\ntitle: The %s 100%% Demo\nsdk: lua\n---\n" % name})
        ids = lambda q: sorted(s["name"] for s in self.p.get("/api/spaces" + q)[1])
        self.assertEqual(ids(""), ["a-1", "chat", "mood"])
        self.assertEqual(ids("?search=MOOD"), ["mood"])
        self.assertEqual(ids("?search=the+chat"), ["chat"])
        self.assertEqual(ids("?search=100%25"), ["a-1", "chat", "mood"])
        self.assertEqual(ids("?search=%25_"), [])
        self.assertEqual(ids("?search=admin/a"), ["a-1"])
        self.assertEqual(len(self.p.get("/api/spaces?limit=2")[1]), 2)
        o = self.p.get("/api/spaces")[1][0]
        for key in ("id", "owner", "name", "title", "emoji", "sdk", "state", "bundle", "commit", "updatedAt", "url", "private"):
            self.assertIn(key, o)

    def test_rollback_by_build_and_not_to_a_failed_one(self):
        r = self.repo()
        heads = [r.deploy({"app.lua": "return %d" % i})[0] for i in range(3)]
        r.commit({"app.lua": "SYNTAX"})
        self.refused(r)
        builds = self.p.call("GET", "/api/spaces/admin/demo/builds")[1]
        self.assertEqual([b["state"] for b in builds], ["failed", "live", "ready", "ready"])
        roll = lambda body: self.p.call("POST", "/api/spaces/admin/demo/rollback", body)
        self.assertEqual(roll({"build": builds[3]["id"]})[1]["commit"], heads[0])
        until("the gateway knows", lambda: self.p.gateway.routes["admin/demo"]["epoch"] == 4)
        self.assertEqual(self.p.gateway.routes["admin/demo"]["bundle"], builds[3]["bundle"])
        self.assertEqual(roll({})[0], 409)
        self.assertEqual(roll({"build": builds[0]["id"]})[0], 409)
        self.assertEqual(roll({"build": "nonsense"})[0], 404)
        self.assertEqual(roll({"build": 7})[0], 400)
        other = self.repo("admin/other")
        other.deploy({})
        foreign = self.p.call("GET", "/api/spaces/admin/other/builds")[1][0]["id"]
        self.assertEqual(roll({"build": foreign})[0], 404)
        self.assertEqual(self.live()[0], heads[0])

    def test_a_deleted_space_is_gone_and_its_name_is_free(self):
        r = self.repo()
        r.deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        space = self.p.gateway.routes["admin/demo"]["space"]
        self.assertEqual(self.p.call("DELETE", "/api/spaces/admin/demo")[0], 204)
        self.assertFalse(os.path.exists(self.p.repo_path("admin/demo")))
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/demo")[0], 404)
        until("the gateway knows", lambda: self.p.gateway.gone == [space])
        r.commit({"app.lua": "return 2"})
        self.assertEqual(r.push()[0], 0)
        self.assertEqual(self.live()[1], 1)
        self.assertNotEqual(self.p.gateway.routes["admin/demo"]["space"], space)

    def test_run_logs_are_kept_and_followed(self):
        self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        space = self.p.gateway.routes["admin/demo"]["space"]

        def log(line, **more):
            self.p.agent.link.send(LOG, 0, {"space": space, "replica": "r", "bundle": "b", "time_usec": 5, "line": line,
                                            **more})
        log("one")
        log('two "quoted" \u2713')
        path = "/api/spaces/admin/demo/logs/run"
        until("both are kept", lambda: self.p.request("GET", path, token=self.p.token)[2].count("data: ") == 3)
        self.p.restart(signo=signal.SIGKILL)
        _, headers, text = self.p.request("GET", path, token=self.p.token)
        self.assertEqual(headers["Content-Type"], "text/event-stream")
        self.assertRegex(text, r'id: (\d+)\ndata: {"id":\1,"timestamp":"1970-01-01T00:00:00.000Z","data":"one\\n","time":5,"replica":"r","line":"one"}\n\n')
        self.assertEqual(self.lines(path)[2]["data"], 'two "quoted" \u2713\n')
        self.assertEqual(self.p.request("GET", path + "?tail=1", token=self.p.token)[2].count("data: "), 1)

        c = http.client.HTTPConnection("127.0.0.1", self.p.port.number, timeout=30)
        c.request("GET", path + "?follow=1&tail=0", headers={"Authorization": "Bearer " + self.p.token})
        answer = c.getresponse()
        self.assertEqual(answer.headers["X-Accel-Buffering"], "no")
        self.assertEqual([l["line"] for l in self.events(answer, 0)], [])
        for i in range(5):
            log("later %d" % i)
            self.assertEqual(self.events(answer, 1)[0]["line"], "later %d" % i)
        c.close()
        log("nobody follows")

    def events(self, answer, n):
        """The next n events of a stream, as their JSON; comments and bare ids are passed over."""
        got = []
        while len(got) < n:
            line = answer.readline().decode()
            self.assertTrue(line, "the stream ended")
            if line.startswith("data: "):
                got.append(json.loads(line[6:]))
        return got

    def lines(self, path, **more):
        text = self.p.request("GET", path, token=self.p.token, **more)[2]
        return [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]

    def test_run_lines_carry_their_commit_and_are_chosen_by_their_tags(self):
        head, _ = self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        route = self.p.gateway.routes["admin/demo"]
        path = "/api/spaces/admin/demo/logs/run"
        tags = {"stream": "stdout", "level": "info", "session": "0a1b2c3d", "event": 3}
        failure = {"stream": "stderr", "level": "error", "session": "0a1b2c3d", "event": 3, "reference": "k7q2m9"}
        for i, more in enumerate([tags, failure, {"stream": "platform", "level": "warn"}]):
            self.p.agent.link.send(LOG, 0, {"space": route["space"], "replica": "r", "bundle": route["bundle"],
                                            "time_usec": (i + 1) * 1000, "line": "line %d" % i, **more})
        until("all are kept", lambda: len(self.lines(path)) == 4)
        live, first, second, _ = self.lines(path)
        self.assertEqual((live["line"], live["stream"], live["commit"]),
                         ("[version %s is live]" % head[:12], "platform", head[:12]))
        self.assertEqual(first, {"id": first["id"], "time": 1000, "replica": "r", "commit": head[:12], "line": "line 0",
                                 "data": "line 0\n", "timestamp": "1970-01-01T00:00:00.001Z",
                                 **tags})
        self.assertEqual((second["ref"], second["level"], second["event"]), ("k7q2m9", "error", 3))
        for query, want in (("session=0a1b2c3d", [0, 1]), ("ref=k7q2m9", [1]), ("level=warn", [1, 2]),
                            ("level=error", [1]), ("commit=" + head[:7], [0, 1, 2]), ("commit=" + "0" * 7, []),
                            ("since=2000", [1, 2]), ("tail=1&session=0a1b2c3d", [1]),
                            ("after=%d" % first["id"], [1, 2])):
            self.assertEqual([l["line"] for l in self.lines(path + "?" + query) if l["id"] != live["id"]],
                             ["line %d" % i for i in want], query)

    def test_a_restart_starts_a_worker_and_the_log_tells_what_the_platform_does(self):
        head, _ = self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        route = self.p.gateway.routes["admin/demo"]
        stage = lambda: self.p.call("GET", "/api/spaces/admin/demo/runtime")[1]["stage"]
        self.assertEqual(stage(), "SLEEPING")
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/restart")[1]["stage"], "APP_STARTING")
        until("the gateway is told", lambda: self.p.gateway.woken == [route["space"]])
        self.assertEqual(stage(), "APP_STARTING")

        def worker(**more):
            self.p.agent.link.send(WORKER, 0, {"replica": "r1", "space": route["space"], "bundle": route["bundle"],
                                               "epoch": 1, **more})
        worker(phase="running", pid=4711)
        self.p.gateway.link.send(WORKER_UP, 0, {"space": route["space"], "replica": "r1", "wake_usec": 85000})
        self.p.gateway.link.send(ACTIVITY, 0, {"space": route["space"], "phase": "running", "sessions": 0})
        until("it runs", lambda: stage() == "RUNNING")
        path = "/api/spaces/admin/demo/logs/run"
        until("its start is told", lambda: len(self.lines(path)) == 3)
        worker(phase="exited", cause="asleep", reason="asked to end")
        until("its sleep is told", lambda: len(self.lines(path)) == 4)
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/pause")[1]["stage"], "PAUSED")
        lines = self.lines(path)
        self.assertEqual([l["line"] for l in lines],
                         ["[version %s is live]" % head[:12], "[restarted]", "[the app has started in 85 ms]",
                          "[nobody uses it: it goes to sleep]", "[paused: nothing runs until it is restarted]"])
        self.assertEqual({(l["stream"], l["level"], l["commit"]) for l in lines}, {("platform", "info", head[:12])})

    def test_a_space_without_a_worker_has_a_run_log_too(self):
        for name, sdk in (("files", "static"), ("foreign", "docker")):
            r = self.repo("admin/" + name)
            r.commit({"README.md": "---\ntitle: x\nsdk: %s\n---\n" % sdk, "index.html": "x"})
            self.assertEqual(r.push()[0], 0)
            path = "/api/spaces/admin/%s/" % name
            until("it is live", lambda: len(self.lines(path + "logs/run")) == 1)
            self.assertEqual(self.p.call("POST", path + "restart")[1]["stage"], "RUNNING")
            self.assertEqual(self.lines(path + "logs/run")[1]["data"], "[restarted]\n")
            self.assertTrue(self.lines(path + "logs/build"))
        self.assertEqual(self.p.gateway.woken, [])

    def test_a_follower_comes_back_after_kills_without_a_hole_or_a_repetition(self):
        self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        space = self.p.gateway.routes["admin/demo"]["space"]
        path = "/api/spaces/admin/demo/logs/run?follow=1&tail=0"
        last, seen, number = None, [], 0
        for _ in range(3):
            c = http.client.HTTPConnection("127.0.0.1", self.p.port.number, timeout=30)
            c.request("GET", path, headers={"Authorization": "Bearer " + self.p.token,
                                            **({"Last-Event-ID": str(last)} if last else {})})
            answer = c.getresponse()
            for _ in range(40):
                self.p.agent.link.send(LOG, 0, {"space": space, "replica": "r", "bundle": "b", "time_usec": 5,
                                                "line": str(number)})
                number += 1
            for line in self.events(answer, 25):  # and goes away in the middle
                last = line["id"]
                seen.append(int(line["line"]))
            until("all are kept", lambda: self.lines(path.split("?")[0] + "?tail=1")[0]["line"] == str(number - 1))
            self.p.restart(signo=signal.SIGKILL)
            c.close()
        seen += [int(l["line"]) for l in self.lines(path.split("?")[0], headers={"Last-Event-ID": str(last)})]
        self.assertEqual(seen, list(range(number)))

    def test_who_was_away_too_long_is_told_of_the_gap(self):
        self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        space = self.p.gateway.routes["admin/demo"]["space"]
        path = "/api/spaces/admin/demo/logs/run"
        self.p.end()
        self.p.start(args=["--log-limits", "1,14,4"])
        for i in range(400):
            self.p.agent.link.send(LOG, 0, {"space": space, "replica": "r", "bundle": "b", "time_usec": 5,
                                            "line": "%d " % i + "x" * 8000})
        until("all are kept", lambda: self.lines(path + "?tail=1")[0]["line"].startswith("399 "))
        lines = self.lines(path)
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(self.p.data + "/logs") for f in fs)
        self.assertLessEqual(size, 1 << 20)
        numbers = [int(l["line"].split(" ")[0]) for l in lines]
        self.assertEqual(numbers, list(range(400 - len(numbers), 400)))
        self.assertGreater(len(numbers), 80)
        text = self.p.request("GET", path, token=self.p.token, headers={"Last-Event-ID": "7"})[2]
        self.assertRegex(text, r'event: gap\ndata: {"after":7,"oldest":\d+,"data":"[^"]*"}\n\nid: ')
        self.assertEqual(len(re.findall(r"event: gap", text)), 1)

    def test_a_push_a_refusal_a_rollback_and_a_worker_are_told_as_events(self):
        r = self.repo()
        first, _ = r.deploy({})
        second = r.commit({"app.lua": "\nSYNTAX"})
        self.refused(r)
        third, _ = r.deploy({"app.lua": "return 3"})
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/rollback", {})[0], 200)
        path = "/api/spaces/admin/demo/events"
        events = self.lines(path)
        self.assertEqual({e["space"] for e in events}, {"admin/demo"})
        of = lambda commit: [e["type"] for e in events if e["commit"] == commit]
        phases = ["build.phase"] * 5
        self.assertEqual(of(first), ["push.received", "build.started", *phases, "build.ready", "build.live", "rollback"])
        self.assertEqual(of(second), ["push.received", "build.started", "build.phase", "build.phase", "build.failed"])
        self.assertEqual(of(third), ["push.received", "build.started", *phases, "build.ready", "build.live"])
        failed = next(e for e in events if e["type"] == "build.failed")
        self.assertEqual((failed["file"], failed["line"]), ("app.lua", 2))
        self.assertIn("unexpected symbol", failed["message"])
        self.assertEqual([e["name"] for e in events if e.get("name")][:5],
                         ["front matter", "bundle", "stored", "box", "app loaded"])

        route = self.p.gateway.routes["admin/demo"]
        at = events[-1]["id"]
        about = {"space": route["space"], "bundle": route["bundle"], "epoch": 1}

        def say(phase, replica, **more):
            self.p.agent.link.send(WORKER, 0, {**about, "replica": replica, "phase": phase, **more})
        say("waking", "")
        say("running", "r1", box_usec=1500)
        say("running", "r1", again=True)
        until("it is told", lambda: len(self.lines(path + "?after=%d" % at)) == 2)
        self.p.gateway.link.send(WORKER_UP, 0, {"space": route["space"], "replica": "r1", "wake_usec": 2500})
        until("it is told", lambda: len(self.lines(path + "?after=%d" % at)) == 3)
        say("exited", "r1", reason="exited with status 1", cause="crashed", code=1, retry_ms=1000)
        say("running", "r2", box_usec=0)
        say("exited", "r2", reason="took too much", cause="killed")
        say("running", "r3", box_usec=0)
        say("exited", "r3", reason="stopped", cause="asleep")
        until("all is told", lambda: len(self.lines(path + "?after=%d" % at)) == 9)
        rest = self.lines(path + "?after=%d" % at)
        self.assertEqual([e["type"] for e in rest],
                         ["worker.waking", "worker.loading", "worker.running", "worker.exited", "worker.crashing",
                          "worker.loading", "worker.killed", "worker.loading", "worker.sleeping"])
        self.assertEqual((rest[1]["ms"], rest[1]["replicas"], rest[2]["ms"]), (1.5, 1, 2.5))
        self.assertEqual((rest[3]["code"], rest[3]["replicas"], rest[4]["retry_ms"]), (1, 0, 1000))
        self.assertEqual(rest[6]["why"], "took too much")

        # Killed, it has all of it still, and a follower goes on where it was.
        self.p.restart(signo=signal.SIGKILL)
        self.assertEqual(self.lines(path + "?after=%d" % at), rest)
        everything = self.lines("/api/events")
        self.assertEqual([e["type"] for e in everything], [e["type"] for e in events + rest])
        c = http.client.HTTPConnection("127.0.0.1", self.p.port.number, timeout=30)
        c.request("GET", "/api/events?follow=1", headers={"Authorization": "Bearer " + self.p.token,
                                                          "Last-Event-ID": str(everything[-2]["id"])})
        answer = c.getresponse()
        self.assertEqual(self.events(answer, 1)[0]["type"], "worker.sleeping")
        self.assertEqual(self.p.call("DELETE", "/api/spaces/admin/demo")[0], 204)
        self.assertEqual(self.events(answer, 1)[0], {**self.lines("/api/events?tail=1")[0], "type": "space.deleted",
                                                     "space": "admin/demo"})
        c.close()

    def test_build_logs_tell_what_the_pusher_saw(self):
        r = self.repo()
        r.deploy({})
        r.commit({"app.lua": "\nSYNTAX"})
        self.refused(r)
        text = self.p.request("GET", "/api/spaces/admin/demo/logs/build", token=self.p.token)[2]
        self.assertIn("app.lua:2: unexpected symbol", text)
        for line in self.lines("/api/spaces/admin/demo/logs/build"):
            self.assertEqual(line["data"], line["line"] + "\n")
            self.assertRegex(line["timestamp"], r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
        self.assertNotIn("app loaded", text)
        status, builds = self.p.call("GET", "/api/spaces/admin/demo/builds")
        text = self.p.request("GET", "/api/spaces/admin/demo/logs/build?build=" + builds[1]["id"], token=self.p.token)[2]
        self.assertIn("app loaded", text)
        self.assertNotIn("unexpected symbol", text)
        self.assertEqual(self.p.request("GET", "/api/spaces/admin/demo/logs/build?build=none", token=self.p.token)[0], 404)

        c = http.client.HTTPConnection("127.0.0.1", self.p.port.number, timeout=30)
        c.request("GET", "/api/spaces/admin/demo/logs/build?follow=1",
                  headers={"Authorization": "Bearer " + self.p.token})
        answer = c.getresponse()
        while "unexpected symbol" not in answer.readline().decode():
            pass
        r.deploy({"app.lua": "return 3"})
        while "app loaded" not in answer.readline().decode():
            pass
        c.close()

    def test_a_static_space_cannot_be_paused_and_one_that_was_serves_nothing(self):
        r = self.repo()
        r.deploy({})
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/pause", {})[0], 200)
        r.deploy({"README.md": "---\ntitle: T\nsdk: static\n---\n", "index.html": "<h1>pages</h1>"})
        file = "/spaces/admin/demo/-/site/index.html"
        status, _, text = self.p.request("GET", file, token=self.p.token)
        self.assertEqual(status, 404)
        self.assertIn("this Space is paused", text)
        self.assertEqual(self.p.call("POST", "/api/spaces/admin/demo/restart", {})[0], 200)
        self.assertEqual(self.p.request("GET", file, token=self.p.token)[0], 200)
        status, answer = self.p.call("POST", "/api/spaces/admin/demo/pause", {})
        self.assertEqual(status, 400)
        self.assertIn("nothing that could be paused", answer["error"])

    def test_build_logs_of_many_short_lines_are_told_to_the_last(self):
        r = self.repo()
        r.commit({"app.lua": "DEEP"})
        self.refused(r)
        text = self.p.request("GET", "/api/spaces/admin/demo/logs/build", token=self.p.token)[2]
        self.assertGreater(len(text), 512 << 10)
        # The id ends a build that was told whole.
        self.assertRegex(text[-20:], r"\n\nid: 1\n\n$")

    def test_status_tells_links_workers_and_sessions(self):
        self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        space = self.p.gateway.routes["admin/demo"]["space"]
        self.p.agent.link.send(WORKER, 0, {"replica": "r1", "space": space, "bundle": "b", "epoch": 1,
                                           "phase": "running", "pid": 4711})
        self.p.gateway.link.send(ACTIVITY, 0, {"space": space, "phase": "running", "sessions": 3})
        s = until("it is told", lambda: (lambda o: o if o["workers"] and o["sessions"] == 3 else None)(
            self.p.call("GET", "/api/status")[1]))
        self.assertEqual(s["links"], {"gateway": True, "agent": True, "inference": True})
        self.assertEqual((s["workers"][0]["space"], s["workers"][0]["pid"]), ("admin/demo", 4711))
        self.assertEqual((s["spaces"][0]["state"], s["spaces"][0]["sessions"]), ("running", 3))
        self.assertEqual(s["models"][0]["id"], "vitrine/tiny-sentiment")
        runtime = self.p.get("/api/spaces/admin/demo")[1]["runtime"]
        self.assertEqual((runtime["stage"], runtime["sessions"]), ("RUNNING", 3))
        self.p.gateway.link.send(ACTIVITY, 0, {"space": space, "phase": "crashing", "sessions": 1})
        until("it keeps crashing", lambda: self.p.get("/api/spaces/admin/demo")[1]["state"] == "crashing")
        self.assertEqual(self.p.get("/api/spaces/admin/demo")[1]["runtime"]["stage"], "RUNTIME_ERROR")
        self.p.agent.link.send(WORKER, 0, {"replica": "r1", "space": space, "bundle": "b", "epoch": 1, "phase": "exited"})
        until("it is gone", lambda: not self.p.call("GET", "/api/status")[1]["workers"])


class Peers(Case):
    def test_a_new_gateway_gets_every_route_then_synced(self):
        for i in range(3):
            self.repo("admin/s%d" % i).deploy({})
        self.p.gateway.close()
        self.p.gateway = Gateway(self.p.run)
        until("synced", lambda: self.p.gateway.synced)
        self.assertEqual(sorted(self.p.gateway.routes), ["admin/s0", "admin/s1", "admin/s2"])

    def test_routes_beyond_the_links_queue_arrive_all_the_same(self):
        """300 Spaces whose pages are 200 kB each: twice what may wait for the gateway at once."""
        self.p.end()
        tree = json.dumps({"title": "T", "root": {"text": "x" * 200000}})
        db = sqlite3.connect(self.p.data + "/vitrine.db")
        for i in range(300):
            db.execute("INSERT INTO repos (id, kind, owner, name, private, words, created_usec, updated_usec)"
                       " VALUES (?, 0, 'admin', ?, 0, '', 1, 1)", ("id%d" % i, "s%d" % i))
            db.execute("INSERT INTO spaces (id, live_build, epoch) VALUES (?, ?, 1)", ("id%d" % i, "b%d" % i))
            db.execute("INSERT INTO builds VALUES (?, ?, 1, 'ready', ?, ?, 'app.lua', 'small', 300, 0, 'T', '', ?,"
                       " NULL, NULL, '[]', '', 1, NULL)", ("b%d" % i, "id%d" % i, "c" * 40, "a" * 64, tree))
        db.commit()
        db.close()
        self.p.start()
        until("synced", lambda: self.p.gateway.synced)
        self.assertEqual(len(self.p.gateway.routes), 300)
        self.assertEqual(len(self.p.gateway.routes["admin/s7"]["tree"]["root"]["text"]), 200000)

    def test_cookies_are_identified(self):
        password = open(self.p.data + "/first-admin-password").read()
        _, headers, _ = self.p.request("POST", "/api/login", {"username": "admin", "password": password})
        cookie = headers["Set-Cookie"].split(";")[0].split("=")[1]
        self.p.gateway.link.send(IDENTIFY, 5, {"cookie": cookie})
        self.p.gateway.link.send(IDENTIFY, 6, {"cookie": "nobody's"})
        until("both are answered", lambda: len(self.p.gateway.identities) == 2)
        self.assertEqual(self.p.gateway.identities[5], {"user": "admin", "admin": True, "knows": "admin"})
        self.assertFalse(self.p.gateway.identities[6].get("user"))

    def test_a_bundle_is_sent_when_asked_for(self):
        self.repo().deploy({})
        until("the gateway knows", lambda: "admin/demo" in self.p.gateway.routes)
        bundle = self.p.gateway.routes["admin/demo"]["bundle"]
        n = len(self.p.agent.bundles)
        self.p.agent.link.send(WANT_BUNDLE, 0, {"bundle": bundle})
        self.p.agent.link.send(WANT_BUNDLE, 0, {"bundle": "0" * 64})
        self.p.agent.link.send(WANT_BUNDLE, 0, {"bundle": "../../etc/passwd"})
        until("all are answered", lambda: len(self.p.agent.bundles) == n + 3)
        self.assertEqual(self.p.agent.bundles[n], ({"bundle": bundle}, 1))
        for m, fds in self.p.agent.bundles[n + 1:]:
            self.assertEqual((m["missing"], fds), (True, 0))

    # catalogue 94, 95
    def test_a_bad_frame_ends_that_link_only(self):
        head = lambda length, type_, op=0: HEADER.pack(length, type_, op, 0, 0, 0)
        raw = lambda mine, others: [lambda l, b=b: l.sock.send(b) for b in (
            b"", b"abc", head(0, 0xee), head(65535, mine) + b"{}", head(2, mine) + b"{}junk", head(0, others),
            head(0, mine, 0x80) + head(0, mine, 0x85), head(1, mine) + b"{")]
        for send in raw(LOG, CHECK) + [
                lambda l: l.send(0x70, 0, {}), lambda l: l.send(CHECKED, 0, {"ok": 3}),
                lambda l: l.send(LOG, 0, raw=b"x" * 20000), lambda l: l.send(CHECKED, 0, raw=b"{")]:
            link, gateway = self.p.agent.link, self.p.gateway.link
            send(link)
            until("the link is closed", lambda: link.closed)
            self.p.agent = Agent(self.p.run)
            self.assertFalse(gateway.closed)
        for send in raw(IDENTIFY, ROUTE) + [
                lambda l: l.send(IDENTIFY, 1, {"cookie": "x" * 600}), lambda l: l.send(ACTIVITY, 0, {"space": 1})]:
            agent, gateway = self.p.agent.link, self.p.gateway.link
            send(gateway)
            until("the link is closed", lambda: gateway.closed)
            self.p.gateway = Gateway(self.p.run)
            self.assertFalse(agent.closed)
        for send in raw(LIST, ATTACH):
            n = len(self.p.inference.links)
            send(self.p.inference.links[-1])
            until("inference is dialled again", lambda: len(self.p.inference.links) == n + 1)
        self.repo().deploy({})

    # catalogue 96
    def test_files_never_arrive_where_none_may(self):
        held, gift = os.pipe()
        for link, type_, value in ((self.p.agent.link, LOG, {"space": "s", "replica": "r", "bundle": "b",
                                                             "time_usec": 1, "line": "x"}),
                                   (self.p.gateway.link, ACTIVITY, {"space": "s", "phase": "asleep", "sessions": 0})):
            body = json.dumps(value).encode()
            socket.send_fds(link.sock, [HEADER.pack(len(body), type_, 0, 0, 0, 0) + body], [gift] * 253)
        os.close(gift)
        self.repo().deploy({})
        self.assertEqual(select.select([held], [], [], 10)[0], [held])
        self.assertEqual(os.read(held, 1), b"")
        os.close(held)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2, warnings="ignore")
