# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS, spoken by real clients with a real server: prior knowledge and Upgrade: h2c.

    http2_test.py native|generic"""
import json
import sys
import textwrap

from e2e import LabCase, main, wait_until
from lab import GATEWAY4, SCANNER4, run
from probes import campaign_requests, chat_body
from probewall import BIN

XDP_MODE = sys.argv.pop(1)
PORT = 8080
SERVER_FIRST = 8001
URL = "http://%s:%d" % (GATEWAY4, PORT)
JSON = ["-H", "Content-Type: application/json", "-H", "Authorization: Bearer sk-lab-4f1c9a7e52"]
# Asks one after the other on one connection and prints the statuses.
NODE_CLIENT = """
const [url, requests] = process.argv.slice(1);
const session = require('http2').connect(url);
const ask = ([path, body]) => new Promise((done) => {
  const stream = session.request({':path': path, ':method': body ? 'POST' : 'GET', 'content-type': 'application/json'});
  stream.on('response', (headers) => console.log(headers[':status']));
  stream.on('close', done).resume().end(body ? JSON.stringify(body) : undefined);
});
(async () => { for (const r of JSON.parse(requests)) await ask(r); session.close(); })();
"""
# Says its SETTINGS as soon as a client has connected, as Node's servers do (and those of gRPC).
NODE_SERVER = """
const server = require('http2').createServer();
server.on('stream', (stream) => { stream.respond({':status': 200, 'content-type': 'application/json'}); stream.end('{}'); });
server.listen(%d, '0.0.0.0');
"""
# Asks for each path over a connection of its own, and does not begin before the server has spoken.
PATIENT_CLIENT = textwrap.dedent("""
    import socket, sys
    host, port, *paths = sys.argv[1:]
    def text(name, value):
        return bytes([name, len(value)]) + value.encode()
    def frame(kind, flags, stream, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    for path in paths:
        with socket.create_connection((host, int(port)), 10) as link:
            said = b""
            while len(said) < 9:
                said += link.recv(4096)
            head = b"\\x82\\x86" + text(0x04, path) + text(0x01, host)
            link.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0) + frame(1, 5, 1, head))
            while b"{}" not in said:
                said += link.recv(4096)
    """)


def over_http2(url):
    """A scanner's requests, by prior knowledge."""
    for arguments, words in campaign_requests(url):
        yield ["--http2-prior-knowledge", *arguments], words


class Http2(LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.spawn("gateway", ["nghttpx", "--frontend=*,%d;no-tls" % PORT, "--backend=127.0.0.1,8000", "--workers=1",
                                  "--log-level=WARN"], log="nghttpx")
        wait_until(lambda: cls.lab.accepts("gateway", "127.0.0.1", PORT), "the HTTP/2 server listens")

    def curl_chat(self, version, prompt):
        """Two chats on one connection where curl can do that (7.88 cannot with prior knowledge)."""
        body = json.dumps(chat_body("llama3.2", prompt))
        urls = [URL + "/v1/chat/completions"] * (1 if "prior" in version else 2)
        done = self.lab.run("client", ["curl", "-s", "-m", 20, version, "-w", "\n%{http_code} %{http_version}\n", *JSON, "-d", body, *urls])
        return [line for line in done.stdout.splitlines() if line[:1].isdigit()]

    def node_requests(self):
        """One connection: a list of models, a body far over the cap, an unknown model, one more chat."""
        requests = [["/v1/models", None], *(["/v1/chat/completions", chat_body(*chat)] for chat in (
            ("llama3.2", "large " * 13000), ("other", "unknown"), ("llama3.2", "small")))]
        done = self.lab.run("client", ["node", "-e", NODE_CLIENT, URL, json.dumps(requests)], check=False)
        return done.stdout.split()

    def several_kinds(self):
        self.assertEqual(self.curl_chat("--http2-prior-knowledge", "prior"), ["200 2"])
        self.assertEqual(self.curl_chat("--http2", "upgrade"), ["200 2"] * 2)
        self.assertEqual(self.node_requests(), ["200", "200", "404", "200"])
        many = self.lab.dir / "many.json"
        many.write_text(json.dumps(chat_body("llama3.2", "many")))
        self.lab.run("client", ["nghttp", "-n", "-m", "20", "-d", many, "-H", "content-type: application/json",
                                URL + "/v1/chat/completions"])

    def seen(self, events):
        """What was asked, and how it was answered, by request. Of many answers written at once only those in the
        first bytes are captured: theirs are left out."""
        answers = {e["request"]: e["status"] for e in events if e["type"] == "response"}
        return sorted((e["method"], e["path"], (e["prompt"] or "")[:7], e["proven"],
                       "any" if e["prompt"] == "many" else str(answers.get(e["id"]))) for e in events
                      if e["type"] == "request" and e["dst_port"] == PORT)

    def expected(self):
        path = "/v1/chat/completions"
        chats = [("POST", path, prompt, True, "200") for prompt in ("prior", "upgrade", "upgrade", "large l", "small")]
        chats += [("POST", path, "many", True, "any")] * 20
        return sorted([*chats, ("POST", path, "unknown", True, "404"), ("GET", "/v1/models", "", True, "200")])

    def test_requests_and_answers_are_read_live_and_in_replay(self):
        wall = self.wall(xdp__mode=XDP_MODE, mode="observe")
        path = self.lab.dir / "http2.pcap"
        tcpdump = self.lab.spawn("gateway", ["tcpdump", "-i", "wan0", "-U", "--immediate-mode", "-s", "0", "-Z", "root",
                                             "-B", "16384", "-w", path, "tcp"], log="tcpdump")
        wait_until(lambda: path.exists() and path.stat().st_size >= 24, "tcpdump listens")
        self.several_kinds()
        wait_until(lambda: sum(r[4] != "None" for r in self.seen(wall.events())) >= len(self.expected()), "all answers are written")
        wall.stop()
        self.lab.stop(tcpdump)
        again = [json.loads(line) for line in
                 run([BIN / "probewall", "--config", wall.config, "replay", path, "--json"]).stdout.splitlines()]
        self.assertEqual(self.seen(again), self.expected())
        self.assertEqual(self.seen(wall.events()), self.expected())

    def test_scanner_that_speaks_http2_is_blocked(self):
        wall = self.wall(xdp__mode=XDP_MODE)
        answered = self.probe_until_blocked(URL, requests=over_http2)
        decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        self.assertEqual(decision["action"], "block")
        self.assertLess(answered, 10)

    def test_server_may_speak_first(self):
        self.lab.spawn("gateway", ["node", "-e", NODE_SERVER % SERVER_FIRST], log="node")
        wait_until(lambda: self.lab.accepts("gateway", "127.0.0.1", SERVER_FIRST), "the server that speaks first listens")
        wall = self.wall(xdp__mode=XDP_MODE, mode="observe")
        paths = ["/patient/%d" % n for n in range(5)]
        self.lab.run("client", ["python3", "-c", PATIENT_CLIENT, GATEWAY4, SERVER_FIRST, *paths])
        hasty = ["/hasty/%d" % n for n in range(5)]
        for path in hasty:
            self.lab.run("client", ["node", "-e", NODE_CLIENT, "http://%s:%d" % (GATEWAY4, SERVER_FIRST), json.dumps([[path, None]])])
        wall.wait_event("response", count=len(paths + hasty))
        answers = {e["request"]: e["status"] for e in wall.events() if e["type"] == "response"}
        seen = sorted((e["path"], e["proven"], answers.get(e["id"])) for e in wall.events() if e["type"] == "request")
        self.assertEqual(seen, sorted((path, True, 200) for path in paths + hasty))


main()
