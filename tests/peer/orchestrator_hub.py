"""Repos of all three kinds over HTTP and the real git. orchestrator_hub.py PROGRAM HOOK [TEST…]"""
import base64
import hashlib
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import unittest
from urllib.parse import urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator import Case
from orchestrator_fakes import Repo, front_matter, until

PREFIX = {"space": "spaces/", "model": "", "dataset": "datasets/"}
KIND = {"space": 0, "model": 1, "dataset": 2}


class Hub(Case):
    def at(self, kind, name, **more):
        """A work tree for a repo of any kind."""
        r = Repo(self.p, name, **more)
        r.url = r.url.replace("/spaces/", "/" + PREFIX[kind])
        return r

    def make(self, kind, name, token="", **more):
        body = {"type": kind, "name": name, "organization": None, **more}
        return self.p.call("POST", "/api/repos/create", body, token=token)

    def delete(self, body):
        self.assertEqual(self.p.request("DELETE", "/api/repos/delete", body, token=self.p.token)[0], 200)

    def there(self, kind, name, token=""):
        return self.p.call("GET", "/api/%ss/%s/auth-check" % (kind, name), token=token)[0]

    def files(self, kind, name, **more):
        r = self.at(kind, name, **more)
        r.must("clone", "-q", r.url, "here")
        return {f: open("%s/here/%s" % (r.dir, f)).read() for f in r.must("-C", "here", "ls-files").split()}


