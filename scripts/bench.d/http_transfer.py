# SPDX-License-Identifier: Apache-2.0
"""A real HTTP transfer (nginx to curl, over veth) through an interface with Probewall, in the mode that `auto` picks,
and through one without; both stand side by side and are used in turns. The server listens on an LLM port, so requests
and answers take the whole way through the programs and the daemon."""
import os
import pathlib

from lab import GATEWAY4, Lab, LabError, run, wait_until
from probewall import Probewall

PORT = 8000
SERVER = """
worker_processes 1;
pid %(directory)s/nginx.pid;
error_log %(directory)s/error.log;
events {}
http {
  access_log off;
  sendfile on;
  client_max_body_size 0;
  client_body_temp_path %(directory)s/body;
  server {
    listen %(port)d;
    root %(files)s;
    location /upload { return 200 "taken"; }
  }
}
"""
UPLOADS, UPLOAD_BYTES = 12, 32 << 20


def on_processor(number):
    """What a program is started with to run there and before others, so that neither the scheduler's choice of processors
    nor other work is measured."""
    words = ["taskset", "--cpu-list", number]
    first = ["chrt", "--fifo", "1"]
    return words + first if run(first + ["true"], check=False).returncode == 0 else words


class Site:
    """A lab whose gateway serves files. `files`: those of another site, for all to read the same memory, as some memory
    is faster."""

    def __init__(self, name, size, files=None):
        self.lab, self.wall = Lab("bench" + name), None
        processors = sorted(os.sched_getaffinity(0))
        self.server_on, self.client_on = on_processor(processors[0]), on_processor(processors[-1])
        try:
            # Which paces nothing: with BBR, timers are measured, not processors. All namespaces may have it.
            for node in ("gateway", "internet"):
                self.lab.run(node, ["sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno"])
            directory = self.lab.dir / "nginx"
            directory.mkdir()
            self.files = files or directory / "files"
            self.files.mkdir(exist_ok=True)
            for path in (directory, self.files, self.lab.dir):
                path.chmod(0o755)
            # Holes: nothing is read from a disk.
            for file, length in (("large", size), ("upload", UPLOAD_BYTES)):
                with open(self.files / file, "ab") as f:
                    f.truncate(length)
            (directory / "nginx.conf").write_text(SERVER % {"directory": directory, "files": self.files, "port": PORT})
            self.upload = self.files / "upload"
            self.lab.spawn("gateway", [*self.server_on, "nginx", "-p", directory, "-c", directory / "nginx.conf", "-g", "daemon off;"])
            wait_until(lambda: self.lab.accepts("gateway", "127.0.0.1", PORT), "nginx listens")
        except BaseException:
            self.lab.close()
            raise

    def protect(self, mode):
        self.wall = Probewall(self.lab, xdp__mode=mode)
        self.wall.start()
        return self

    def _curl(self, *words, start=None):
        """Runs curl beside the gateway; its -w output lines."""
        done = self.lab.run("internet", [*(start or self.client_on), "curl", "-sS", "-m", "120", "-o", "/dev/null", *words], check=False)
        if done.returncode != 0:
            raise LabError("curl: %s" % done.stderr.strip())
        return done.stdout.split()

    def download(self, start=None):
        """Gbit/s. `start`: what curl is started with instead of the client's processor."""
        speed, = self._curl("-w", "%{speed_download}\n", "http://%s:%d/large" % (GATEWAY4, PORT), start=start)
        return float(speed) * 8 / 1e9

    def uploads(self):
        """Gbit/s, over several requests on one connection."""
        url = "http://%s:%d/upload" % (GATEWAY4, PORT)
        words = []
        for _ in range(UPLOADS):
            words += ["-o", "/dev/null", "-T", str(self.upload), url]
        times = self._curl("-H", "Expect:", "-w", "%{time_total}\n", *words[2:])
        return UPLOADS * UPLOAD_BYTES * 8 / 1e9 / sum(map(float, times))

    def close(self):
        if self.wall is not None and self.wall.process is not None:
            self.wall.stop()
            self.wall.cli("detach", check=False)
        self.lab.close()


def _mode(site):
    """"native" or "generic", and the daemon's reason."""
    attached = site.wall.cli_status()["interfaces"][0]
    return attached["xdp_mode"], attached["why"]


def measure(figures, quick, say):
    # Many short transfers in turns: what else the machine does then meets both sides alike.
    rounds, size = (200, 64 << 20) if quick else (240, 64 << 20)
    say("HTTP: setting up the servers")
    sites = {}
    try:
        sites["unfiltered"] = Site("plain", size)
        files = sites["unfiltered"].files
        sites["filtered"] = Site("auto", size, files).protect("auto")
        mode, why = _mode(sites["filtered"])
        if not quick:
            other = "generic" if mode == "native" else "native"
            sites["filtered_" + other] = Site(other, size, files).protect(other)
        names = list(sites)
        for turn in range(-1, rounds):  # the first round warms up
            if turn % 50 == 0:
                say("HTTP: round %d of %d" % (turn + 1, rounds))
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                down = sites[name].download()
                both = sites[name].download(sites[name].server_on)
                up = sites[name].uploads() if not quick and turn % 4 == 0 else None
                if turn >= 0:
                    figures.add("http_download_" + name, "Gbit/s", down)
                    figures.add("http_download_one_processor_" + name, "Gbit/s", both)
                if turn >= 0 and up is not None:
                    figures.add("http_upload_" + name, "Gbit/s", up)
        figures.note("http: `auto` picked %s on veth%s." % (mode, " (%s)" % why if why else ""))
        if not quick:
            _skipping(figures, sites["filtered"])
    finally:
        for site in sites.values():
            site.close()


def _skipping(figures, site):
    """How many bytes of a 10 MB upload went through the ring."""
    payload = pathlib.Path(site.upload.parent / "ten")
    with open(payload, "wb") as f:
        f.truncate(10 << 20)
    skipped = lambda: site.wall.metric("probewall_kernel_events_total", event="skipped_bytes")  # noqa: E731
    before = skipped()
    site._curl("-H", "Expect:", "-T", str(payload), "http://%s:%d/upload" % (GATEWAY4, PORT))
    os.unlink(payload)
    wait_until(lambda: skipped() > before, "the kernel counts skipped bytes")
    figures.add("upload_10mb_bytes_not_skipped", "bytes", max(0, (10 << 20) - (skipped() - before)))
