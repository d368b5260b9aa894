# SPDX-License-Identifier: Apache-2.0
"""Packets that claim somebody else's address: they never get him blocked, nor cost him a point.

Each test sends one kind of forgery, for real, hundreds of times, in the name of an honest client that is
talking to the same server meanwhile, and of an address where nobody answers. At the end of each the
true scanner sends the same requests over real connections and is blocked: the bytes were worth a block."""
import json
import random
import threading

from e2e import (BEHIND4, BEHIND_PORT, CLIENT4, CLIENT6, GATEWAY4, GATEWAY6, LOCAL4, LOCAL_PORT, SCANNER4, SERVER4,
                 LabCase, main, wait_until)
from packets import ACK, FIN, PSH, SYN, RawSender, connections
from probes import campaign_body, http

SILENT4 = "198.51.100.99"  # routed towards the client's network, nobody there
CLOSED_PORT = 1234         # an LLM port where nothing listens
TIMES = 250


def request(i, host):
    return http("POST", "/v1/chat/completions", host, campaign_body(i), ["User-Agent: Go-http-client/1.1"])


def number():
    return random.getrandbits(32)


class ForgedSource(LabCase):
    def setUp(self):
        self.raw = RawSender(self.lab)
        self.addCleanup(self.raw.close)
        self.sent = 0
        self.port = 20000

    def send(self, *rest, **more):
        self.raw.send(*rest, **more)
        self.sent += 1

    def next_port(self):
        self.port += 1
        return self.port

    def forge(self, kind, targets=((GATEWAY4, LOCAL_PORT), (SERVER4, BEHIND_PORT)), victims=(CLIENT4, SILENT4), **settings):
        """Runs `kind(victim, server, port, i)` TIMES times per victim and target, beside the honest client."""
        wall = self.wall(**settings)
        chats = []
        talker = threading.Thread(target=lambda: chats.append(self.lab.chat(BEHIND4, count=120, gap=10, check=False)))
        talker.start()
        try:
            for i in range(TIMES):
                for victim in victims:
                    for server, port in targets:
                        kind(victim, server, port, i)
        finally:
            talker.join()
        self.judge(wall, victims, json.loads(chats[0].stdout))

    def judge(self, wall, victims, chats):
        self.assertEqual((chats["failed"], chats["errors"]), (0, []))
        wait_until(lambda: wall.metric("probewall_llm_packets_total") >= self.sent, "Probewall has seen what was sent")
        for victim in victims:
            why = wall.why(victim)
            self.assertEqual((why["blocked"], why["score"]), (False, 0), why)
        self.assertEqual(wall.events("decision") + wall.events("detection"), [])
        self.assertEqual(wall.bans(), [])
        # The same requests, over connections of the sender's own, are worth a block.
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        self.assertFalse(wall.blocked(CLIENT4))

    def test_whole_request_without_handshake(self):
        def kind(victim, server, port, i):
            self.send(victim, server, self.next_port(), port, number(), number(), ACK | PSH, request(i, server))
        self.forge(kind)

    def test_whole_request_with_fin_without_handshake(self):
        def kind(victim, server, port, i):
            self.send(victim, server, self.next_port(), port, number(), number(), ACK | PSH | FIN, request(i, server))
        self.forge(kind)

    def test_request_without_ack_flag_to_a_closed_port(self):
        def kind(victim, server, port, i):
            self.send(victim, server, self.next_port(), port, number(), 0, PSH, request(i, server))
        self.forge(kind, targets=((GATEWAY4, CLOSED_PORT), (SERVER4, CLOSED_PORT)))

    def syn_then_guess(self, victim, server, port, i):
        sport, isn = self.next_port(), number()
        self.send(victim, server, sport, port, isn, 0, SYN)
        self.send(victim, server, sport, port, isn + 1, number(), ACK | PSH, request(i, server))

    def test_syn_and_then_a_request_with_a_guessed_acknowledgment(self):
        self.forge(self.syn_then_guess)

    def test_syn_and_then_a_guess_when_the_server_uses_syncookies(self):
        for node in ("gateway", "server"):
            self.lab.run(node, ["sh", "-c", "echo 2 >/proc/sys/net/ipv4/tcp_syncookies"])
            self.addCleanup(self.lab.run, node, ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_syncookies"])
        self.forge(self.syn_then_guess)

    def test_syn_that_carries_the_request(self):
        def kind(victim, server, port, i):
            self.send(victim, server, self.next_port(), port, number(), 0, SYN, request(i, server))
        self.forge(kind)

    def test_syn_and_then_data_without_ack_flag(self):
        def kind(victim, server, port, i):
            sport, isn = self.next_port(), number()
            self.send(victim, server, sport, port, isn, 0, SYN)
            self.send(victim, server, sport, port, isn + 1, 0, PSH, request(i, server))
        self.forge(kind)

    def test_request_and_then_a_syn_whose_answer_acknowledges_exactly_its_end(self):
        def kind(victim, server, port, i):
            sport, seq, data = self.next_port(), number(), request(i, server)
            self.send(victim, server, sport, port, seq, number(), ACK | PSH, data)
            self.send(victim, server, sport, port, seq + len(data) - 1, 0, SYN)
        self.forge(kind)

    def test_ipv6_request_without_handshake_and_after_a_syn(self):
        def kind(victim, server, port, i):
            sport, isn = self.next_port(), number()
            self.send(victim, server, sport, port, isn, 0, SYN)
            self.send(victim, server, sport, port, isn + 1, number(), ACK | PSH, request(i, "[%s]" % server))
        self.forge(kind, targets=((GATEWAY6, LOCAL_PORT),), victims=(CLIENT6, "2001:db8:20::99"))

    def inject(self, url, server, port):
        """Injects requests with guessed sequence numbers into the client's live connection."""
        wall = self.wall()
        chats = []
        talker = threading.Thread(target=lambda: chats.append(self.lab.chat(url, count=100, gap=30, check=False)))
        talker.start()
        try:
            sport = wait_until(lambda: connections(self.lab, "client", port), "the client has a live connection")[0][0]
            for i in range(8 * TIMES):
                self.send(CLIENT4, server, sport, port, number(), number(), ACK | PSH, request(i, server))
        finally:
            talker.join()
        self.judge(wall, (CLIENT4,), json.loads(chats[0].stdout))

    def test_request_injected_into_a_live_connection_to_the_gateway(self):
        self.inject(LOCAL4, GATEWAY4, LOCAL_PORT)

    def test_request_injected_into_a_live_connection_to_a_server_behind(self):
        self.inject(BEHIND4, SERVER4, BEHIND_PORT)


main()
