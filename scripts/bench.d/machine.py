# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on."""
import os
import pathlib
import re
import shutil
import subprocess


def _first(pattern, path, default="unknown"):
    match = re.search(pattern, pathlib.Path(path).read_text(errors="replace"), re.M)
    return match[1].strip() if match else default


def _output(*argv):
    if not shutil.which(argv[0]):
        return ""
    return subprocess.run(argv, text=True, capture_output=True, check=False).stdout.strip()


def _package(name):
    return _output("dpkg-query", "-W", "-f", "${Version}", name) or "not installed"


def machine():
    """Strings by name, for people; "processors" is a number."""
    uname = os.uname()
    return {
        "processor": _first(r"^model name\s*:\s*(.*)$", "/proc/cpuinfo"),
        "processors": len(os.sched_getaffinity(0)),
        "memory": "%.0f GiB" % (int(_first(r"^MemTotal:\s*(\d+)", "/proc/meminfo", "0")) / 2**20),
        "kernel": "%s %s" % (uname.release, uname.machine),
        "virtualisation": _output("systemd-detect-virt") or _output("sh", "-c", "grep -qw hypervisor /proc/cpuinfo && echo guest") or "none seen",
        "system": _first(r'^PRETTY_NAME="?([^"\n]*)', "/etc/os-release"),
        "load": "%.1f when the run began" % os.getloadavg()[0],
        "xdp-tools": _package("xdp-tools"), "nftables": _package("nftables"), "ipset": _package("ipset"),
        "iptables": _package("iptables"), "nginx": _package("nginx-light"), "clang": _package("clang"),
    }
