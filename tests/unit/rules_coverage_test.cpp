// SPDX-License-Identifier: Apache-2.0
// Each server product and wire format: its default ports are watched, its paths and answers are
// recognised, and whoever goes from it to two other products is a probe. The table for readers is
// in userspace/core/llm/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "config/config.hpp"
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

struct Product {
  const char* name;  ///< as in events
  std::vector<std::uint16_t> ports;
  std::vector<Step> own;  ///< requests that name it; empty: it has no path of its own
  const char* head;       ///< of an answer that names it, behind the status line
  const char* body;
};
std::ostream& operator<<(std::ostream& out, const Product& p) { return out << p.name; }

class Coverage : public ::testing::TestWithParam<Product> {};

TEST_P(Coverage, DefaultPortsAreWatched) {
  const Config config;
  for (const std::uint16_t port : GetParam().ports) {
    EXPECT_NE(std::find(config.ports.begin(), config.ports.end(), port), config.ports.end())
        << port;
  }
}

TEST_P(Coverage, RequestsNameTheProduct) {
  for (const Step& step : GetParam().own) {
    const Request request = request_from(step, 1, Judge::time(0), "198.51.100.7");
    EXPECT_STREQ(to_string(request.impl), GetParam().name) << step.path;
  }
}

TEST_P(Coverage, AnswersNameTheProduct) {
  const std::string text =
      std::string{"HTTP/1.1 200 OK\r\n"} + GetParam().head + "\r\n" + GetParam().body;
  EXPECT_STREQ(to_string(impl_of_answer(text)), GetParam().name);
}

TEST_P(Coverage, ProbingItAndOthersIsDecided) {
  std::vector<Step> steps = GetParam().own;
  if (steps.size() > 1) steps.resize(1);
  for (Step other : {get("/lmstudio-greeting", 404), get("/api/extra/version", 404),
                     get("/get_server_info", 404), get("/v1/cluster/info", 404)}) {
    steps.push_back(std::move(other));
  }
  if (GetParam().own.empty()) steps.insert(steps.begin(), get("/v1/models"));
  Judge judge{shipped_rules()};
  judge.feed_all(steps);
  EXPECT_FALSE(judge.decisions.empty());
}

TEST_P(Coverage, UsingItIsLeftAlone) {
  const std::string port = std::to_string(GetParam().ports.empty() ? 8000 : GetParam().ports[0]);
  std::vector<Step> steps;
  for (Step step : GetParam().own) {
    step.port = std::stoi(port);
    steps.push_back(std::move(step));
  }
  for (int i = 0; i < 3; ++i) steps.push_back(chat("m", "What is a good name for a cat? " + n(i)));
  EXPECT_LT(honest_score(steps), 100);
}

INSTANTIATE_TEST_SUITE_P(
    Products, Coverage,
    ::testing::Values(
        Product{"llama.cpp", {8080}, {get("/props"), get("/slots")}, "Server: llama.cpp\r\n", "{}"},
        Product{"ollama",
                {11434},
                {get("/api/tags"), get("/api/ps"), post("/api/generate", "{}")},
                "",
                R"({"models":[{"name":"a","details":{"families":["llama"]}}]})"},
        Product{"lmstudio",
                {1234},
                {get("/api/v0/models"), post("/api/v1/models/load", R"({"model":"m"})")},
                "",
                R"j({"error":"Unexpected endpoint or method. (GET /x)"})j"},
        Product{"localai",
                {8080},
                {get("/models/available")},
                "Content-Type: text/plain\r\n",
                "# HELP localai_api_call calls"},
        Product{"vllm",
                {8000},
                {post("/v1/load_lora_adapter", "{}"), post("/reset_prefix_cache", "")},
                "",
                R"({"object":"list","data":[{"id":"a","owned_by":"vllm"}]})"},
        Product{"sglang",
                {30000},
                {get("/get_server_info"), get("/get_model_info")},
                "",
                R"({"model_path":"a","is_generation":true})"},
        Product{"tgi",
                {3000, 8080},
                {post("/generate_stream", R"({"inputs":"a"})")},
                "",
                R"({"model_id":"a","max_batch_total_tokens":16000})"},
        Product{"text-generation-webui",
                {5000, 7860},
                {get("/v1/internal/model/info")},
                "",
                R"({"model_name":"a","lora_names":[]})"},
        Product{"koboldcpp",
                {5001},
                {get("/api/extra/version"), get("/api/extra/perf")},
                "",
                R"({"result":"KoboldCpp","version":"1.98"})"},
        Product{"xinference",
                {9997},
                {get("/v1/cluster/info"), get("/v1/model_registrations/LLM")},
                "",
                R"([{"node_type":"Supervisor","ip_address":"10.0.0.5"}])"},
        Product{"litellm",
                {4000},
                {get("/health/liveliness"), get("/model/info")},
                "x-litellm-version: 1.60\r\n",
                "{}"},
        Product{"open-webui",
                {3000, 8080},
                {get("/api/config")},
                "",
                R"({"status":true,"name":"Open WebUI","version":"0.6"})"},
        Product{"jan", {1337}, {}, "", R"({"data":[{"id":"a","owned_by":"janhq"}]})"},
        Product{"gpt4all", {4891}, {}, "", R"({"data":[{"id":"a","owned_by":"humanity"}]})"},
        Product{"triton",
                {8000, 8001},
                {get("/v2/health/ready"), post("/v2/repository/index", "{}")},
                "",
                R"({"name":"triton","extensions":["classification","sequence"]})"},
        Product{"ray",
                {8265, 8000},
                {get("/api/serve/applications"), get("/api/jobs/"), get("/api/v0/logs")},
                "",
                R"({"ray_version":"2.40","version":"4"})"},
        Product{"mcp",
                {3000, 3001, 6277},
                {rpc("initialize"), rpc("tools/list")},
                "mcp-session-id: 1\r\n",
                "{}"},
        Product{"openai",
                {},
                {chat("gpt-4o", "hi")},
                "openai-processing-ms: 12\r\n",
                R"({"object":"chat.completion"})"},
        Product{"anthropic",
                {},
                {post("/v1/messages", R"({"model":"m","messages":[]})")},
                "",
                R"({"type":"message","role":"assistant","content":[]})"},
        Product{"gemini",
                {},
                {post("/v1beta/models/gemini-2.0-flash:generateContent", R"({"contents":[]})")},
                "",
                R"({"candidates":[],"usageMetadata":{}})"}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
      return name;
    });

}  // namespace
}  // namespace probewall::test
