# SPDX-License-Identifier: Apache-2.0
"""Sessions of HTTP requests (JSON Lines) as a capture file, and how well a replay judged them.

A session is {"id", "label": "probe"|"benign", "aims": [...], "requests": [...]}; a request has "t" (seconds),
"dst" (a server's name), "port", "method", "path", "headers", "body" or "body_repeat" ([before, unit, count,
after]), "resp_status" and optionally "new_connection", "resp_headers" and "resp_body". Every session gets a
source address and servers of its own, so that a decision can be laid at one session's door."""
import ipaddress
import json
import random
import statistics
import struct

from packets import ACK, FIN, PSH, SYN, packet

START = 1767052800.0  # 2025-12-30 00:00:00 UTC
SEGMENT = 1460


class Capture:
    """Packets in the order they are added to a time; written as a pcap of Ethernet frames."""

    def __init__(self):
        self.packets = []

    def add(self, when, source, destination, *rest, **more):
        raw = packet(source, destination, *rest, **more)
        kind = b"\x86\xdd" if ":" in source else b"\x08\x00"
        self.packets.append((when, len(self.packets), b"\x02\0\0\0\0\2\x02\0\0\0\0\1" + kind + raw))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for when, _, frame in sorted(self.packets):
                f.write(struct.pack("<IIII", int(when), int(when % 1 * 1e6), len(frame), len(frame)) + frame)


