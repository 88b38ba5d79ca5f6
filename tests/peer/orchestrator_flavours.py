"""What a policy says of pools and flavours, and what Spaces get of it. orchestrator_flavours.py PROGRAM HOOK VITRINE"""
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from orchestrator_fakes import Platform, Repo, front_matter, until  # noqa: E402

PROGRAM, HOOK, VITRINE = sys.argv[1:4]
POOLS, LEASE, WANT = 0xDC, 0xC6, 0xC9
SPACE = "ada/draw"

POLICY = """
pools:
  research: {share: 60}
  course:   {share: 30, borrow: false}
tiers:
  member: {seconds: 14400}
  staff:  {seconds: 86400, pool: research}
flavours:
  gpu:       {class: medium, device: cuda, pool: course, tiers: [staff]}
  fast:      {pool: research}
  cpu-large: {tiers: [staff]}
bind:
  default: {user: member, owner: member, network: member}
"""
STAFF = POLICY + "  users: {ada: staff}\n"


class Flavours(unittest.TestCase):
    def setUp(self):
        self.p = Platform(PROGRAM, HOOK)
        self.addCleanup(self.p.close)
        self.told = []
        until("inference has a link", lambda: self.p.inference.links)
        self.link = self.p.inference.links[-1]
        self.link.on_message = lambda link, type_, seq, value, fds: self.told.append((type_, value))
        self.assertEqual(self.p.call("POST", "/api/users", {"name": "ada", "password": "long enough"})[0], 201)
        self.ada = self.p.call("POST", "/api/tokens", {"name": "w", "user": "ada", "scope": "write"})[1]["token"]
        Repo(self.p, SPACE, self.ada, "ada").deploy({"app.lua": "return 1"})
        until("there is a route", lambda: SPACE in self.p.gateway.routes)

    def apply(self, text, code=200):
        status, o = self.p.call("PUT", "/api/policy", {"text": text, "reason": "a test"})
        self.assertEqual(status, code, o)
        return o

    def ask(self, flavor, token=None):
        return self.p.call("POST", "/api/spaces/%s/hardware" % SPACE, {"flavor": flavor}, token=token or self.ada)

    def route(self):
        return self.p.gateway.routes[SPACE]

    def settings(self):
        """What workers are replaced for when it grows."""
        return self.route().get("settings", 0)

    def hardware(self):
        return self.p.call("GET", "/api/spaces/%s/runtime" % SPACE)[1]["hardware"]

    def pools_told(self, key):
        return [m[key] for m in (json.loads(v) for t, v in self.told if t == POOLS) if key in m]

    def place(self):
        """What inference was told last of the Space, and what it was told of pools."""
        rows = [row for rows in self.pools_told("spaces") for row in rows if row[0] == self.route()["space"]]
        return rows[-1][1:] if rows else None

    def test_without_flavours_any_is_a_wish_and_the_three_boxes_are_there(self):
        status, o = self.ask("t4-small")
        self.assertEqual((status, o["hardware"]["requested"]), (200, "t4-small"))
        self.assertEqual(self.route()["class"], "small")
        self.assertEqual([f["name"] for f in self.p.call("GET", "/api/spaces/hardware")[1]],
                         ["cpu-basic", "cpu-medium", "cpu-large"])
        self.assertEqual(self.ask("cpu-medium")[0], 200)
        until("its box is another one", lambda: self.route()["class"] == "medium")

    def test_a_policys_flavours_are_listed_and_asked_for_and_others_are_refused_in_words(self):
        self.apply(STAFF)
        listed = {f["name"]: f for f in self.p.call("GET", "/api/spaces/hardware")[1]}
        self.assertEqual(list(listed), ["cpu-basic", "cpu-medium", "cpu-large", "gpu", "fast"])
        self.assertEqual((listed["gpu"]["ram"], listed["gpu"]["accelerator"]["model"]), ("256 MB", "cuda"))
        status, o = self.ask("t4-small")
        self.assertEqual(status, 400)
        self.assertIn("there is no 't4-small' here; there are cpu-basic, cpu-medium, cpu-large, gpu", o["error"])
        self.assertEqual(self.hardware()["requested"], "cpu-basic")

    def test_another_box_is_a_new_start_and_another_pool_is_none(self):
        self.apply(STAFF)
        before = self.settings()
        self.assertEqual(self.ask("fast")[0], 200)
        until("inference knows its pool", lambda: self.place() == ["research", ""])
        self.assertEqual((self.route()["class"], self.settings()), ("small", before))
        status, o = self.ask("gpu")
        self.assertEqual((status, o["hardware"]["requested"]), (200, "gpu"))
        until("inference knows its device", lambda: self.place() == ["course", "cuda"])
        until("its box is larger", lambda: self.route()["class"] == "medium")
        self.assertGreater(self.settings(), before)
        last = self.p.call("GET", "/api/audit?after=0")[1][-1]
        self.assertEqual((last["who"], json.loads(last["detail"])["flavor"]), ("ada", "gpu"))

    def test_who_may_not_have_it_is_refused_and_loses_it_when_the_policy_says_so(self):
        self.apply(POLICY)
        status, o = self.ask("gpu")
        self.assertEqual(status, 403, o)
        self.assertIn("gpu is not for Spaces of ada", o["error"])
        self.apply(STAFF)
        self.assertEqual(self.ask("gpu")[0], 200)
        until("its box is larger", lambda: self.route()["class"] == "medium")
        status, plan = self.p.call("POST", "/api/policy/plan", {"text": POLICY})
        self.assertEqual(status, 200)
        self.assertEqual([(m["space"], m["from"]["name"], m["to"]["class"]) for m in plan["moves"]], [(SPACE, "gpu", "small")])
        settings = self.settings()
        self.apply(POLICY)
        until("it is back", lambda: self.route()["class"] == "small" and self.settings() > settings)
        until("inference knows", lambda: self.pools_told("pools"))
        self.told.clear()
        self.assertEqual(self.hardware()["requested"], "gpu")  # and gets it again when it may
        self.apply(STAFF)
        until("its box is larger again", lambda: self.route()["class"] == "medium")
        until("and its device", lambda: self.place() == ["course", "cuda"])

    def test_front_matter_gets_no_box_that_its_owner_may_not_have(self):
        self.apply(POLICY)
        r = Repo(self.p, "ada/big", self.ada, "ada")
        r.deploy({"README.md": front_matter("class: large\n")})
        until("there is a route", lambda: "ada/big" in self.p.gateway.routes)
        self.assertEqual(self.p.gateway.routes["ada/big"]["class"], "small")
        self.apply(STAFF)
        until("now it may", lambda: self.p.gateway.routes["ada/big"]["class"] == "large")

    def test_who_asks_for_none_has_the_policys(self):
        self.apply(STAFF.replace("network: member}", "network: member, flavour: fast}"))
        until("inference knows its pool", lambda: self.place() == ["research", ""])
        self.assertEqual(self.hardware()["requested"], "fast")
        self.assertEqual(self.ask("cpu-basic")[0], 200)
        until("it has what it asks for", lambda: self.place() == ["", ""])

    def test_a_lease_says_the_tiers_pool(self):
        self.apply(STAFF)
        for payer, pool in (("user:ada", "research"), ("network:00112233445566778899aabbccddeeff", None)):
            self.told.clear()
            self.link.send(WANT, 0, {"journal": "j", "payer": payer})
            until("there is a lease", lambda: any(t == LEASE for t, _ in self.told))
            lease = json.loads([v for t, v in self.told if t == LEASE][-1])
            self.assertEqual(lease.get("pool"), pool, payer)

    def test_a_policy_that_is_no_good_is_refused_with_its_place_and_the_old_one_stays(self):
        self.apply(STAFF)
        until("the devices are known", lambda: self.p.call("GET", "/api/top")[1]["devices"])
        for text, words in ((STAFF.replace("share: 60", "share: 80"), "policy.yaml:4:3: course: 30 percent are more than the 20"),
                            (STAFF.replace("pool: course", "pool: lab"), "there is no pool 'lab'"),
                            (STAFF.replace("cuda", "cuda7"), "policy.yaml:9:38: device: there is no 'cuda7' here")):
            self.assertIn(words, self.apply(text, 400)["error"])
        self.assertEqual(self.p.call("GET", "/api/policy")[1]["version"], 1)

    def test_the_examples_of_the_docs_are_taken_and_its_spaces_may_have_what_they_say(self):
        page = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/policy.md")).read()
        blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
        self.assertGreaterEqual(len(blocks), 2)
        for text in blocks:
            self.apply(text)
        self.assertEqual(self.hardware()["requested"], "cpu-small")
        self.assertEqual(self.ask("gpu")[0], 403)
        self.apply(blocks[-1] + "  users: {ada: staff}\n")
        self.assertEqual(self.ask("gpu")[0], 200)
        until("inference knows its pool", lambda: self.place() == ["research", ""])

    def test_a_space_is_asked_about_and_for_on_the_command_line(self):
        self.apply(STAFF)

        def hardware(*args):
            return subprocess.run([VITRINE, "hardware", SPACE, *args, "--url", self.p.url, "--token", self.ada],
                                  capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": self.p.dir})
        self.assertIn("ada/draw asks for gpu", hardware("gpu").stdout)
        self.assertRegex(hardware().stdout, r"(?m)^gpu +1 vCPU +256 MB +cuda +asked for$")
        refused = hardware("t4-small")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("there is no 't4-small' here", refused.stderr)

    def test_the_plan_says_who_gains_and_loses_and_who_moves_in_words(self):
        self.apply(STAFF)
        path = self.p.dir + "/policy.yaml"
        with open(path, "w") as f:
            f.write(STAFF.replace("share: 60", "share: 50").replace("member: {seconds: 14400}",
                                                                    "member: {seconds: 14400, pool: course}"))
        done = subprocess.run([VITRINE, "policy", "plan", path, "--url", self.p.url, "--token", self.p.token],
                              capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": self.p.dir})
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertTrue(any(re.match(r"loses +user:ada +staff -> staff: pool research \(60 %\) -> research \(50 %\)$", l)
                            for l in lines), lines)
        self.assertTrue(any(re.match(r"mixed +network:\* .*pool - \(10 %\) -> course \(30 %, borrows nothing\)$", l)
                            for l in lines), lines)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
