# SPDX-License-Identifier: Apache-2.0
"""Replay finds every request of large captures, with reordered and repeated segments and many requests on a connection."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from e2e import main
from lab import run
from probewall import BIN

MEGABYTE = 1024  # ru_maxrss counts in KiB


class ReplayCounts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.dir = pathlib.Path(directory.name)
        cls.config = cls.dir / "probewall.toml"
        cls.config.write_text('mode = "observe"\n')

    def replay(self, kind, *arguments):
        """(requests in the capture, request events, the summary, peak memory in MB)"""
        capture = self.dir / (kind + ".pcap")
        held = int(run([BIN / "probewall-captures", kind, capture]).stdout)
        process = subprocess.Popen([BIN / "probewall", "--config", self.config, "replay", capture, "--json", *arguments],
                                   stdout=subprocess.PIPE)
        events, last = 0, b""
        with process.stdout:
            for last in process.stdout:
                events += b'"type":"request"' in last
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        capture.unlink()
        return held, events, json.loads(last), used.ru_maxrss / MEGABYTE

    def check(self, kind, least, *arguments):
        held, events, summary, megabytes = self.replay(kind, *arguments)
        self.assertGreaterEqual(held, least)
        self.assertEqual((events, summary["type"], summary["requests"]), (held, "summary", held))
        self.assertLess(megabytes, 100)

    def test_one_request_on_each_of_100_000_connections(self):
        self.check("probes", 100_000)

    def test_short_and_long_requests(self):
        self.check("mixed", 50_000, "--ports", "all")

    def test_kept_alive_connections_with_reordered_and_repeated_segments(self):
        self.check("hard", 120_000)

    def test_the_same_when_every_port_is_judged(self):
        self.check("hard", 120_000, "--ports", "all")


main()
