# SPDX-License-Identifier: Apache-2.0
"""A ban ends the source's running connections, so that the model server stops generating."""
import json

from e2e import (BEHIND4, BEHIND6, BEHIND_PORT, CLIENT4, GATEWAY4, LOCAL4, LOCAL_PORT, SCANNER4, LabCase, main, wait_until)
from probes import chat_body


class ConnectionsEnd(LabCase):
    def stream(self, node, url, source=None):
        """A chat whose answer takes minutes. Started, and its first bytes received."""
        out = self.lab.dir / ("stream-%s-%s" % (node, self._testMethodName[-60:]))
        body = json.dumps(chat_body("llama3.2", "Tell the children's group a long story about a lighthouse.", stream=True))
        argv = ["curl", "-sN", "-m", "120", "-o", out, "-H", "Content-Type: application/json", "-H", "Authorization: Bearer sk-lab-4f1c9a7e52",
                "-d", body, url + "/v1/chat/completions"]
        if source:
            argv += ["--interface", source]
        process = self.lab.spawn(node, argv, log="stream")
        self.addCleanup(self.lab.stop, process)
        wait_until(lambda: out.exists() and out.stat().st_size > 1000, "the story has begun")
        return process, out

    def peers(self, node, port, peer):
        """Address and port of the other end of each of the server's live connections with `peer`."""
        lines = self.lab.run(node, ["ss", "-Htn", "state", "established", "sport", "=", ":%d" % port]).stdout.splitlines()
        return {line.split()[3] for line in lines if peer in line.split()[3]}

    def ends(self, node, port, url, source):
        wall = self.wall()
        self.stream("client", url if "[" not in url else BEHIND4)
        _, out = self.stream("scanner", url, source=source)
        self.assertEqual(len(self.peers(node, port, source)), 1)
        self.probe_until_blocked(url, source=source)
        decision = wall.wait_event("decision")[0]
        wait_until(lambda: not self.peers(node, port, source), "the server has no connection with the scanner")
        size = out.stat().st_size
        self.assertTrue(decision["connections_ended"] is None or decision["connections_ended"] >= 1, decision)
        # The client's story goes on.
        mine, story = self.stream("client", LOCAL4)
        grown = story.stat().st_size
        wait_until(lambda: story.stat().st_size > grown, "the client's answer goes on")
        self.assertIsNone(mine.poll())
        self.assertEqual(out.stat().st_size, size)

    def test_stream_of_a_server_on_the_gateway_ends(self):
        self.ends("gateway", LOCAL_PORT, LOCAL4, SCANNER4)

    def test_stream_of_a_server_behind_the_gateway_ends(self):
        self.ends("server", BEHIND_PORT, BEHIND4, SCANNER4)

    def test_ipv6_stream_of_a_server_behind_the_gateway_ends(self):
        self.ends("server", BEHIND_PORT, BEHIND6, "2001:db8:f000:9::1")

    def test_connections_stay_when_the_configuration_says_so(self):
        wall = self.wall(block__end_connections=False)
        self.stream("scanner", LOCAL4)
        running = self.peers("gateway", LOCAL_PORT, SCANNER4)
        self.probe_until_blocked(LOCAL4)
        decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        self.assertEqual(len(running), 1)
        self.assertLessEqual(running, self.peers("gateway", LOCAL_PORT, SCANNER4))
        self.assertIn(decision["connections_ended"], (None, 0))

    def test_llm_scope_leaves_the_sources_other_connections_alone(self):
        wall = self.wall(block__scope="llm")
        listen = "import socket; s = socket.create_server(('', 2222)); c, _ = s.accept(); c.recv(1)"
        talk = "import socket; s = socket.create_connection(('%s', 2222)); s.recv(1)" % GATEWAY4
        for node, program in ("gateway", listen), ("scanner", talk):
            process = self.lab.spawn(node, ["python3", "-c", program], log="port2222")
            self.addCleanup(self.lab.stop, process)
            if node == "gateway":
                wait_until(lambda: self.lab.run(node, ["ss", "-Hltn", "sport", "=", ":2222"]).stdout, "port 2222 listens")
        other = wait_until(lambda: self.peers("gateway", 2222, SCANNER4), "the scanner's other connection stands")
        self.stream("scanner", LOCAL4)
        self.probe_until_blocked(LOCAL4)
        decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        wait_until(lambda: not self.peers("gateway", LOCAL_PORT, SCANNER4), "the server has no connection with the scanner")
        self.assertGreaterEqual(decision["connections_ended"], 1)
        self.assertEqual(self.peers("gateway", 2222, SCANNER4), other)

    def test_client_is_not_touched_by_an_operators_ban_of_somebody_else(self):
        wall = self.wall()
        self.stream("client", LOCAL4)
        wall.cli("bans", "add", SCANNER4, "--ttl", "1m")
        self.assertEqual(len(self.peers("gateway", LOCAL_PORT, CLIENT4)), 1)


main()
