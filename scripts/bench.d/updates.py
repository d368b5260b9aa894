# SPDX-License-Identifier: Apache-2.0
"""Loading the block tables, adding to full ones, and a daemon's start with full ones."""
import time

from kernel import add_lines
from lab import Lab, run
from probewall import Probewall
from wires import PROGRAM

ADDRESSES, PREFIXES, FEED = 1000000, 100000, 30000


def _start_seconds(wall):
    begun = time.monotonic()
    wall.start()
    return time.monotonic() - begun


def measure(figures, quick, say):
    say("updates: filling the tables, starting with full ones")
    with Lab("bench") as lab:
        wall = Probewall(lab)
        for _ in range(3):
            figures.add("update_start_empty_tables", "s", _start_seconds(wall))
            wall.stop()
        content = ["--v4", ADDRESSES, "--v6", ADDRESSES, "--prefixes", PREFIXES // 2, "--feed", FEED]
        add_lines(figures, run([PROGRAM, "fill", "--pins", wall.pins, *content], timeout=600).stdout)
        for _ in range(3):
            figures.add("update_start_full_tables", "s", _start_seconds(wall))
            wall.stop()
        wall.cli("detach")
