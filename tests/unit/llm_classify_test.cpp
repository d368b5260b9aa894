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
