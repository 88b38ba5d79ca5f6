"""What grows in the orchestrator, and is made to end. orchestrator_grow.py PROGRAM HOOK VITRINE"""
import base64
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator_fakes import Platform, Repo, front_matter  # noqa: E402

PROGRAM, HOOK, VITRINE = sys.argv[1:4]
DAY = 86400 * 1000000
FIELDS = ("n", "time", "who", "action", "subject", "detail", "prev")


def chained(rows):
    """The rows with the hashes that they should have."""
    before = "0" * 64
    for row in rows:
        row["prev"] = before
        text = json.dumps({k: row[k] for k in FIELDS}, separators=(",", ":"), ensure_ascii=False)
        before = row["hash"] = hashlib.sha256(text.encode()).hexdigest()
    return rows


class Pruning(unittest.TestCase):
    def setUp(self):
        self.p = Platform(PROGRAM, HOOK)
        self.addCleanup(self.p.close)
        for i in range(6):
            self.assertEqual(self.p.call("POST", "/api/tokens", {"name": "t%d" % i})[0], 201)
        self.age(100)

    def rows(self, after=0):
        status, rows = self.p.call("GET", "/api/audit?after=%d" % after)
        self.assertEqual(status, 200, rows)
        return rows

    def age(self, days):
        """What is in the log was done so many days earlier."""
        rows = self.rows()
        for row in rows:
            row["time"] -= days * DAY
        self.p.end()
        db = sqlite3.connect(self.p.data + "/vitrine.db")
        for row in chained(rows):
            db.execute("UPDATE audit SET at_usec = ?, prev = ?, hash = ? WHERE n = ?",
                       (row["time"], row["prev"], row["hash"], row["n"]))
        db.commit()
        db.close()
        self.p.start()

    def vitrine(self, *args, code=0):
        done = subprocess.run([VITRINE, "audit", *args, "--url", self.p.url, "--token", self.p.token],
                              capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "HOME": self.p.dir})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + (done.stderr if code else "")

    def export(self):
        path = self.p.dir + "/audit.ndjson"
        with open(path, "w") as f:
            f.write(self.vitrine("export"))
        return path

    def test_what_was_exported_goes_and_the_rest_says_what_went(self):
        copy, old = self.export(), self.rows()
        self.assertEqual(self.p.call("POST", "/api/tokens", {"name": "young"})[0], 201)
        said = self.vitrine("prune", "--before", "40d", copy)
        # The copy's last row stays: of the log it is the last but one that is old.
        self.assertIn("%d rows are out of the log, up to row %d" % (len(old), len(old)), said)
        left = self.rows()
        self.assertEqual(left[0]["prev"], old[-1]["hash"])
        row = [r for r in left if r["action"] == "audit prune"][0]
        self.assertEqual({k: v for k, v in json.loads(row["detail"]).items() if k in ("removed", "upto", "hash")},
                         {"removed": len(old), "upto": len(old), "hash": old[-1]["hash"]})
        self.assertEqual(row["who"], "admin")
        said = self.vitrine("verify")
        self.assertIn("rows up to %d were taken out" % len(old), said)
        # The copy and what is left are the whole log again.
        self.assertIn("whole", self.vitrine("verify", copy))
        whole = self.p.dir + "/whole.ndjson"
        with open(whole, "w") as f:
            f.write(open(copy).read() + self.vitrine("export"))
        self.assertNotIn("taken out", self.vitrine("verify", whole))
        self.p.restart()
        self.assertIn("taken out", self.vitrine("verify"))

    def test_a_head_that_was_noted_is_found_where_the_log_begins_and_behind_it(self):
        copy, old = self.export(), self.rows()
        self.assertEqual(self.p.call("POST", "/api/tokens", {"name": "young"})[0], 201)
        self.vitrine("prune", "--before", "40d", copy)
        head = lambda row: "%d:%s" % (row["n"], row["hash"])  # noqa: E731
        self.vitrine("verify", "--head", head(old[-1]))
        self.assertIn("was taken out", self.vitrine("verify", "--head", head(old[1]), code=1))
        self.vitrine("verify", "--head", "%d:%s" % (old[-1]["n"], "0" * 64), code=1)

    def test_rows_that_are_young_or_in_no_copy_stay(self):
        copy, old = self.export(), self.rows()
        said = self.vitrine("prune", "--before", "2d", copy, code=1)
        self.assertIn("30 days", said)
        lines = open(copy).readlines()
        with open(copy, "w") as f:
            f.writelines(lines[:2])
        self.assertIn("2 rows are out of the log", self.vitrine("prune", "--before", "40d", copy))
        self.assertEqual(self.rows()[0]["n"], 3)
        with open(copy, "w") as f:
            f.writelines(lines[:1] + lines[2:])
        self.assertIn("missing", self.vitrine("prune", "--before", "40d", copy, code=1))
        forged = chained([{**row, "who": "mallory"} for row in old])
        status, answer = self.p.call("POST", "/api/audit/prune",
                                     {"before": 1, "head": "%d:%s" % (old[-1]["n"], forged[-1]["hash"])})
        self.assertEqual(status, 409, answer)
        self.assertIn("another hash", answer["error"])

    def test_only_administrators_prune(self):
        self.assertEqual(self.p.call("POST", "/api/users", {"name": "ada", "password": "a long password"})[0], 201)
        status, o = self.p.call("POST", "/api/tokens", {"name": "t", "user": "ada", "scope": "write"})
        self.assertEqual(status, 201)
        status, _ = self.p.call("POST", "/api/audit/prune", {"before": 1, "head": "1:" + "0" * 64}, token=o["token"])
        self.assertEqual(status, 403)


class RepoSize(unittest.TestCase):
    """A repo's history has an end, and who is over it can still take something away."""

    def setUp(self):
        self.p = Platform(PROGRAM, HOOK)
        self.addCleanup(self.p.close)
        self.p.end()
        self.p.start(args=("--repo-size", "3"))
        self.repo = Repo(self.p, "admin/demo")
        self.repo.deploy({"README.md": front_matter(), "app.lua": "return 1"})

    def test_what_would_be_too_much_is_refused_by_push_and_by_api_and_deletions_pass(self):
        self.repo.commit({"a.bin": os.urandom(2 << 20)})
        self.repo.must("push", "-q", self.repo.url, "HEAD:refs/heads/side")
        self.repo.commit({"b.bin": os.urandom(2 << 20)})
        code, out = self.repo.push()
        self.assertNotEqual(code, 0, out)
        self.assertRegex(out, r"would have \d+ MiB of history, and may have 3; large files belong into git-lfs")
        content = base64.b64encode(os.urandom(2 << 20)).decode()
        lines = [{"key": "header", "value": {"summary": "more"}},
                 {"key": "file", "value": {"path": "c.bin", "encoding": "base64", "content": content}}]
        status, _, answer = self.p.request("POST", "/api/spaces/admin/demo/commit/main", token=self.p.token,
                                           raw="\n".join(map(json.dumps, lines)))
        self.assertEqual(status, 413, answer)
        self.assertIn("may have 3", answer)
        self.repo.must("push", "-q", self.repo.url, ":refs/heads/side")
        self.p.end()
        self.p.start(args=("--repo-size", "0"))
        self.repo.must("push", "-q", self.repo.url, "HEAD:main")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:], verbosity=2, warnings="ignore")