class Making(Hub):
    def test_a_repo_of_each_kind_is_made_with_its_first_commit_and_found_by_git(self):
        for kind in PREFIX:
            status, o = self.make(kind, "one", license="mit")
            self.assertEqual(status, 200, o)
            self.assertEqual((o["name"], o["url"]), ("admin/one", "%s/%sadmin/one" % (self.p.url, PREFIX[kind])))
            files = self.files(kind, "admin/one")
            self.assertEqual(sorted(files), [".gitattributes", "README.md"])
            self.assertIn("*.safetensors filter=lfs", files[".gitattributes"])
            self.assertIn('license: "mit"', files["README.md"])
            self.assertEqual('sdk: "lua"' in files["README.md"], kind == "space")
            status, again = self.make(kind, "One" if kind != "space" else "one")
            self.assertEqual((status, again["url"]), (409, o["url"]))

    def test_its_first_files_are_those_of_the_request(self):
        files = [{"path": "data/a.csv", "content": base64.b64encode(b"a,b\n").decode(), "encoding": "base64"},
                 {"path": "README.md", "content": "mine\n"}]
        self.assertEqual(self.make("dataset", "d", files=files)[0], 200)
        have = self.files("dataset", "admin/d")
        self.assertEqual((have["data/a.csv"], have["README.md"]), ("a,b\n", "mine\n"))
        for bad in ("../x", ".git/config", "/etc/passwd", "a//b"):
            status, o = self.make("dataset", "e", files=[{"path": bad, "content": "x"}])
            self.assertIn(status, (400, 422), bad)
            self.assertEqual(self.there("dataset", "admin/e"), 404)
        self.assertEqual([f for f in os.listdir(self.p.data + "/repos") if f.startswith(".")], [])

    def test_its_first_files_are_judged_as_a_push_is(self):
        pickle = base64.b64encode(b"\x80\x02]q\x01(K\x01K\x02e.").decode()
        token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
        for content, word in (({"path": "w/m.pt", "content": pickle, "encoding": "base64"}, "w/m.pt: is a Python pickle"),
                              ({"path": "keys.py", "content": "T = '%s'\n" % token}, "keys.py:1: holds an access token")):
            for kind in PREFIX:
                status, o = self.make(kind, "p", files=[content])
                self.assertEqual(status, 422, o)
                self.assertIn(word, o["error"])
                self.assertEqual(self.there(kind, "admin/p"), 404)
        self.assertEqual([f for f in os.listdir(self.p.data + "/repos") if f.startswith(".")], [])

    def test_of_two_that_make_the_same_repo_one_is_told(self):
        got = []
        both = [threading.Thread(target=lambda: got.append(self.make("model", "same")[0])) for _ in range(2)]
        for t in both:
            t.start()
        for t in both:
            t.join()
        self.assertEqual(sorted(got), [200, 409])

    def test_a_space_is_made_with_its_settings_and_its_first_version_or_not_at_all(self):
        status, _ = self.make("space", "set", sdk="docker", secrets=[{"key": "A", "value": "1"}],
                              variables=[{"key": "V", "value": "2", "description": "d"}], hardware="cpu-upgrade", sleepTimeSeconds=300)
        self.assertEqual(status, 200)
        self.assertEqual(list(self.p.call("GET", "/api/spaces/admin/set/secrets")[1]), ["A"])
        self.assertEqual(self.p.call("GET", "/api/spaces/admin/set/variables")[1]["V"]["value"], "2")
        runtime = self.p.call("GET", "/api/spaces/admin/set/runtime")[1]
        self.assertEqual((runtime["hardware"]["requested"], runtime["gcTimeout"]), ("cpu-upgrade", 300))
        until("its card is shown", lambda: self.p.call("GET", "/api/spaces/admin/set/runtime")[1]["stage"] == "RUNNING")
        status, o = self.make("space", "bad", variables=[{"key": "no name", "value": "x"}])
        self.assertEqual(status, 400, o)
        self.assertEqual(self.there("space", "admin/bad"), 404)

    def test_who_may_make_where_and_what_is_no_name(self):
        ada = self.user("ada")
        reader = self.p.call("POST", "/api/tokens", {"name": "r", "user": "ada", "scope": "read"})[1]["token"]
        rows = [  # name, owner, anonymous, ada, her reading token, administrator
            ("m", None, 401, 200, 403, 200),
            ("m2", "ada", 401, 200, 403, 200),
            ("m3", "admin", 401, 403, 403, 200),
            ("m4", "nobody", 401, 403, 403, 403),
            ("m5", "vitrine", 401, 403, 403, 200),
        ]
        for name, owner, *want in rows:
            got = []
            for token in (None, ada, reader, self.p.token):
                status, o = self.make("model", name, token=token, organization=owner)
                got.append(status)
                if status == 200:
                    self.delete({"type": "model", "name": o["name"]})
            self.assertEqual(got, want, (name, owner))
        for bad in ("", "a/b/c", "-x", "x.git", "a--b", "..", "x y", "x" * 96):
            self.assertEqual(self.make("model", bad)[0], 400, bad)
        self.assertEqual(self.make("thing", "x")[0], 400)
        self.assertEqual(self.make("space", "x", sdk="cobol")[0], 400)
        self.assertEqual(self.make("model", "x", visibility="sometimes")[0], 400)

    def test_a_push_makes_it_too(self):
        for kind in ("model", "dataset"):
            r = self.at(kind, "admin/Pushed.v1")
            head = r.commit({"README.md": "---\nlicense: mit\n---\n"})
            self.assertEqual(r.push()[0], 0)
            self.assertEqual(r.must("ls-remote", r.url + ".git", "refs/heads/main").split()[0], head)
            code, out = r.push("--delete", "main")
            self.assertNotEqual(code, 0)
            self.assertIn("main cannot be deleted", out)


