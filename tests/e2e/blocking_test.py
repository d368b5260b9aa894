# SPDX-License-Identifier: Apache-2.0
"""A real probe is blocked and a real client is not, with each way to attach and each transport.

    blocking_test.py native|generic ring|perf"""
import sys

from e2e import (BEHIND4, BEHIND6, CLIENT4, LOCAL4, LOCAL6, SCANNER4, LabCase, main, wait_until)
from probes import fan_out_requests

XDP_MODE, TRANSPORT = sys.argv.pop(1), sys.argv.pop(1)


class Blocking(LabCase):
    def wall(self, **settings):
        return super().wall(xdp__mode=XDP_MODE, capture__transport=TRANSPORT, **settings)

    def assert_blocked_and_dropped(self, wall, url, source, node="scanner", address=None):
        """The next attempts of `source` get nothing, and XDP counts their packets."""
        decision = wall.wait_event("decision", source=source)[0]
        self.assertEqual((decision["action"], decision["proven"]), ("block", True))
        before = wall.dropped()
        for _ in range(3):
            self.assertNotEqual(self.curl(node, url + "/v1/models", source=address, seconds=1)[0], 0)
        wait_until(lambda: wall.dropped() >= before + 3, "XDP has dropped the next packets")
        return decision

    def test_status_names_the_mode_and_transport_asked_for(self):
        wall = self.wall()
        status = wall.cli_status()
        self.assertEqual(([i["name"] for i in status["interfaces"]], status["interfaces"][0]["xdp_mode"], status["transport"]),
                         (["wan0"], XDP_MODE, TRANSPORT))
        self.assertEqual(self.xdp_of()["mode"], {"native": 1, "generic": 2}[XDP_MODE])

    def test_campaign_probe_is_blocked_and_its_later_packets_are_dropped(self):
        wall = self.wall()
        answered = self.probe_until_blocked(BEHIND4)
        decision = self.assert_blocked_and_dropped(wall, BEHIND4, SCANNER4 + "/32")
        self.assertGreaterEqual(decision["requests_seen"], answered)
        self.assertGreaterEqual(decision["score"], 100)
        self.assertGreater(decision["reaction_us"], 0)
        self.assertTrue(wall.blocked(SCANNER4))
        self.assertFalse(wall.blocked(CLIENT4))

    def test_probe_of_a_server_on_the_gateway_itself_is_blocked(self):
        wall = self.wall()
        self.probe_until_blocked(LOCAL4)
        self.assert_blocked_and_dropped(wall, LOCAL4, SCANNER4 + "/32")

    def test_ipv6_prober_is_blocked_with_its_whole_64(self):
        wall = self.wall()
        self.probe_until_blocked(BEHIND6, source="2001:db8:f000:7::a")
        self.assert_blocked_and_dropped(wall, LOCAL6, "2001:db8:f000:7::/64", address="2001:db8:f000:7::b")
        self.assertEqual(self.curl("scanner", LOCAL6 + "/v1/models", source="2001:db8:f000:8::a"), (0, "200"))

    def test_fan_out_over_the_paths_of_many_products_is_blocked(self):
        wall = self.wall()
        self.probe_until_blocked(LOCAL4, requests=fan_out_requests)
        self.assert_blocked_and_dropped(wall, LOCAL4, SCANNER4 + "/32")

    def test_a_thousand_requests_of_real_clients_are_answered_and_none_is_scored_to_a_block(self):
        wall = self.wall()
        self.chats(BEHIND4, 350)
        self.chats(LOCAL6, 150, stream=True)
        self.chats(BEHIND4, 300, sdk="ollama")
        done = self.lab.run("client", ["sh", "-c", "for i in $(seq 10); do curl -sf -m 5 -o /dev/null '%s/v1/models?page=[1-20]' || exit 1; done"
                                       % LOCAL4], timeout=120)
        self.assertEqual(done.returncode, 0)
        wait_until(lambda: wall.metric("probewall_requests_total") >= 1000, "all requests are counted")
        self.assertEqual(wall.events("decision"), [])
        self.assertEqual((wall.dropped(), wall.bans()), (0, []))
        self.assertEqual(wall.metric("probewall_ring_lost_total"), 0)


class ObserveAndExpiry(LabCase):
    def wall(self, **settings):
        return super().wall(xdp__mode=XDP_MODE, capture__transport=TRANSPORT, **settings)

    def test_observe_mode_decides_and_drops_nothing(self):
        wall = self.wall(mode="observe")
        self.send_probes(BEHIND4)
        decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        self.assertEqual(decision["action"], "observe")
        self.assertEqual(self.curl("scanner", BEHIND4 + "/v1/models"), (0, "200"))
        self.assertEqual(wall.dropped(), 0)
        self.assertFalse(wall.blocked(SCANNER4))

    def test_ban_expires_and_the_source_gets_through_again(self):
        wall = self.wall(block__first="3s")
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        wait_until(lambda: self.curl("scanner", BEHIND4 + "/v1/models", seconds=1) == (0, "200"), "the ban is over")
        wall.wait_event("unblock", source=SCANNER4 + "/32")
        self.assertFalse(wall.blocked(SCANNER4))

    def test_second_ban_of_the_same_source_is_longer(self):
        wall = self.wall(block__first="2s", block__factor=30)
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("unblock", source=SCANNER4 + "/32")
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", count=2, source=SCANNER4 + "/32")
        left = wait_until(lambda: wall.bans(), "the second ban stands in the table")[0]["seconds_left"]
        self.assertGreater(left, 20)

    def test_nmap_that_says_who_it_is_gets_blocked(self):
        wall = self.wall()
        self.lab.run("scanner", ["nmap", "-n", "-Pn", "-sT", "-p", "8000", "--script", "http-title,http-headers,http-methods",
                                 "--host-timeout", "30s", "192.0.2.2"], check=False)
        wall.wait_event("decision", source=SCANNER4 + "/32")

    def test_request_on_a_decoy_port_is_answered_404_and_counts_against_its_source(self):
        # Observing: a block would cut the connection, in a race with the answer.
        wall = self.wall(mode="observe", decoy_ports=[5005])
        self.assertEqual(self.curl("scanner", "http://192.0.2.2:5005/v1/models"), (0, "404"))
        detection = wall.wait_event("detection", source=SCANNER4 + "/32")[0]
        self.assertGreater(detection["points"], 0)


main()
