// SPDX-License-Identifier: Apache-2.0
// Servers used as proxies, administrators' paths, files read by tools, models that bring code.
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

Step job(std::string entrypoint) {
  return post("/api/jobs/", R"({"entrypoint":")" + std::move(entrypoint) + R"("})");
}

Step tool_reads(std::string uri) {
  return post("/mcp", R"({"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":")" +
                          uri + R"("}})");
}

Step question_at(int port, std::string bearer, int status) {
  Step s = on(1, static_cast<std::uint16_t>(port), chat("m", "hi", status, std::move(bearer)));
  return s;
}

Step rejected(std::string body) { return post("/v1/chat/completions", std::move(body), 400); }

}  // namespace

std::vector<Case> takeover_cases() {
  return {
      {"foreign-target",
       {get("http://example.org/?format=json", 404)},
       {get("/api/tags?next=http://example.org/"), get("/v1/models")}},
      {"foreign-targets",
       {get("http://example.org/", 404), method("CONNECT", get("example.org:443", 405))},
       {get("http://10.0.0.5:8000/health"), get("http://10.0.0.5:8000/health")}},
      {"metadata-target",
       {get("http://169.254.169.254/latest/meta-data/", 404)},
       {get("http://example.org/169.254.169.254", 404)}},
      {"code-in-model-load",
       {post("/v2/repository/models/m/load",
             R"({"parameters":{"config":"{}","file:1/model.py":"aW1wb3J0"}})")},
       {post("/v2/repository/models/m/load", R"({"parameters":{"config":"{}"}})"),
        chat("m", "\\\"file:1/model.py\\\": why is it refused?")}},
      {"hidden-code",
       {job(R"(python3 -c \"import base64;exec(base64.b64decode('aW1w'))\")")},
       {job("python3 train.py --data base64.txt"), chat("m", "exec(base64.b64decode('aW1w'))")}},
      {"model-registered-from-system",
       {post("/v1/model_registrations/LLM",
             R"({"model":"{\"model_specs\":[{\"model_uri\":\"file:///etc/passwd\"}]}"})", 400)},
       {post("/v1/model_registrations/LLM",
             R"({"model":"{\"model_specs\":[{\"model_uri\":\"file:///home/u/models/a\"}]}"})")}},
      {"model-with-foreign-code",
       {post(
           "/v1/models",
           R"({"model_name":"a","model_uri":"https://models.example.org/a","trust_remote_code":true})")},
       {post(
            "/v1/models",
            R"({"model_name":"a","model_uri":"http://minio.lan:9000/a","trust_remote_code":true})"),
        post("/v1/models", R"({"model_name":"a","trust_remote_code":true})"),
        post("/v1/models", R"({"model_name":"a","model_uri":"https://models.example.org/a"})")}},
      {"climbing-model-name",
       {post("/v1/internal/model/load", R"({"model_name":"../../../../etc"})")},
       {post("/v1/internal/model/load", R"({"model_name":"../models/a.gguf"})"),
        chat("m", "what does ../../etc mean?"), chat("org/model", "hi")}},
      {"secret-file-by-tool",
       {tool_reads("file:///root/.ssh/id_ed25519")},
       {tool_reads("file:///srv/notes/etc/hosts.md"), tool_reads("notes://today")}},
      {"secret-files-by-tool",
       {tool_reads("file:///etc/passwd"), tool_reads("file:///proc/1/environ")},
       {tool_reads("file:///etc/passwd"), tool_reads("file:///etc/passwd")}},
      {"private-paths-several",
       {get("/get/config/callbacks", 401), get("/model_group/info", 401), get("/routes", 401)},
       {language(get("/get/config/callbacks")), language(get("/model_group/info")),
        language(get("/routes")), get("/model_group/info"), get("/v1/models")}},
      {"private-paths-many",
       {get("/api/env-dump"), get("/api/system/local-files", 401), get("/api/setup-complete"),
        get("/api/system/data-exports", 401), get("/api/system/export-chats?type=csv", 401)},
       {get("/api/ping"), get("/api/system/local-files", 401), get("/api/setup-complete"),
        get("/api/system/local-files", 401), get("/api/v1/workspaces")}},
      {"rejected-questions",
       {rejected("{}"), rejected("[]"), rejected(R"({"model":123,"messages":"x"})"),
        rejected(R"({"model":"a","messages":[],"max_tokens":-1})")},
       {at(0, rejected("{}")), at(9, rejected("[]")), at(20, rejected(R"({"model":"a"})")),
        at(31, rejected(R"({"model":"b"})"))}},
      {"chat-ports-refused",
       {question_at(8000, "test", 404), question_at(8080, "test", 404),
        question_at(11434, "test", 401), question_at(1234, "test", 404)},
       {question_at(8000, "test", 401), question_at(8000, "test", 401),
        question_at(8080, "test", 404), question_at(8001, "test", 200)}},
      {"large-answers-at-once", repeat(10, [](int i) { return at(0.2 * i, asks_for(32000)); }),
       repeat(10, [](int i) { return at(4.0 * i, asks_for(32000)); })},
      {"whole-memory-pinned",
       {post("/api/generate",
             R"({"model":"m","prompt":"x","keep_alive":-1,"options":{"num_ctx":1048576}})")},
       {post("/api/generate",
             R"({"model":"m","prompt":"x","keep_alive":-1,"options":{"num_ctx":131072}})"),
        post("/api/generate", R"({"model":"m","prompt":"x","options":{"num_ctx":1048576}})")}},
      {"mcp-inspector-shell",
       {with({"X-MCP-Proxy-Auth: Bearer x"},
             get("/stdio?transportType=stdio&command=/bin/bash&args=-c%20id"))},
       {with({"X-MCP-Proxy-Auth: Bearer x"},
             get("/stdio?transportType=stdio&command=node&args=build/index.js")),
        method("OPTIONS", get("/stdio?command=bash&transportType=stdio"))}},
  };
}

}  // namespace probewall::test