class Going(Hub):
    def test_what_is_deleted_is_gone_and_comes_back_until_its_name_is_taken(self):
        for kind in PREFIX:
            self.make(kind, "one", files=[{"path": "kept.txt", "content": kind}])
            path = self.p.repo_path("admin/one", KIND[kind])
            status, _, text = self.p.request("DELETE", "/api/repos/delete", {"type": kind, "name": "one"},
                                             token=self.p.token)
            self.assertEqual((status, text), (200, "OK"))
            self.assertEqual(self.there(kind, "admin/one"), 404)
            self.assertNotEqual(self.at(kind, "admin/one").git("ls-remote", self.at(kind, "admin/one").url)[0], 0)
            status, headers, _ = self.p.request("DELETE", "/api/repos/delete", {"type": kind, "name": "one"},
                                                token=self.p.token)
            self.assertEqual((status, headers["X-Error-Code"]), (404, "RepoNotFound"))
            self.assertTrue(os.path.exists(path))
            listed = self.p.call("GET", "/api/repos/deleted")[1]
            self.assertIn(("admin/one", kind), [(o["id"], o["type"]) for o in listed])
            self.assertEqual(self.p.call("POST", "/api/repos/restore", {"type": kind, "name": "one"})[0], 200)
            self.assertEqual(self.files(kind, "admin/one")["kept.txt"], kind)
            self.delete({"type": kind, "name": "one"})
            self.assertEqual(self.make(kind, "one")[0], 200)
            self.assertEqual(self.p.call("POST", "/api/repos/restore", {"type": kind, "name": "one"})[0], 409)

    def test_after_its_time_it_is_removed_with_its_folder(self):
        self.make("model", "old")
        path = self.p.repo_path("admin/old", 1)
        self.delete({"type": "model", "name": "old"})
        self.p.end()
        db = sqlite3.connect(self.p.data + "/vitrine.db")
        db.execute("UPDATE repos SET deleted_usec = ?", (int((time.time() - 8 * 86400) * 1e6),))
        db.commit()
        db.close()
        self.p.start()
        until("it is removed", lambda: not os.path.exists(path))
        self.assertEqual(self.p.call("GET", "/api/repos/deleted")[1], [])
        self.assertEqual(self.p.call("POST", "/api/repos/restore", {"type": "model", "name": "old"})[0], 404)

    def test_a_former_name_leads_to_it_for_the_api_and_git(self):
        ada = self.user("ada")
        for kind in PREFIX:
            self.make(kind, "one")
            move = {"type": kind, "fromRepo": "admin/one", "toRepo": "ada/two"}
            self.assertEqual(self.p.call("POST", "/api/repos/move", move, token=ada)[0], 403)
            self.assertEqual(self.p.call("POST", "/api/repos/move", move)[0], 200)
            status, headers, _ = self.p.request("GET", "/api/%ss/admin/one/auth-check?x=1" % kind)
            self.assertEqual((status, headers["Location"]), (307, "/api/%ss/ada/two/auth-check?x=1" % kind))
            r = self.at(kind, "admin/one")
            r.must("clone", "-q", r.url, "here")
            with open(r.dir + "/here/new.txt", "w") as f:
                f.write("x")
            r.must("-C", "here", "add", "-A")
            r.must("-C", "here", "commit", "-qm", "new")
            if kind != "space":
                r.must("-C", "here", "push", "-q")
                self.assertIn("new.txt", self.files(kind, "ada/two"))
            self.assertEqual(self.make(kind, "three")[0], 200)
            self.assertEqual(self.p.call("POST", "/api/repos/move", {**move, "fromRepo": "admin/three"})[0], 409)
            self.assertEqual(self.make(kind, "one")[0], 200)
            self.assertEqual(self.there(kind, "admin/one"), 200)

    def test_private_ones_are_as_if_they_were_not(self):
        ada, bob = self.user("ada"), self.user("bob")
        for kind in PREFIX:
            self.assertEqual(self.make(kind, "hid", token=ada, visibility="private")[0], 200)
            refs = "/%sada/hid/info/refs?service=git-upload-pack" % PREFIX[kind]
            for path in ("/api/%ss/ada/hid/auth-check" % kind, refs):
                for token, want in ((None, 401), (bob, 404), (ada, 200), (self.p.token, 200)):
                    status, headers, _ = self.p.request("GET", path, token=token)
                    missing = self.p.request("GET", path.replace("hid", "none"), token=token)
                    self.assertEqual(status, want, (path, want))
                    if want in (401, 404):
                        self.assertEqual(headers["X-Error-Code"], "RepoNotFound")
                        self.assertEqual((missing[0], missing[1]["X-Error-Code"]), (want, "RepoNotFound"))
                        self.assertEqual("WWW-Authenticate" in headers, want == 401)
            settings = "/api/%ss/ada/hid/settings" % kind
            got = [self.p.request("PUT", settings, {"private": False}, token=t)[0] for t in (None, bob)]
            self.assertEqual(got, [401, 404])
            self.assertEqual(self.p.call("PUT", settings, {"visibility": "public"}, token=ada)[1]["private"], False)
            self.assertEqual(self.p.request("PUT", settings, {"private": True}, token=bob)[0], 403)
            self.assertEqual(self.there(kind, "ada/hid", token=None), 200)


