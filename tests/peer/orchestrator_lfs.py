"""Uploads of large files to the real orchestrator, killed at every point and at any moment: what was
acknowledged is there, the rest is wholly absent, nothing is left behind.
orchestrator_lfs.py PROGRAM HOOK [TEST…]"""
import hashlib
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
import unittest
from urllib.parse import urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator_fakes import Platform, until

PROGRAM, HOOK = sys.argv[1:3]
ROUNDS = 1000 if os.environ.get("VITRINE_TEST_FULL") else 15
REPO = "/admin/large.git/info/lfs"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Uploads(unittest.TestCase):
    def setUp(self):
        self.p = Platform(PROGRAM, HOOK)

    def tearDown(self):
        self.p.close()

    def again(self, *args, fault=None, signo=signal.SIGTERM):
        self.p.end(signo)
        self.p.start(fault=fault, args=["--large-files", ",".join(map(str, args or (0, 1, 86400)))])

    def batch(self, data, transfers=("basic",)):
        status, answer = self.p.call("POST", REPO + "/objects/batch", {
            "operation": "upload", "transfers": transfers, "objects": [{"oid": sha256(data), "size": len(data)}]})
        self.assertEqual(status, 200)
        return answer["objects"][0].get("actions")

    def path(self, href):
        parts = urlsplit(href)
        return parts.path + "?" + parts.query

    def put(self, href, data):
        status, headers, _ = self.p.request("PUT", self.path(href), raw=data)
        return status, dict(headers).get("ETag")

    def upload(self, data):
        actions = self.batch(data)
        return self.put(actions["upload"]["href"], data)[0] if actions else 200

    def upload_in_parts(self, data):
        actions = self.batch(data, ["basic", "multipart"])
        if not actions:
            return 200
        header = actions["upload"]["header"]
        size, parts = int(header["chunk_size"]), []
        for name in sorted(n for n in header if n.isdigit()):
            at = (int(name) - 1) * size
            status, etag = self.put(header[name], data[at:at + size])
            if status != 200:
                return status
            parts.append({"partNumber": int(name), "etag": etag})
        return self.p.request("POST", self.path(actions["upload"]["href"]), {"oid": sha256(data), "parts": parts})[0]

    def test_parts_that_never_came_do_not_become_a_file(self):
        self.again()
        data = os.urandom((8 << 20) + 5)
        upload = self.batch(data, ["basic", "multipart"])["upload"]
        names = sorted(n for n in upload["header"] if n.isdigit())

        def complete(etags):
            parts = [{"partNumber": i + 1, "etag": etag} for i, etag in enumerate(etags)]
            return self.p.request("POST", self.path(upload["href"]), {"oid": sha256(data), "parts": parts})[0]

        number = next(q[7:] for q in self.path(upload["href"]).split("&") if q.startswith("upload="))
        guessed = ['"%s-%d"' % (number, i + 1) for i in range(len(names))]
        self.assertEqual(complete(guessed), 404)
        self.assertFalse([n for n in os.listdir(self.p.data + "/blobs") if n.startswith("part-")])
        status, etag = self.put(upload["header"][names[0]], data[:1 << 20])
        self.assertEqual(status, 200)
        self.assertEqual(complete(guessed), 422)
        self.assertEqual(complete([etag] * len(names)), 422)
        # What was sent into a file that is gone counts for no later one.
        etags = [etag]
        for i, name in enumerate(names[1:], 1):
            etags.append(self.put(upload["header"][name], data[i << 20:(i + 1) << 20])[1])
        for name in os.listdir(self.p.data + "/blobs"):
            if name.startswith("part-"):
                os.remove(os.path.join(self.p.data, "blobs", name))
        self.assertEqual(self.put(upload["header"][names[0]], data[:1 << 20])[0], 200)
        self.assertEqual(complete(etags), 422)
        self.assertEqual(self.upload_in_parts(data), 200)

    def test_parts_that_lie_about_count_against_their_owner(self):
        self.again(12, 1, 86400)
        first, second = (os.urandom((8 << 20) + 5) for _ in range(2))
        headers = [self.batch(data, ["basic", "multipart"])["upload"]["header"] for data in (first, second)]
        for name in sorted(n for n in headers[0] if n.isdigit()):
            at = (int(name) - 1) << 20
            self.assertEqual(self.put(headers[0][name], first[at:at + (1 << 20)])[0], 200)
        self.assertEqual(self.put(headers[1]["00001"], second[:1 << 20])[0], 507)
        self.assertEqual(self.put(headers[0]["00001"], first[:1 << 20])[0], 200)

    def test_a_batch_of_many_large_files_has_so_many_addresses(self):
        self.again()
        objects = [{"oid": sha256(b"%d" % i), "size": (100 << 20) + 1} for i in range(1000)]
        status, answer = self.p.call("POST", REPO + "/objects/batch", {
            "operation": "upload", "transfers": ["multipart"], "objects": objects})
        self.assertEqual(status, 200)
        headers = [o["actions"]["upload"]["header"] for o in answer["objects"] if "actions" in o]
        numbers = [sum(n.isdigit() for n in h) for h in headers]
        self.assertEqual(len(headers), 1000)
        self.assertLessEqual(sum(numbers), 20000)
        for header, n in zip(headers, numbers):
            self.assertGreaterEqual(int(header["chunk_size"]) * n, (100 << 20) + 1)
        alone = self.p.call("POST", REPO + "/objects/batch", {
            "operation": "upload", "transfers": ["multipart"], "objects": objects[:1]})[1]["objects"][0]
        self.assertEqual(sum(n.isdigit() for n in alone["actions"]["upload"]["header"]), 101)

    def has(self, data):
        status, _ = self.p.call("POST", REPO + "/verify", {"oid": sha256(data), "size": len(data)})
        self.assertIn(status, (200, 404))
        return status == 200

    def blobs(self):
        """Names in the store; each is what its content says it is."""
        root, found = self.p.data + "/blobs", []
        for shard in os.listdir(root):
            if len(shard) != 2:
                self.assertFalse(shard.startswith("new-"), "a half-written file is left")
                continue
            for name in os.listdir(os.path.join(root, shard)):
                try:
                    with open(os.path.join(root, shard, name), "rb") as f:
                        self.assertEqual(sha256(f.read()), name)
                except FileNotFoundError:
                    continue  # collected since it was listed
                found.append(name)
        return found

    def killed_at(self, fault, upload, data, kept):
        self.again(fault=fault)
        self.assertEqual(upload(data), 0)
        self.assertEqual(self.p.process.wait(20), -signal.SIGKILL)
        self.again()
        self.assertEqual(self.has(data), kept, fault)
        self.assertEqual(upload(data), 200)
        self.assertTrue(self.has(data))
        self.assertIn(sha256(data), self.blobs())

    def test_killed_at_each_point_of_an_upload(self):
        for fault in ("lfs-received", "lfs-written", "lfs-named", "lfs-held"):
            with self.subTest(fault=fault):
                self.killed_at(fault, self.upload, os.urandom(300000), fault == "lfs-held")

    def test_killed_at_each_point_of_an_upload_in_parts(self):
        for fault in ("lfs-hashed", "lfs-named", "lfs-held"):
            with self.subTest(fault=fault):
                self.killed_at(fault, self.upload_in_parts, os.urandom((8 << 20) + 5), fault == "lfs-held")

    def test_killed_at_any_moment(self):
        acknowledged = 0
        self.again()
        for i in range(ROUNDS):
            data, outcome = os.urandom(random.randrange(1, 4 << 20)), []
            upload = threading.Thread(target=lambda: outcome.append(self.upload_quietly(data)))
            upload.start()
            time.sleep(random.random() * 0.05)
            self.again(signo=signal.SIGKILL)
            upload.join()
            if outcome == [200]:
                acknowledged += 1
                self.assertTrue(self.has(data), i)
            if self.has(data):
                self.assertIn(sha256(data), self.blobs())
            else:
                self.assertEqual(self.upload(data), 200)
        print("# %d acknowledged of %d" % (acknowledged, ROUNDS))
        # No commit points to any of them: after their time nothing is left, named or not.
        self.again(0, 1, 1)
        until("all is collected", lambda: not self.blobs(), 60)

    def upload_quietly(self, data):
        try:
            return self.upload(data)
        except (AssertionError, OSError, http.client.HTTPException, json.JSONDecodeError):
            return 0


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=2, warnings="ignore")
