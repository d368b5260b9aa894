# SPDX-License-Identifier: Apache-2.0
"""Runs probewalld in a Lab's gateway and asks it things, as an operator would: by its programs' command
lines, its event log and its metrics."""
import json
import os
import pathlib
import re
import signal

from lab import LabError, ROOT, wait_until

BIN = pathlib.Path(os.environ.get("PROBEWALL_BIN", ROOT / "build/bin"))
METRICS = "127.0.0.1:9753"


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)  # strings, numbers and lists of them are spelled alike in TOML


def toml(settings):
    """Dotted keys -> TOML text; values are strings, numbers, booleans or lists of strings and numbers."""
    return "".join("%s = %s\n" % (key, toml_value(value)) for key, value in settings.items())


class Probewall:
    """One daemon with its own configuration, pins, sockets and event log, all under the lab's directory."""

    def __init__(self, lab, name="probewall", node="gateway", interfaces=("wan0",), **settings):
        self.lab, self.node, self.process = lab, node, None
        self.dir = lab.dir / name
        self.dir.mkdir(exist_ok=True)
        self.pins = lab.bpffs / name
        self.events_file = self.dir / "events.jsonl"
        self.config = self.dir / "probewall.toml"
        self.settings = {
            "interfaces": list(interfaces),
            "paths.pin_directory": str(self.pins),
            "paths.runtime_directory": str(self.dir / "run"),
            "storage.directory": str(self.dir / "state"),
            "events.file": str(self.events_file),
            "metrics.listen": METRICS,
        }
        # Keywords cannot hold dots: block__first stands for block.first.
        self.settings.update({key.replace("__", "."): value for key, value in settings.items()})
        self.write_config()

    def write_config(self, **settings):
        self.settings.update({key.replace("__", "."): value for key, value in settings.items()})
        self.config.write_text(toml(self.settings))

    # ---- the daemon ----------------------------------------------------------------------

    def start(self, *flags):
        """Starts the daemon and waits until it answers on its control socket."""
        log = self.dir / "daemon.log"
        self._log_from = log.stat().st_size if log.exists() else 0
        with open(log, "ab") as out:
            self.process = self.lab.spawn(self.node, [BIN / "probewalld", "--config", self.config, *flags], stdout=out)
        wait_until(self._ready, "probewalld answers")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError("probewalld ended with status %d: %s" % (self.process.returncode, self.log()))
        # One answer: a second one may be the kernel's pinned state, or none, while tables are replaced.
        done = self.cli("status", "--json", check=False)
        return done.returncode == 0 and json.loads(done.stdout).get("pid")

    def log(self):
        with open(self.dir / "daemon.log", errors="replace") as f:
            f.seek(self._log_from)
            return f.read()

    def refuse_to_start(self, *flags, argv_prefix=()):
        """Runs a daemon that is expected to end by itself; returns its finished process."""
        return self.lab.run(self.node, [*argv_prefix, BIN / "probewalld", "--config", self.config, *flags],
                            check=False, timeout=30)

    def pids(self):
        """Guard and worker: the daemon's process and its descendants."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop(0)
            found.append(pid)
            try:
                children = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text()
            except OSError:
                continue
            queue += [int(word) for word in children.split()]
        return found

    def stop(self):
        return self.lab.stop(self.process)

    def kill(self):
        """Kills guard and worker at once, as a crash of everything would, and waits for the corpses."""
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        wait_until(lambda: not any(pathlib.Path("/proc/%d/exe" % pid).exists() for pid in pids), "the daemon is dead")

    def detach(self):
        return self.cli("detach")

    # ---- what it says --------------------------------------------------------------------

    def cli(self, *words, check=True):
        argv = [BIN / "probewall", "--config", self.config,
                "--socket", self.dir / "run/control.sock", *words]
        return self.lab.run(self.node, argv, check=check, timeout=60)

    def cli_json(self, *words):
        done = self.cli(*words, "--json", check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise LabError("%s: exit %d, no JSON: %r %r" % (" ".join(words), done.returncode, done.stdout, done.stderr))

    def cli_status(self):
        return self.cli_json("status")

    def why(self, source):
        return self.cli_json("why", source)

    def blocked(self, source):
        return self.cli("why", source, check=False).returncode == 0

    def bans(self):
        """Bans in force, without the entries of the built-in feed."""
        return [ban for ban in self.cli_json("bans", "list")["bans"] if ban["origin"] != "feed"]

    def events(self, kind=None, **fields):
        """Events written so far, of one type and with these field values; a half-written last line waits."""
        if not self.events_file.exists():
            return []
        found = []
        for line in self.events_file.read_bytes().split(b"\n")[:-1]:
            event = json.loads(line)
            if kind in (None, event["type"]) and all(event.get(k) == v for k, v in fields.items()):
                found.append(event)
        return found

    def wait_event(self, kind, count=1, **fields):
        """Waits until `count` such events are there; returns them."""
        what = "%d %s event(s) %s are written" % (count, kind, fields or "")
        return wait_until(lambda: (lambda e: e if len(e) >= count else None)(self.events(kind, **fields)), what)

    def metrics_text(self):
        return self.lab.run(self.node, ["curl", "-sf", "-m", "10", "http://%s/metrics" % METRICS]).stdout

    def metric(self, name, **labels):
        """Sum of a metric's samples that carry these labels."""
        return sum(value for sample, has, value in parse_metrics(self.metrics_text())
                   if sample == name and all(has.get(k) == v for k, v in labels.items()))

    def dropped(self):
        """Packets XDP has dropped because of a block."""
        return (self.metric("probewall_packets_total", verdict="drop_ban")
                + self.metric("probewall_packets_total", verdict="drop_feed"))


def parse_metrics(text):
    """Prometheus text -> (name, labels, value) for each sample."""
    line_shape = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
    label_shape = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
    for line in text.splitlines():
        match = None if line.startswith("#") else line_shape.match(line)
        if match:
            yield match[1], dict(label_shape.findall(match[2] or "")), float(match[3])