class Takedown(Hub):
    def test_what_is_taken_down_is_out_of_sight_and_its_owner_reads_why(self):
        ada, bob = self.user("ada"), self.user("bob")
        r = self.repo("ada/app", token=ada, user="ada")
        r.deploy({})
        at = "/api/spaces/ada/app"
        answer = self.p.call("POST", at + "/takedown", {"reason": "It mines."})
        self.assertEqual(answer[0], 200, answer)
        self.assertEqual(self.p.call("GET", at, token=bob)[0], 404)
        until("nothing runs", lambda: self.p.gateway.routes["ada/app"].get("stopped"))
        self.assertTrue(self.p.gateway.routes["ada/app"]["private"])
        seen = self.p.call("GET", at, token=ada)[1]
        self.assertEqual((seen["takedown"]["reason"], seen["disabled"], seen["owned"]), ("It mines.", True, False))
        for method, path, body in [("PUT", "/settings", {"private": False}), ("POST", "/restart", {}), ("POST", "/pause", {}),
                                   ("POST", "/rollback", {}), ("POST", "/variables", {"key": "A", "value": "b"})]:
            status, words = self.p.call(method, at + path, body, token=ada)
            self.assertEqual((status, "It mines." in json.dumps(words)), (403, True), (path, words))
        status, words = self.p.call("POST", at + "/duplicate", {"repository": "ada/copy", "private": False}, token=ada)
        self.assertEqual((status, "It mines." in json.dumps(words)), (403, True), words)
        self.assertEqual(self.there("space", "ada/copy"), 404)
        r.commit({"app.lua": "return 2"})
        code, out = r.push()
        self.assertNotEqual(code, 0)
        self.assertEqual(self.p.call("POST", at + "/takedown", {"reason": "again"}, token=ada)[0], 403)
        self.assertEqual(self.p.call("DELETE", at + "/takedown", token=ada)[0], 403)
        for reason in ("", "two\nlines", "x" * 501):
            self.assertEqual(self.p.call("POST", at + "/takedown", {"reason": reason})[0], 400)
        self.p.end(signal.SIGKILL)
        self.p.start()
        self.assertEqual([(o["id"], o["reason"]) for o in self.p.call("GET", "/api/takedowns")[1]], [("ada/app", "It mines.")])
        self.assertEqual(self.p.call("DELETE", at + "/takedown")[0], 200)
        self.assertEqual(self.p.call("DELETE", at + "/takedown")[0], 404)
        self.assertEqual(self.p.call("GET", at, token=bob)[0], 200)
        until("it may run", lambda: not self.p.gateway.routes["ada/app"].get("stopped"))
        self.assertEqual(r.push()[0], 0)


class Served(Hub):
    def test_with_a_full_disk_a_model_that_is_made_private_is_not_served_any_more(self):
        self.assertEqual(self.make("model", "m")[0], 200)
        status, o = self.p.call("GET", "/api/models/admin/m")
        self.assertEqual(status, 200)
        db = sqlite3.connect(self.p.data + "/vitrine.db")
        (repo_id,), = db.execute("SELECT id FROM repos WHERE kind = 1 AND owner = 'admin'")
        db.close()
        served = self.p.dir + "/served"
        folder = served + "/admin/m"
        os.makedirs(folder)
        with open(folder + "/.vitrine", "w") as f:  # as an earlier life has left it
            f.write("%s %s %s\n" % (repo_id, o["sha"], "0" * 64))
        self.p.end()
        self.p.start(args=["--served", served, "--disk-reserve", str(1 << 30)])
        self.assertTrue(os.path.exists(folder))
        self.assertEqual(self.p.call("PUT", "/api/models/admin/m/settings", {"private": True})[0], 200)
        until("its folder is gone", lambda: not os.path.exists(folder))


