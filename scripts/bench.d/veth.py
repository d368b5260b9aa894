# SPDX-License-Identifier: Apache-2.0
"""Receiver CPU per packet on veth: Probewall next to xdp-filter, nftables, iptables with ipset, and an empty program.
Every contestant is given the same list and the same packets."""
import json
import statistics
import tempfile

from lab import LabError, run
from wires import PROGRAM, Wires

SMALL, LARGE = 10000, 1000000
BENIGN = "benign:1000000"
LEAK = 0.001  # share of blocked packets that may reach the stack


def addresses(count):
    return run([PROGRAM, "addresses", "--count", count]).stdout.split()


def ours(receiver, mode, count, prefixes=0):
    receiver.hold("ours", mode, v4=count, prefixes=prefixes)


def nft(receiver, hook, count):
    """hook: "ingress" (netdev family) or "prerouting" (inet family, raw priority)."""
    if hook == "ingress":
        family, chain = "netdev", "type filter hook ingress device %s priority 0" % receiver.device
    else:
        family, chain = "inet", "type filter hook prerouting priority raw"
    with tempfile.NamedTemporaryFile("w") as rules:
        rules.write("table %s bench { set listed { type ipv4_addr; size %d; }\n chain c { %s; policy accept; ip saddr @listed drop; }\n}\n"
                    % (family, count + 16, chain))
        listed = addresses(count)
        for at in range(0, count, 100000):
            rules.write("add element %s bench listed { %s }\n" % (family, ",".join(listed[at:at + 100000])))
        rules.flush()
        receiver.shell("nft -f " + rules.name)


def ipset(receiver, count):
    with tempfile.NamedTemporaryFile("w") as commands:
        commands.write("create listed hash:ip maxelem %d hashsize %d\n" % (count + 16, max(1024, count // 4)))
        commands.writelines("add listed %s\n" % address for address in addresses(count))
        commands.flush()
        receiver.shell("ipset restore -! -file %s && iptables-legacy -t raw -A PREROUTING -m set --match-set listed src -j DROP"
                       % commands.name)


def xdp_filter(receiver, mode, count):
    """Its command line adds one address at a time, so it adds the first and the rest goes into its map the same way."""
    listed = addresses(count)
    with tempfile.NamedTemporaryFile("w") as batch:
        words = ("mount -t bpf bpf /sys/fs/bpf && xdp-filter load -m %s -f ipv4 -p allow %s >&2 && xdp-filter ip %s -m src >&2 &&"
                 " bpftool -j map dump pinned $(find /sys/fs/bpf -name filter_ipv4)")
        found = receiver.shell("unshare -m sh -c '%s; exec sleep 0'" % (words % (mode, receiver.device, listed[0])))
        entry = json.loads(found)[0]
        value = " ".join(byte.removeprefix("0x") for byte in entry["values"][0]["value"])
        maps = [m for m in json.loads(receiver.shell("bpftool -j map show")) if m.get("name") == "filter_ipv4"]
        number = max(m["id"] for m in maps)
        batch.writelines("map update id %d key %s value hex %s\n" % (number, address.replace(".", " "), value)
                         for address in listed[1:])
        batch.flush()
        receiver.shell("bpftool batch file %s >/dev/null" % batch.name)


def nothing(receiver):
    pass


# name: (sent, set-up, part of --quick, what becomes of the packets)
CONTESTANTS = {
    "drop_native": ("blocked:%d" % LARGE, lambda r: r.hold("drop", "native"), True, "drop"),
    "xdpfilter_native_10k": ("blocked:%d" % SMALL, lambda r: xdp_filter(r, "native", SMALL), True, "drop"),
    "ours_native_10k": ("blocked:%d" % SMALL, lambda r: ours(r, "native", SMALL), True, "drop"),
    "ours_native_1m": ("blocked:%d" % LARGE, lambda r: ours(r, "native", LARGE), True, "drop"),
    "nft_ingress_10k": ("blocked:%d" % SMALL, lambda r: nft(r, "ingress", SMALL), False, "drop"),
    "nft_ingress_1m": ("blocked:%d" % LARGE, lambda r: nft(r, "ingress", LARGE), True, "drop"),
    "nft_prerouting_10k": ("blocked:%d" % SMALL, lambda r: nft(r, "prerouting", SMALL), False, "drop"),
    "nft_prerouting_1m": ("blocked:%d" % LARGE, lambda r: nft(r, "prerouting", LARGE), False, "drop"),
    "ipset_10k": ("blocked:%d" % SMALL, lambda r: ipset(r, SMALL), False, "drop"),
    "ipset_1m": ("blocked:%d" % LARGE, lambda r: ipset(r, LARGE), True, "drop"),
    "drop_generic": ("blocked:%d" % LARGE, lambda r: r.hold("drop", "generic"), False, "drop"),
    "xdpfilter_generic_10k": ("blocked:%d" % SMALL, lambda r: xdp_filter(r, "skb", SMALL), False, "drop"),
    "ours_generic_10k": ("blocked:%d" % SMALL, lambda r: ours(r, "generic", SMALL), False, "drop"),
    "ours_generic_1m": ("blocked:%d" % LARGE, lambda r: ours(r, "generic", LARGE), False, "drop"),
    "benign_unfiltered": (BENIGN, nothing, False, "pass"),
    "benign_parse_native": (BENIGN, lambda r: r.hold("parse", "native"), False, "pass"),
    "benign_ours_native_1m": (BENIGN, lambda r: ours(r, "native", LARGE, 100000), False, "pass"),
}


def measure(figures, quick, say, only=None):
    rounds = 9 if quick else 11
    with Wires() as wires:
        contestants = []
        for name, (mix, set_up, in_quick, fate) in CONTESTANTS.items():
            if (quick and not in_quick) or (only and name not in only):
                continue
            say("setting up " + name)
            receiver = wires.receiver(name)
            set_up(receiver)
            contestants.append((receiver, mix, fate))
        for turn in range(rounds):
            say("veth: round %d of %d" % (turn + 1, rounds))
            # Another one begins each time, so that none is always behind the same neighbour.
            shift = turn % len(contestants)
            for receiver, mix, fate in contestants[shift:] + contestants[:shift]:
                _one(figures, receiver, mix, fate)
    idle = [r.name for r, _, _ in contestants if statistics.median(figures.runs("veth_%s_busy" % r.name)) < 90]
    if idle:
        figures.note("veth: not the contestant but the generator, or the veth's ring of 256 packets, was the bottleneck for %s "
                     "(processor busy for less than 90 %% of the time): compare CPU time per packet, not packets per second."
                     % ", ".join(idle))


def _one(figures, receiver, mix, fate):
    ns, arrived, busy, leaked = receiver.measure(mix)
    if fate == "drop" and leaked > LEAK:
        raise LabError("%s: %.1f %% of the blocked packets reached the stack" % (receiver.name, 100 * leaked))
    figures.add("veth_" + receiver.name, "ns/packet", ns)
    figures.add("veth_%s_arrived" % receiver.name, "Mpackets/s", arrived)
    figures.add("veth_%s_busy" % receiver.name, "%", 100 * busy)
