// SPDX-License-Identifier: Apache-2.0
// What strangers get on products' own paths, and what other applications answer there.
#include <gtest/gtest.h>

#include <ostream>

#include "core/http/request_parser.hpp"
#include "core/llm/classify.hpp"
#include "core/llm/fields_reader.hpp"
#include "core/servers/server_registry.hpp"

namespace probewall {
namespace {

struct Exchange {
  const char* method;
  const char* path;
  const char* body;
  const char* type;  ///< of the answer; "": no field
  const char* answer;
  int status = 200;
};

class Strangers : public testing::Test {
 protected:
  std::optional<Exposure> feed(const Exchange& e) {
    Request request;
    request.id = ++id_;
    request.flow.client = *IpAddress::parse("198.51.100.7");
    request.flow.server = *IpAddress::parse("192.0.2.1");
    request.flow.server_port = 8000;
    request.source = source_of(request.flow.client, 64);
    request.head =
        parse_request_head(std::string{e.method} + " " + e.path + " HTTP/1.1\r\n\r\n", {});
    request.llm = read_llm_fields(e.body);
    const Classified kind = classify(request.head, request.llm);
    request.api = kind.api;
    request.impl = kind.impl;
    request.proven = true;
    Response response;
    response.request_id = id_;
    response.time = timestamp_from_ns(1'767'052'800'000'000'000ull);
    response.status = e.status;
    const std::string type = *e.type ? std::string{"Content-Type: "} + e.type + "\r\n" : "";
    response.head_and_body_prefix =
        "HTTP/1.1 " + std::to_string(e.status) + " X\r\n" + type + "\r\n" + e.answer;
    response.impl = impl_of_answer(response.head_and_body_prefix);
    return registry_.on_response(request, response);
  }
  Impl known() {
    const auto all = registry_.list(timestamp_from_ns(1'767'052'800'000'000'000ull));
    return all.empty() ? Impl::kUnknown : all[0].impl;
  }

