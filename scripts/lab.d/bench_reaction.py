# SPDX-License-Identifier: Apache-2.0
"""Reaction time over many bans, in the lab: from the kernel's timestamp of the packet that completed the evidence
to the block table written, as the daemon itself measures it.

    bench_reaction.py [--bans N] [--xdp native|generic] [--transport ring|perf] [--let-processors-sleep]

The processors are kept from halting by loops of the lowest priority (SCHED_IDLE), which give way to everything else: in a
virtual machine a halted processor comes back when the host finds time, often milliseconds later, and that would be measured."""
import argparse
import concurrent.futures
import contextlib
import ipaddress
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import lab as lab_module  # noqa: E402
from lab import SERVER4, Lab, LabError, wait_until  # noqa: E402
from probes import campaign_body, http  # noqa: E402
from probewall import Probewall, parse_metrics  # noqa: E402

PORT = 11434
FIRST = ipaddress.ip_address("198.18.1.1")


def probe(lab, source):
    """Campaign requests over one connection from `source`, until an answer fails to come."""
    with lab.socket("scanner") as connection:
        connection.bind((source, 0))
        connection.settimeout(0.5)
        try:
            connection.connect((SERVER4, PORT))
            for i in range(24):
                connection.sendall(http("POST", "/v1/chat/completions", SERVER4, campaign_body(i)))
                if not connection.recv(65536):
                    break
        except OSError:
            pass


AWAKE = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); os.sched_setaffinity(0, {%d})\nwhile True: pass"


@contextlib.contextmanager
def awake(wanted):
    """No processor halts inside the block."""
    loops = [subprocess.Popen([sys.executable, "-c", AWAKE % cpu], preexec_fn=lab_module.die_with_parent)
             for cpu in sorted(os.sched_getaffinity(0))] if wanted else []
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def quantile(sorted_values, q):
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


def histogram_quantile(buckets, q):
    """Upper edge of the bucket in which the quantile lies; None in the last one."""
    total = buckets[-1][1]
    return next((edge for edge, count in buckets if total and count >= q * total), None)


def report(wall, bans):
    values = sorted(e["reaction_us"] for e in wall.events("decision") if e["reaction_us"] is not None)
    result = {"bans": len(values), "median_us": quantile(values, 0.5), "p90_us": quantile(values, 0.9),
              "p99_us": quantile(values, 0.99), "max_us": values[-1], "histograms": {}}
    histograms = {}
    for name, labels, value in parse_metrics(wall.metrics_text()):
        if name.endswith("_seconds_bucket"):
            key = name[:-7] + "".join("{%s=%s}" % (k, v) for k, v in sorted(labels.items()) if k != "le")
            histograms.setdefault(key, []).append((float(labels["le"]), value))
    for key, buckets in histograms.items():
        buckets.sort()
        if buckets[-1][1] > 0:
            result["histograms"][key] = {"count": int(buckets[-1][1]), "median_below_s": histogram_quantile(buckets, 0.5),
                                         "p99_below_s": histogram_quantile(buckets, 0.99)}
    result["records_lost"] = wall.metric("probewall_ring_lost_total")
    print(json.dumps(result, indent=1))
    return result["bans"] >= bans


def main():
    lab_module.end_on_signals()
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("--bans", type=int, default=1000)
    parser.add_argument("--xdp", default="auto")
    parser.add_argument("--transport", default="ring")
    parser.add_argument("--let-processors-sleep", action="store_true")
    arguments = parser.parse_args()
    try:
        with awake(not arguments.let_processors_sleep), Lab("bench") as lab:
            lab.start_llm("server", (PORT,))
            wall = Probewall(lab, xdp__mode=arguments.xdp, capture__transport=arguments.transport)
            wall.start()
            sources = [str(FIRST + i) for i in range(arguments.bans)]
            # Few at a time, so that the measured process does not queue for a processor with its own load. Further
            # rounds are for sources that gave up on a slow answer before they were blocked.
            for _ in range(5):
                blocked = {ban["source"] for ban in wall.bans()}
                with concurrent.futures.ThreadPoolExecutor(6) as pool:
                    list(pool.map(lambda source: probe(lab, source), [s for s in sources if s + "/32" not in blocked]))
            wait_until(lambda: len(wall.events("decision")) >= arguments.bans, "every source is blocked", 60)
            return 0 if report(wall, arguments.bans) else 1
    except (LabError, KeyboardInterrupt) as error:
        print("bench: %s" % (error or "interrupted"), file=sys.stderr)
        return 1


sys.exit(main())
