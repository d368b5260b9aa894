# SPDX-License-Identifier: Apache-2.0
"""A server that answers strangers without a key is found, with evidence and advice; one that asks for a key is not."""
from e2e import LOCAL4, SCANNER4, GATEWAY4, LabCase, main, wait_until
from probes import chat_body, post


class Exposure(LabCase):
    def listed(self, wall):
        return {(row["server"], row["port"]): row for row in wall.cli_json("servers", "list")["servers"]}

    def test_open_server_is_listed_with_evidence_models_and_advice(self):
        wall = self.wall()
        self.assertIn("No answer", wall.cli("servers", "list").stdout)

        self.assertEqual(self.curl("scanner", LOCAL4 + "/v1/models"), (0, "200"))
        self.curl("scanner", *post(LOCAL4 + "/v1/chat/completions", chat_body("llama3.2", "Name three rivers.")))

        event = wall.wait_event("exposure", access="generation")[0]
        self.assertEqual((event["server"], event["port"], event["status"]), (GATEWAY4, 8000, 200))
        self.assertEqual(event["source"], SCANNER4 + "/32")
        self.assertIn("POST /v1/chat/completions without a key from " + SCANNER4, event["evidence"])
        row = self.listed(wall)[GATEWAY4, 8000]
        self.assertTrue(row["exposed"])
        self.assertEqual(row["exposure"]["access"], "generation")
        self.assertTrue(row["exposure"]["fix"])
        self.assertTrue(row["models"])
        wait_until(lambda: wall.metric("probewall_exposed_servers") == 1, "the metric follows")
        text = wall.cli("servers", "list").stdout
        for words in ("exposed: generation", "Evidence", "To do"):
            self.assertIn(words, text)

    def test_a_key_out_of_a_manual_is_none(self):
        wall = self.wall()
        self.curl("scanner", "-H", "Authorization: Bearer sk-1234", *post(LOCAL4 + "/v1/chat/completions", chat_body("llama3.2", "Name three rivers.")))

        event = wall.wait_event("exposure", access="generation")[0]
        self.assertIn("with a key out of a manual from " + SCANNER4, event["evidence"])
        self.assertTrue(self.listed(wall)[GATEWAY4, 8000]["exposed"])

    def test_use_with_a_key_or_from_inside_exposes_nothing(self):
        wall = self.wall(inside=[SCANNER4])
        self.chats(LOCAL4, 3)  # the SDK sends its key
        self.curl("scanner", *post(LOCAL4 + "/v1/chat/completions", chat_body("llama3.2", "Name three rivers.")))
        wall.wait_event("response", count=4)

        self.assertEqual(wall.events("exposure"), [])
        self.assertFalse(self.listed(wall)[GATEWAY4, 8000]["exposed"])


if __name__ == "__main__":
    main()
