# SPDX-License-Identifier: Apache-2.0
"""A small internet in network namespaces: scanner, client, gateway and server.

    scanner 203.0.113.66 --+
                           +-- internet -- wan0 gateway lan0 -- server 10.77.0.10
    client 198.51.100.20 --+         192.0.2.1 / 192.0.2.2

Probewall sits on the gateway's wan0. Sources keep their addresses on the way, and the internet
forwards whatever source address a packet claims, so forged packets travel as they do outside.
Everything a Lab makes (namespaces, a bpffs mount, processes, files) is gone after close(), also
when the owner is interrupted; what a killed owner left is removed by the next Lab.
"""
import atexit
import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = pathlib.Path("/run/probewall-lab")
NODES = ("internet", "scanner", "client", "gateway", "server")

SCANNER4, SCANNER6 = "203.0.113.66", "2001:db8:66::66"
CLIENT4, CLIENT6 = "198.51.100.20", "2001:db8:20::20"
GATEWAY4, GATEWAY6 = "192.0.2.2", "2001:db8:2::2"
UPSTREAM4, UPSTREAM6 = "192.0.2.1", "2001:db8:2::1"
SERVER4, SERVER6 = "10.77.0.10", "fd77::10"
# Further source addresses, any of which the scanner's programs may bind to.
CROWD4, CROWD6 = "198.18.0.0/16", "2001:db8:f000::/40"
# add_host() gives its nodes the networks 198.19.1.0/24, 198.19.2.0/24, ...
HOSTS4 = "198.19.%d.%d"

WAIT_SECONDS = 20.0


class LabError(RuntimeError):
    """Something of the lab itself did not work; the text says which command and why."""


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Polls `condition` until it returns something true and returns that; LabError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError("gave up after %g s waiting until %s" % (seconds, what))
        time.sleep(0.01)


