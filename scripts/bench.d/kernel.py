# SPDX-License-Identifier: Apache-2.0
"""The XDP program's cost per packet in place (BPF_PROG_TEST_RUN), next to an empty program, one that only parses, and
the same program over plain hash and LPM tables."""
import json

from lab import run
from wires import PROGRAM


def add_series(figures, command, rounds):
    """Runs one of probewall-bench's tables; returns the names of what it measured."""
    series = [json.loads(line) for line in run([PROGRAM, command, "--rounds", rounds], timeout=900).stdout.splitlines()]
    for one in series:
        figures.add(one["name"], one["unit"], *one["runs"])
    return [one["name"] for one in series]


def measure(figures, quick, say):
    rounds = 7 if quick else 15
    say("kernel program in place: %d rounds" % rounds)
    add_series(figures, "kernel", rounds)
