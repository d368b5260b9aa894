# SPDX-License-Identifier: Apache-2.0
"""A flood of forged packets at the generator's full speed beside a real client: SYNs with forged sources, payload with
forged sources to an LLM port (one packet in 16 each), and packets of blocked sources. What must hold afterwards is
checked here; a check that fails ends the run with an error.

The generator sends into the gateway's veth and its processor also receives them there, so it cannot overrun the veth's
ring: what is measured is a host that gets as many packets as one of its processors can take."""
import json
import os
import pathlib
import subprocess
import threading
import time

from lab import GATEWAY4, Lab, LabError, wait_until
from probewall import Probewall
from wires import PROGRAM

PORT, LOCAL4 = 8000, "http://%s:8000" % GATEWAY4
BLOCKED, FORGED = 1000, 200000
MEMORY_MIB = 512    # of both processes, everything they map included
PROCESSORS = 1.25   # one capture worker, and a little for the rest
COUNTED = {"unproven": "forged payload packets seen", "unproven_over_share": "of these, not captured: over their share",
           "llm_syn": "SYNs to LLM ports"}


class Usage(threading.Thread):
    """CPU time and memory of the daemon's processes, looked at ten times a second."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peak_kib, self.ended = pids, 0, threading.Event()
        self.start_cpu, self.start_time = self._cpu_s(), time.monotonic()

    def run(self):
        while not self.ended.wait(0.1):
            self.peak_kib = max(self.peak_kib, sum(map(self._resident_kib, self.pids)))

    def processors(self):
        return (self._cpu_s() - self.start_cpu) / (time.monotonic() - self.start_time)

    def _cpu_s(self):
        return sum(self._ticks(pid) for pid in self.pids) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _ticks(pid):
        fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    @staticmethod
    def _resident_kib(pid):
        text = pathlib.Path("/proc/%d/status" % pid).read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")))


def _flood(lab, seconds):
    """Starts the generator in the internet's end of the gateway's wire."""
    mac = json.loads(lab.run("gateway", ["ip", "-j", "link", "show", "wan0"]).stdout)[0]["address"]
    mix = ",".join(14 * ["blocked:%d" % BLOCKED] + ["forged-syn:%d" % FORGED, "forged-payload:%d" % FORGED])
    return lab.spawn("internet", [PROGRAM, "generate", "--interface", "to-gateway", "--mac", mac, "--to", GATEWAY4, "--port", PORT,
                                  "--mix", mix, "--milliseconds", int(seconds * 1000)], stdout=subprocess.PIPE, text=True)


def _prepare(lab):
    # A veth takes frames without buffers only with NAPI, which GRO brings. Answers to forged sources end upstream.
    lab.run("gateway", ["ethtool", "-K", "wan0", "gro", "on"])
    lab.run("internet", ["ip", "route", "add", "blackhole", "default"])
    lab.start_llm("gateway", (PORT,))


def _block(wall):
    listed = wall.lab.dir / "blocked.txt"
    listed.write_text(wall.lab.run("gateway", [PROGRAM, "addresses", "--count", BLOCKED]).stdout)
    wall.cli("bans", "import", str(listed))
    wait_until(lambda: len(wall.bans()) >= BLOCKED, "%d sources are blocked" % BLOCKED)


def measure(figures, quick, say, seconds=60):
    say("flood: setting up")
    with Lab("bench") as lab:
        _prepare(lab)
        wall = Probewall(lab)
        wall.start()
        _block(wall)
        quiet = json.loads(lab.chat(LOCAL4, count=50, check=False).stdout)
        usage = Usage(wall.pids())
        usage.start()
        say("flood: %d s" % seconds)
        generator = _flood(lab, seconds)
        generator.stdout.readline()
        chats = _chat_until(lab, generator)
        sent = json.loads(generator.stdout.read())["sent"]
        processors = usage.processors()
        usage.ended.set()
        usage.join()
        _record(figures, wall, usage, processors, sent, seconds, quiet, chats)
        _check(wall, usage, processors, chats, lab)
        wall.stop()
        wall.cli("detach")


def _chat_until(lab, generator):
    """A real client's chats, one after the other, until the flood ends."""
    total = {"asked": 0, "answered": 0, "slowest_ms": 0, "errors": []}
    while generator.poll() is None:
        done = json.loads(lab.chat(LOCAL4, count=25, gap=20, check=False).stdout)
        total["asked"] += done["asked"]
        total["answered"] += done["answered"]
        total["slowest_ms"] = max(total["slowest_ms"], done["slowest_ms"])
        total["errors"] += done["errors"]
    return total


def _record(figures, wall, usage, processors, sent, seconds, quiet, chats):
    figures.add("flood_offered", "Mpackets/s", sent / seconds / 1e6)
    figures.add("flood_dropped_packets", "packets", wall.dropped())
    figures.add("flood_chats_asked", "requests", chats["asked"])
    figures.add("flood_chats_answered", "requests", chats["answered"])
    figures.add("flood_slowest_chat", "ms", chats["slowest_ms"])
    figures.add("flood_slowest_chat_before", "ms", quiet["slowest_ms"])
    figures.add("flood_daemon_processors", "processors", processors)
    figures.add("flood_daemon_memory_peak", "MiB", usage.peak_kib / 1024)
    for event, meaning in COUNTED.items():
        figures.add("flood_" + event, "packets", wall.metric("probewall_kernel_events_total", event=event))
        figures.note("flood_%s: %s." % (event, meaning))
    seen = wall.dropped() + sum(wall.metric("probewall_kernel_events_total", event=event) for event in ("unproven", "llm_syn"))
    figures.add("flood_lost_before_the_filter", "packets", max(0, sent - seen))
    figures.note("flood_lost_before_the_filter: sent, and neither dropped nor counted as SYN or as unproven payload: the veth's ring was full.")
    figures.add("flood_records_lost", "records", wall.metric("probewall_ring_lost_total"))
    figures.add("flood_unusable_bytes", "bytes", wall.metric("probewall_loss_total", what="unproven_bytes"))


def _check(wall, usage, processors, chats, lab):
    """LabError for what a flood must not do."""
    forged_bans = [event["source"] for event in wall.events("decision") if event.get("origin") != "operator"]
    failures = []
    if chats["asked"] == 0 or chats["answered"] != chats["asked"]:
        failures.append("%d of %d chats were answered: %s" % (chats["answered"], chats["asked"], chats["errors"][:3]))
    if forged_bans or len(wall.bans()) != BLOCKED:
        failures.append("forged packets got %s blocked" % (forged_bans[:3] or "somebody"))
    if usage.peak_kib > MEMORY_MIB * 1024:
        failures.append("the daemon took %d MiB, more than %d" % (usage.peak_kib // 1024, MEMORY_MIB))
    if processors > PROCESSORS:
        failures.append("the daemon took %.2f processors, more than %.2f" % (processors, PROCESSORS))
    if not wall.metric("probewall_kernel_events_total", event="unproven_over_share") > 0:
        failures.append("no forged payload was over its share: the flood was none, or its losses are not counted")
    if failures:
        raise LabError("flood: " + "; ".join(failures))
