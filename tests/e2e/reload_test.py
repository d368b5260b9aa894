# SPDX-License-Identifier: Apache-2.0
"""Rules and configuration change under a running daemon: all of a change or nothing of it, and what sources
did before still counts."""
import os
import signal

from e2e import BEHIND4, LOCAL4, NO_ANSWER, SCANNER4, LabCase, main, wait_until

RULES = """
rules:
  - id: %s
    description: a path of this test
    aims: [endpoint-discovery]
    score: %d
    when: {path: %s}
"""


class Reload(LabCase):
    def ruled_wall(self, **settings):
        """A wall with rules of its own: one path that gives 60 points."""
        self.rules = self.lab.dir / ("rules-" + self._testMethodName)
        self.rules.mkdir()
        self.rule("10-first", "first", 60, "/first")
        return self.wall(rules__directory=str(self.rules), **settings)

    def rule(self, file, name, score, path):
        (self.rules / (file + ".yaml")).write_text(RULES % (name, score, path))

    def score(self, wall):
        return wall.why(SCANNER4)["score"]

    def ask(self, path, decides=False):
        """A request that is answered; one that decides may be cut off before its answer."""
        self.assertIn(self.curl("scanner", LOCAL4 + path)[0], (0, *NO_ANSWER) if decides else (0,))

    def test_new_rule_counts_from_now_on_and_scores_survive(self):
        wall = self.ruled_wall()
        self.ask("/first")
        wall.wait_event("detection", rule="first")
        self.ask("/second")
        self.rule("20-second", "second", 50, "/second")

        reloaded = wall.cli_json("reload")

        self.assertEqual(reloaded, {"rules": 2, "changed": ["rules"], "needs_restart": []})
        self.assertGreater(self.score(wall), 55)
        self.ask("/second", decides=True)
        decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        self.assertEqual(sorted(decision["rules"]), ["first", "second"])
        self.assertEqual(decision["requests_seen"], 3, "the request before the reload is remembered")
        self.assertEqual(wall.metric("probewall_config_reloads_total", result="success"), 1)
        self.assertEqual(wall.metric("probewall_detections_total", rule="second"), 1)

    def test_bad_rule_file_leaves_the_old_rules_in_force(self):
        wall = self.ruled_wall()
        (self.rules / "10-first.yaml").write_text("rules:\n  - id: first\n    scoer: 1\n")

        done = wall.cli("reload", check=False)

        self.assert_one_line(done, 5, "10-first.yaml:3", "'scoer'", "'score'", "stay in force")
        self.ask("/first")
        wall.wait_event("detection", rule="first")
        self.assertEqual(wall.metric("probewall_config_last_reload_successful"), 0)
        self.assertEqual(wall.metric("probewall_config_reloads_total", result="failure"), 1)
        self.assertIn("10-first.yaml:3", "".join(wall.cli_status()["warnings"]))

    def test_worker_that_starts_anew_still_has_the_good_rules(self):
        wall = self.ruled_wall()
        (self.rules / "10-first.yaml").write_text("rules: nonsense\n")
        worker = wall.pids()[1]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(wall.pids()) == 2 and wall.pids()[1] != worker and wall.cli(
            "status", check=False).returncode == 0, "another worker answers")

        self.ask("/first")

        wall.wait_event("detection", rule="first")

    def test_configuration_takes_effect_and_names_what_waits_for_a_restart(self):
        wall = self.ruled_wall()
        wall.write_config(block__threshold=50, memory__max_flows=4096)

        reloaded = wall.cli_json("reload")

        self.assertEqual(reloaded, {"rules": 1, "changed": ["block.threshold"], "needs_restart": ["memory.max_flows"]})
        self.assertEqual(wall.why(SCANNER4)["threshold"], 50)
        self.ask("/first", decides=True)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        self.assertEqual(wall.metric("probewall_block_threshold_score"), 50)

    def test_bad_configuration_changes_nothing_not_even_good_rules(self):
        wall = self.ruled_wall()
        self.rule("20-second", "second", 50, "/second")
        wall.write_config(block__treshold=50)

        done = wall.cli("reload", check=False)

        self.assert_one_line(done, 5, "probewall.toml:", "'block.treshold'", "'block.threshold'")
        self.ask("/second")
        wall.wait_event("request", path="/second")
        self.assertEqual(wall.events("detection"), [])
        del wall.settings["block.treshold"]
        wall.write_config()  # the cleaning up after this test reads it, too

    def test_hangup_signal_reloads_and_allow_list_and_ports_follow(self):
        wall = self.ruled_wall(ports=[8000])
        self.assertEqual(self.curl("scanner", BEHIND4 + "/first")[0], 0)
        wall.write_config(ports=[8000, 11434], allow=[SCANNER4])
        wall.process.send_signal(signal.SIGHUP)
        wait_until(lambda: wall.metric("probewall_config_reloads_total", result="success") == 1, "it reloads")

        self.assertEqual(self.curl("scanner", BEHIND4 + "/first")[0], 0)

        wall.wait_event("detection", rule="first")
        self.assertEqual(len(wall.events("request")), 1, "the port was not looked at before")
        self.assertEqual(wall.cli("bans", "add", SCANNER4, check=False).returncode, 6)

    def test_observing_and_enforcing_follow_the_file_when_it_changes(self):
        wall = self.ruled_wall()
        wall.cli("enforce", "off")
        wall.write_config(block__threshold=50)
        wall.cli("reload")
        self.assertFalse(wall.cli_status()["enforcing"], "the file says what it said before: the operator's word holds")
        self.ask("/first")
        wall.wait_event("decision", action="observe")

        wall.write_config(mode="observe")
        wall.cli("reload")
        wall.write_config(mode="enforce")
        wall.cli("reload")

        self.assertTrue(wall.cli_status()["enforcing"])
        wait_until(lambda: wall.blocked(SCANNER4), "what was decided while observing is enforced")

    def test_reloads_under_load_disturb_no_client(self):
        wall = self.ruled_wall()
        for number in range(5):
            self.rule("20-second", "second", 10 + number, "/second")
            wall.cli("reload")
            self.chats(LOCAL4, 20)
        self.assertEqual(wall.metric("probewall_config_reloads_total", result="success"), 5)
        self.assertEqual(wall.bans(), [])
        self.assertEqual(len(wall.events("request")), 100)


if __name__ == "__main__":
    main()
