# SPDX-License-Identifier: Apache-2.0
"""scripts/bench replay: requests per CPU second of `probewall replay`, beside Suricata 7 and tshark.

    scripts/bench replay [--quick] [--json FILE] [--rounds N] [--capture FILE.pcap=REQUESTS ...] [--no-peers]

One thread each, all events written to a file, the programs in turns on the same captures; CPU time is user and system time
of the whole process, its start included. Then the cost per request with 1, 10, 100 and 1,000 rules. --capture adds
captures of your own with the number of requests they hold. Exit status 1 when Probewall missed a request or a promise was
broken."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("PROBEWALL_BIN", ROOT / "build/bin"))
WORK = ROOT / "build/bench"
SURICATA = WORK / "suricata"
KINDS = ("mixed", "probes", "hard")
RULE_COUNTS = (1, 10, 100, 1000)
PROMISES = {"throughput_to_suricata": (">=", 12.0), "memory_mb": ("<=", 100.0), "rules_1000_to_1": ("<=", 2.0)}


class BenchError(RuntimeError):
    """Something that the benchmark needs did not work; the text says what."""


def say(text):
    print("==> " + text, file=sys.stderr, flush=True)


# ---- captures ----------------------------------------------------------------------------

def captures():
    """Kind -> (file, requests); made once for each version of the generator."""
    subprocess.run(["ninja", "-C", ROOT / "build", "--quiet", "probewall-captures"], check=True, stdout=sys.stderr)
    WORK.mkdir(parents=True, exist_ok=True)
    program, made = ROOT / "build/bin/probewall-captures", {}
    for kind in (*KINDS, "tiny"):
        path, counted = WORK / (kind + ".pcap"), WORK / (kind + ".requests")
        if not counted.exists() or counted.stat().st_mtime < program.stat().st_mtime:
            say("Writing the capture %s" % kind)
            done = subprocess.run([program, kind, path], check=True, stdout=subprocess.PIPE, text=True)
            counted.write_text(done.stdout)
        read_once(path)
        made[kind] = (path, int(counted.read_text()))
    return made


def read_once(path):
    """Whoever reads a file first pays for getting it into memory (and, in a virtual machine, for getting the memory)."""
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20):
            pass


# ---- contestants -------------------------------------------------------------------------

def measured(argv, directory, out=subprocess.DEVNULL, **environment):
    """Runs a program to its end; (CPU seconds, peak resident MB)."""
    with open(directory / "stderr", "wb") as err:
        process = subprocess.Popen([str(a) for a in argv], cwd=directory, stdout=out, stderr=err, env=dict(os.environ, **environment))
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError("%s: exit %d: %s" % (argv[0], process.returncode, (directory / "stderr").read_text(errors="replace")[-400:].strip()))
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def count_lines(path, needle):
    with open(path, "rb") as f:
        return sum(needle in line for line in f)


def probewall(capture, directory, rules=None):
    """(CPU seconds, MB, requests found)."""
    config = directory / "probewall.toml"
    config.write_text('mode = "observe"\n' + ('rules.directory = "%s"\n' % rules if rules else ""))
    events = directory / "events.jsonl"
    with open(events, "wb") as out:
        used = measured([BIN / "probewall", "--config", config, "replay", capture, "--ports", "all", "--json"], directory, out)
    with open(events, "rb") as f:
        f.seek(max(0, events.stat().st_size - 4096))
        summary = json.loads(f.read().splitlines()[-1])
    written = count_lines(events, b'"type":"request"')
    if summary["requests"] != written:
        raise BenchError("the summary tells of %d requests, %d are written" % (summary["requests"], written))
    return *used, written


def suricata(capture, directory):
    libraries = sorted({str(path.parent) for path in SURICATA.rglob("*.so*")})
    etc = SURICATA / "etc/suricata"
    used = measured([SURICATA / "usr/bin/suricata", "--runmode", "single", "-k", "none", "-c", HERE / "suricata.yaml",
                     "-S", HERE / "suricata.rules", "-r", capture, "-l", directory,
                     "--set", "classification-file=%s/classification.config" % etc,
                     "--set", "reference-config-file=%s/reference.config" % etc], directory, LD_LIBRARY_PATH=":".join(libraries))
    return *used, count_lines(directory / "eve.json", b'"event_type":"http"')


def tshark(capture, directory):
    """The fields that Probewall's request events tell, one line a request."""
    fields = ("frame.time_epoch", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "http.request.method", "http.request.uri",
              "http.user_agent", "http.content_length", "http.authorization", "http.file_data")
    argv = ["tshark", "-n", "-r", capture, "-Y", "http.request", "-T", "fields"]
    with open(directory / "fields", "wb") as out:
        used = measured(argv + [word for field in fields for word in ("-e", field)], directory, out)
    return *used, count_lines(directory / "fields", b"POST")


