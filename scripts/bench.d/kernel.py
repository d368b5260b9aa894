# SPDX-License-Identifier: Apache-2.0
"""The XDP program's cost per packet in place (BPF_PROG_TEST_RUN), next to an empty program, one that only parses, and
the same program over plain hash and LPM tables."""
import json

from lab import run
from wires import PROGRAM


def add_lines(figures, text):
    """Adds what one of probewall-bench's commands printed; returns the names."""
    series = [json.loads(line) for line in text.splitlines()]
    for one in series:
        figures.add(one["name"], one["unit"], *one["runs"])
    return [one["name"] for one in series]


def add_series(figures, command, rounds, *words):
    return add_lines(figures, run([PROGRAM, command, "--rounds", rounds, *words], timeout=900).stdout)


def measure(figures, quick, say):
    rounds, repeat = (5, 200000) if quick else (15, 300000)
    say("kernel program in place: %d rounds" % rounds)
    add_series(figures, "kernel", rounds, "--repeat", repeat)
