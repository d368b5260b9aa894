# SPDX-License-Identifier: Apache-2.0
"""Namespaces for measuring receivers: one sender, and for each contestant a namespace of its own behind a veth pair
of its own, so that all are set up at once and measured in turns.

A receiver's packets are processed by the kernel thread of its interface (threaded NAPI), tied to one processor: its
CPU time divided by the packets is what a packet costs, whatever else the machine does. The sender has another
processor, where there is one: on the receiver's it would take the time that the receiver needs to be kept busy."""
import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import re
import subprocess
import time

from lab import LabError, run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("PROBEWALL_BIN", ROOT / "build/bin")) / "probewall-bench"
PREFIX = "probewall-bench"


def _alive(pid):
    return pathlib.Path("/proc/%d" % pid).exists()


def sweep():
    """Removes namespaces of runs that were killed."""
    netns = pathlib.Path("/run/netns")
    for path in netns.glob(PREFIX + "-*") if netns.is_dir() else ():
        match = re.match(PREFIX + r"-(\d+)-", path.name)
        if match and not _alive(int(match[1])):
            run(["ip", "netns", "del", path.name], check=False)


def go_first(pid, priority):
    """Whatever else the machine does, a measurement is not cut into pieces by it. Where this is not allowed, it is."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


class Wires:
    """Use as a context manager; everything is gone afterwards."""

    def __init__(self):
        sweep()
        self.names, self.children = [], []
        self._count = 0
        atexit.register(self.close)
        self.sender = self.namespace("sender")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def namespace(self, name):
        full = "%s-%d-%s" % (PREFIX, os.getpid(), name)
        run(["ip", "netns", "add", full])
        self.names.append(full)
        run(["ip", "-n", full, "link", "set", "lo", "up"])
        return full

    def inside(self, namespace, argv):
        return ["ip", "netns", "exec", namespace] + [str(a) for a in argv]

    def spawn(self, argv, **options):
        child = subprocess.Popen([str(a) for a in argv], text=True, **options)
        self.children.append(child)
        return child

    def receiver(self, name):
        self._count += 1
        return Receiver(self, name, self._count)

    def close(self):
        atexit.unregister(self.close)
        for child in self.children:
            with contextlib.suppress(Exception):
                if child.stdin:
                    child.stdin.close()
                child.terminate()
                child.wait(5)
        self.children = []
        for name in self.names:
            run(["ip", "netns", "del", name], check=False)
        self.names = []


class Receiver:
    """One contestant: 192.0.2.2 on its interface, the sender's end 192.0.2.1."""

    ADDRESS = "192.0.2.2"

    def __init__(self, wires, name, number):
        self.wires, self.name = wires, name
        self.namespace = wires.namespace("rx%d" % number)
        # Short and of this run alone: the kernel thread is found by it.
        self.device = "r%dx%d" % (number, os.getpid() % 100000)
        self.sender_device = "s%d" % number
        run(["ip", "link", "add", self.sender_device, "netns", wires.sender, "type", "veth",
             "peer", "name", self.device, "netns", self.namespace])
        run(["ip", "-n", wires.sender, "link", "set", self.sender_device, "up"])
        run(["ip", "-n", self.namespace, "addr", "add", self.ADDRESS + "/24", "dev", self.device])
        run(["ip", "-n", self.namespace, "link", "set", self.device, "up"])
        # Answers to sources all over the world end here. Without GRO a veth has no NAPI, and takes no XDP frames.
        run(["ip", "-n", self.namespace, "route", "add", "blackhole", "default"])
        self.shell("cd /proc/sys/net/ipv4/conf && for f in */rp_filter; do echo 0 >$f; done;"
                   " ethtool -K %s gro on && echo 1 >/sys/class/net/%s/threaded" % (self.device, self.device))
        self.mac = self.shell("cat /sys/class/net/%s/address" % self.device).strip()

    def shell(self, text, **options):
        return run(self.wires.inside(self.namespace, ["sh", "-c", text]), **options).stdout

    def hold(self, program, mode, v4=0, prefixes=0):
        """Attaches `program` (ours, drop, parse) until the run ends; returns what the holder says."""
        child = self.wires.spawn(self.wires.inside(self.namespace, [
            PROGRAM, "hold", "--interface", self.device, "--program", program, "--mode", mode, "--v4", v4, "--prefixes", prefixes]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = child.stdout.readline()
        if not line:
            raise LabError("%s: the program could not be attached" % self.name)
        return json.loads(line)

    # ---- measuring -----------------------------------------------------------------------

    def _thread(self):
        """Pid of the kernel thread that processes this interface's packets."""
        start = "napi/%s-" % self.device
        for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().startswith(start):
                    return int(path.parent.name)
        raise LabError("%s: no kernel thread %s*" % (self.name, start))

    def _counters(self):
        """Packets that arrived, and TCP segments that reached the stack."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open("/run/netns/" + self.namespace) as there:
            if libc.setns(there.fileno(), 0x40000000) != 0:
                raise LabError("setns: %s" % os.strerror(ctypes.get_errno()))
            try:
                device = pathlib.Path("/proc/thread-self/net/dev").read_text()
                snmp = pathlib.Path("/proc/thread-self/net/snmp").read_text()
            finally:
                libc.setns(home.fileno(), 0x40000000)
        packets = int(re.search(re.escape(self.device) + r":\s*\d+\s+(\d+)", device)[1])
        names, values = [line.split() for line in snmp.splitlines() if line.startswith("Tcp:")]
        return packets, int(values[names.index("InSegs")])

    def measure(self, mix, window=0.4):
        """Sends `mix` at full speed and returns (CPU ns per packet, million packets per second that arrived, share
        of the processor that was busy, share of the packets that reached the stack)."""
        processors = sorted(os.sched_getaffinity(0))
        generator = self.wires.spawn(["taskset", "--cpu-list", str(processors[0])] + self.wires.inside(self.wires.sender, [
            PROGRAM, "generate", "--interface", self.sender_device, "--mac", self.mac, "--to", self.ADDRESS,
            "--mix", mix, "--fit", 1, "--milliseconds", 60000]), stdout=subprocess.PIPE)
        try:
            generator.stdout.readline()
            start = self._counters()[0]
            wait_until(lambda: self._counters()[0] > start + 2000, "%s receives packets" % self.name)
            thread = self._thread()
            os.sched_setaffinity(thread, {processors[-1]})
            go_first(thread, 1)
            go_first(generator.pid, 1)
            go_first(0, 2)
            time.sleep(0.1)
            before, cpu_before, t0 = self._counters(), self._cpu_ns(thread), time.monotonic()
            time.sleep(window)
            # On a machine with no time for either side the window lasts until there is something to divide by.
            wait_until(lambda: self._counters()[0] > before[0] + 5000, "%s receives packets" % self.name)
            after, cpu_after, t1 = self._counters(), self._cpu_ns(thread), time.monotonic()
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            generator.kill()
            generator.communicate()
            self.wires.children.remove(generator)
        packets = after[0] - before[0]
        cpu = cpu_after - cpu_before
        return cpu / packets, packets / (t1 - t0) / 1e6, cpu / 1e9 / (t1 - t0), (after[1] - before[1]) / packets

    @staticmethod
    def _cpu_ns(pid):
        return int(pathlib.Path("/proc/%d/schedstat" % pid).read_text().split()[0])