def run(contestant, *arguments):
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        return contestant(*arguments[:1], pathlib.Path(directory), *arguments[1:])


# ---- rule files of a given size -----------------------------------------------------------

def rule_text(n):
    """One of five kinds of rules, each with words of its own; what they look for does not occur in the captures, as most
    rules do not fire on most requests."""
    when = ('{user_agent: "*scantool-%d*"}', '{path: /internal/v%d/status}', '{model: "house-model-%d*"}',
            '{prompt: "*reveal codeword %d now*"}', '{all: [{method: POST}, {headers: {values: {x-tool: "tool-%d"}}}]}')[n % 5] % n
    return "  - {id: rule-%d, description: rule %d of a benchmark, aims: [fingerprinting], score: 20, when: %s}\n" % (n, n, when)


def write_rules(count):
    directory = WORK / ("rules-%d" % count)
    directory.mkdir(exist_ok=True)
    for first in range(0, count, 200):
        text = "".join(rule_text(n) for n in range(first, min(count, first + 200)))
        (directory / ("%02d-rules.yaml" % (first // 200))).write_text("# SPDX-License-Identifier: Apache-2.0\nrules:\n" + text)
    return directory


# ---- the run -------------------------------------------------------------------------------

class Figures:
    """Series of runs by name; the runs of one round stand at the same index."""

    def __init__(self):
        self.series, self.ratios, self.wrong, self.broken, self.notes = {}, [], [], [], []

    def add(self, name, unit, value):
        self.series.setdefault(name, (unit, []))[1].append(value)

    def median(self, name):
        return statistics.median(self.series[name][1])

    def ratio(self, name, promise, of, to, invert=False):
        """Median over the rounds of `of` to `to` (or the other way round), held against a promise."""
        pairs = list(zip(self.series[of][1], self.series[to][1]))
        value = statistics.median(b / a if invert else a / b for a, b in pairs)
        self.ratios.append({"name": name, "value": rounded(value), "of": of, "to": to, "kept": self.hold(name, promise, value)})

    def hold(self, name, promise, value):
        relation, limit = PROMISES[promise]
        kept = value <= limit if relation == "<=" else value >= limit
        if not kept:
            self.broken.append("%s is %.3g, promised %s %g" % (name, value, relation, limit))
        return kept

    def results(self):
        return [{"name": name, "unit": unit, "median": rounded(statistics.median(runs)), "min": rounded(min(runs)),
                 "max": rounded(max(runs)), "runs": len(runs)} for name, (unit, runs) in self.series.items()]


def rounded(value):
    return float("%.4g" % value)


def race(figures, files, contestants, rounds, tiny):
    """All contestants on all captures, in turns; before each round their start alone, on a capture of one request."""
    for turn in range(rounds):
        for name, contestant in contestants.items():
            figures.add(name + "_start", "CPU s", run(contestant, tiny)[0])
        for kind, (capture, requests) in files.items():
            for name, contestant in contestants.items():
                if name == "tshark" and (turn or kind != next(iter(files))):
                    continue  # it needs many times as long; once is enough to see that
                say("Round %d of %d: %s on %s" % (turn + 1, rounds, name, kind))
                cpu, memory, found = run(contestant, capture)
                figures.add("%s_%s" % (name, kind), "requests/CPU s", requests / cpu)
                figures.add("%s_%s_memory" % (name, kind), "MB", memory)
                if found != requests:
                    text = "%s found %d of %d requests in %s" % (name, found, requests, kind)
                    (figures.wrong if name == "probewall" else figures.notes).append(text)


def judge_race(figures, files, contestants):
    for kind in files:
        if "suricata" in contestants:
            figures.ratio("probewall_to_suricata_" + kind, "throughput_to_suricata", "probewall_" + kind, "suricata_" + kind)
        memory = "probewall_%s_memory" % kind
        figures.hold(memory, "memory_mb", max(figures.series[memory][1]))


def many_rules(figures, files, rounds):
    """CPU time per request, the start (which compiles the rules) taken off by a capture of one request."""
    capture, requests = files["mixed"]
    for turn in range(rounds):
        for count in RULE_COUNTS:
            say("Round %d of %d: %d rules" % (turn + 1, rounds, count))
            rules = write_rules(count)
            start = run(probewall, files["tiny"][0], rules)[0]
            cpu, _, found = run(probewall, capture, rules)
            figures.add("start_%d_rules" % count, "CPU s", start)
            figures.add("request_%d_rules" % count, "CPU us/request", (cpu - start) / requests * 1e6)
            if found != requests:
                figures.wrong.append("with %d rules %d of %d requests were found" % (count, found, requests))
    for count in RULE_COUNTS[1:]:
        figures.ratio("cost_%d_rules_to_1" % count, "rules_1000_to_1", "request_%d_rules" % count, "request_1_rules")


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.partition(":")[2].strip() for line in f if line.startswith("model name")), "unknown")
    release = os.uname()
    return {"processor": model, "processors": os.cpu_count(), "kernel": release.release, "load": "%.2f" % os.getloadavg()[0]}


def show(figures, described):
    print("\nMachine: " + "; ".join("%s %s" % pair for pair in described.items()))
    print("Figures are of this machine and this run: compare within one run only.\n")
    print("%-34s %10s %10s %10s %4s  %s" % ("measured", "median", "min", "max", "runs", "unit"))
    for row in figures.results():
        print("%(name)-34s %(median)10g %(min)10g %(max)10g %(runs)4d  %(unit)s" % row)
    print("\n%-34s %8s  %s" % ("ratio (median over the rounds)", "", "of, to"))
    for row in figures.ratios:
        print("%-34s %8.3g  %s, %s%s" % (row["name"], row["value"], row["of"], row["to"], "" if row["kept"] else "  MISSED"))
    for line in figures.notes:
        print("Note: " + line)
    for line in figures.wrong + figures.broken:
        print("NOT AS PROMISED: " + line)
    if not figures.wrong:
        print("Probewall found every request of every capture.")


def options():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--capture", action="append", default=[], metavar="FILE=REQUESTS")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    for text in arguments.capture:
        path, equals, number = text.rpartition("=")
        if not (equals and number.isdigit() and os.path.exists(path)):
            parser.error("--capture wants FILE.pcap=REQUESTS, not %s" % text)
    return arguments


def main():
    arguments = options()
    contestants = {"probewall": probewall}
    if not arguments.no_peers:
        if (SURICATA / "usr/bin/suricata").exists():
            contestants["suricata"] = suricata
        else:
            say("Suricata is not there (scripts/setup --bench fetches it): without it the promised ratio cannot be measured")
        contestants["tshark"] = tshark
    figures, described = Figures(), machine()
    try:
        files = captures()
        own = {pathlib.Path(text.rpartition("=")[0]).stem: (pathlib.Path(text.rpartition("=")[0]).resolve(), int(text.rpartition("=")[2]))
               for text in arguments.capture}
        raced = {kind: files[kind] for kind in KINDS} | own
        race(figures, raced, contestants, arguments.rounds, files["tiny"][0])
        judge_race(figures, raced, contestants)
        many_rules(figures, files, min(3, arguments.rounds))
    except (BenchError, OSError, subprocess.CalledProcessError, KeyboardInterrupt) as error:
        print("bench: %s" % (error or "interrupted"), file=sys.stderr)
        return 1
    show(figures, described)
    if arguments.json:
        document = {"machine": described, "results": figures.results(), "ratios": figures.ratios, "notes": figures.notes + figures.wrong + figures.broken}
        pathlib.Path(arguments.json).write_text(json.dumps(document, indent=1) + "\n")
    return 1 if figures.wrong or figures.broken else 0


sys.exit(main())
