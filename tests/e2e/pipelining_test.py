# SPDX-License-Identifier: Apache-2.0
"""Many requests in one segment, and their answers in one segment, are told apart and counted."""
import socket

from e2e import GATEWAY4, LOCAL_PORT, SCANNER4, LabCase, main
from probes import http

PORT = 5000
REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class Pipelining(LabCase):
    def requests(self, count):
        return b"".join(http("GET", "/%d" % i, GATEWAY4) for i in range(count))

    def test_answers_in_one_segment_go_to_their_requests_and_those_missed_are_counted(self):
        wall = self.wall(mode="observe")  # twenty refusals decide, and a block would cut the connection
        with self.lab.socket("gateway") as listener, self.lab.socket("scanner") as client:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((GATEWAY4, PORT))
            listener.listen()
            client.connect((GATEWAY4, PORT))
            server, _ = listener.accept()
            with server:
                for asked, answer in (self.requests(20), REFUSED * 20), (http("GET", "/last", GATEWAY4), FORBIDDEN):
                    client.sendall(asked)
                    self.assertEqual(server.recv(len(asked), socket.MSG_WAITALL), asked)
                    server.sendall(answer)
                    self.assertEqual(client.recv(len(answer), socket.MSG_WAITALL), answer)
                wall.wait_event("request", count=21)
                wall.wait_event("response", status=403)
        paths = {event["id"]: event["path"] for event in wall.events("request")}
        answered = [(paths[event["request"]], event["status"]) for event in wall.events("response")]
        self.assertEqual(answered[-1], ("/last", 403))
        self.assertEqual(answered[:-1], [("/%d" % i, 404) for i in range(len(answered) - 1)])
        self.assertGreater(len(answered), 10)
        lost = wall.wait_event("loss", what="response_unmatched")
        self.assertEqual(sum(event["count"] for event in lost), 21 - len(answered))

    def test_source_that_pipelines_past_its_rate_is_rate_limited(self):
        wall = self.wall(rate__requests=1, rate__burst=2)
        with self.lab.socket("scanner") as client:
            client.connect((GATEWAY4, LOCAL_PORT))
            ordinary = http("GET", "/v1/models", GATEWAY4, headers=("User-Agent: curl/8.5.0", "Accept: */*", "Authorization: Bearer sk-lab-4f1c9a7e52"))
            client.sendall(ordinary * 8)
            wall.wait_event("decision", action="rate-limit", source=SCANNER4 + "/32")
        self.assertEqual([(ban["source"], ban["action"]) for ban in wall.bans()], [(SCANNER4 + "/32", "rate-limit")])


main()