class Connection:
    """One TCP connection of a capture, from its handshake on; everything is acknowledged at once."""

    def __init__(self, capture, when, client, server, rng):
        self.capture, self.client, self.server, self.last = capture, client, server, when
        self.next = {True: rng.getrandbits(32), False: rng.getrandbits(32)}
        self._segment(when, True, SYN)
        self._segment(when + 2e-5, False, SYN | ACK)
        self._segment(when + 4e-5, True, ACK)

    def _segment(self, when, from_client, flags, payload=b""):
        (a, b), ack = ((self.client, self.server), self.next[False]) if from_client else ((self.server, self.client), self.next[True])
        self.capture.add(when, a[0], b[0], a[1], b[1], self.next[from_client], ack if flags & ACK else 0, flags, payload=payload)
        self.next[from_client] = (self.next[from_client] + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        self.last = max(self.last, when)

    def send(self, when, from_client, data):
        for at in range(0, len(data), SEGMENT):
            self._segment(when, from_client, ACK | PSH, data[at:at + SEGMENT])
            when += 1e-6
        self._segment(when, not from_client, ACK)
        return when

    def close(self):
        when = self.last + 0.5
        self._segment(when, True, FIN | ACK)
        self._segment(when + 1e-5, False, FIN | ACK)
        self._segment(when + 2e-5, True, ACK)


def request_bytes(request, host):
    body = request.get("body")
    if request.get("body_repeat"):
        before, unit, count, after = request["body_repeat"]
        body = before + unit * int(count) + after
    body = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = [tuple(h) for h in request.get("headers", [])]
    given = {name.lower() for name, _ in headers}
    if "host" not in given and request.get("http") != "1.0":
        headers.insert(0, ("Host", host))
    if "transfer-encoding" in given:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif body and "content-length" not in given:
        headers.append(("Content-Length", str(len(body))))
    lines = ["%s %s HTTP/%s" % (request["method"], request["path"], request.get("http", "1.1"))]
    return "\r\n".join(lines + ["%s: %s" % h for h in headers] + ["", ""]).encode("utf-8", "surrogateescape") + body


def answer_bytes(request):
    status = request["resp_status"]
    body = request.get("resp_body") or json.dumps({} if status < 400 else {"error": {"code": status}})
    headers = [tuple(h) for h in request.get("resp_headers", [])] + [("Content-Type", "application/json")]
    body = b"" if request["method"] == "HEAD" else body.encode()
    lines = ["HTTP/1.1 %d -" % status, *("%s: %s" % h for h in headers), "Content-Length: %d" % len(body), "", ""]
    return "\r\n".join(lines).encode() + body


PLAIN_AGENTS = ["client/1.0", "app/2.3", "http-library/4.1", "service/0.9"]
PLAIN_PROMPTS = ["Name a colour.", "Is it late?", "Say something short.", "Count to three.", "Tell me about rivers."]


def masked(session):
    """The session without what tools write of their own: user agents, MCP client names and short prompts are replaced,
    of probes and clients alike. What is still told apart then is told apart by behaviour and structure."""
    rng = random.Random("mask " + session["id"])
    agent = rng.choice(PLAIN_AGENTS)

    def neutral(value, name=None):
        if isinstance(value, dict):
            return {k: {**v, "name": "client"} if k == "clientInfo" and isinstance(v, dict) else neutral(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [neutral(v, name) for v in value]
        return rng.choice(PLAIN_PROMPTS) if name in ("content", "prompt", "input", "text") and isinstance(value, str) and len(value) < 120 else value

    requests = []
    for request in session["requests"]:
        headers = [(k, agent if k.lower() == "user-agent" else v) for k, v in request.get("headers", []) if k.lower() != "content-length"]
        changed = {**request, "headers": headers}
        chunked = any(k.lower() == "transfer-encoding" for k, _ in headers)
        if isinstance(request.get("body"), str) and not chunked:
            try:
                changed["body"] = json.dumps(neutral(json.loads(request["body"])))
            except ValueError:
                pass  # malformed on purpose
        requests.append(changed)
    return {**session, "requests": requests}


def write_capture(sessions, path, seed=1):
    """Writes the capture; returns the key: source address -> session, requests left out counted as "skipped"."""
    capture, key, rng = Capture(), {}, random.Random(seed)
    for n, session in enumerate(sessions):
        six = n % 4 == 3
        source = "2001:db8:%x::a" % (0x1000 + n) if six else str(ipaddress.ip_address("198.18.0.7") + n * 256)
        used = _write_session(capture, session, START + n, source, n, six, rng)
        key[source] = {"id": session["id"], "label": session["label"], "aims": session.get("aims", []), "requests": used}
    capture.write(path)
    return key


def _write_session(capture, session, start, source, n, six, rng):
    names, live, used = [], {}, 0
    for i, request in enumerate(session["requests"]):
        if request.get("http") in ("h2c", "2", "2.0"):
            continue
        name = request.get("dst", "server")
        names += [name] if name not in names else []
        order = names.index(name)
        server = "2001:db8:ffff:%x::%x" % (n, order + 1) if six else str(ipaddress.ip_address("172.16.0.1") + n * 64 + order)
        target = (server, int(request["port"]))
        when = start + float(request.get("t", 0)) + i * 1e-3
        connection = live.get(target)
        if connection is None or request.get("new_connection") or connection.last + 60 < when:
            if connection is not None:
                connection.close()
            connection = live[target] = Connection(capture, when, (source, rng.randrange(20000, 60000)), target, rng)
        host = "[%s]:%d" % target if six else "%s:%d" % target
        end = connection.send(when + 1e-4, True, request_bytes(request, host))
        if request.get("resp_status"):
            connection.send(end + 2e-4, False, answer_bytes(request))
        used += 1
    for connection in live.values():
        connection.close()
    return used


def score(key, events):
    """How `decision` events agree with the key's labels. A decision of any action but "tag" counts as a block, so
    that a replay in observe mode can be scored too."""
    verdicts, requests, rules = {}, 0, {}
    label_of = {address: entry["label"] for address, entry in key.items()}
    networks = {ipaddress.ip_address(address): address for address in key}

    def owner(prefix):
        network = ipaddress.ip_network(prefix, strict=False)
        return next((text for ip, text in networks.items() if ip.version == network.version and ip in network), None)

    sources = {}
    for event in events:
        requests += event["type"] == "request"
        if event["type"] in ("decision", "detection"):
            who = sources.setdefault(event["source"], owner(event["source"]))
            if who is None:
                continue
            if event["type"] == "decision" and event["action"] != "tag":
                verdicts.setdefault(who, event)
            elif event["type"] == "detection":
                hits = rules.setdefault(event["rule"], {"probe": set(), "benign": set()})
                hits[label_of[who]].add(who)
    probes = [a for a, e in key.items() if e["label"] == "probe" and e["requests"]]
    benign = [a for a, e in key.items() if e["label"] == "benign" and e["requests"]]
    caught = [a for a in probes if a in verdicts]
    wrong = [a for a in benign if a in verdicts]
    aims = {}
    for address in probes:
        for aim in key[address]["aims"]:
            entry = aims.setdefault(str(aim), [0, 0])
            entry[0] += address in verdicts
            entry[1] += 1
    return {
        "probes": len(probes), "benign": len(benign), "requests": requests,
        "recall": round(len(caught) / max(1, len(probes)), 4),
        "wrongly_blocked": sorted(key[a]["id"] for a in wrong),
        "missed": sorted(key[a]["id"] for a in probes if a not in verdicts),
        "median_requests_to_block": statistics.median([verdicts[a]["requests_seen"] for a in caught]) if caught else None,
        "recall_per_aim": {aim: "%d/%d" % tuple(aims[aim]) for aim in sorted(aims)},
        "rules": {rule: {label: len(who) for label, who in hits.items()} for rule, hits in sorted(rules.items())},
    }


KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def with_made_up_keys(session):
    """A probe's session with a key that nobody gave it on each request without one. Clients stay as they are."""
    if session["label"] != "probe":
        return session
    requests = []
    for request in session["requests"]:
        headers = request.get("headers", [])
        keyed = any(k.lower() in KEY_HEADERS for k, _ in headers)
        requests.append(request if keyed else {**request, "headers": [*headers, ("Authorization", "Bearer sk-local")]})
    return {**session, "requests": requests}
