"""What ships for Prometheus and Grafana: the rules are good and fire when they should, and nothing asks
for a number that no service tells."""
import json
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SHIPPED = os.path.join(ROOT, "packaging/monitoring")


def told():
    """Every name that /metrics may have."""
    names = set()
    for service in ("orchestrator", "gateway", "agent", "inference", "tls"):
        with open(os.path.join(ROOT, service, "metrics.def"), encoding="utf-8") as f:
            text = f.read()
        for kind, name in re.findall(r"^METRIC\(\w+, (\w+), \"(\w+)\"", text, re.M):
            full = "vitrine_%s_%s" % (service, name)
            names |= {full + "_bucket", full + "_sum", full + "_count"} if kind == "TIMES" else {full}
    return names


def promtool(*args):
    done = subprocess.run(["promtool", *args], cwd=SHIPPED, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Monitoring(unittest.TestCase):
    def asked(self, text):
        names = set(re.findall(r"\bvitrine_\w+", text))
        self.assertGreater(len(names), 8)
        self.assertEqual(names - told(), set())

    def test_the_alerts_are_rules_that_fire_when_they_should(self):
        for args in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
            code, out = promtool(*args)
            self.assertEqual(code, 0, out)

    def test_the_alerts_ask_only_for_what_is_told(self):
        with open(os.path.join(SHIPPED, "alerts.yml"), encoding="utf-8") as f:
            self.asked(f.read())

    def test_the_dashboard_asks_only_for_what_is_told_and_each_panel_once(self):
        with open(os.path.join(SHIPPED, "grafana.json"), encoding="utf-8") as f:
            text = f.read()
        panels = json.loads(text)["panels"]
        self.asked(text)
        self.assertEqual(len({p["id"] for p in panels}), len(panels))
        for p in panels:
            self.assertTrue(p["type"] == "row" or p["targets"], p["title"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[1:], verbosity=2)
