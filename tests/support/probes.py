# SPDX-License-Identifier: Apache-2.0
"""Requests that scanners of LLM servers send, as curl command lines, and ordinary ones to compare with."""
import json

CAMPAIGN_PROMPTS = ("hi", "How many states are there in the United States?",
                    "What is todays date? What model are you?",
                    "How many letter r are in the word strawberry?")
CAMPAIGN_MODELS = ("gpt-4o", "claude-3-5-sonnet", "gemini-1.5-pro", "grok-2", "deepseek-chat", "llama-3.1-70b",
                   "mistral-large", "qwen-max")


def post(url, body):
    return ["-H", "Content-Type: application/json", "--data-raw", json.dumps(body), url]


def chat_body(model, prompt, **more):
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}


def campaign_requests(base):
    """The campaign seen since December 2025: the same few questions to one model name after another.
    Yields (curl arguments, words for a reader)."""
    for i in range(24):
        model, prompt = CAMPAIGN_MODELS[i % len(CAMPAIGN_MODELS)], CAMPAIGN_PROMPTS[i % len(CAMPAIGN_PROMPTS)]
        yield post(base + "/v1/chat/completions", chat_body(model, prompt)), "%s: %s" % (model, prompt)


def campaign_body(i=0):
    """One campaign request's JSON text."""
    return json.dumps(chat_body(CAMPAIGN_MODELS[i % len(CAMPAIGN_MODELS)], CAMPAIGN_PROMPTS[i % len(CAMPAIGN_PROMPTS)]))


def http(method, path, host, body=b"", headers=()):
    """One request's bytes."""
    if isinstance(body, str):
        body = body.encode()
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: %s" % host, *headers]
    if body:
        lines += ["Content-Type: application/json", "Content-Length: %d" % len(body)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


# What julius-like tools ask to tell one product from another: no single product has all of these.
FAN_OUT_PATHS = ("/lmstudio-greeting", "/api/extra/version", "/get_server_info", "/api/serve/applications/",
                 "/v1/cluster/info", "/props", "/api/tags", "/health/readiness", "/v2/health/ready", "/v1/internal/model/info",
                 "/public/model_hub/info", "/server_info", "/api/version", "/slots")


def fan_out_requests(base):
    for path in FAN_OUT_PATHS:
        yield [base + path], "GET " + path
