# SPDX-License-Identifier: Apache-2.0
"""The LLM servers of `scripts/evaluate --live`, on ports of the field, in a Lab. All but LM Studio's stand-in are
programs nobody here wrote."""
import os
import pathlib

from lab import GATEWAY4, SERVER4, Lab, node_modules, wait_until

HERE = pathlib.Path(__file__).resolve().parent
KEY = "sk-team-7d1f0c"

OLLAMA = "http://%s:11434" % SERVER4      # mock-llm, without a key
LLAMA = "http://%s:8080" % SERVER4        # aimock, without a key, with metrics
KEYED = "http://%s:4000" % SERVER4        # aimock, refuses whoever has no key
MCP = "http://%s:3001" % SERVER4          # the MCP project's own example server
LMSTUDIO = "http://%s:1234" % SERVER4     # stand-in, see lmstudio.cjs
VLLM = "http://%s:8000" % GATEWAY4        # mock-llm on the gateway itself
ALL = (OLLAMA, LLAMA, KEYED, MCP, LMSTUDIO, VLLM)
PORTS = "1234,3001,4000,8000,8080,11434"


def _start(lab: Lab, port, argv, **environment):
    env = dict(os.environ, NODE_PATH=str(node_modules()), **environment)
    lab.spawn("server", argv, log="server-%d" % port, env=env)


def start_all(lab: Lab):
    programs = node_modules() / ".bin"
    aimock = [programs / "llmock", "-h", "::", "-f", HERE / "aimock.json", "--metrics", "--log-level", "warn"]
    _start(lab, 8080, aimock + ["-p", 8080])
    _start(lab, 4000, aimock + ["-p", 4000], AIMOCK_API_KEYS=KEY)
    _start(lab, 3001, [programs / "mcp-server-everything", "streamableHttp"], PORT="3001")
    _start(lab, 1234, ["node", HERE / "lmstudio.cjs", 1234])
    lab.start_llm("server", (11434,))
    lab.start_llm("gateway", (8000,))
    for port in (8080, 4000, 3001, 1234):
        wait_until(lambda: lab.accepts("server", "127.0.0.1", port), "a server listens on port %d" % port)
