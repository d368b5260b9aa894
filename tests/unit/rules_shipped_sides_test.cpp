// SPDX-License-Identifier: Apache-2.0
// Who looks at one product from all sides is blocked, whatever the product; its own clients, which
// ask much before the first question or never put one, are not.
#include <gtest/gtest.h>

#include <ostream>

#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

struct Survey {
  const char* product;
  int port;
  std::vector<const char*> paths;
  bool by_any_program = true;  ///< false: front ends ask so, too; only a bare library is told apart
};
std::ostream& operator<<(std::ostream& out, const Survey& s) { return out << s.product; }

class OneProduct : public ::testing::TestWithParam<Survey> {
 protected:
  Steps steps(int status) const {
    Steps out;
    for (const char* path : GetParam().paths) {
      Step step = std::string_view{path} == "/v2/repository/index" ? post(path, "{}", status)
                                                                   : get(path, status);
      out.push_back(at(0.5 * static_cast<double>(out.size()), on(1, GetParam().port, step)));
    }
    return out;
  }
};

TEST_P(OneProduct, IsNotLookedAtFromAllSidesByAStranger) {
  for (const int status : {200, 404}) {
    Steps asked = steps(status);
    if (!GetParam().by_any_program) {
      for (Step& step : asked) step = library(std::move(step));
    }
    Judge judge{shipped_rules()};
    judge.feed_all(asked);
    EXPECT_FALSE(judge.decisions.empty()) << status;
  }
}

