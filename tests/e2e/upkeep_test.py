# SPDX-License-Identifier: Apache-2.0
"""The filter that is configured is the one that runs: hooks that are taken away come back, a start that fails
changes nothing, an interface that left the configuration is let go, and an unconfirmed `enforce on` ends by itself."""
from e2e import BEHIND4, SCANNER4, LabCase, main, wait_until
from probewall import BIN

FAILED, UNREACHABLE = 1, 3
SECOND = "spare0"


class Upkeep(LabCase):
    def second_interface(self):
        self.lab.run("gateway", ["ip", "link", "add", SECOND, "type", "veth", "peer", "spare1"])
        self.lab.run("gateway", ["ip", "link", "set", SECOND, "up"])
        self.addCleanup(self.lab.run, "gateway", ["ip", "link", "del", SECOND], check=False)

    def answered(self):
        return self.curl("scanner", BEHIND4 + "/v1/models", seconds=1)[0] == 0

    def blocked(self):
        return self.curl("scanner", BEHIND4 + "/v1/models", seconds=1)[0] == 28

    def mode_of(self, wall, interface):
        return next(i["xdp_mode"] for i in wall.cli_status()["interfaces"] if i["name"] == interface)

    def ours(self, device):
        return self.tc_filters(device).count("pw_tc")

    def test_tc_filters_that_are_taken_away_come_back(self):
        wall = self.wall()
        before = self.ours("wan0")
        self.lab.run("gateway", ["tc", "qdisc", "del", "dev", "wan0", "clsact"])
        # The filters come first; the guard is at it until it says so, and answers no wish for a ban meanwhile.
        wait_until(lambda: "wan0: attached again" in wall.log(), "the guard is done", 20)
        self.assertEqual(self.ours("wan0"), before)
        self.probe_until_blocked(BEHIND4)
        self.assertIn("wan0: not filtered any more: missing tc ingress, tc egress", wall.log())

    def test_interface_that_goes_is_reported_off_and_attached_when_it_comes_back(self):
        self.second_interface()
        wall = self.wall(interfaces=["wan0", SECOND])
        self.lab.run("gateway", ["ip", "link", "del", SECOND])
        wait_until(lambda: self.mode_of(wall, SECOND) == "off", "status says that it is off", 20)
        self.assertEqual(wall.metric("probewall_xdp_attached", interface=SECOND, mode="generic"), 0)
        self.assertNotEqual(wall.cli("doctor", check=False).returncode, 0)
        self.second_interface()
        wait_until(lambda: self.mode_of(wall, SECOND) == "generic", "it is attached again", 90)
        self.assertIn("prog", self.xdp_of(SECOND))
        self.assertEqual(wall.metric("probewall_xdp_attached", interface=SECOND, mode="generic"), 1)

    def test_answers_that_leave_elsewhere_are_reported(self):
        for node, words in (("gateway", ["link", "add", "away0", "type", "veth", "peer", "name", "away0", "netns", self.lab.ns("scanner")]),
                            ("gateway", ["link", "set", "away0", "up"]), ("scanner", ["link", "set", "away0", "up"])):
            self.lab.run(node, ["ip", *words])
        self.addCleanup(self.lab.run, "gateway", ["ip", "link", "del", "away0"], check=False)
        wall = self.wall()
        self.assertTrue(self.answered())
        self.assertEqual(wall.metric("probewall_answers_missing"), 0)
        self.lab.run("gateway", ["ip", "route", "add", SCANNER4 + "/32", "dev", "away0"])
        said = lambda: any("no server's answer" in w for w in wall.cli_status()["warnings"])
        wait_until(lambda: self.answered() and said(), "the answers come by another way, and status says so")
        self.assertEqual(wall.metric("probewall_answers_missing"), 1)
        self.assertIn("no server's answer", wall.cli("doctor", check=False).stdout)
        self.lab.run("gateway", ["ip", "route", "del", SCANNER4 + "/32", "dev", "away0"])
        self.assertTrue(self.answered())
        wait_until(lambda: not wall.cli_status()["warnings"], "one answer is enough to end it")

    def test_start_that_fails_leaves_what_is_in_force(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)
        wall.stop()
        for settings in ({"interfaces": ["wan0", "nope0"], "mode": "observe", "block__max_addresses": 2_000_000},
                         {"interfaces": ["wan0"], "metrics__listen": "192.0.2.99:1", "ports": [80]}):
            wall.write_config(**settings)
            self.assertEqual(wall.refuse_to_start().returncode, FAILED)
            self.assertTrue(self.blocked(), "blocked as before the start that failed")
        self.assertTrue(wall.cli_status()["enforcing"])
        wall.cli("bans", "del", SCANNER4)
        self.assertTrue(self.answered(), "the tables that the programs use are the ones that were written")

    def test_what_is_not_ours_among_the_pins_is_left_alone(self):
        wall = self.wall()
        wall.kill()
        theirs = wall.pins / "v1/somebody"
        theirs.mkdir()
        self.addCleanup(lambda: (theirs.rmdir(), theirs.parent.rmdir()))
        wall.start()
        self.assertEqual(wall.log().count("not Probewall's, left alone: %s\n" % theirs), 1, wall.log())
        detached = wall.detach()
        self.assertIn("left alone: %s" % theirs, detached.stderr)
        self.assertEqual((self.xdp_of(), self.pins(wall)), ({}, ["v1", "v1/somebody"]))

    def test_interface_that_left_the_configuration_is_detached(self):
        self.second_interface()
        wall = self.wall(interfaces=["wan0", SECOND])
        self.assertIn("prog", self.xdp_of(SECOND))
        wall.stop()
        wall.write_config(interfaces=["wan0"])
        wall.start()
        self.assertEqual((self.xdp_of(SECOND), self.ours(SECOND)), ({}, 0))
        self.assertIn("prog", self.xdp_of("wan0"))

    def test_commands_do_not_work_on_the_tables_behind_a_running_daemon(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)

        def elsewhere(command):
            return self.lab.run("gateway", [BIN / "probewall", "--config", wall.config, "--socket",
                                            "/nonexistent/control.sock", *command], check=False)
        for command in (["bans", "del", SCANNER4], ["bans", "flush"], ["detach"]):
            done = elsewhere(command)
            self.assertEqual(done.returncode, UNREACHABLE, command)
            self.assertIn("probewalld runs on the pins in", done.stderr)
        for command in (["bans", "list"], ["status"], ["why", SCANNER4]):
            done = elsewhere(command)
            self.assertEqual(done.returncode, 0, command)
            self.assertIn("probewalld runs on the pins in", done.stderr)
        self.assertTrue(self.blocked())

    def test_enforcing_that_nobody_confirms_ends_even_when_the_daemon_is_killed(self):
        wall = self.wall(mode="observe")
        wall.cli("bans", "add", SCANNER4)
        wall.cli("enforce", "on", "--confirm", "5s")
        self.assertTrue(self.blocked())
        wall.kill()
        wait_until(self.answered, "the kernel observes again", 30)
        self.assertFalse(wall.cli_status()["enforcing"], "so says the pinned state")

    def test_reload_leaves_the_end_of_enforcing_that_nobody_confirms(self):
        wall = self.wall(mode="observe")
        wall.cli("bans", "add", SCANNER4)
        wall.cli("enforce", "on", "--confirm", "10s")
        wall.write_config(block__threshold=50)
        wall.cli("reload")
        wall.kill()
        self.assertTrue(self.blocked(), "the reload does not end it")
        wait_until(self.answered, "the kernel observes again", 30)

    def test_enforcing_that_is_confirmed_stays(self):
        wall = self.wall(mode="observe")
        wall.cli("bans", "add", SCANNER4)
        wall.cli("enforce", "on", "--confirm", "2s")
        wall.cli("enforce", "confirm")
        before = wall.cli_status()["uptime_s"]
        wait_until(lambda: wall.cli_status()["uptime_s"] >= before + 4, "the time to confirm is over", 20)
        self.assertTrue(self.blocked())


main()
