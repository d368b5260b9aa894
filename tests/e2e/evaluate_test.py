# SPDX-License-Identifier: Apache-2.0
"""The capture that scripts/evaluate makes is read back whole: every request, bodies over the cap included."""
import json
import tempfile
import pathlib
import unittest

import sessions
from e2e import main
from lab import run
from probes import CAMPAIGN_MODELS, CAMPAIGN_PROMPTS, chat_body
from probewall import BIN


def session(name, label, *requests):
    return {"id": name, "label": label, "aims": [1] if label == "probe" else [], "requests": list(requests)}


def post(t, body, **more):
    return {"t": t, "port": 11434, "method": "POST", "path": "/v1/chat/completions", "http": "1.1", "resp_status": 200,
            "headers": [["User-Agent", "openai/python 1.60"], ["Content-Type", "application/json"]], "body": body, **more}


def campaign():
    return [post(i, chat_body(CAMPAIGN_MODELS[i % 8], CAMPAIGN_PROMPTS[i % 4]), resp_status=404) for i in range(12)]


def ordinary(count):
    return [post(100 + 20 * i, chat_body("llama3.2", "Please shorten paragraph %d of my draft." % i)) for i in range(count)]


class Evaluate(unittest.TestCase):
    def judge(self, *all_sessions):
        with tempfile.TemporaryDirectory() as directory:
            pcap, config = pathlib.Path(directory, "s.pcap"), pathlib.Path(directory, "c.toml")
            config.write_text('mode = "observe"\n')
            key = sessions.write_capture(all_sessions, pcap)
            lines = run([BIN / "probewall", "--config", config, "replay", pcap, "--ports", "all", "--json"]).stdout.splitlines()
        events = [json.loads(line) for line in lines]
        return key, events, sessions.score(key, events)

    def test_every_request_is_seen_once_whatever_its_size(self):
        long_body = ['{"model":"llama3.2","prompt":"', "lorem ipsum ", 20000, '"}']
        big = [post(3 * i, None, body_repeat=long_body, path="/api/generate") for i in range(5)]
        key, events, result = self.judge(session("small", "benign", *ordinary(6)), session("big", "benign", *big, *ordinary(3)),
                                         session("probe", "probe", *campaign()), session("six", "benign", *ordinary(4)))
        self.assertEqual(result["requests"], sum(entry["requests"] for entry in key.values()))
        self.assertEqual(sum(e["type"] == "request" and e["truncated"] for e in events), 5)
        summary = events[-1]
        self.assertEqual((summary["type"], summary["requests"]), ("summary", result["requests"]))

    def test_campaign_is_caught_and_ordinary_use_is_not(self):
        _, _, result = self.judge(session("good", "benign", *ordinary(30)), session("bad", "probe", *campaign()))
        self.assertEqual((result["recall"], result["wrongly_blocked"], result["missed"]), (1.0, [], []))


main()
