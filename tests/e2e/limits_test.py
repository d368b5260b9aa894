# SPDX-License-Identifier: Apache-2.0
"""What keeps bans from being made or remembered is said where an operator looks: a block table that is full, a
decision store that cannot be written."""
from e2e import BEHIND4, SCANNER4, LabCase, main, wait_until

WARNINGS = 10
SEED = "204.76.203.125"  # the built-in feed has it
ROOM = 1024  # the least that block.max_addresses takes


class Limits(LabCase):
    def fill(self, wall, count=ROOM):
        """Blocks so many addresses, or as many as there is room for."""
        lines = wall.dir / "bans.txt"
        lines.write_text("".join("84.7.%d.%d\n" % (i >> 8, i & 255) for i in range(count)))
        wall.cli("bans", "import", lines, check=False)

    def warned(self, wall, words):
        return [w for w in wall.cli_status()["warnings"] if words in w]

    def test_full_block_table_is_said_everywhere_and_named_as_the_reason(self):
        wall = self.wall(block__max_addresses=ROOM)
        self.fill(wall)
        wait_until(lambda: wall.metric("probewall_map_entries", map="block_v4") == ROOM, "the table is full")
        self.send_probes(BEHIND4)
        wait_until(lambda: wall.metric("probewall_bans_suppressed_total", reason="table_full") >= 2, "refusals are counted")
        self.assertEqual(wall.metric("probewall_bans_suppressed_total", reason="rate"), 0)
        self.assertEqual(wall.why(SCANNER4)["refused"]["reason"], "table_full")
        self.assertIn("the block table is full", wall.cli("why", SCANNER4, check=False).stdout)
        self.assertEqual(len(self.warned(wall, "IPv4 addresses is 100 % full (1024 of 1024)")), 1)
        self.assertEqual(len(self.warned(wall, "bans were refused")), 1)
        doctor = wall.cli("doctor", check=False)
        self.assertEqual(doctor.returncode, WARNINGS, doctor.stdout)
        self.assertIn("100 % full", doctor.stdout)
        self.assertEqual(wall.log().count("further bans are refused until there is room"), 1)
        wall.cli("bans", "flush")
        wait_until(lambda: not self.warned(wall, "% full"), "there is room again")

    def test_import_goes_on_past_what_is_refused_and_says_how_many(self):
        wall = self.wall(block__max_addresses=ROOM, allow=["84.9.0.0/24"])
        lines = wall.dir / "bans.txt"
        lines.write_text("84.9.0.1\n" + "".join("84.7.%d.%d\n" % (i >> 8, i & 255) for i in range(ROOM)) + "84.9.0.0/28\n84.7.0.0/30\n")
        room = ROOM - 2  # the feed has the others
        done = wall.cli("bans", "import", lines, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "Imported %d bans; 2 refused, 2 failed, 0 had ended already.\n" % (room + 1))
        self.assertIn("bans.txt:%d: " % (room + 2), done.stderr)
        self.assertIn("block.max_addresses", done.stderr)
        wait_until(lambda: len(wall.bans()) == room + 1, "all that there is room for is there")

    def test_import_of_a_file_with_a_bad_line_blocks_nobody(self):
        wall = self.wall()
        lines = wall.dir / "bans.txt"
        lines.write_text("84.7.9.9\nnonsense\n")
        self.assert_one_line(wall.cli("bans", "import", lines, check=False), 1, "bans.txt:2: ", "nothing was imported")
        wall.cli("bans", "add", "84.7.9.8")
        wait_until(lambda: wall.bans(), "the ban that came after it is known")
        self.assertEqual([ban["source"] for ban in wall.bans()], ["84.7.9.8/32"])

    def test_table_that_is_nearly_full_is_a_warning_before_a_ban_is_refused(self):
        wall = self.wall(block__max_addresses=ROOM)
        self.fill(wall, ROOM // 2)
        wait_until(lambda: wall.metric("probewall_map_entries", map="block_v4") >= ROOM // 2, "the table is counted")
        self.assertEqual(wall.metric("probewall_map_max_entries", map="block_v4"), ROOM)
        self.assertEqual(self.warned(wall, "% full"), [])
        self.fill(wall, ROOM * 95 // 100)
        wait_until(lambda: self.warned(wall, "% full"), "status says how full it is")
        self.assertEqual(self.warned(wall, "bans were refused"), [])

    def test_every_table_of_the_metrics_has_its_numbers(self):
        wall = self.wall()
        wall.cli("bans", "add", "84.7.0.0/24", "2001:db8:77::/48", "2001:db8:78::1")
        self.send_probes(BEHIND4, count=1)
        for table in ("block_v4", "block_v6", "block_prefix_v4", "block_prefix_v6", "flows"):
            self.assertGreater(wall.metric("probewall_map_max_entries", map=table), 0, table)
        for table in ("block_v6", "block_prefix_v4", "block_prefix_v6"):
            wait_until(lambda: wall.metric("probewall_map_entries", map=table) >= 1, table + " is counted")

    def test_deleting_a_ban_names_the_wider_one_that_still_blocks(self):
        wall = self.wall()
        wall.cli("bans", "add", "82.0.0.0/24", "82.0.0.1", "2001:db8:77:1::/64", "2001:db8:77:1::1")
        still = "but 82.0.0.0/24 still blocks it"
        self.assertIn("82.0.0.1/32 has no ban of its own any more, " + still, wall.cli("bans", "del", "82.0.0.1").stdout)
        self.assertTrue(wall.blocked("82.0.0.1"))
        self.assertIn("82.0.0.2/32 has no ban of its own, " + still, wall.cli("bans", "del", "82.0.0.2").stdout)
        self.assertEqual(wall.cli("bans", "del", "82.0.0.0/24").stdout, "82.0.0.0/24 is no longer blocked.\n")
        self.assertFalse(wall.blocked("82.0.0.1"))
        self.assertEqual(wall.cli("bans", "del", "2001:db8:77:1::1").stdout,
                         "2001:db8:77:1::1/128 is no longer blocked.\n2001:db8:77:1::/64 is no longer blocked.\n")

    def seeds(self, wall):
        return {b["source"]: (b["origin"], b.get("until")) for b in wall.cli_json("bans", "list")["bans"]}

    def test_ban_on_a_feeds_address_never_shortens_what_the_feed_blocks(self):
        wall = self.wall()
        feeds = self.seeds(wall)
        self.assertEqual(feeds[SEED + "/32"], ("feed", None))
        self.assertIn("a feed's entry blocks it longer", wall.cli("bans", "add", SEED, "--ttl", "1s").stdout)
        wait_until(lambda: wall.events("decision", source=SEED + "/32"), "the operator's ban is on record")
        wall.cli("bans", "add", "82.0.2.1", "--ttl", "1s")
        wait_until(lambda: wall.events("unblock", source="82.0.2.1/32"), "as long a ban elsewhere has ended")
        self.assertEqual(self.seeds(wall), feeds)
        self.assertTrue(wall.blocked(SEED))
        wall.cli("bans", "add", SEED, "--ttl", "1h")
        self.assertIn("has no ban of its own any more, but a feed's entry still blocks it", wall.cli("bans", "del", SEED).stdout)
        self.assertEqual(self.seeds(wall), feeds)
        wall.kill()
        self.assertTrue(wall.blocked(SEED))
        wall.start()
        self.assertEqual(self.seeds(wall), feeds)
        self.assertEqual(wall.cli("bans", "del", SEED).stdout, SEED + "/32 is no longer blocked.\n")
        self.assertFalse(wall.blocked(SEED))

    def test_end_of_a_ban_stays_through_import_and_export(self):
        wall = self.wall()
        lines = wall.dir / "bans.txt"
        lines.write_text("82.0.1.1 2099-01-01T00:00:00Z a\n" '{"source":"82.0.1.2/32","until":"2098-07-01T12:00:00Z"}\n')
        ends = {"82.0.1.1/32": "2099-01-01T00:00:00", "82.0.1.2/32": "2098-07-01T12:00:00"}
        for _ in range(3):
            wall.cli("bans", "import", lines)
            wait_until(lambda: {b["source"]: b["until"][:19] for b in wall.bans()} == ends, "the ends are the ones of the file")
            lines.write_text(wall.cli("bans", "export").stdout)
            wall.cli("bans", "flush")

    def test_decision_store_that_cannot_be_written_is_a_warning(self):
        wall = self.wall(start=False)
        state = wall.dir / "state"
        state.mkdir()
        self.lab.run("gateway", ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state])
        self.addCleanup(self.lab.run, "gateway", ["umount", "-l", state], check=False)
        wall.start()
        self.assertEqual(self.warned(wall, "decision store"), [])
        with open(state / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        for i in range(64):  # the log of changes has room for some rows
            wall.cli("bans", "add", "84.8.0.%d" % i, "--reason", "x" * 100)
        wait_until(lambda: self.warned(wall, "the decision store failed"), "status says that the store fails")
        doctor = wall.cli("doctor", check=False)
        self.assertEqual(doctor.returncode, WARNINGS, doctor.stdout)
        self.assertIn("the decision store failed", doctor.stdout)


if __name__ == "__main__":
    main()
