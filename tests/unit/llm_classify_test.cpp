// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/http/request_parser.hpp"
#include "core/llm/classify.hpp"
#include "core/llm/fields_reader.hpp"

namespace probewall {
namespace {

Classified classify_path(const std::string& target, std::string_view body = {}) {
  return classify(parse_request_head("POST " + target + " HTTP/1.1\r\n\r\n", {}),
                  read_llm_fields(body));
}

struct PathCase {
  const char* target;
  Api api;
  Impl impl;
};
std::ostream& operator<<(std::ostream& out, const PathCase& c) { return out << c.target; }

class Paths : public ::testing::TestWithParam<PathCase> {};

TEST_P(Paths, AreKnown) {
  const auto c = classify_path(GetParam().target);
  EXPECT_STREQ(to_string(c.api), to_string(GetParam().api));
  EXPECT_STREQ(to_string(c.impl), to_string(GetParam().impl));
}

INSTANTIATE_TEST_SUITE_P(
    Products, Paths,
    ::testing::Values(PathCase{"/v1/chat/completions", Api::kChatCompletions, Impl::kOpenAi},
                      PathCase{"/chat/completions", Api::kChatCompletions, Impl::kOpenAi},
                      PathCase{"/openai/deployments/x/chat/completions?api-version=1",
                               Api::kChatCompletions, Impl::kOpenAi},
                      PathCase{"//v1//chat/completions/", Api::kChatCompletions, Impl::kOpenAi},
                      PathCase{"/v1/chat%2fcompletions", Api::kChatCompletions, Impl::kOpenAi},
                      PathCase{"/v1/completions", Api::kCompletions, Impl::kOpenAi},
                      PathCase{"/v1/responses", Api::kResponses, Impl::kOpenAi},
                      PathCase{"/v1/models", Api::kModels, Impl::kOpenAi},
                      PathCase{"/v1/embeddings", Api::kEmbeddings, Impl::kOpenAi},
                      PathCase{"/api/generate", Api::kOllamaGenerate, Impl::kOllama},
                      PathCase{"/ollama/api/chat", Api::kOllamaChat, Impl::kOllama},
                      PathCase{"/api/tags", Api::kModels, Impl::kOllama},
                      PathCase{"/api/pull", Api::kOllamaManage, Impl::kOllama},
                      PathCase{"/api/version", Api::kInfo, Impl::kOllama},
                      PathCase{"/lmstudio-greeting", Api::kInfo, Impl::kLmStudio},
                      PathCase{"/api/v0/models", Api::kModels, Impl::kLmStudio},
                      PathCase{"/props", Api::kInfo, Impl::kLlamaCpp},
                      PathCase{"/completion", Api::kCompletions, Impl::kLlamaCpp},
                      PathCase{"/models/apply", Api::kInfo, Impl::kLocalAi},
                      PathCase{"/version", Api::kInfo, Impl::kVllm},
                      PathCase{"/get_server_info", Api::kInfo, Impl::kSglang},
                      PathCase{"/generate_stream", Api::kCompletions, Impl::kTgi},
                      PathCase{"/v1/internal/model/info", Api::kInfo, Impl::kTextGen},
                      PathCase{"/api/extra/version", Api::kInfo, Impl::kKoboldCpp},
                      PathCase{"/v1/cluster/info", Api::kInfo, Impl::kXinference},
                      PathCase{"/health/readiness", Api::kInfo, Impl::kLiteLlm},
                      PathCase{"/api/config", Api::kInfo, Impl::kOpenWebUi},
                      PathCase{"/v2/health/ready", Api::kInfo, Impl::kTriton},
                      PathCase{"/api/serve/applications/", Api::kInfo, Impl::kRay},
                      PathCase{"/reset_prefix_cache", Api::kInfo, Impl::kVllm},
                      PathCase{"/get_world_size", Api::kInfo, Impl::kVllm},
                      PathCase{"/v1/load_lora_adapter", Api::kInfo, Impl::kVllm},
                      PathCase{"/load_lora_adapter", Api::kInfo, Impl::kSglang},
                      PathCase{"/update_weights_from_tensor", Api::kInfo, Impl::kSglang},
                      PathCase{"/api/v0/logs/file", Api::kInfo, Impl::kRay},
                      PathCase{"/api/v0/models", Api::kModels, Impl::kLmStudio},
                      PathCase{"/api/v1/models/download/status/1", Api::kInfo, Impl::kLmStudio},
                      PathCase{"/api/v1/model", Api::kInfo, Impl::kKoboldCpp},
                      PathCase{"/global/spend/report", Api::kInfo, Impl::kLiteLlm},
                      PathCase{"/user/daily/activity", Api::kInfo, Impl::kLiteLlm},
                      PathCase{"/mcp", Api::kMcp, Impl::kMcp},
                      PathCase{"/messages?sessionId=1", Api::kMcp, Impl::kMcp},
                      PathCase{"/v1/messages", Api::kAnthropicMessages, Impl::kAnthropic},
                      PathCase{"/v1beta/models/gemini-pro:generateContent?key=x", Api::kGemini,
                               Impl::kGemini},
                      PathCase{"/", Api::kNone, Impl::kUnknown},
                      PathCase{"/robots.txt", Api::kNone, Impl::kUnknown},
                      PathCase{"/index.html", Api::kNone, Impl::kUnknown}));

TEST(Classify, BodyDecidesWhereThePathSaysNothing) {
  EXPECT_EQ(classify_path("/", R"({"jsonrpc":"2.0","method":"initialize"})").api, Api::kMcp);
  EXPECT_EQ(classify_path("/x", R"({"model":"m","messages":[]})").api, Api::kChatCompletions);
  EXPECT_EQ(classify_path("/x", R"({"contents":[{"parts":[]}]})").api, Api::kGemini);
  EXPECT_EQ(classify_path("/x", R"({"hello":1})").api, Api::kNone);
}

struct BodyCase {
  const char* target;
  const char* body;
  Api api;
  Impl impl;
};
std::ostream& operator<<(std::ostream& out, const BodyCase& c) {
  return out << c.target << ' ' << c.body;
}

class OtherWork : public ::testing::TestWithParam<BodyCase> {};

TEST_P(OtherWork, CountsAsGeneration) {
  const auto c = classify_path(GetParam().target, GetParam().body);
  EXPECT_STREQ(to_string(c.api), to_string(GetParam().api));
  EXPECT_STREQ(to_string(c.impl), to_string(GetParam().impl));
  EXPECT_TRUE(is_generation(c.api));
}

INSTANTIATE_TEST_SUITE_P(
    Paths, OtherWork,
    ::testing::Values(
        BodyCase{"/api/v1/chat", R"({"model":"m","input":"hi"})", Api::kChatCompletions,
                 Impl::kLmStudio},
        BodyCase{"/api/v1/models/load", R"({"model":"m"})", Api::kCompute, Impl::kLmStudio},
        BodyCase{"/", R"({"inputs":"hi","parameters":{}})", Api::kCompletions, Impl::kUnknown},
        BodyCase{"/v1/audio/speech", R"({"model":"m","input":"hi"})", Api::kCompute, Impl::kOpenAi},
        BodyCase{"/v1/audio/transcriptions", "", Api::kCompute, Impl::kOpenAi},
        BodyCase{"/openai/v1/images/generations", R"({"prompt":"x"})", Api::kCompute,
                 Impl::kOpenAi},
        BodyCase{"/pooling", R"({"model":"m","input":"x"})", Api::kEmbeddings, Impl::kOther},
        BodyCase{"/score", R"({"model":"m","text_1":"a","text_2":"b"})", Api::kEmbeddings,
                 Impl::kOther},
        BodyCase{"/score", R"({"queries":"a","documents":["b"]})", Api::kEmbeddings, Impl::kOther},
        BodyCase{"/v1/score", R"({"query":"a","label_token_ids":[1]})", Api::kEmbeddings,
                 Impl::kOther},
        BodyCase{"/api/web_search", R"({"query":"x"})", Api::kCompute, Impl::kUnknown},
        BodyCase{"/api/experimental/web_search", R"({"query":"x"})", Api::kCompute, Impl::kOllama},
        BodyCase{"/api/extra/tts", R"({"input":"x"})", Api::kCompute, Impl::kKoboldCpp}));

TEST(Classify, WordsThatOtherApplicationsHaveForPathsAreNotModelServers) {
  for (const char* target :
       {"/score", "/pooling", "/classify", "/api/v1/chat", "/api/v1/chats", "/", "/user/list",
        "/team/new", "/config", "/ui/", "/images/edits", "/v1/images/42", "/audio/speech",
        "/api/web_search", "/api/v1/modelling", "/models/load", "/api/v1"}) {
    const auto c = classify_path(target, R"({"player":"ann","points":3})");
    EXPECT_STREQ(to_string(c.api), "none") << target;
    EXPECT_STREQ(to_string(c.impl), "unknown") << target;
  }
}

TEST(Classify, PathsThatSeveralProductsHaveNameNone) {
  EXPECT_EQ(classify_path("/api/v1/models").api, Api::kModels);
  EXPECT_EQ(classify_path("/api/v1/models").impl, Impl::kUnknown);
  EXPECT_EQ(classify_path("/api/v1/chat/completions").impl, Impl::kOpenAi);
  EXPECT_EQ(classify_path("/health_generate").impl, Impl::kUnknown);
}

TEST(Classify, BodyTellsWhoseNativeGeneratePathItIs) {
  EXPECT_EQ(classify_path("/generate", R"({"inputs":"hi"})").impl, Impl::kTgi);
  EXPECT_EQ(classify_path("/generate", R"({"prompt":"hi","max_tokens":9})").impl, Impl::kVllm);
  EXPECT_EQ(classify_path("/generate", R"({"text": "hi", "sampling_params": {}})").impl,
            Impl::kSglang);
  EXPECT_EQ(classify_path("/generate").impl, Impl::kTgi);
  EXPECT_EQ(classify_path("/generate", R"({"prompt":"hi"})").api, Api::kCompletions);
}

TEST(ImplOfAnswer, ReadsServerHeaderAndMarkers) {
  EXPECT_EQ(impl_of_answer("HTTP/1.1 200 OK\r\nServer: llama.cpp\r\n\r\n{}"), Impl::kLlamaCpp);
  EXPECT_EQ(impl_of_answer("HTTP/1.1 200 OK\r\n\r\nOllama is running"), Impl::kOllama);
  EXPECT_EQ(impl_of_answer("HTTP/1.1 200 OK\r\n\r\n{\"lmstudio\":true}"), Impl::kLmStudio);
  EXPECT_EQ(impl_of_answer(
                "HTTP/1.1 200 "
                "OK\r\n\r\n{\"object\":\"list\",\"data\":[{\"id\":\"x\",\"owned_by\":\"vllm\"}]}"),
            Impl::kVllm);
  EXPECT_EQ(impl_of_answer("HTTP/1.1 404 Not Found\r\n\r\n"), Impl::kUnknown);
  EXPECT_EQ(impl_of_answer(""), Impl::kUnknown);
}

TEST(Names, AreDistinct) {
  std::set<std::string> names;
  for (int i = 0; i < static_cast<int>(Impl::kCount); ++i)
    names.insert(to_string(static_cast<Impl>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Impl::kCount));
  names.clear();
  for (int i = 0; i < static_cast<int>(Api::kCount); ++i)
    names.insert(to_string(static_cast<Api>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Api::kCount));
}

}  // namespace
}  // namespace probewall
