# SPDX-License-Identifier: Apache-2.0
"""Base of the end-to-end tests: a lab for each test class, a fresh Probewall for each test."""
import json
import sys
import unittest

import lab as lab_module
from lab import CLIENT4, CLIENT6, GATEWAY4, GATEWAY6, SCANNER4, SCANNER6, SERVER4, SERVER6, Lab, wait_until  # noqa: F401
from probes import campaign_requests
from probewall import Probewall

LOCAL_PORT, BEHIND_PORT = 8000, 11434
LOCAL4 = "http://%s:%d" % (GATEWAY4, LOCAL_PORT)
LOCAL6 = "http://[%s]:%d" % (GATEWAY6, LOCAL_PORT)
BEHIND4 = "http://%s:%d" % (SERVER4, BEHIND_PORT)
BEHIND6 = "http://[%s]:%d" % (SERVER6, BEHIND_PORT)

# curl's exit statuses when a peer stays silent or a connection is cut: timed out, empty reply, send error, receive error,
# and HTTP/2 in the middle of a frame or stream.
NO_ANSWER = (28, 52, 55, 56, 16, 92)


class LabCase(unittest.TestCase):
    """`self.lab` has an LLM server on the gateway (port 8000) and one behind it (port 11434)."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("e2e")
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_llm("gateway", (LOCAL_PORT,))
        cls.lab.start_llm("server", (BEHIND_PORT,))

    def wall(self, start=True, **settings):
        """A Probewall of this test's own, stopped and detached when the test ends. Its log is printed
        then (ctest shows it when the test failed)."""
        self.lab.walls = getattr(self.lab, "walls", 0) + 1
        wall = Probewall(self.lab, name="wall%d" % self.lab.walls, **settings)
        self.addCleanup(self._end, wall)
        return wall.start() if start else wall

    def _end(self, wall):
        if wall.process is not None:
            wall.stop()
            print("---- log of %s\n%s" % (self._testMethodName, wall.log()), flush=True)
        wall.cli("detach", check=False)

    # ---- traffic -------------------------------------------------------------------------

    def curl(self, node, *arguments, source=None, seconds=3):
        """curl's exit status and the HTTP status, e.g. (0, "200"); (28, "000") when nothing answers."""
        argv = ["curl", "-s", "-o", "/dev/null", "-m", seconds, "-w", "%{http_code}"]
        if source:
            argv += ["--interface", source]
        done = self.lab.run(node, argv + list(arguments), check=False)
        return done.returncode, done.stdout

    def probe_until_blocked(self, url, node="scanner", requests=campaign_requests, source=None):
        """Sends a scanner's requests until one gets no answer; returns how many were answered."""
        for answered, (arguments, _) in enumerate(requests(url)):
            status = self.curl(node, *arguments, source=source, seconds=2)[0]
            if status in NO_ANSWER:
                return answered
            self.assertEqual(status, 0, "curl failed for another reason than a block")
        self.fail("the scanner got all its answers")

    def send_probes(self, url, node="scanner", requests=campaign_requests, source=None, count=12):
        """Sends a scanner's requests and expects every one of them to be answered."""
        for _, (arguments, words) in zip(range(count), requests(url)):
            self.assertEqual(self.curl(node, *arguments, source=source)[0], 0, words)

    def chats(self, url, count, sdk="openai", **options):
        """Ordinary chats of an official client; every one must be answered."""
        result = json.loads(self.lab.chat(url, sdk=sdk, count=count, check=False, **options).stdout)
        self.assertEqual((result["asked"], result["answered"], result["errors"]), (count, count, []))
        return result

    # ---- state of the gateway ------------------------------------------------------------

    def xdp_of(self, device="wan0"):
        """What `ip` says about XDP on the device: {} when nothing is attached."""
        return json.loads(self.lab.run("gateway", ["ip", "-j", "link", "show", "dev", device]).stdout)[0].get("xdp", {})

    def tc_filters(self, device="wan0"):
        return "".join(self.lab.run("gateway", ["tc", "filter", "show", "dev", device, hook], check=False).stdout
                       for hook in ("ingress", "egress"))

    def qdiscs(self, device="wan0"):
        return self.lab.run("gateway", ["tc", "qdisc", "show", "dev", device]).stdout

    def pins(self, wall):
        return sorted(str(p.relative_to(wall.pins)) for p in wall.pins.rglob("*")) if wall.pins.exists() else []

    def assert_nothing_attached(self, wall):
        self.assertEqual((self.xdp_of(), self.tc_filters(), self.pins(wall)), ({}, "", []))

    def assert_one_line(self, done, status, *words):
        """The program ended with `status` and one line on stderr that contains each of `words`."""
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual((done.returncode, len(lines)), (status, 1), done.stderr)
        for word in words:
            self.assertIn(word, lines[0])


def main():
    lab_module.end_on_signals()
    unittest.main(verbosity=2, argv=sys.argv)