  ServerRegistry registry_;
  std::uint64_t id_ = 0;
};

constexpr const char* kJson = "application/json";
constexpr const char* kText = "text/plain; charset=utf-8";

struct Given {
  const char* name;
  Exchange exchange;
  Access access;
  Impl impl;
};
std::ostream& operator<<(std::ostream& out, const Given& g) { return out << g.name; }

class Paths : public Strangers, public testing::WithParamInterface<Given> {};

TEST_P(Paths, GiveStrangersWhatTheTableSays) {
  const auto exposure = feed(GetParam().exchange);

  ASSERT_TRUE(exposure.has_value());
  EXPECT_STREQ(to_string(exposure->access), to_string(GetParam().access));
  EXPECT_STREQ(to_string(exposure->impl), to_string(GetParam().impl));
  EXPECT_EQ(exposure->evidence().find(std::string{GetParam().exchange.method} + " " +
                                      GetParam().exchange.path + " without a key from "),
            0u);
  EXPECT_GT(std::string{exposure_advice(exposure->impl, exposure->access)}.size(), 30u);
}

TEST_P(Paths, GiveNothingWhereAFrontEndSaysYesToEverything) {
  Exchange page = GetParam().exchange;
  page.type = "text/html; charset=utf-8";
  page.answer = "<!doctype html><html><title>Shop</title></html>";
  EXPECT_FALSE(feed(page).has_value());
  page.type = kText;
  EXPECT_FALSE(feed(page).has_value()) << "whatever it calls itself";
  page.type = "text/html";
  page.answer = "";
  EXPECT_FALSE(feed(page).has_value()) << "an empty page";
}

TEST_P(Paths, GiveNothingWithAnErrorOrARefusal) {
  Exchange error = GetParam().exchange;
  error.type = kJson;
  error.answer = "{\n  \"error\": \"Unexpected endpoint or method. (POST /x)\"\n}";
  EXPECT_FALSE(feed(error).has_value());
  error.answer = R"({"success": false, "message": "no"})";
  EXPECT_FALSE(feed(error).has_value());
  for (const int status : {302, 401, 403, 404, 405, 500}) {
    error = GetParam().exchange;
    error.status = status;
    EXPECT_FALSE(feed(error).has_value()) << status;
  }
}

const Given kManaged[] = {
    {"vLLM adapter",
     {"POST", "/v1/load_lora_adapter", R"({"lora_name":"x"})", kText, "Success: added."},
     Access::kManagement,
     Impl::kVllm},
    {"vLLM cache", {"POST", "/reset_prefix_cache", "", "", ""}, Access::kManagement, Impl::kVllm},
    {"SGLang adapter",
     {"POST", "/load_lora_adapter", "{}", kJson, R"({"success":true})"},
     Access::kManagement,
     Impl::kSglang},
    {"SGLang weights",
     {"POST", "/update_weights_from_disk", "{}", kJson, R"({"success":true,"message":"x"})"},
     Access::kManagement,
     Impl::kSglang},
    {"SGLang cache",
     {"POST", "/flush_cache", "", kText, "Cache flushed."},
     Access::kManagement,
     Impl::kSglang},
    {"SGLang cache, read",
     {"GET", "/flush_cache", "", kText, "Cache flushed."},
     Access::kManagement,
     Impl::kSglang},
    {"LocalAI model",
     {"POST", "/models/apply", R"({"id":"x"})", kJson, R"({"uuid":"1","status":"http://x"})"},
     Access::kManagement,
     Impl::kLocalAi},
    {"text-generation-webui model",
     {"POST", "/v1/internal/model/load", "{}", kJson, "\"OK\""},
     Access::kManagement,
     Impl::kTextGen},
    {"Triton model",
     {"POST", "/v2/repository/models/x/load", "{}", kJson, ""},
     Access::kManagement,
     Impl::kTriton},
    {"Triton model, no type",
     {"POST", "/v2/repository/models/x/unload", "{}", "", ""},
     Access::kManagement,
     Impl::kTriton},
    {"llama.cpp settings",
     {"POST", "/props", "{}", kJson, R"({"success":true})"},
     Access::kManagement,
     Impl::kLlamaCpp},
    {"llama.cpp adapters",
     {"POST", "/lora-adapters", "[]", kJson, R"({"success":true})"},
     Access::kManagement,
     Impl::kLlamaCpp},
    {"llama.cpp cache",
     {"POST", "/slots/0", "", kJson, R"({"id_slot":0})"},
     Access::kManagement,
     Impl::kLlamaCpp},
    {"llama.cpp router",
     {"POST", "/models/load", R"({"model":"x"})", kJson, R"({"success":true})"},
     Access::kManagement,
     Impl::kUnknown},
    {"LM Studio load",
     {"POST", "/api/v1/models/load", R"({"model":"m"})", kJson, R"({"status":"loaded"})"},
     Access::kManagement,
     Impl::kLmStudio},
    {"LM Studio download",
     {"POST", "/api/v1/models/download", R"({"model":"m"})", kJson, R"({"job_id":"1"})"},
     Access::kManagement,
     Impl::kLmStudio},
    {"KoboldCpp settings",
     {"POST", "/api/admin/reload_config", "{}", kJson, R"({"success": true})"},
     Access::kManagement,
     Impl::kKoboldCpp},
    {"Xinference launch",
     {"POST", "/v1/models", R"({"model_name":"q"})", kJson, R"({"model_uid": "q"})"},
     Access::kManagement,
     Impl::kXinference},
    {"LiteLLM key",
     {"POST", "/key/generate", "{}", kJson, R"({"key":"sk-xyz"})"},
     Access::kManagement,
     Impl::kLiteLlm},
    {"LiteLLM key, later fields",
     {"POST", "/key/generate", "{}", kJson, R"({"key_alias":null,"duration":null})"},
     Access::kManagement,
     Impl::kLiteLlm},
    {"Open WebUI administrator",
     {"POST", "/api/v1/auths/signup", R"({"name":"n"})", kJson, R"({"token":"e","role":"admin"})"},
     Access::kManagement,
     Impl::kOpenWebUi},
    {"Ollama delete",
     {"DELETE", "/api/delete", R"({"model":"m"})", "", ""},
     Access::kManagement,
     Impl::kOllama},
    {"Ollama pull",
     {"POST", "/api/pull", "{}", "application/x-ndjson", R"({"status":"x"})"},
     Access::kManagement,
     Impl::kOllama},
    {"Ray job",
     {"POST", "/api/jobs/", "{}", kJson, R"({"submission_id":"raysubmit_x"})"},
     Access::kManagement,
     Impl::kRay},
    {"Ray jobs",
     {"GET", "/api/jobs/", "", kJson, R"([{"type":"DRIVER","submission_id":null}])"},
     Access::kManagement,
     Impl::kRay},
};
INSTANTIATE_TEST_SUITE_P(Managed, Paths, testing::ValuesIn(kManaged));

const Given kUsed[] = {
    {"LM Studio chat",
     {"POST", "/api/v1/chat", R"({"model":"m","input":"x"})", kJson, R"({"output":[]})"},
     Access::kGeneration,
     Impl::kLmStudio},
    {"TGI's root",
     {"POST", "/", R"({"inputs":"x"})", kJson, R"([{"generated_text":"hi"}])"},
     Access::kGeneration,
     Impl::kUnknown},
    {"speech",
     {"POST", "/v1/audio/speech", R"({"input":"x"})", "audio/mpeg", "ID3"},
     Access::kGeneration,
     Impl::kUnknown},
    {"pictures",
     {"POST", "/v1/images/generations", "{}", kJson, R"({"data":[]})"},
     Access::kGeneration,
     Impl::kUnknown},
    {"scores",
     {"POST", "/score", R"({"text_1":"a","text_2":"b"})", kJson, R"({"data":[]})"},
     Access::kGeneration,
     Impl::kUnknown},
    {"Ollama's search in the web",
     {"POST", "/api/experimental/web_search", R"({"query":"x"})", kJson, R"({"results":[]})"},
     Access::kGeneration,
     Impl::kOllama},
    {"llama.cpp's slots",
     {"GET", "/slots", "", kJson, R"([{"id":0,"prompt":"x"}])"},
     Access::kPrompts,
     Impl::kLlamaCpp},
};
INSTANTIATE_TEST_SUITE_P(Used, Paths, testing::ValuesIn(kUsed));

TEST_F(Strangers, OtherApplicationsAnswersOnTheSamePathsExposeNothing) {
  const Exchange kOthers[] = {
      {"POST", "/props", "{}", kJson, R"({"theme":"dark"})"},
      {"POST", "/models/load", "{}", kJson, R"({"queued":3})"},
      {"POST", "/v1/models", "{}", kJson, R"({"id":7,"name":"chair"})"},
      {"POST", "/key/generate", "{}", kJson, R"({"key":"ABCD-EFGH","licence":"pro"})"},
      {"POST", "/api/v1/auths/signup", "{}", kJson, R"({"token":"e","role":"pending"})"},
      {"POST", "/api/admin/reload_config", "{}", kJson, R"({"reloaded":true})"},
      {"GET", "/api/jobs", "", kJson, R"([{"title":"cook","salary":1}])"},
      {"POST", "/api/jobs", "{}", kJson, R"({"title":"cook"})"},
      {"POST", "/", R"({"inputs":{"a":1}})", kJson, R"({"ok":true})"},
      {"POST", "/user/new", "{}", kJson, R"({"user_id":"1"})"},
      {"POST", "/team/update", "{}", kJson, R"({"team":"red"})"},
      {"GET", "/user/list", "", kJson, R"([{"name":"ann"}])"},
      {"POST", "/config/update", "{}", kJson, R"({"ok":true})"},
      {"POST", "/sleep", "", kText, "good night"},
      {"POST", "/api/web_search", R"({"query":"x"})", kJson, R"({"hits":[]})"},
      {"POST", "/score", R"({"player":"ann"})", kJson, R"({"rank":3})"},
      {"POST", "/tts", "{}", kJson, R"({"ok":true})"},
  };
  for (const Exchange& e : kOthers) {
    registry_ = {};
    EXPECT_FALSE(feed(e).has_value()) << e.method << ' ' << e.path;
    EXPECT_STREQ(to_string(known()), "unknown") << e.method << ' ' << e.path;
  }
}

TEST_F(Strangers, PathsThatManyApplicationsHaveCountOnceTheServerIsKnown) {
  feed({"GET", "/health/readiness", "", kJson, R"({"status":"healthy","litellm_version":"1.7"})"});
  ASSERT_EQ(known(), Impl::kLiteLlm);

  const auto exposure = feed({"POST", "/user/new", "{}", kJson, R"({"user_id":"1"})"});

  ASSERT_TRUE(exposure.has_value());
  EXPECT_EQ(exposure->access, Access::kManagement);
}

TEST_F(Strangers, AnotherProductsServerDoesNotMakeThemCount) {
  feed({"GET", "/", "", kText, "Ollama is running"});
  ASSERT_EQ(known(), Impl::kOllama);

  EXPECT_FALSE(feed({"POST", "/sleep", "", "", ""}).has_value());
  EXPECT_FALSE(feed({"POST", "/user/new", "{}", kJson, R"({"user_id":"1"})"}).has_value());
}

TEST_F(Strangers, NamesOfPeopleAreNoModels) {
  const auto exposure = feed({"POST", "/api/v1/auths/signup", R"({"name":"Ann","email":"a@b"})",
                              kJson, R"({"token":"e","role":"admin"})"});
  ASSERT_TRUE(exposure.has_value());
  EXPECT_EQ(exposure->evidence().find("Ann"), std::string::npos);
}

TEST_F(Strangers, ReadingAndPreflightsAreNoManagement) {
  for (const char* path :
       {"/api/pull", "/v1/load_lora_adapter", "/models/apply", "/v1/internal/model/load"}) {
    for (const char* method : {"HEAD", "OPTIONS"}) {
      EXPECT_FALSE(feed({method, path, "", kJson, "{}"}).has_value()) << method << ' ' << path;
    }
  }
  const auto listed = feed({"POST", "/v2/repository/index", "", kJson, R"([{"name":"m"}])"});
  ASSERT_TRUE(listed.has_value());
  EXPECT_EQ(listed->access, Access::kModels);
}

TEST_F(Strangers, ARefusalOfManagementWithdrawsIt) {
  const Exchange load{"POST", "/v2/repository/models/x/load", "{}", kJson, ""};
  ASSERT_TRUE(feed(load).has_value());
  Exchange refused = load;
  refused.status = 401;
  feed(refused);

  EXPECT_TRUE(registry_.exposed(timestamp_from_ns(1'767'052'800'000'000'000ull)).empty());
}

}  // namespace
}  // namespace probewall
