# SPDX-License-Identifier: Apache-2.0
"""scripts/bench: measures, prints one table, and writes it as JSON.

    table.py [--quick] [--json FILE] PART..."""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import capture  # noqa: E402
import figures as figures_module  # noqa: E402
import forged_flood  # noqa: E402
import http_transfer  # noqa: E402
import kernel  # noqa: E402
import updates  # noqa: E402
import veth  # noqa: E402
from lab import LabError, end_on_signals  # noqa: E402
from machine import machine  # noqa: E402

PARTS = {"kernel": kernel.measure, "veth": veth.measure, "capture": capture.measure,
         "http": http_transfer.measure, "updates": updates.measure, "flood": forged_flood.measure}
SLOW = {"updates", "flood"}  # not part of --quick


def main():
    end_on_signals()
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text):
        print("[%3.0f s] %s" % (time.monotonic() - started, text), file=sys.stderr, flush=True)

    described = machine()
    figures = figures_module.Figures()
    # Alone, a part is run whatever else is said.
    parts = [p for p in arguments.parts if not (arguments.quick and p in SLOW and len(arguments.parts) > 1)]
    try:
        for part in parts:
            PARTS[part](figures, arguments.quick, say)
    except (LabError, KeyboardInterrupt) as error:
        print("bench: %s" % (error or "interrupted"), file=sys.stderr)
        return 1
    print(figures_module.table(figures, described))
    if arguments.json:
        figures.write(arguments.json, described)
    return 0


sys.exit(main())
