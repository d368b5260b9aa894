# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS, spoken by real clients with a real server: prior knowledge and Upgrade: h2c.

    http2_test.py native|generic"""
import json
import sys

from e2e import LabCase, main, wait_until
from lab import GATEWAY4, SCANNER4, run
from probes import campaign_requests, chat_body
from probewall import BIN

XDP_MODE = sys.argv.pop(1)
PORT = 8080
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
        """What was asked, and how it was answered, by request."""
        answers = {e["request"]: e["status"] for e in events if e["type"] == "response"}
        return sorted((e["method"], e["path"], (e["prompt"] or "")[:7], e["proven"], answers.get(e["id"], 0)) for e in events
                      if e["type"] == "request" and e["dst_port"] == PORT)

    def expected(self):
        prompts = ["prior", "upgrade", "upgrade", "large l", "small"] + ["many"] * 20
        chats = [("POST", "/v1/chat/completions", prompt, True, 200) for prompt in prompts]
        return sorted([*chats, ("POST", "/v1/chat/completions", "unknown", True, 404), ("GET", "/v1/models", "", True, 200)])

    def test_requests_and_answers_are_read_live_and_in_replay(self):
        wall = self.wall(xdp__mode=XDP_MODE, mode="observe")
        path = self.lab.dir / "http2.pcap"
        tcpdump = self.lab.spawn("gateway", ["tcpdump", "-i", "wan0", "-U", "--immediate-mode", "-s", "0", "-Z", "root",
                                             "-B", "16384", "-w", path, "tcp"], log="tcpdump")
        wait_until(lambda: path.exists() and path.stat().st_size >= 24, "tcpdump listens")
        self.several_kinds()
        wait_until(lambda: sum(r[4] != 0 for r in self.seen(wall.events())) >= len(self.expected()), "all answers are written")
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


main()
