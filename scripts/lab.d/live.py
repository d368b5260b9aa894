# SPDX-License-Identifier: Apache-2.0
"""scripts/evaluate --live: real scanners and real clients at once against real servers behind a real Probewall.

Every scanner must be blocked, no client may be; a bare SYN sweep is counted, and bans nobody."""
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import live_cast as cast
import live_servers as servers
from lab import LabError, wait_until
from probewall import Probewall

SHORT_SECONDS = 45
# How long a scanner may go on after its block, so that later answers would be seen.
GRACE_SECONDS = 4


class Tail:
    """The daemon's event log so far, read on and counted, without keeping it."""

    def __init__(self, path):
        self.path, self.at, self.rest = path, 0, b""
        self.requests = collections.Counter()
        self.rules = collections.defaultdict(collections.Counter)
        self.decisions, self.losses = {}, []

    def read(self):
        if not self.path.exists():
            return self
        with open(self.path, "rb") as f:
            f.seek(self.at)
            text = f.read()
        self.at += len(text)
        *lines, self.rest = (self.rest + text).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        return self

    def _take(self, event):
        source = (event.get("source") or "").partition("/")[0]
        if event["type"] == "request":
            self.requests[source] += 1
        elif event["type"] == "detection":
            self.rules[source][event["rule"]] += event["points"]
        elif event["type"] == "decision" and event["action"] in ("block", "rate-limit"):
            self.decisions.setdefault(source, event)
        elif event["type"] == "loss":
            self.losses.append(event)


