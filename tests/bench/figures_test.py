# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench makes of its measurements: medians, ratios, the JSON file and the table."""
import json
import pathlib
import tempfile
import unittest

import figures
from figures import RATIOS, Figures, kept, table

PROMISED = {
    "benign_hot_v4_to_parse", "benign_hot_v6_to_parse", "benign_random_v4_to_reference", "benign_random_v6_to_reference",
    "blocked_10k_to_xdpfilter", "blocked_1m_to_nft_ingress", "blocked_1m_to_ipset", "http_throughput_to_unfiltered",
}
MACHINE = {"processor": "one", "processors": 2}


def run_of_everything():
    run = Figures()
    for ours, other, _ in RATIOS.values():
        for name in (ours, other):
            if name not in run.series:
                run.add(name, "Gbit/s" if name.startswith("http") else "ns/packet", 10, 12, 11)
    return run


class FiguresTest(unittest.TestCase):
    def test_every_promised_ratio_is_there_under_its_name(self):
        found = {ratio["name"]: ratio for ratio in run_of_everything().ratios()}
        self.assertLessEqual(PROMISED, set(found))
        for name in PROMISED:
            self.assertIsNotNone(kept(name, found[name]["value"]), name)

    def test_file_has_the_keys_that_other_programs_read(self):
        run = run_of_everything()
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "figures.json"
            run.write(path, MACHINE)
            read = json.loads(path.read_text())
        self.assertEqual(read["machine"], MACHINE)
        names = {result["name"] for result in read["results"]}
        for result in read["results"]:
            self.assertEqual(set(result), {"name", "unit", "median", "min", "max", "runs"})
        for ratio in read["ratios"]:
            self.assertEqual(set(ratio), {"name", "value", "of", "to"})
            self.assertLessEqual({ratio["of"], ratio["to"]}, names)

    def test_result_is_median_least_and_most_of_its_runs(self):
        run = Figures()
        run.add("x", "s", 9, 1)
        run.add("x", "s", 4)
        self.assertEqual(run.results(), [{"name": "x", "unit": "s", "median": 4, "min": 1, "max": 9, "runs": 3}])

    def test_ratio_is_the_median_of_the_rounds_ratios(self):
        run = Figures()
        ours, other, _ = RATIOS["blocked_1m_to_ipset"]
        # The machine was four times as slow in the second round: for both.
        run.add(ours, "ns/packet", 100, 400, 130)
        run.add(other, "ns/packet", 1000, 4000, 1000)
        self.assertEqual(run.ratios(), [{"name": "blocked_1m_to_ipset", "value": 0.1, "of": ours, "to": other}])

    def test_both_sides_of_a_ratio_have_one_unit(self):
        run = run_of_everything()
        units = {result["name"]: result["unit"] for result in run.results()}
        for ratio in run.ratios():
            self.assertEqual(units[ratio["of"]], units[ratio["to"]], ratio["name"])

    def test_ratio_without_its_other_side_is_left_out(self):
        run = Figures()
        run.add(RATIOS["blocked_1m_to_ipset"][0], "ns/packet", 1)
        self.assertEqual(run.ratios(), [])

    def test_one_name_keeps_one_unit(self):
        run = Figures()
        run.add("x", "s", 1)
        with self.assertRaises(ValueError):
            run.add("x", "ms", 1)

    def test_promise_is_kept_up_to_its_limit_and_in_its_direction(self):
        self.assertTrue(kept("blocked_1m_to_ipset", 0.35))
        self.assertFalse(kept("blocked_1m_to_ipset", 0.36))
        self.assertTrue(kept("http_throughput_to_unfiltered", 0.97))
        self.assertFalse(kept("http_throughput_to_unfiltered", 0.96))

    def test_table_names_the_machine_every_figure_and_what_was_missed(self):
        run = Figures()
        ours, other, _ = RATIOS["blocked_1m_to_ipset"]
        run.add(ours, "ns/packet", 900)
        run.add(other, "ns/packet", 1000)
        run.note("the generator was the bottleneck")
        text = table(run, MACHINE)
        for part in ("processor one", ours, other, "900", "blocked_1m_to_ipset", "<= 0.35", "MISSED", "the generator was the bottleneck"):
            self.assertIn(part, text)

    def test_figures_are_rounded_to_four_digits(self):
        self.assertEqual(figures.rounded(1234.5678), 1235)
        self.assertEqual(figures.rounded(0.123456), 0.1235)


unittest.main()
