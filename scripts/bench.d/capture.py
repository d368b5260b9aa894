# SPDX-License-Identifier: Apache-2.0
"""Kernel cost of captured and of not captured payload, and capture on two processors at once."""
from kernel import add_series


def measure(figures, quick, say):
    rounds = 7 if quick else 15
    say("capture in place: %d rounds" % rounds)
    names = add_series(figures, "capture", rounds)
    if "capture_two_cpus" not in names:
        figures.note("capture: one processor only, so nothing can be said about two.")
