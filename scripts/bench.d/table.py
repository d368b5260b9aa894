# SPDX-License-Identifier: Apache-2.0
"""scripts/bench: measures, prints one table, and writes it as JSON.

    table.py [--quick] [--json FILE] PART..."""
import argparse
import pathlib
import subprocess
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


def read_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", usage="scripts/bench [PART] [--quick] [--json FILE]")
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="only look at the arguments")
    arguments = parser.parse_args()
    if arguments.json:
        try:
            arguments.json.open("a").close()
        except OSError as error:
            parser.error("--json %s: %s" % (arguments.json, error.strerror))
    return arguments


def measure(parts, quick, say):
    """The figures of all parts that went well, and whether all did: an hour's work does not go with one part of it."""
    figures, whole = figures_module.Figures(), True
    for part in parts:
        try:
            PARTS[part](figures, quick, say)
        except KeyboardInterrupt:
            print("bench: interrupted in %s" % part, file=sys.stderr)
            return figures, False
        except (LabError, OSError, ValueError, subprocess.SubprocessError) as error:
            print("bench: %s failed: %s" % (part, error), file=sys.stderr)
            whole = False
    return figures, whole


def main():
    end_on_signals()
    arguments = read_arguments()
    if arguments.check:
        return 0
    started = time.monotonic()

    def say(text):
        print("[%3.0f s] %s" % (time.monotonic() - started, text), file=sys.stderr, flush=True)

    described = machine()
    # Alone, a part is run whatever else is said.
    parts = [p for p in arguments.parts if not (arguments.quick and p in SLOW and len(arguments.parts) > 1)]
    figures, whole = measure(parts, arguments.quick, say)
    print(figures_module.table(figures, described))
    if arguments.json:
        figures.write(arguments.json, described)
    return 0 if whole else 1


sys.exit(main())
