# SPDX-License-Identifier: Apache-2.0
"""Same bytes, same decision: a capture of live traffic, replayed, gives what the live daemon decided.

    replay_test.py native|generic"""
import json
import sys

from e2e import BEHIND4, BEHIND6, LOCAL4, LabCase, main, wait_until
from lab import run
from probes import fan_out_requests
from probewall import BIN

XDP_MODE = sys.argv.pop(1)


def essence(decision):
    return (decision["source"], sorted(decision["rules"]), sorted(decision["aims"]), round(decision["score"], 1))


class Replay(LabCase):
    def capture(self):
        path = self.lab.dir / (self._testMethodName + ".pcap")
        process = self.lab.spawn("gateway", ["tcpdump", "-i", "wan0", "-U", "--immediate-mode", "-s", "0", "-Z", "root",
                                             "-B", "16384", "-w", path, "tcp"], log="tcpdump")
        self.addCleanup(self.lab.stop, process)
        wait_until(lambda: path.exists() and path.stat().st_size >= 24, "tcpdump listens")
        return process, path

    def replay(self, wall, path):
        done = run([BIN / "probewall", "--config", wall.config, "replay", path, "--json"])
        return [json.loads(line) for line in done.stdout.splitlines()]

    def traffic(self):
        self.chats(BEHIND4, 20)
        self.send_probes(BEHIND4)
        self.chats(LOCAL4, 10, stream=True)
        self.send_probes(LOCAL4, requests=fan_out_requests, source="198.18.0.5")
        self.send_probes(BEHIND6, source="2001:db8:f000:5::1")
        self.chats(BEHIND4, 10, sdk="ollama")

    def compare(self, mode, traffic):
        wall = self.wall(xdp__mode=XDP_MODE, mode=mode)
        tcpdump, path = self.capture()
        traffic()
        requests = wait_until(lambda: (lambda e: e if len(e) >= 3 else None)(wall.events("decision")), "three decisions are made")
        wall.stop()
        self.lab.stop(tcpdump)
        live, again = wall.events(), self.replay(wall, path)
        decisions = [sorted(essence(e) for e in events if e["type"] == "decision") for events in (live, again)]
        self.assertEqual(decisions[0], decisions[1])
        self.assertGreaterEqual(len(decisions[0]), 3)
        return wall, live, again

    def test_observe_mode_gives_the_same_decisions_and_requests(self):
        _, live, again = self.compare("observe", self.traffic)
        heads = [[(e["src"], e["src_port"], e["method"], e["path"], e["model"], e["proven"], e["truncated"])
                  for e in events if e["type"] == "request"] for events in (live, again)]
        self.assertEqual(sorted(map(str, heads[0])), sorted(map(str, heads[1])))
        self.assertGreater(len(heads[0]), 70)

    def test_enforce_mode_gives_the_same_decisions(self):
        def traffic():
            self.chats(BEHIND4, 20)
            self.probe_until_blocked(BEHIND4)
            self.probe_until_blocked(LOCAL4, requests=fan_out_requests, source="198.18.0.5")
            self.probe_until_blocked(BEHIND6, source="2001:db8:f000:5::1")
        self.compare("enforce", traffic)


main()
