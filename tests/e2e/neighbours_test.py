# SPDX-License-Identifier: Apache-2.0
"""Probewall beside other programs: foreign XDP and tc filters, Prometheus, and an operator with a dead daemon."""
import json

from e2e import BEHIND4, CLIENT4, LOCAL4, SCANNER4, LabCase, main, wait_until
from lab import run
from probewall import parse_metrics

FOREIGN = """#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int somebody_elses(struct xdp_md *ctx) { return XDP_PASS; }
"""
METRICS = ("packets_total", "llm_packets_total", "parse_errors_total", "ring_events_total", "ring_lost_total", "requests_total",
           "detections_total", "responses_total", "bans_total", "bans_suppressed_total", "bans_active", "bans_enforced",
           "reaction_seconds_bucket", "exposed_servers", "flows_active", "flows_evicted_total", "map_entries", "map_max_entries",
           "xdp_attached", "enforcing")


class Neighbours(LabCase):
    def test_foreign_xdp_program_is_not_replaced_and_is_named(self):
        pin = self.lab.bpffs / "foreign"
        run(["clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-x", "c", "-c", "-", "-o",
             self.lab.dir / "foreign.o"], input=FOREIGN)
        run(["bpftool", "prog", "load", self.lab.dir / "foreign.o", pin, "type", "xdp"])
        self.addCleanup(pin.unlink)
        self.lab.run("gateway", ["bpftool", "net", "attach", "xdpgeneric", "pinned", pin, "dev", "wan0"])
        self.addCleanup(self.lab.run, "gateway", ["bpftool", "net", "detach", "xdpgeneric", "dev", "wan0"])
        before = self.xdp_of()
        wall = self.wall(start=False)
        self.assert_one_line(wall.refuse_to_start(), 1, "wan0", "somebody_elses")
        self.assertEqual(self.xdp_of(), before)
        self.assertEqual((self.tc_filters(), self.pins(wall)), ("", []))

    def test_foreign_tc_filters_stay_and_still_see_packets(self):
        self.lab.run("gateway", ["tc", "qdisc", "add", "dev", "wan0", "clsact"])
        self.addCleanup(self.lab.run, "gateway", ["tc", "qdisc", "del", "dev", "wan0", "clsact"])
        for hook in ("ingress", "egress"):
            # Classic BPF that matches nothing: returns 0.
            self.lab.run("gateway", ["tc", "filter", "add", "dev", "wan0", hook, "pref", "7", "bpf", "bytecode", "1,6 0 0 0,"])
        before = self.tc_filters()
        wall = self.wall()
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        during = self.tc_filters()
        for line in before.splitlines():
            self.assertIn(line, during)
        wall.stop()
        wall.detach()
        self.assertEqual(self.tc_filters(), before)

    def test_detach_leaves_nothing(self):
        qdiscs = self.qdiscs()
        wall = self.wall()
        self.assertNotEqual((self.xdp_of(), self.tc_filters(), self.pins(wall)), ({}, "", []))
        wall.stop()
        wall.detach()
        self.assert_nothing_attached(wall)
        self.assertEqual(self.qdiscs(), qdiscs)

    def test_detach_of_what_is_not_attached_succeeds(self):
        self.assertEqual(self.wall(start=False).cli("detach", check=False).returncode, 0)

    def test_metrics_are_what_prometheus_wants_and_complete(self):
        wall = self.wall()
        self.chats(LOCAL4, 5)
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        text = wall.metrics_text()
        path = self.lab.dir / "metrics.txt"
        path.write_text(text)
        with open(path) as f:
            checked = run(["promtool", "check", "metrics"], check=False, stdin=f)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        names = {name for name, _, _ in parse_metrics(text)}
        self.assertEqual([m for m in METRICS if "probewall_" + m not in names], [])

    def test_no_label_value_comes_from_the_wire(self):
        wall = self.wall()
        self.lab.run("scanner", ["curl", "-s", "-o", "/dev/null", "-A", "agent-needle", "-H", "X-Api-Key: key-needle", "-H", "Content-Type: application/json",
                                 "-d", '{"model":"model-needle","messages":[{"role":"user","content":"prompt-needle"}]}',
                                 LOCAL4 + "/v1/chat/completions?path-needle"])
        wall.wait_event("request", src=SCANNER4)
        text = wall.metrics_text()
        self.assertNotIn("needle", text)
        self.assertNotIn(SCANNER4, text)
        self.assertNotIn("key-needle", wall.events_file.read_text())

    def test_mark_of_tagged_packets_reaches_nftables(self):
        wall = self.wall()
        self.lab.run("gateway", ["nft", "add table inet marks; add chain inet marks seen { type filter hook prerouting priority 0; };"
                                 " add rule inet marks seen ip saddr %s meta mark and 0x10000 == 0x10000 counter" % CLIENT4])
        self.addCleanup(self.lab.run, "gateway", ["nft", "delete table inet marks"])
        self.chats(BEHIND4, 3)
        listing = self.lab.run("gateway", ["nft", "-j", "list", "table", "inet", "marks"]).stdout
        counted = [part["counter"]["packets"] for item in json.loads(listing)["nftables"] if "rule" in item
                   for part in item["rule"]["expr"] if "counter" in part]
        self.assertGreater(counted[0], 3)
        self.assertFalse(wall.blocked(CLIENT4))

    def test_operator_commands_work_from_the_pins_when_the_daemon_is_dead(self):
        wall = self.wall()
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        wall.cli("bans", "add", "198.18.0.7", "--ttl", "10m")
        wall.kill()
        self.assertEqual(wall.cli("status", check=False).returncode, 0)
        self.assertTrue(wall.blocked(SCANNER4))
        self.assertEqual(wall.cli("why", CLIENT4, check=False).returncode, 10)
        self.assertEqual({b["source"] for b in wall.bans()}, {SCANNER4 + "/32", "198.18.0.7/32"})
        wall.cli("bans", "del", SCANNER4)
        wait_until(lambda: self.curl("scanner", BEHIND4 + "/v1/models") == (0, "200"), "the scanner gets through")
        wall.cli("bans", "del", SCANNER4)  # deleting what is absent succeeds
        wall.cli("bans", "flush")
        self.assertEqual(wall.bans(), [])
        wall.cli("detach")
        self.assert_nothing_attached(wall)


