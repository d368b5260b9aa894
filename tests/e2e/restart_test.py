# SPDX-License-Identifier: Apache-2.0
"""Blocks outlive the daemon, and a restart has no gap: a blocked source floods all the while, and an nftables
counter behind XDP sees none of it.

    restart_test.py native|generic"""
import json
import sys

from e2e import BEHIND4, SCANNER4, SERVER4, LabCase, main, wait_until
from lab import ROOT, run

XDP_MODE = sys.argv.pop(1)


class Restart(LabCase):
    def setUp(self):
        self.lab.run("gateway", ["nft", "add table inet leak; add chain inet leak seen { type filter hook prerouting priority -400; };"
                                 " add rule inet leak seen ip saddr %s counter" % SCANNER4])
        self.addCleanup(self.lab.run, "gateway", ["nft", "delete table inet leak"])

    def leaked(self):
        rules = json.loads(self.lab.run("gateway", ["nft", "-j", "list", "chain", "inet", "leak", "seen"]).stdout)["nftables"]
        return next(part["counter"]["packets"] for rule in rules if "rule" in rule
                    for part in rule["rule"]["expr"] if "counter" in part)

    def blocked_wall(self, **settings):
        wall = self.wall(xdp__mode=XDP_MODE, **settings)
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        return wall

    def flood(self):
        """A steady stream of SYNs from the blocked source until the lab ends."""
        process = self.lab.spawn("scanner", ["python3", ROOT / "tests/support/flood.py", SCANNER4, SERVER4], log="flood")
        self.addCleanup(self.lab.stop, process)
        return process

    def received(self):
        """Packets that reached the gateway's interface, whatever became of them."""
        stats = json.loads(self.lab.run("gateway", ["ip", "-j", "-s", "link", "show", "dev", "wan0"]).stdout)[0]
        return stats["stats64"]["rx"]["packets"]

    def wait_packets(self, count):
        start = self.received()
        wait_until(lambda: self.received() >= start + count, "%d more packets of the flood have come" % count)

    def test_kill_and_restart_lets_nothing_through(self):
        wall = self.blocked_wall()
        self.flood()
        leaked = self.leaked()
        self.assertGreater(leaked, 0, "the probes before the block must have been counted")
        for _ in range(4):
            wall.kill()
            self.wait_packets(2000)  # nobody is at home
            wall.start()
            self.wait_packets(2000)
            self.assertEqual(self.leaked(), leaked)
        self.assertTrue(wall.blocked(SCANNER4))

    def test_clean_stop_and_start_lets_nothing_through(self):
        wall = self.blocked_wall()
        self.flood()
        leaked = self.leaked()
        self.assertEqual(wall.stop(), 0)
        self.wait_packets(2000)
        wall.start()
        self.wait_packets(2000)
        self.assertEqual(self.leaked(), leaked)

    def pin_another_shape(self, wall, name):
        """What another version may have pinned under that name; the attached programs keep the map that was there."""
        pin = wall.pins / "v1" / name
        pin.unlink()
        run(["bpftool", "map", "create", pin, "type", "hash", "key", "12", "value", "20", "entries", "7", "name", "strange"])

    def test_tables_of_another_shape_are_rebuilt_and_let_nothing_through(self):
        wall = self.blocked_wall()
        wall.cli("bans", "add", "203.0.113.77", "--ttl", "1h")  # no reason given
        self.flood()
        leaked = self.leaked()
        # The last one holds the block itself: what is left of it is in the decision store.
        for names in (["pw_block_front4", "pw_flows"], ["pw_settings", "pw_ports", "pw_allow_lpm4"], ["pw_block_ip4"]):
            wall.kill()
            for name in names:
                self.pin_another_shape(wall, name)
            wall.start()
            self.wait_packets(2000)
            self.assertEqual(self.leaked(), leaked, names)
            told = [line for line in wall.log().splitlines() if "tables made anew: " in line]
            self.assertEqual(len(told), 1, wall.log())
            for name in names:
                self.assertEqual(name in told[0], name != "pw_flows", told[0])
            self.assertEqual([pin for pin in self.pins(wall) if pin.endswith("_old")], [])
        self.assertIn("2 from the decision store", told[0])
        self.assertIn("203.0.113.77/32", [ban["source"] for ban in wall.bans()])
        ban = next(ban for ban in wall.bans() if ban["source"] == SCANNER4 + "/32")
        self.assertTrue(ban["until"], "it still ends")
        self.assertTrue(wall.why(SCANNER4)["decision"]["rules"], "and its reason is known")

    def test_block_table_whose_pin_was_removed_is_back(self):
        wall = self.blocked_wall()
        self.flood()
        leaked = self.leaked()
        wall.kill()
        (wall.pins / "v1/pw_block_ip4").unlink()
        wall.start()
        self.wait_packets(2000)
        self.assertEqual(self.leaked(), leaked)
        self.assertIn("made again from the attached programs: pw_block_ip4", wall.log())
        self.assertTrue(wall.blocked(SCANNER4))

    def test_block_expires_in_the_kernel_while_the_daemon_is_dead(self):
        wall = self.blocked_wall(block__first="4s")
        wall.kill()
        self.assertNotEqual(self.curl("scanner", BEHIND4 + "/v1/models", seconds=1)[0], 0)
        wait_until(lambda: self.curl("scanner", BEHIND4 + "/v1/models", seconds=1) == (0, "200"), "the block has expired")

    def test_doctor_of_a_dead_daemon_tells_what_it_left_in_force(self):
        wall = self.wall(xdp__mode=XDP_MODE)
        wall.cli("bans", "add", SCANNER4)
        wall.kill()
        doctor = wall.cli("doctor", check=False)
        self.assertEqual(doctor.returncode, 1, doctor.stdout)
        self.assertRegex(doctor.stdout, r"XDP on wan0.*still attached, and drops what [1-9]\d* blocks name.*probewall detach")
        wall.cli("detach")
        self.assertNotIn("still attached", wall.cli("doctor", check=False).stdout)

    def test_restarted_daemon_goes_on_to_judge(self):
        wall = self.blocked_wall()
        wall.kill()
        wall.start()
        self.probe_until_blocked(BEHIND4, source="198.18.0.9")
        wall.wait_event("decision", source="198.18.0.9/32")


main()