class Lists(Hub):
    def ids(self, kind, query="", token=""):
        return [o["id"] for o in self.p.call("GET", "/api/%ss%s" % (kind, query), token=token)[1]
                if o["id"] != "vitrine/tiny-sentiment"]  # inference serves it

    def test_repos_are_found_by_owner_words_tags_and_text_a_page_at_a_time(self):
        ada = self.user("ada")
        readme = "---\nlicense: mit\ntags:\n  - birds\npipeline_tag: fill-mask\n---\n# About\nThe warbler sings.\n"
        for i in range(5):
            self.make("model", "m%d" % i, token=ada, files=[{"path": "README.md", "content": readme}] if i == 3 else [])
        self.make("model", "hid", token=ada, visibility="private")
        self.make("model", "other")
        every = ["admin/other", "ada/hid", "ada/m4", "ada/m3", "ada/m2", "ada/m1", "ada/m0"]
        self.assertEqual(self.ids("model"), every)
        self.assertEqual(self.ids("model", token=None), [i for i in every if i != "ada/hid"])
        self.assertEqual(self.ids("model", "?author=ada", ada), every[1:])
        self.assertEqual(self.ids("dataset"), [])
        for query in ("search=m3", "search=warbler%20sing", "search=BIRDS", "filter=birds", "pipeline_tag=fill-mask",
                      "filter=license%3Amit&filter=birds", "author=ada&search=About"):
            self.assertEqual(self.ids("model", "?" + query), ["ada/m3"], query)
        for query in ("search=nothing", "search=%25", "search=%22", "search=*%20OR%20*", "filter=cats", "author=bob"):
            self.assertEqual(self.ids("model", "?" + query), [], query)
        seen, path = [], "/api/models?limit=2&sort=createdAt&author=ada"
        while path:
            status, headers, text = self.p.request("GET", path, token=ada)
            seen += [o["id"] for o in json.loads(text)]
            link = headers["Link"]
            path = link and link[link.index("/api/"):link.index(">")]
        self.assertEqual(seen, every[1:])
        for bad in ("limit=0", "limit=1001", "sort=colour", "cursor=x", "search=" + "x" * 101):
            self.assertEqual(self.p.request("GET", "/api/models?" + bad)[0], 400, bad)

    def test_a_page_of_large_cards_ends_early_and_goes_on(self):
        readme = "---\ntags:\n" + "".join("  - '%s'\n" % (str(i % 10) * 100) for i in range(560)) + "---\n"
        for i in range(45):
            self.assertEqual(self.make("model", "m%d" % i, files=[{"path": "README.md", "content": readme}])[0], 200)
        seen, pages, path = [], 0, "/api/models?author=admin"
        while path:
            status, headers, text = self.p.request("GET", path)
            self.assertEqual(status, 200)
            pages += 1
            seen += [o["id"] for o in json.loads(text)]
            link = headers["Link"]
            path = link and link[link.index("/api/"):link.index(">")]
        self.assertGreater(pages, 1)
        self.assertEqual(seen, ["admin/m%d" % i for i in reversed(range(45))])

    def test_likes_count_once_for_each_and_bring_a_repo_up(self):
        ada = self.user("ada")
        for name in ("a", "b", "c"):
            self.make("dataset", name)
        like = "/api/datasets/admin/a/like"
        self.assertEqual(self.p.request("POST", like)[0], 401)
        for token in (ada, ada, self.p.token):
            self.assertEqual(self.p.call("POST", like, token=token)[0], 200)
        self.p.call("POST", "/api/datasets/admin/b/like")
        self.assertEqual(self.ids("dataset", "?sort=likes"), ["admin/a", "admin/b", "admin/c"])
        self.assertEqual(self.ids("dataset", "?sort=trendingScore"), ["admin/a", "admin/b", "admin/c"])
        self.assertEqual(self.p.call("GET", "/api/datasets/admin/a")[1]["likes"], 2)
        self.assertEqual(sorted(o["user"] for o in self.p.call("GET", "/api/datasets/admin/a/likers")[1]),
                         ["ada", "admin"])
        self.assertEqual(self.p.call("DELETE", like, token=ada)[1], {"liked": False, "likes": 1})
        self.assertEqual(self.p.call("DELETE", like, token=ada)[1], {"liked": False, "likes": 1})


