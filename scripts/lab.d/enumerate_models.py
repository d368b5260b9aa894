# SPDX-License-Identifier: Apache-2.0
"""enumerate_models.py URL...: finds out which models LLM servers answer for, many requests at a time, as a
scanner's author would write it: asks each server for its lists, then tries names on whatever answers.

Standard library only; the header set is that of the usual Python client library. Prints how many answers it got."""
import asyncio
import json
import sys
import urllib.parse

NAMES = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3-mini", "claude-3-7-sonnet-latest", "claude-sonnet-4", "gemini-2.0-flash",
         "gemini-1.5-pro", "grok-3", "deepseek-chat", "deepseek-reasoner", "mistral-large-latest", "llama3.2", "llama3.1:70b",
         "qwen2.5:7b", "qwen2.5-coder:32b", "gemma2:27b", "phi4", "command-r-plus", "mixtral:8x7b")
LISTS = ("/v1/models", "/api/tags")
AT_ONCE, PATIENCE = 8, 3.0


async def ask(url, method, path, body=None):
    """One request on a connection of its own. (status, body) or None when there is no answer."""
    host, port = url.hostname, url.port or 80
    data = b"" if body is None else json.dumps(body).encode()
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: %s:%d" % (host, port), "Accept: */*",
             "Accept-Encoding: gzip, deflate", "User-Agent: Python/3.11 aiohttp/3.9.5"]
    if data:
        lines += ["Content-Length: %d" % len(data), "Content-Type: application/json"]
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), PATIENCE)
    except (OSError, asyncio.TimeoutError):
        return None
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        rest = await asyncio.wait_for(reader.read(65536), PATIENCE)
        return int(head.split()[1]), rest
    except (OSError, ValueError, IndexError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()


async def main(urls):
    gate, answers = asyncio.Semaphore(AT_ONCE), []

    async def one(url, method, path, body=None):
        async with gate:
            answer = await ask(url, method, path, body)
        if answer is not None:
            answers.append(answer)
        return answer

    targets = [urllib.parse.urlsplit(url) for url in urls]
    await asyncio.gather(*(one(url, "GET", path) for url in targets for path in LISTS))
    await asyncio.gather(*(one(url, "POST", "/v1/chat/completions", {
        "model": name, "messages": [{"role": "user", "content": "Reply with the single word ready."}], "max_tokens": 5})
        for name in NAMES for url in targets))
    print(json.dumps({"answered": len(answers), "accepted": sum(status == 200 for status, _ in answers)}))


asyncio.run(main(sys.argv[1:]))