class Operator(LabCase):
    def test_ban_and_unban_by_hand_take_effect_at_once(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4, "--ttl", "10m")
        self.assertNotEqual(self.curl("scanner", LOCAL4 + "/v1/models", seconds=1)[0], 0)
        wall.cli("bans", "del", SCANNER4)
        self.assertEqual(self.curl("scanner", LOCAL4 + "/v1/models"), (0, "200"))

    def test_allowing_a_blocked_source_lets_it_through(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4, "--ttl", "10m")
        wall.cli("allow", "add", SCANNER4)
        self.assertEqual(self.curl("scanner", LOCAL4 + "/v1/models"), (0, "200"))

    def test_enforcement_can_be_switched_off_and_on(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4, "--ttl", "10m")
        wall.cli("enforce", "off")
        self.assertEqual(self.curl("scanner", LOCAL4 + "/v1/models"), (0, "200"))
        wall.cli("enforce", "on")
        self.assertNotEqual(self.curl("scanner", LOCAL4 + "/v1/models", seconds=1)[0], 0)

    def test_worker_holds_no_capability_and_is_not_root(self):
        wall = self.wall()
        pids = wall.pids()
        self.assertEqual(len(pids), 2)
        status = dict(line.split(":\t", 1) for line in open("/proc/%d/status" % pids[1]).read().splitlines() if ":\t" in line)
        caps = {key: int(status[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        self.assertEqual(set(caps.values()), {0}, caps)
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))


main()
