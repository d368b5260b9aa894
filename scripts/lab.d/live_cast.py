# SPDX-License-Identifier: Apache-2.0
"""Who takes part in `scripts/evaluate --live`: real scanners and real clients, each started as its documentation says.

Every one runs in a node of its own, so that each has one source address whatever the program can be told."""
import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Callable

import live_servers as at
from lab import GATEWAY4, ROOT, SERVER4, node_modules

HERE = pathlib.Path(__file__).resolve().parent
DIRB_WORDS = "/usr/share/dirb/wordlists/common.txt"
WORDS = "/usr/share/nmap/nselib/data/http-folders.txt"
NIKTO = ROOT / "build/live/nikto"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

CHAT = '{"model":"llama3.2","messages":[{"role":"user","content":"Which bus goes to the station?"}]}'


@dataclasses.dataclass
class Scanner:
    """`argv`: from its node's address to the command line. `short`: also in the short form. `needs`: a file without
    which it cannot run. `own_stack`: it speaks TCP itself, from the address that ends in .3."""
    name: str
    argv: Callable[[str], list]
    short: bool = True
    seconds: float = 120
    needs: pathlib.Path | None = None
    own_stack: bool = False


@dataclasses.dataclass
class Client:
    """`argv`: from the seconds to run to the command line. `tally`: from its output to (asked, answered, failed, errors)."""
    name: str
    argv: Callable[[float], list]
    tally: Callable[[str], tuple]
    short: bool = True


# ---- hostile -----------------------------------------------------------------------------

def own_stack_address(address):
    """For programs with a TCP of their own: an address the kernel does not know, so that it resets nothing."""
    return address.rsplit(".", 1)[0] + ".3"


def masscan(address, *more):
    return ["masscan", SERVER4, GATEWAY4, "-p", at.PORTS, "--adapter-ip", own_stack_address(address), "--interface", "eth0",
            "--rate", "500", *more]


def nmap(*more):
    scripts = "(http-* and (default or discovery)) and not (broadcast or brute or dos or external)"
    return ["nmap", "-n", "-Pn", "-sV", "-p", at.PORTS, "--script", scripts, *more, SERVER4, GATEWAY4]


def host_and_port(url):
    return re.fullmatch(r"http://(.*):(\d+)", url).groups()


def hydra(url, path):
    """Passwords that nobody has: its own, one and two letters long."""
    host, port = host_and_port(url)
    return ["hydra", "-l", "admin", "-x", "1:2:a", "-s", port, host, "http-get", path]


def nikto(url):
    host, port = host_and_port(url)
    return ["perl", "-I%s" % (NIKTO / "usr/share/perl5"), NIKTO / "usr/bin/nikto", "-config", NIKTO / "nikto.conf",
            "-nointeractive", "-ask", "no", "-host", host, "-port", port]


SCANNERS = (
    Scanner("nmap, HTTP scripts", lambda _: nmap()),
    Scanner("ffuf", lambda _: ["ffuf", "-s", "-t", "10", "-w", WORDS, "-u", at.LLAMA + "/FUZZ"]),
    Scanner("gobuster", lambda _: ["gobuster", "dir", "-q", "-t", "10", "-w", WORDS, "-u", at.VLLM]),
    Scanner("whatweb", lambda _: ["whatweb", "-a", "3", *at.ALL]),
    Scanner("masscan, banners", lambda address: masscan(address, "--banners", "--wait", "5"), own_stack=True),
    Scanner("enumerator of models", lambda _: ["python3", HERE / "enumerate_models.py", *at.ALL]),
    Scanner("nikto", lambda _: nikto(at.LLAMA), short=False, needs=NIKTO / "nikto.conf"),
    Scanner("wfuzz, names of models", lambda _: ["wfuzz", "-z", "list,gpt-4-gpt-4o-llama2-llama3-mistral-gemma-phi3-qwen", "-H", "Content-Type: application/json",
                                                 "-d", CHAT.replace("llama3.2", "FUZZ"), at.VLLM + "/v1/chat/completions"], short=False),
    Scanner("hydra", lambda _: hydra(at.KEYED, "/v1/models"), short=False),
    # The same programs, and others, when they hide who they are.
    Scanner("dirb, a browser's user agent", lambda _: ["dirb", at.OLLAMA, DIRB_WORDS, "-S", "-r", "-a", BROWSER], short=False),
    Scanner("sqlmap, random user agent", lambda _: ["sqlmap", "-u", at.VLLM + "/v1/chat/completions", "--data", CHAT, "--batch", "--random-agent",
                                                    "--flush-session"], short=False),
    Scanner("nmap, another user agent", lambda _: nmap("--script-args", "http.useragent=%s" % BROWSER.replace(",", "")), short=False),
    Scanner("ffuf, a browser's user agent", lambda _: ["ffuf", "-s", "-t", "10", "-H", "User-Agent: " + BROWSER, "-w", WORDS,
                                                         "-u", at.OLLAMA + "/FUZZ"], short=False),
    Scanner("gobuster, random user agent", lambda _: ["gobuster", "dir", "-q", "-t", "10", "--random-agent", "-w", WORDS,
                                                        "-u", at.LLAMA], short=False),
)