def run(argv, check=True, **kwargs):
    """Runs a program to its end, output captured as text."""
    kwargs.setdefault("timeout", 120)
    done = subprocess.run([str(a) for a in argv], text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    if check and done.returncode != 0:
        raise LabError("%s: exit %d: %s" % (" ".join(map(str, argv)), done.returncode,
                                            (done.stderr or done.stdout).strip()))
    return done


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _start_time(pid):
    try:
        stat = pathlib.Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def node_modules():
    """Where scripts/setup put the npm programs."""
    return pathlib.Path(os.environ.get("PROBEWALL_NODE_MODULES", ROOT / "build/lab/node_modules"))


class Lab:
    """One set of namespaces. Use as a context manager, or call close().

    `keep`: programs outlive this process and nothing is removed until remove_tag(tag)."""

    def __init__(self, name="lab", keep=False):
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: run it as root")
        sweep_stale()
        self.tag = "%s%d" % (name, os.getpid())
        self.dir = STATE / self.tag
        self.bpffs = self.dir / "bpf"
        self.keep = keep
        self.processes = []
        self._hosts = itertools.count(1)  # add_host may be called from several threads
        self._open = True
        atexit.register(self.close)
        self.dir.mkdir(parents=True)
        self.dir.chmod(0o755)
        if not keep:
            (self.dir / "owner").write_text("%d %s" % (os.getpid(), _start_time(os.getpid())))
        try:
            self._build()
        except BaseException:
            self.keep = False
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # ---- topology ------------------------------------------------------------------------

    def ns(self, node):
        return "probewall-%s-%s" % (self.tag, node)

    def _build(self):
        for node in NODES:
            run(["ip", "netns", "add", self.ns(node)])
        self.bpffs.mkdir()
        run(["mount", "-t", "bpf", "bpf", self.bpffs])
        links = [("scanner", "eth0", "internet", "to-scanner"),
                 ("client", "eth0", "internet", "to-client"),
                 ("internet", "to-gateway", "gateway", "wan0"),
                 ("gateway", "lan0", "server", "eth0")]
        for a, a_if, b, b_if in links:
            run(["ip", "link", "add", a_if, "netns", self.ns(a), "type", "veth",
                 "peer", "name", b_if, "netns", self.ns(b)])
        for node in NODES:
            self._be_open(node)
        self._addresses()

    def _be_open(self, node):
        # rp_filter off and forwarding on: forged sources must get through, as they do outside.
        # accept_dad off: an address is usable at once. ip_nonlocal_bind: the crowd's addresses can be bound.
        self.run(node, ["sh", "-c", "cd /proc/sys/net && for f in ipv4/conf/*/rp_filter; do echo 0 >$f; done;"
                        " for f in ipv6/conf/*/accept_dad; do echo 0 >$f; done;"
                        " echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding; echo 1 >ipv6/ip_nonlocal_bind"])
        self._ip(node, "link set lo up")

    def _addresses(self):
        self._host("scanner", "eth0", SCANNER4, SCANNER6, "203.0.113.1", "2001:db8:66::1")
        self._host("client", "eth0", CLIENT4, CLIENT6, "198.51.100.1", "2001:db8:20::1")
        self._host("gateway", "wan0", GATEWAY4, GATEWAY6, UPSTREAM4, UPSTREAM6)
        self._host("server", "eth0", SERVER4, SERVER6, "10.77.0.1", "fd77::1")
        for node, device, v4, v6 in [("internet", "to-scanner", "203.0.113.1", "2001:db8:66::1"),
                                     ("internet", "to-client", "198.51.100.1", "2001:db8:20::1"),
                                     ("internet", "to-gateway", UPSTREAM4, UPSTREAM6),
                                     ("gateway", "lan0", "10.77.0.1", "fd77::1")]:
            self._host(node, device, v4, v6)
        self._ip("internet", "route add 10.77.0.0/24 via %s" % GATEWAY4)
        self._ip("internet", "-6 route add fd77::/64 via %s" % GATEWAY6)
        self._ip("internet", "route add %s via %s" % (CROWD4, SCANNER4))
        self._ip("internet", "-6 route add %s via %s" % (CROWD6, SCANNER6))
        self._ip("scanner", "route add local %s dev lo" % CROWD4)
        self._ip("scanner", "-6 route add local %s dev lo" % CROWD6)

    def _host(self, node, device, v4, v6, via4=None, via6=None):
        self._ip(node, "link set %s up" % device)
        self._ip(node, "addr add %s/24 dev %s" % (v4, device))
        self._ip(node, "addr add %s/64 dev %s nodad" % (v6, device))
        if via4:
            self._ip(node, "route add default via %s" % via4)
            self._ip(node, "-6 route add default via %s" % via6)

    def add_host(self, name):
        """One more node on the internet, with an IPv4 address of its own, which is returned. For programs that
        cannot be told which source address to use."""
        number = next(self._hosts)
        here, there, outer = HOSTS4 % (number, 2), HOSTS4 % (number, 1), "to-host%d" % number
        run(["ip", "netns", "add", self.ns(name)])
        run(["ip", "link", "add", "eth0", "netns", self.ns(name), "type", "veth",
             "peer", "name", outer, "netns", self.ns("internet")])
        self._ip(name, "link set lo up")
        for node, device, address in ((name, "eth0", here), ("internet", outer, there)):
            self._ip(node, "link set %s up" % device)
            self._ip(node, "addr add %s/24 dev %s" % (address, device))
        self._ip(name, "route add default via %s" % there)
        return here

    def _ip(self, node, words):
        run(["ip", "-n", self.ns(node)] + words.split())

    # ---- programs ------------------------------------------------------------------------

    def inside(self, node, argv):
        """The command line that runs `argv` in `node`. Mounts stay the host's, so the lab's bpffs is seen."""
        return ["nsenter", "--net=/run/netns/" + self.ns(node)] + [str(a) for a in argv]

    def run(self, node, argv, check=True, **kwargs):
        return run(self.inside(node, argv), check=check, **kwargs)

    def spawn(self, node, argv, log=None, **kwargs):
        """Starts a program that the lab ends with itself. Output goes to <lab directory>/<log>.log,
        unless stdout says otherwise."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs["start_new_session"] = True  # as a service manager does: the scheduler groups by session
        kwargs["preexec_fn"] = None if self.keep else die_with_parent
        with open(self.dir / ("%s.log" % (log or pathlib.Path(argv[0]).name)), "ab") as out:
            kwargs.setdefault("stdout", out)
            kwargs.setdefault("stderr", kwargs["stdout"])
            process = subprocess.Popen(self.inside(node, argv), **kwargs)
        self.processes.append(process)
        return process

    @contextlib.contextmanager
    def in_namespace(self, node):
        """The calling thread's network namespace is `node`'s inside the block: sockets opened here live there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open("/run/netns/" + self.ns(node)) as there:
            if libc.setns(there.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
                raise LabError("setns: %s" % os.strerror(ctypes.get_errno()))
            try:
                yield
            finally:
                libc.setns(home.fileno(), 0x40000000)

    def socket(self, node, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.in_namespace(node):
            return socket.socket(family, kind, protocol)

    def accepts(self, node, host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with self.socket(node, family) as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) == 0

    def start_llm(self, node="gateway", ports=(11434, 8000)):
        """Starts the npm mock-llm server, one process per port, on IPv4 and IPv6."""
        main = node_modules() / "@dwmkerr/mock-llm/dist/main.js"
        if not main.exists():
            raise LabError("%s is missing: run scripts/setup" % main)
        # Long enough for minutes at the configured pace.
        story = "The keeper counted the ships that passed the light. " * 6000
        config = self.dir / "mock-llm.yaml"
        config.write_text((ROOT / "scripts/lab.d/mock-llm.yaml").read_text().replace("LONG_STORY", story))
        for port in ports:
            env = dict(os.environ, HOST="::", PORT=str(port))
            self.spawn(node, ["node", main, "--config", config], log="llm-%s-%d" % (node, port), env=env)
        for port in ports:
            wait_until(lambda: self.accepts(node, "127.0.0.1", port), "the LLM server listens on %d" % port)

    def chat(self, url, sdk="openai", count=1, node="client", check=True, **options):
        """Runs `count` ordinary chats with an official client and returns its one-line JSON summary as text."""
        argv = ["node", ROOT / "scripts/lab.d/chat.cjs", "--sdk", sdk, "--url", url, "--count", count]
        for key, value in options.items():
            argv += ["--" + key] if value is True else ["--" + key, value]
        env = dict(os.environ, NODE_PATH=str(node_modules()))
        return self.run(node, argv, check=check, env=env, timeout=300)

    # ---- the end -------------------------------------------------------------------------

    def stop(self, process, seconds=10.0):
        """Ends one process, kindly first; returns its exit status."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return process.wait()

    def close(self):
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        if self.keep:
            return
        for process in reversed(self.processes):
            with contextlib.suppress(Exception):
                self.stop(process, 5.0)
        remove_tag(self.tag)


def remove_tag(tag):
    """Removes every trace of the lab `tag`; a part that is already gone is no error."""
    here = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    for name in here:
        if not name.startswith("probewall-%s-" % tag):
            continue
        for pid in run(["ip", "netns", "pids", name], check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run(["ip", "netns", "del", name], check=False)
    directory = STATE / tag
    if os.path.ismount(directory / "bpf"):
        run(["umount", "-l", directory / "bpf"], check=False)
    if not os.path.ismount(directory / "bpf"):
        shutil.rmtree(directory, ignore_errors=True)


def sweep_stale():
    """Removes labs whose owner has died."""
    if not STATE.is_dir():
        return
    for owner in STATE.glob("*/owner"):
        with contextlib.suppress(OSError, ValueError):
            pid, started = owner.read_text().split()
            if _start_time(int(pid)) != started:
                remove_tag(owner.parent.name)


def end_on_signals():
    """SIGTERM and SIGHUP end the program like Ctrl-C does, so that clean-up runs."""
    def stop(number, frame):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