TEST_P(OneProduct, MayBeLookedAtByPersonsAndByWhoHasAKey) {
  Steps page = steps(200), owner = steps(200);
  for (Step& step : page) step = language(std::move(step));
  EXPECT_LT(honest_score(page), 100);
  Judge judge{shipped_rules()};
  judge.feed(on(1, GetParam().port, chat("own", "hi", 401)), "203.0.113.77");
  judge.feed(on(1, GetParam().port, chat("own", "hi", 200, "sk-own")), "203.0.113.78");
  for (Step& step : owner) judge.feed(key("sk-own", std::move(step)));
  EXPECT_TRUE(judge.decisions.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Products, OneProduct,
    ::testing::Values(
        Survey{"LocalAi",
               8080,
               {"/models/available", "/models/galleries", "/models/jobs", "/backends", "/system",
                "/v1/models"}},
        Survey{"KoboldCpp",
               5001,
               {"/api/extra/version", "/api/v1/model", "/api/extra/perf",
                "/api/v1/config/max_length", "/api/extra/true_max_context_length", "/v1/models"},
               false},
        Survey{"Jan",
               1337,
               {"/openapi.json", "/v1/models", "/v1/system", "/v1/configs", "/v1/threads",
                "/v1/hardware"}},
        Survey{"LmStudio",
               1234,
               {"/lmstudio-greeting", "/api/v0/models", "/api/v1/models", "/v1/models"}},
        Survey{"Tgi", 3000, {"/", "/info", "/health", "/metrics", "/v1/models"}},
        Survey{"TgiRootLast", 3000, {"/info", "/health", "/metrics", "/v1/models", "/"}, false},
        Survey{"Triton",
               8000,
               {"/v2", "/v2/health/ready", "/v2/repository/index", "/v2/models/a/config",
                "/v2/models/a/stats", "/metrics"}},
        Survey{"Sglang",
               30000,
               {"/get_server_info", "/get_model_info", "/v1/models", "/get_load", "/metrics"}},
        Survey{"TextGen",
               5000,
               {"/v1/internal/model/info", "/v1/internal/model/list", "/v1/internal/lora/list",
                "/openapi.json", "/v1/models"}},
        Survey{"Ray",
               8265,
               {"/api/version", "/api/jobs/", "/nodes?view=summary", "/api/serve/applications/",
                "/api/cluster_status", "/logical/actors"}},
        Survey{"OpenWebUi",
               3000,
               {"/api/config", "/api/version", "/api/v1/auths/", "/ollama/api/tags",
                "/openai/models", "/api/models"}},
        Survey{"Xinference",
               9997,
               {"/v1/cluster/info", "/v1/cluster/version", "/v1/model_registrations/LLM",
                "/v1/cluster/devices", "/v1/models", "/v1/cluster/auth"}},
        Survey{"LiteLlm",
               4000,
               {"/health/readiness", "/model/info", "/public/model_hub/info", "/key/info",
                "/health/liveliness", "/spend/logs"}},
        Survey{"LlamaCpp",
               8080,
               {"/props", "/slots", "/lora-adapters", "/metrics", "/health", "/v1/models"}},
        Survey{"Vllm",
               8000,
               {"/version", "/v1/models", "/metrics", "/server_info", "/load", "/is_sleeping"}}),
    [](const auto& info) { return std::string{info.param.product}; });

Step socket(std::string path) {
  return with({"Connection: Upgrade", "Upgrade: websocket"}, get(std::move(path), 101));
}

// Each polls on without a question, as a front end does that nobody uses today.
TEST(ProductClients, KoboldCppsFrontEndsStartAndAreNotUsed) {
  for (const char* program : {"node-fetch", "python-requests/2.32.3", "Python/3.12 aiohttp/3.11"}) {
    Steps steps;
    for (int round = 0; round < 20; ++round) {
      steps.push_back(at(30.0 * round, get("/api/v1/info/version")));
      for (const char* path :
           {"/api/extra/version", "/api/v1/model", "/api/v1/config/max_length",
            "/api/v1/config/max_context_length", "/api/extra/true_max_context_length",
            "/api/extra/perf", "/v1/models", "/props", "/sdapi/v1/sd-models"})
        steps.push_back(get(path));
    }
    for (Step& step : steps) step = agent(program, std::move(step));
    EXPECT_LT(honest_score(steps), 100) << program;
  }
}

TEST(ProductClients, LmStudiosLibraryAndWhoFallsBackFromListToList) {
  EXPECT_LT(honest_score({get("/lmstudio-greeting"), socket("/system"), socket("/llm"),
                          socket("/embedding"), get("/api/v0/models"), get("/api/v1/models"),
                          get("/v1/models")}),
            100);
  EXPECT_LT(honest_score({get("/api/v1/models", 404), get("/api/v0/models", 404), get("/v1/models"),
                          at(40, chat("own", "hi"))}),
            100);
}

TEST(ProductClients, SglangsRouterOfANewNameMeetsAnOldServer) {
  Steps steps;
  for (const char* path :
       {"/health", "/server_info", "/get_server_info", "/model_info", "/get_model_info"}) {
    const bool missing = std::string_view{path}.find("get_") == std::string_view::npos &&
                         std::string_view{path} != "/health";
    steps.push_back(get(path, missing ? 404 : 200));
  }
  for (int i = 1; i < 60; ++i) {
    steps.push_back(at(10.0 * i, get("/get_load")));
    steps.push_back(get("/health"));
  }
  for (Step& step : steps) step = with({"Accept: */*"}, agent("", std::move(step)));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(ProductClients, SglangsBenchmarkAndTheCheckBeforeIt) {
  Steps steps;
  for (const char* path : {"/health_generate", "/get_model_info", "/get_server_info", "/v1/models"})
    steps.push_back(get(path));
  steps.push_back(post("/flush_cache", ""));
  for (int i = 0; i < 50; ++i)
    steps.push_back(post("/generate", R"({"text":"A long tale of )" + n(i) + R"( ships"})"));
  steps.push_back(get("/get_server_info"));
  steps.push_back(get("/metrics"));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(ProductClients, TritonsLibrariesAndMeasuringTools) {
  Steps steps{get("/v2/health/live"), get("/v2/health/ready"), get("/v2")};
  for (const char* model : {"ensemble", "tokenise", "llm", "detokenise"}) {
    const std::string at_model = std::string{"/v2/models/"} + model;
    for (const char* part : {"", "/ready", "/config", "/stats"})
      steps.push_back(get(at_model + part));
  }
  steps.push_back(on(1, 8002, get("/metrics")));
  steps.push_back(post("/v2/models/ensemble/infer", R"({"inputs":[]})"));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(ProductClients, TritonLookedAfterByHand) {
  EXPECT_LT(honest_score({at(0, get("/v2/health/ready")), at(8, post("/v2/repository/index", "{}")),
                          at(16, get("/v2/models/llm/config")), at(24, get("/v2/models/llm/stats")),
                          at(32, get("/metrics")),
                          at(40, post("/v2/models/llm/generate", R"({"text_input":"hi"})"))}),
            100);
}

TEST(ProductClients, TgisLibraryMonitorAndFrontEndBehindOneAddress) {
  Steps steps;
  for (int i = 0; i < 20; ++i) {
    steps.push_back(at(15.0 * i, agent("kube-probe/1.33", get("/health"))));
    steps.push_back(agent("Prometheus/2.53.0", get("/metrics")));
    steps.push_back(agent("unknown/None; hf_hub/0.27.0; python/3.11.9", get("/info")));
  }
  steps.push_back(agent("node", get("/v1/models")));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(ProductClients, LocalAiIsGivenAModel) {
  Steps steps{get("/readyz"), get("/models/available"),
              post("/models/apply", R"({"id":"localai@qwen3-4b"})")};
  for (int i = 0; i < 30; ++i) steps.push_back(at(2.0 + i, get("/models/jobs/1059474d-f4f9")));
  steps.push_back(get("/models/jobs"));
  steps.push_back(get("/v1/models"));
  EXPECT_LT(honest_score(steps), 100);
}

TEST(ProductClients, JansPageAndAnAssistantsLibrary) {
  Steps page;
  for (const char* path : {"/v1/models", "/v1/system", "/v1/configs", "/v1/threads", "/v1/hardware",
                           "/v1/engines", "/v1/assistants", "/openapi.json"})
    page.push_back(language(get(path)));
  EXPECT_LT(honest_score(page), 100);
  EXPECT_LT(honest_score({get("/v1/models"), get("/v1/threads", 404), get("/v1/assistants", 404),
                          get("/v1/files", 404), at(9, chat("own", "hi"))}),
            100);
}

TEST(ProductClients, XinferencesLibraryListsLaunchesAndAsks) {
  EXPECT_LT(honest_score({get("/v1/cluster/auth"), get("/v1/models"),
                          get("/v1/model_registrations/LLM"), get("/v1/cluster/info"),
                          post("/v1/models", R"({"model_name":"qwen2.5","model_engine":"vllm"})"),
                          get("/v1/models"), chat("qwen2.5", "hi")}),
            100);
}

TEST(ProductClients, XinferenceStartsAModelOfTheHouse) {
  for (const char* place : {"/srv/models/own", "http://minio:9000/own", "http://10.3.1.9/own",
                            "https://huggingface.co/org/own", "s3://models/own"}) {
    EXPECT_LT(honest_score({post("/v1/models", R"({"model_name":"own","model_engine":"vllm",)"
                                               R"("trust_remote_code":true,"model_uri":")" +
                                                   std::string{place} + "\"}")}),
              50)
        << place;
  }
}

}  // namespace
}  // namespace probewall::test
