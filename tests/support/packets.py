# SPDX-License-Identifier: Apache-2.0
"""Hand-made TCP packets: sent raw with any source address, and read from a packet socket."""
import ipaddress
import random
import socket
import struct

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(src, dst, sport, dport, seq, ack, flags, payload=b""):
    """One IP packet (no Ethernet header) with right checksums. Numbers wrap as TCP's do."""
    s, d = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 64240, 0, 0) + payload
    if s.version == 4:
        pseudo = s.packed + d.packed + struct.pack("!BBH", 0, 6, len(tcp))
    else:
        pseudo = s.packed + d.packed + struct.pack("!IxxxB", len(tcp), 6)
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    if s.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + s.packed + d.packed + tcp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), random.getrandbits(16), 0x4000, 64, 6, 0, s.packed, d.packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + tcp


class RawSender:
    """Sends whole IP packets from `node`, whatever source they claim."""

    def __init__(self, lab, node="scanner"):
        self.v4 = lab.socket(node, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.v6 = lab.socket(node, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.v6.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL

    def send(self, src, dst, *rest, **more):
        raw = packet(src, dst, *rest, **more)
        if ":" in dst:
            self.v6.sendto(raw, (dst, 0, 0, 0))
        else:
            self.v4.sendto(raw, (dst, 0))

    def close(self):
        self.v4.close()
        self.v6.close()


def connections(lab, node, port):
    """Established TCP connections in `node` to server port `port`: (local port, peer address)."""
    lines = lab.run(node, ["ss", "-Htn", "state", "established", "dport", "=", ":%d" % port]).stdout.splitlines()
    return [(int(fields[2].rpartition(":")[2]), fields[3].rpartition(":")[0]) for fields in map(str.split, lines)]
