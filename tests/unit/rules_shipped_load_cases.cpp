// SPDX-License-Identifier: Apache-2.0
// Much at once, halves of requests, MCP, and what only many requests show.
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

const Step kMultiplied =
    post("/v1/chat/completions",
         R"({"model":"m","n":8,"ignore_eos":true,"max_tokens":100000,"messages":[]})");
const Step kPinned =
    sized(100'000,
          post("/api/generate", R"({"model":"m","options":{"num_ctx":131072},"keep_alive":-1})"));

/// The largest context, kept for good, for an answer without end.
const Step kEndless = post(
    "/api/generate",
    R"({"model":"m","prompt":"x","keep_alive":-1,"options":{"num_ctx":131072,"num_predict":-1}})");

}  // namespace

std::vector<Case> load_cases() {
  return {
      {"multiplied-generation",
       {kMultiplied},
       {key("k", kMultiplied),
        post("/v1/completions",
             R"({"model":"m","prompt":"x","ignore_eos":true,"max_tokens":512})")}},
      {"multiplied-generation-flood",
       {kMultiplied, kMultiplied},
       {at(0, kMultiplied), at(60, kMultiplied)}},
      {"pinned-context-flood",
       {kPinned, kPinned, kPinned},
       {at(0, kPinned), at(30, kPinned), at(60, kPinned)}},
      {"huge-contexts",
       repeat(3,
              [](int i) {
                return post("/api/generate",
                            R"({"model":"m","prompt":")" + n(i) +
                                R"(","keep_alive":"999h","options":{"num_ctx":10000000}})");
              }),
       repeat(3,
              [](int i) {
                return post("/api/generate",
                            R"({"model":"m","prompt":")" + n(i) +
                                R"(","keep_alive":-1,"options":{"num_ctx":131072}})");
              })},
      {"context-size-probe",
       {sized(120'000, tokens(1, chat("m", "word word")))},
       {sized(120'000, tokens(800, chat("m", "word word"))), tokens(1, chat("m", "hi"))}},
      {"head-past-cap", {cut(get("/v1/models", 0))}, {sized(9000, chat("m", "long"))}},
      {"slow-request", {slow(chat("m", "x"))}, {chat("m", "x"), slow(chat("m", "x", 0, "k"))}},
      {"slow-requests", repeat(3, [](int i) { return slow(chat("m", n(i))); }),
       repeat(3, [](int i) { return at(i * 1000.0, slow(chat("m", n(i)))); })},
      {"conflicting-lengths",
       {with({"Transfer-Encoding: chunked"}, chat("m", "hi"))},
       {chat("m", "hi")}},
      {"mcp-list-without-handshake",
       {rpc("tools/list")},
       {rpc("initialize"), rpc("notifications/initialized", 202), rpc("tools/list")}},
      {"mcp-list-everything",
       {rpc("tools/list"), rpc("resources/list"), rpc("prompts/list")},
       {rpc("notifications/initialized", 202), rpc("tools/list"), rpc("resources/list"),
        rpc("prompts/list")}},
      {"mcp-paths-missing",
       {get("/mcp", 404), get("/sse", 404), get("/api/mcp", 404), get("/v1/mcp", 404)},
       {rpc("initialize", 404), get("/sse", 404),
        get("/.well-known/oauth-authorization-server", 404),
        get("/.well-known/openid-configuration", 404)}},
      {"mcp-paths-missing-quickly",
       {get("/mcp", 404), get("/sse", 404), get("/api/mcp", 404), get("/v1/mcp", 404)},
       {at(0, get("/mcp", 404)), at(15, get("/sse", 404)), at(30, get("/api/mcp", 404)),
        at(45, get("/v1/mcp", 404))}},
      {"mcp-paths-missing-many",
       {get("/mcp", 404), get("/sse", 404), get("/api/mcp", 404), get("/v1/mcp", 404),
        get("/mcp/sse", 404), get("/events", 404)},
       {get("/mcp", 404), get("/sse", 404), get("/mcp", 404), get("/sse", 404), get("/mcp", 404),
        get("/sse", 404)}},
      {"mcp-ports-missing",
       {on(1, 3000, rpc("initialize", 404)), on(1, 8080, rpc("initialize", 404))},
       {rpc("initialize", 404), rpc("initialize", 404)}},
      {"rpc-methods-guessed",
       {rpc("rpc.discover", 404), rpc("tools/list", 404), rpc("tool.status", 404),
        rpc("listTools", 404)},
       {rpc("eth_blockNumber"), rpc("net_version"), rpc("eth_chainId"), rpc("eth_call")}},
      {"slow-and-wide", refusing(visits(6, 1, 300)), visits(6, 1, 3000)},
      {"slow-and-wide-unused", visits(8, 2, 300), visits(7, 60, 60)},
      {"slow-and-wide-used", questions(16, 300), questions(15, 300)},
      {"refused-models-cycled", refused({"a", "b", "c"}), refused({"a", "b", "a", "b"})},
      {"refused-models-cycled-on", refused({"a", "b", "c", "d", "e"}),
       refused({"a", "b", "c", "d", "a"})},
      {"no-headers-several-servers",
       {on(1, 11434, bare("/api/tags")), at(60, on(2, 11434, bare("/api/tags")))},
       {on(1, 11434, bare("/api/tags")), at(60, on(1, 11434, bare("/api/tags")))}},
      {"user-agent-dropped",
       {agent(kChrome, get("/")), agent("", get("/api/tags"))},
       {agent("curl/8.5.0", get("/")), agent("", get("/api/tags"))}},
      {"pinned-generation", repeat(3, [](int) { return kEndless; }),
       repeat(5, [](int i) { return at(i * 90.0, kEndless); })},
      {"body-over-limit", {over_limit(chat("m", "x"))}, {over_limit(chat("m", "x", 200, "sk-1"))}},
      {"oversized-generation", {asks_for(100'000)}, {asks_for(8192), asks_for(100'000, "sk-1")}},
      {"generation-burst", repeat(60, [](int i) { return at(0.1 * i, chat("m", "x")); }),
       repeat(60, [](int i) { return at(1.0 * i, chat("m", "x")); })},
      {"generation-sustained", repeat(700, [](int i) { return at(i / 30.0, chat("m", n(i))); }),
       repeat(3000, [](int i) { return at(i / 200.0, chat("m", n(i), 200, "sk-1")); })},
      {"oversized-generation-repeated",
       repeat(5, [](int) { return asks_for(65'536); }),
       {asks_for(65'536), asks_for(65'536), asks_for(65'536), asks_for(65'536)}},
      {"key-guessing-slowly",
       repeat(4,
              [](int i) { return at(1800.0 * i, chat("m", "x", 401, "sk-" + std::to_string(i))); }),
       repeat(8,
              [](int i) {
                return at(1800.0 * i, chat("m", "x", 401, "sk-" + std::to_string(i % 3)));
              })},
      {"refused-key-of-many-sources", one_key_from(5, 401), one_key_from(4, 401)},
  };
}

}  // namespace probewall::test
