# SPDX-License-Identifier: Apache-2.0
"""The short form of scripts/evaluate --live: real scanners and official clients at once, none taken for the other."""
import sys
import unittest

from e2e import main
from lab import ROOT, Lab

sys.path.insert(0, str(ROOT / "scripts/lab.d"))
import live  # noqa: E402


class Live(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with Lab("e2e") as lab:
            cls.result = live.evaluate(lab, short=True)
        live.show(cls.result)

    def test_every_scanner_is_blocked(self):
        self.assertEqual([row["name"] for row in self.result["hostile"] if not row["blocked"]], [])
        self.assertGreaterEqual(len(self.result["hostile"]), 6)

    def test_every_scanner_is_blocked_within_a_few_requests(self):
        self.assertEqual([(row["name"], row["blocked_after"]) for row in self.result["hostile"] if row["blocked_after"] > 12], [])

    def test_no_client_is_blocked_and_all_get_their_answers(self):
        for row in self.result["benign"]:
            with self.subTest(row["name"]):
                self.assertEqual((row["blocked"], row["failed"], row["errors"]), (False, 0, []))
                self.assertGreater(row["answered"], 0)

    def test_bare_syns_are_counted_and_ban_nobody(self):
        self.assertGreaterEqual(self.result["sweep"]["syns_counted"], 24)
        self.assertEqual(self.result["sweep"]["blocked"], [])


main()