class Show:
    """One run of the whole play."""

    def __init__(self, lab, seconds, short, say):
        self.lab, self.seconds, self.short, self.say = lab, seconds, short, say
        servers.start_all(lab)
        self.wall = Probewall(lab)
        self.wall.start()
        self.tail = Tail(self.wall.events_file)
        self.pool = concurrent.futures.ThreadPoolExecutor(3 if short else 2)

    def cast_of(self, all_of_them):
        return [one for one in all_of_them if one.short or not self.short]

    # ---- clients -------------------------------------------------------------------------

    def start_clients(self):
        self.clients = []
        for number, client in enumerate(self.cast_of(cast.CLIENTS)):
            node = "client%d" % number
            address = self.lab.add_host(node)
            process = self.lab.spawn(node, client.argv(self.seconds), log=node, env=cast.environment())
            self.clients.append((client, address, node, process))
        # One that ended already is judged with the others.
        wait_until(lambda: not self.silent(), "every client has sent something", 120)

    def silent(self):
        self.tail.read()
        return [client.name for client, address, _, process in self.clients
                if not self.tail.requests[address] and process.poll() is None]

    def end_clients(self):
        rows = []
        for client, address, node, process in self.clients:
            try:
                process.wait(self.seconds + 60)
            except subprocess.TimeoutExpired:
                self.lab.stop(process)
            asked, answered, failed, errors = client.tally((self.lab.dir / (node + ".log")).read_text(errors="replace"))
            rows.append({"name": client.name, "source": address, "asked": asked, "answered": answered, "failed": failed, "errors": errors})
        self.tail.read()
        for row in rows:
            decision = self.tail.decisions.get(row["source"])
            row.update(requests=self.tail.requests[row["source"]], blocked=decision is not None,
                       rules=dict(self.tail.rules[row["source"]]))
            row["ok"] = not row["blocked"] and row["failed"] == 0 and row["answered"] > 0
        return rows

    # ---- scanners ------------------------------------------------------------------------

    def sweep(self):
        """Bare SYNs to every port, by masscan and by nmap, before anybody else is there."""
        def counted():
            return int(self.wall.metric("probewall_kernel_events_total", event="llm_syn"))
        before, sources = counted(), []
        for name, argv in (("masscan", lambda a: cast.masscan(a, "--wait", "1")), ("nmap", lambda a: ["nmap", "-n", "-Pn", "-sS", "-p", servers.PORTS,
                                                                                        cast.SERVER4, cast.GATEWAY4])):
            address = self.lab.add_host("sweep-" + name)
            self.lab.run("sweep-" + name, argv(address), timeout=120)
            sources.append(cast.own_stack_address(address) if name == "masscan" else address)
        blocked = [source for source in sources if self.wall.blocked(source)]
        syns = counted() - before
        return {"sources": sources, "syns_counted": syns, "blocked": blocked, "ok": syns >= 24 and not blocked}

    def scan(self, number, scanner):
        """Runs one scanner until it ends by itself or has been blocked for a while."""
        node = "scan%d" % number
        if scanner.needs is not None and not scanner.needs.exists():
            return {"name": scanner.name, "source": None, "ok": False, "note": "not installed: run scripts/setup --live"}
        address = self.lab.add_host(node)
        # Some leave files where they are called, or at home.
        process = self.lab.spawn(node, scanner.argv(address), log=node, cwd=self.lab.dir, env=dict(os.environ, HOME=str(self.lab.dir)))
        source = cast.own_stack_address(address) if scanner.own_stack else address
        began = time.monotonic()
        while process.poll() is None and time.monotonic() < began + scanner.seconds and not self.wall.blocked(source):
            time.sleep(0.2)
        blocked = self.wall.blocked(source)
        if blocked and process.poll() is None:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        self.lab.stop(process)
        return {"name": scanner.name, "source": source, "blocked": blocked or self.wall.blocked(source)}

    def end_scans(self, rows):
        self.tail.read()
        for row in rows:
            if row["source"] is None:
                continue
            decision = self.tail.decisions.get(row["source"], {})
            row.update(requests=self.tail.requests[row["source"]], blocked_after=decision.get("requests_seen"), score=decision.get("score"),
                       deciding_rules=decision.get("rules", []), rules=dict(self.tail.rules[row["source"]]))
            row["ok"] = row["blocked"]

    def run(self):
        began = time.monotonic()
        self.say("A SYN sweep first, while nobody else is there")
        sweep = self.sweep()
        self.say("%d clients start" % len(self.cast_of(cast.CLIENTS)))
        self.start_clients()
        scanners = self.cast_of(cast.SCANNERS)
        # A round takes about a minute and a half; each has new addresses.
        rounds = max(1, int(self.seconds // 180))
        rows, number, started = [], 0, time.monotonic()
        for turn in range(rounds):
            wait_until(lambda: time.monotonic() >= started + turn * self.seconds / rounds, "the round begins", self.seconds)
            self.say("Round %d of %d: %d scanners" % (turn + 1, rounds, len(scanners)))
            rows += self.pool.map(lambda job: self.scan(*job), list(enumerate(scanners, number)))
            number += len(scanners)
        self.say("The clients go on to their end")
        benign = self.end_clients()
        self.end_scans(rows)
        lost = self.wall.metric("probewall_ring_lost_total")
        result = {"seconds": round(time.monotonic() - began), "hostile": rows, "benign": benign, "sweep": sweep,
                  "requests": sum(self.tail.requests.values()), "records_lost": int(lost)}
        result["ok"] = all(row["ok"] for row in rows + benign + [sweep])
        return result


def points(rules):
    return ", ".join("%s %g" % item for item in sorted(rules.items(), key=lambda item: -item[1])) or "-"


def show(result):
    print("\n%-4s %-30s %-14s %9s %-14s %s" % ("", "scanner", "source", "requests", "blocked after", "rules (points)"))
    for row in result["hostile"]:
        if row["source"] is None:
            print("%-4s %-30s %s" % ("FAIL", row["name"], row["note"]))
            continue
        after = row["blocked_after"] if row["blocked"] else "NOT BLOCKED"
        print("%-4s %-30s %-14s %9d %-14s %s" % ("ok" if row["ok"] else "FAIL", row["name"], row["source"], row["requests"], after,
                                                  points(row["rules"])))
    sweep = result["sweep"]
    print("%-4s %-30s %-14s %9s %-14s %d SYNs counted" % ("ok" if sweep["ok"] else "FAIL", "SYN sweep (masscan, nmap)", sweep["sources"][0], 0,
                                                        "BLOCKED" if sweep["blocked"] else "never", sweep["syns_counted"]))
    print("\n%-4s %-30s %-14s %9s %9s %7s %-8s %s" % ("", "client", "source", "requests", "answered", "failed", "blocked", "rules (points)"))
    for row in result["benign"]:
        print("%-4s %-30s %-14s %9d %9d %7d %-8s %s" % ("ok" if row["ok"] else "FAIL", row["name"], row["source"], row["requests"],
                                                        row["answered"], row["failed"], "BLOCKED" if row["blocked"] else "no", points(row["rules"])))
        for error in row["errors"]:
            print("       %s" % error)
    print("\n%d s, %d requests seen, %d records lost: %s" % (result["seconds"], result["requests"], result["records_lost"],
                                                            "as expected" if result["ok"] else "NOT as expected"))


def evaluate(lab, minutes=10.0, short=False):
    """Plays in `lab` and returns the result as a dict; its `ok` says whether all expectations held."""
    seconds = SHORT_SECONDS if short else minutes * 60
    return Show(lab, seconds, short, lambda text: print("==> " + text, file=sys.stderr, flush=True)).run()


def main(minutes, short, as_json):
    """The command line's part; returns the exit status."""
    from lab import Lab, end_on_signals
    end_on_signals()
    try:
        with Lab("live") as lab:
            result = evaluate(lab, minutes, short)
    except (LabError, KeyboardInterrupt) as error:
        print("evaluate: %s" % (error or "interrupted"), file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        show(result)
    return 0 if result["ok"] else 1
