# SPDX-License-Identifier: Apache-2.0
"""Probes are told from clients: the development corpus, the same without its tools' own strings, and unseen tools.

What may be missed has a floor; a client that is blocked has none."""
import json
import pathlib
import tempfile
import unittest

import sessions
import unseen
from e2e import main
from lab import run
from probewall import BIN

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "data/sessions.jsonl"


def judge(all_sessions):
    with tempfile.TemporaryDirectory() as directory:
        pcap, config = pathlib.Path(directory, "s.pcap"), pathlib.Path(directory, "c.toml")
        config.write_text('mode = "observe"\n')
        key = sessions.write_capture(all_sessions, pcap)
        lines = run([BIN / "probewall", "--config", config, "replay", pcap, "--ports", "all", "--json"]).stdout.splitlines()
    return sessions.score(key, [json.loads(line) for line in lines])


class Corpus(unittest.TestCase):
    def setUp(self):
        self.sessions = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]

    def test_probes_are_blocked_early_and_no_client_is(self):
        result = judge(self.sessions)
        self.assertEqual((result["probes"], result["benign"]), (100, 91))
        self.assertEqual(result["wrongly_blocked"], [])
        self.assertGreaterEqual(result["recall"], 0.91)
        self.assertLessEqual(result["median_requests_to_block"], 2)

    def test_behaviour_alone_is_enough_for_most(self):
        result = judge([sessions.masked(session) for session in self.sessions])
        self.assertEqual(result["wrongly_blocked"], [])
        self.assertGreaterEqual(result["recall"], 0.77)

    def test_a_made_up_key_on_every_request_hides_few(self):
        result = judge([sessions.with_made_up_keys(session) for session in self.sessions])
        self.assertEqual(result["wrongly_blocked"], [])
        self.assertGreaterEqual(result["recall"], 0.86)

    def test_tools_and_clients_that_no_rule_was_written_for(self):
        result = judge(unseen.sessions())
        self.assertEqual(result["wrongly_blocked"], [])
        self.assertEqual(result["missed"], [])
        self.assertLessEqual(result["median_requests_to_block"], 4)


main()
