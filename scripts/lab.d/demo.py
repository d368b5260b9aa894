# SPDX-License-Identifier: Apache-2.0
"""scripts/run without an interface: the main job on real traffic, told in plain words.

Exit status 0 only if everything it claims was seen to hold."""
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import lab as lab_module  # noqa: E402
from lab import CLIENT4, GATEWAY4, SCANNER4, SERVER4, Lab, LabError, wait_until  # noqa: E402
from probes import campaign_requests  # noqa: E402
from probewall import Probewall  # noqa: E402

URL = "http://%s:11434" % SERVER4


def say(text=""):
    print(text, flush=True)


def step(number, text):
    say("\n[%d] %s" % (number, text))


def indent(text, lines=40):
    for line in text.rstrip().splitlines()[:lines]:
        say("      " + line)


class Client(threading.Thread):
    """The real client: chats with the official openai library all the while."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.rounds, self.stopping = lab, [], threading.Event()

    def run(self):
        while not self.stopping.is_set():
            done = self.lab.chat(URL, count=20, check=False, gap=20)
            self.rounds.append(json.loads(done.stdout))

    def totals(self):
        return {key: sum(r[key] for r in self.rounds) for key in ("asked", "answered", "failed")}


def probe_until_blocked(lab, wall):
    """The scanner's requests, by curl, until one gets no answer. Returns how many were answered."""
    answered = 0
    for arguments, words in campaign_requests(URL):
        done = lab.run("scanner", ["curl", "-s", "-o", "/dev/null", "-m", "2", "-w", "%{http_code}", *arguments], check=False)
        fine = done.returncode == 0
        say("      scanner: %-58s -> %s" % (words, "HTTP " + done.stdout if fine else "no answer (curl: exit %d)" % done.returncode))
        if not fine:
            return answered
        answered += 1
    raise LabError("the scanner was never blocked")


def knock(lab, times):
    """Further attempts of the blocked scanner; each sends at least one SYN. Returns how many got through."""
    through = 0
    for _ in range(times):
        done = lab.run("scanner", ["curl", "-s", "-o", "/dev/null", "-m", "1", URL + "/v1/models"], check=False)
        through += done.returncode == 0
    return through


def demo(lab):
    checks = []

    def check(text, holds):
        checks.append((text, bool(holds)))
        say("   %s %s" % ("ok:  " if holds else "FAIL:", text))

    step(1, "A small internet of network namespaces: scanner %s, client %s," % (SCANNER4, CLIENT4))
    say("    and the gateway %s with an LLM server (npm mock-llm) behind it, %s port 11434." % (GATEWAY4, SERVER4))
    lab.start_llm("server", (11434,))

    step(2, "Probewall starts on the gateway's outer interface, wan0.")
    wall = Probewall(lab)
    wall.start()
    indent(wall.cli("status").stdout)

    step(3, "A real client (the official openai library) starts to chat, and goes on all the time.")
    client = Client(lab)
    client.start()
    wait_until(lambda: client.rounds, "the client has had its first answers", 60)
    say("    %d chats answered so far." % client.totals()["answered"])

    step(4, "A scanner comes along and asks what such scanners ask, model after model:")
    answered = probe_until_blocked(lab, wall)
    decision = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
    say("    Blocked after %d requests. From the packet that completed the evidence to the kernel's block table:" % decision["requests_seen"])
    say("    %s microseconds. Score %g (the threshold is 100), aims: %s." %
        (decision["reaction_us"], decision["score"], ", ".join(map(str, decision["aims"]))))
    check("the scanner is blocked (%d answered requests, then silence)" % answered, wall.blocked(SCANNER4))

    step(5, "The scanner tries again. XDP drops its packets before the network stack sees them.")
    before = wall.dropped()
    through = knock(lab, 5)
    wait_until(lambda: wall.dropped() >= before + 5, "XDP has counted the drops")
    dropped = wall.dropped()
    check("5 more attempts, %d got through; dropped packets: %d -> %d" % (through, before, dropped), through == 0)

    step(6, "Why? Ask as root, or as a member of the group probewall:  probewall why %s" % SCANNER4)
    why = wall.cli("why", SCANNER4, check=False)
    indent(why.stdout)
    check("`why` answers with exit status 0 (blocked)", why.returncode == 0)
    check("`why` for the client answers 10 (not blocked)", wall.cli("why", CLIENT4, check=False).returncode == 10)

    step(7, "The metrics that Prometheus would read (excerpt):")
    shown = ("probewall_packets_total", "probewall_requests_total", "probewall_bans", "probewall_reaction_seconds_count",
             "probewall_detections_total", "probewall_xdp_attached", "probewall_ring_lost_total")
    indent("\n".join(l for l in wall.metrics_text().splitlines() if l.startswith(shown) and not l.endswith((" 0", " 0.0"))))
    check("no record was lost on the way to user space", wall.metric("probewall_ring_lost_total") == 0)

    step(8, "And the client?")
    so_far = client.totals()["answered"]
    wait_until(lambda: client.totals()["answered"] >= so_far + 20, "the client has further answers", 60)
    client.stopping.set()
    client.join(60)
    total = client.totals()
    check("the client's chats: %(asked)d asked, %(answered)d answered, %(failed)d failed" % total,
          total["failed"] == 0 and total["asked"] == total["answered"])

    say("\nSummary")
    for text, holds in checks:
        say("   %-4s %s" % ("ok" if holds else "FAIL", text))
    if lab.keep:
        say("\nThe lab is still running (tag %s):" % lab.tag)
        say("   scripts/lab exec %s gateway build/bin/probewall --config %s status" % (lab.tag, wall.config))
        say("   scripts/lab remove %s        ends it and removes every trace" % lab.tag)
    return all(holds for _, holds in checks)


def main():
    lab_module.end_on_signals()
    keep = "--keep" in sys.argv[1:]
    try:
        with Lab("demo", keep=keep) as lab:
            return 0 if demo(lab) else 1
    except LabError as error:
        say("run: %s" % error)
    except KeyboardInterrupt:
        say("run: interrupted; everything it made is removed")
    return 1


sys.exit(main())
