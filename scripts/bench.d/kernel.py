# SPDX-License-Identifier: Apache-2.0
"""The XDP program's cost per packet in place (BPF_PROG_TEST_RUN), next to an empty program, one that only parses, and
the same program over plain hash and LPM tables."""
import json

from lab import run
from wires import PROGRAM


def measure(figures, quick, say):
    rounds = 7 if quick else 15
    say("kernel program in place: %d rounds" % rounds)
    done = run([PROGRAM, "kernel", "--rounds", rounds], timeout=900)
    for line in done.stdout.splitlines():
        series = json.loads(line)
        figures.add(series["name"], series["unit"], *series["runs"])