# ---- benign ------------------------------------------------------------------------------

def last_json(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    told = json.loads(lines[-1]) if lines else {"asked": 0, "answered": 0, "failed": 1, "errors": ["no result: " + text[-300:].strip()]}
    return told["asked"], told["answered"], told["failed"], told["errors"]


def wrk_tally(text):
    done = re.search(r"(\d+) requests in", text)
    asked = int(done[1]) if done else 0
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    failed = (int(bad[1]) if bad else 0) + sum(map(int, socket_errors.groups()) if socket_errors else ())
    return asked, asked - failed, failed, [] if failed == 0 and asked else [text[-400:].strip()]


def prometheus_tally(text):
    """From what its own API says of all its scrapes: how many there were and how many worked."""
    counts = [json.loads(line)["data"]["result"] for line in text.splitlines() if line.startswith('{"status"')]
    if len(counts) != 2 or not all(counts):
        return 0, 0, 1, ["Prometheus said: " + text[-300:].strip()]
    asked, answered = (int(float(result[0]["value"][1])) for result in counts)
    return asked, answered, asked - answered, []


def haproxy_tally(text):
    """It says which servers it gave up, and nothing of the checks that went well."""
    down = re.findall(r"Server \S+ is DOWN.*", text)
    return 1, int(not down), len(down), down[:3]


def sdk(name, url, gap, **more):
    def argv(seconds):
        words = ["node", HERE / "clients.cjs", "--sdk", name, "--url", url, "--seconds", seconds, "--gap", gap]
        return words + [part for key, value in more.items() for part in ("--" + key, value)]
    return argv


def repeat(gap, *commands):
    def argv(seconds):
        words = ["python3", HERE / "repeat.py", seconds, gap]
        for command in commands:
            words += ["--", *command]
        return words
    return argv


def check_http(url, path):
    host, port = host_and_port(url)
    return ["/usr/lib/nagios/plugins/check_http", "-H", host, "-p", port, "-u", path]


def curl(*arguments):
    return ["curl", "-sS", "-f", "-m", "10", "-o", "/dev/null", *arguments]


PROBE = ("-A", "kube-probe/1.29", "-H", "Connection: close")

CLIENTS = (
    Client("npm openai", sdk("openai", at.KEYED, 700), last_json),
    Client("npm ollama", sdk("ollama", at.OLLAMA, 800), last_json),
    Client("npm @anthropic-ai/sdk", sdk("anthropic", at.KEYED, 900), last_json),
    Client("npm @lmstudio/sdk", sdk("lmstudio", at.LMSTUDIO, 800), last_json),
    Client("npm langchain", sdk("langchain", at.LLAMA, 1100), last_json),
    Client("npm ai (Vercel)", sdk("vercel", at.VLLM, 900), last_json),
    Client("MCP SDK client", sdk("mcp", at.MCP, 700), last_json),
    Client("curl, with a key", repeat(1500, curl("-H", "Authorization: Bearer " + at.KEY, at.KEYED + "/v1/models"),
                                      curl("-H", "Authorization: Bearer " + at.KEY, "-H", "Content-Type: application/json", "-d", CHAT,
                                           at.KEYED + "/v1/chat/completions")), last_json),
    Client("curl, without a key", repeat(2500, curl("-H", "Content-Type: application/json", "-d", CHAT, at.VLLM + "/v1/chat/completions"),
                                         curl(at.VLLM + "/v1/models")), last_json),
    Client("wrk, 200/s with a key", lambda seconds: ["wrk", "-t", "1", "-c", "23", "-d", "%ds" % seconds, "--timeout", "10s", "-s",
                                                      HERE / "wrk_chat.lua", at.KEYED + "/v1/chat/completions"], wrk_tally),
    Client("kubelet-like checks", repeat(2000, curl(*PROBE, at.LLAMA + "/health"), curl(*PROBE, at.KEYED + "/health")), last_json),
    Client("Nagios' check_http", repeat(1000, check_http(at.OLLAMA, "/api/tags"), check_http(at.LLAMA, "/v1/models"), check_http(at.VLLM, "/v1/models"),
                                        check_http(at.KEYED, "/health")), last_json, short=False),
    Client("HAProxy's checks", lambda seconds: ["timeout", int(seconds), "haproxy", "-db", "-f", HERE / "haproxy.cfg"], haproxy_tally, short=False),
    Client("Prometheus", lambda seconds: ["sh", HERE / "prometheus.sh", int(seconds), at.LLAMA, at.KEYED], prometheus_tally),
)


def environment():
    addresses = {"OLLAMA_ADDRESS": at.OLLAMA, "LLAMA_ADDRESS": at.LLAMA, "VLLM_ADDRESS": at.VLLM}
    return dict(os.environ, NODE_PATH=str(node_modules()), **{name: url.removeprefix("http://") for name, url in addresses.items()})