class Answers(Hub):
    def test_errors_and_headers_are_those_that_clients_look_for(self):
        status, headers, text = self.p.request("GET", "/api/models/admin/none/auth-check", token="hf_nope")
        self.assertEqual((status, headers["X-Error-Message"]), (401, "Invalid credentials in Authorization header"))
        self.assertTrue(headers["Content-Type"].startswith("application/json"))
        ids = {self.p.request("GET", "/api/models")[1]["X-Request-Id"] for _ in range(3)}
        self.assertEqual(len(ids), 3)
        status, headers, _ = self.p.request("OPTIONS", "/api/repos/create", headers={
            "Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "*"))
        self.assertIn("POST", headers["Access-Control-Allow-Methods"])
        self.assertEqual(headers["Access-Control-Allow-Headers"], "authorization,content-type")
        headers = self.p.request("GET", "/metrics", token=self.p.token)[1]
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_a_spaces_main_is_made_by_what_builds_it_and_not_as_a_branch(self):
        for kind, status in (("space", 403), ("dataset", 200)):
            r = self.at(kind, "admin/side")
            r.commit({"README.md": front_matter() if kind == "space" else "# x\n"})
            self.assertEqual(r.push("main:refs/heads/side")[0], 0)
            make = "/api/%ss/admin/side/branch/main" % kind
            for body in ({"startingPoint": "side"}, {"emptyBranch": True}):
                self.assertEqual(self.p.call("POST", make, body, token=self.p.token)[0], status, body)
                status = 409 if status == 200 else status
            code, out = r.push()
            self.assertEqual(code, 0, out)
            self.assertEqual(self.p.call("POST", make, {"startingPoint": "side"}, token=self.p.token)[0], 409)

    def test_a_question_about_files_whose_patterns_take_too_long_is_refused_in_words(self):
        self.assertEqual(self.make("dataset", "d")[0], 200)
        ask = lambda **rules: self.p.call("POST", "/api/datasets/admin/d/preupload/main", {
            "files": [{"path": "x/" + "a" * 240 + str(i), "size": 1} for i in range(1000)], **rules}, token=self.p.token)
        for rules in ({"gitAttributes": "*a*a*b filter=lfs\n" * 20000}, {"gitIgnore": "*a*a*b\n" * 20000}):
            status, answer = ask(**rules)
            self.assertEqual((status, answer["error"]), (400, "files: their patterns take too long; ask for fewer"))
        status, answer = ask(gitAttributes="".join("/x/%d filter=lfs\n" % i for i in range(20000)), gitIgnore="*.log\n")
        self.assertEqual((status, len(answer["files"])), (200, 1000))

    def test_many_large_bodies_at_once_are_refused_and_small_ones_are_not(self):
        def small():
            return self.p.call("POST", "/api/validate-yaml", {"repoType": "model", "content": "---\n---\n"}, token=None)[0]

        def large():
            return self.p.call("POST", "/api/validate-yaml",
                               {"repoType": "model", "content": " " * (1 << 20)}, token=None)[0]

        allowed = large()
        self.assertNotEqual(allowed, 503)
        held = []
        for _ in range(17):  # of 8 MiB each, of which the last byte never comes
            s = socket.socket(socket.AF_UNIX)
            self.addCleanup(s.close)
            s.connect(self.p.run + "/http.sock")
            s.sendall(b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % (8 << 20))
            s.sendall(b" " * ((8 << 20) - 1))
            held.append(s)
        until("there is no room for another", lambda: large() == 503)
        self.assertEqual(small(), 200)
        for s in held:
            s.close()
        until("there is room again", lambda: large() == allowed)

    def test_paths_are_matched_before_they_are_decoded(self):
        self.make("model", "m")
        for path, want in (("/api/models/admin/m/auth-check", 200), ("/api/models/%61dmin/m/auth-check", 200),
                           ("/api/models/admin%2Fm/auth-check", 404), ("/api/models/admin/m%2Fauth-check", 404),
                           ("/api/models/admin/%00m/auth-check", 404), ("/api/models/admin/m%/auth-check", 404),
                           ("/api/model/admin/m/auth-check", 404), ("/api/models/admin/m/auth-check/", 404)):
            self.assertEqual(self.p.request("GET", path, token=self.p.token)[0], want, path)


class Duplicating(Hub):
    def duplicate(self, kind, name, body, token=""):
        return self.p.call("POST", "/api/%ss/%s/duplicate" % (kind, name), body, token=token)

    def large(self, name, data):
        """Uploads it as a large file."""
        oid, lfs = hashlib.sha256(data).hexdigest(), "/%s.git/info/lfs" % name
        batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": len(data)}]}
        href = self.p.call("POST", lfs + "/objects/batch", batch)[1]["objects"][0]["actions"]["upload"]["href"]
        parts = urlsplit(href)
        self.assertEqual(self.p.request("PUT", parts.path + "?" + parts.query, raw=data)[0], 200)
        return oid

    def has(self, name, oid, size):
        return self.p.call("POST", "/%s.git/info/lfs/verify" % name, {"oid": oid, "size": size})[0]

    def test_a_copy_has_the_history_and_the_large_files_and_goes_its_own_way(self):
        for kind in PREFIX:
            self.make(kind, "one", files=[{"path": "a.txt", "content": "a"}])
            if kind != "space":
                self.p.call("POST", "/api/%ss/admin/one/tag/main" % kind, {"tag": "v1"})
                self.p.call("POST", "/api/%ss/admin/one/branch/side" % kind, {})
            status, o = self.duplicate(kind, "admin/one", {"repository": "admin/two"})
            self.assertEqual((status, o["url"]), (200, "%s/%sadmin/two" % (self.p.url, PREFIX[kind])))
            self.assertEqual(self.files(kind, "admin/two"), self.files(kind, "admin/one"))
            refs = [self.at(kind, n).must("ls-remote", self.at(kind, n).url) for n in ("admin/one", "admin/two")]
            self.assertEqual(refs[0], refs[1])
            status, again = self.duplicate(kind, "admin/one", {"repository": "admin/two"})
            self.assertEqual((status, again["url"]), (409, o["url"]))
            self.delete({"type": kind, "name": "admin/one"})
            self.assertIn("a.txt", self.files(kind, "admin/two"))
        self.make("model", "large")
        oid = self.large("admin/large", b"L" * 1000)
        self.assertEqual(self.duplicate("model", "admin/large", {"repository": "admin/copy"})[0], 200)
        self.assertEqual(self.has("admin/copy", oid, 1000), 200)
        self.assertEqual(self.has("admin/two", oid, 1000), 404)
        left = [f for f in os.listdir(self.p.data + "/repos") if f.startswith(".")]
        self.assertEqual(left, [])

    def test_who_may_copy_what_and_where_to(self):
        ada = self.user("ada")
        self.make("model", "open")
        self.make("model", "hidden", private=True)
        for name, to, token, want in (
                ("admin/open", "ada/open", ada, 200), ("admin/open", "open2", ada, 200),
                ("admin/open", "admin/x", ada, 403), ("admin/open", "ada/y", None, 401),
                ("admin/hidden", "ada/hidden", ada, 404), ("admin/hidden", "admin/hidden2", "", 200),
                ("admin/open", "ada/a b", ada, 400), ("admin/open", "a/b/c", ada, 400)):
            self.assertEqual(self.duplicate("model", name, {"repository": to}, token)[0], want, (name, to))
        self.assertEqual(self.duplicate("model", "admin/open", {}, ada)[0], 400)
        self.assertEqual(self.there("model", "admin/hidden2", ada), 404)
        self.assertEqual(self.there("model", "ada/open", None), 200)
        body = {"repository": "ada/own", "visibility": "private"}
        self.assertEqual(self.duplicate("model", "admin/open", body, ada)[0], 200)
        self.assertEqual(self.there("model", "ada/own", None), 401)

    def test_a_copy_of_a_space_has_its_variables_for_whoever_may_see_them_and_never_its_secrets(self):
        ada, space = self.user("ada"), "/api/spaces/admin/one"
        self.make("space", "one")
        self.p.call("POST", space + "/variables", {"key": "COLOR", "value": "red"})
        self.p.call("POST", space + "/secrets", {"key": "KEY", "value": "sesame"})
        body = {"repository": "admin/two", "variables": [{"key": "SIZE", "value": "3"}], "secrets": [{"key": "OWN", "value": "s"}]}
        self.assertEqual(self.duplicate("space", "admin/one", body)[0], 200)
        both = self.p.call("GET", "/api/spaces/admin/two/variables")[1]
        self.assertEqual({k: v["value"] for k, v in both.items()}, {"COLOR": "red", "SIZE": "3"})
        self.assertEqual(list(self.p.call("GET", "/api/spaces/admin/two/secrets")[1]), ["OWN"])
        self.assertEqual(self.duplicate("space", "admin/one", {"repository": "ada/three"}, ada)[0], 200)
        self.assertEqual(self.p.call("GET", "/api/spaces/ada/three/variables", token=ada)[1], {})
        bad = {"repository": "admin/four", "variables": [{"key": "1", "value": "3"}]}
        self.assertEqual(self.duplicate("space", "admin/one", bad)[0], 400)
        self.assertEqual(self.there("space", "admin/four"), 404)


class Crash(Hub):
    def test_a_copy_that_is_cut_short_is_whole_or_absent(self):
        self.make("dataset", "one", files=[{"path": "a%d.txt" % i, "content": "a" * 9999 + str(i)} for i in range(20)])
        for round in range(8):
            name, answers = "admin/c%d" % round, []

            def go():
                answers.append(self.p.call("POST", "/api/datasets/admin/one/duplicate", {"repository": name})[0])
            worker = threading.Thread(target=go)
            worker.start()
            time.sleep(0.008 * round)
            self.p.end(signal.SIGKILL)
            self.p.start()  # before the join: who dialled in between is answered by it
            worker.join()
            status = self.there("dataset", name)
            self.assertIn(status, (200, 404))
            self.assertTrue(status == 200 or answers != [200])
            if status == 200:
                self.assertEqual(self.files("dataset", name), self.files("dataset", "admin/one"))
        left = [f for f in os.listdir(self.p.data + "/repos") if f.startswith(".")]
        self.assertEqual(left, [])

    def test_a_push_that_lists_did_not_hear_of_is_noted_at_the_next_start(self):
        for i in range(40):  # more than are looked at in one go
            self.make("model", "m%d" % i)
        self.p.restart(fault="after-keep")
        lines = [{"key": "header", "value": {"summary": "birds"}},
                 {"key": "file", "value": {"path": "README.md", "content": "---\ntags:\n  - birds\n---\n"}}]
        self.p.request("POST", "/api/models/admin/m39/commit/main", raw="\n".join(map(json.dumps, lines)), token=self.p.token)
        self.p.end()
        self.p.start()
        until("it is found", lambda: [o["id"] for o in self.p.get("/api/models?filter=birds")[1]] == ["admin/m39"])

    def test_a_repo_that_is_cut_short_while_it_is_made_is_whole_or_absent(self):
        made = []

        def go(i):
            status, _ = self.make("model", "m%d" % i)
            if status == 200:
                made.append(i)

        for round in range(4):
            workers = [threading.Thread(target=go, args=(round * 4 + i,)) for i in range(4)]
            for w in workers:
                w.start()
            time.sleep(0.004 * round)
            self.p.end(signal.SIGKILL)
            self.p.start()  # as above
            for w in workers:
                w.join()
        for i in range(16):
            status = self.there("model", "admin/m%d" % i)
            self.assertTrue(status == 200 or i not in made, i)
            if status == 200:
                self.assertIn(".gitattributes", self.files("model", "admin/m%d" % i))
        left = [f for f in os.listdir(self.p.data + "/repos") if f.startswith(".")]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2, warnings="ignore")
