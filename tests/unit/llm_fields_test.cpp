// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "core/llm/fields_reader.hpp"

namespace probewall {
namespace {

using Strings = std::vector<std::string>;

TEST(LlmFields, ReadChatCompletions) {
  const auto f =
      read_llm_fields(R"({"model":"gpt-4o","messages":[{"role":"system","content":"be kind"},)"
                      R"({"role":"user","content":"first"},{"role":"assistant","content":"ok"},)"
                      R"({"role":"user","content":"last"}],"max_tokens":5,"stream":true,)"
                      R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"x"}]})");
  EXPECT_TRUE(f.is_json);
  EXPECT_TRUE(f.complete);
  EXPECT_FALSE(f.malformed);
  EXPECT_EQ(f.model, "gpt-4o");
  EXPECT_EQ(f.roles, (Strings{"system", "user", "assistant", "user"}));
  EXPECT_EQ(f.system_text, "be kind");
  EXPECT_EQ(f.user_text, "last");
  EXPECT_EQ(f.max_tokens, 5);
  EXPECT_EQ(f.stream, true);
  EXPECT_EQ(f.message_count, 4u);
  EXPECT_EQ(f.tool_count, 2u);
  EXPECT_EQ(f.top_keys, (Strings{"model", "messages", "max_tokens", "stream", "tools"}));
}

TEST(LlmFields, ContentMayBeAnArrayOfPartsAndComeBeforeTheRole) {
  const auto f = read_llm_fields(
      R"({"messages":[{"content":[{"type":"text","text":"look"},{"type":"image_url",)"
      R"("image_url":{"url":"http://10.0.0.1/x"}},{"text":"here","type":"text"}],"role":"user"}]})");
  EXPECT_EQ(f.user_text, "look\nhere");
  EXPECT_EQ(f.urls, (Strings{"http://10.0.0.1/x"}));
}

TEST(LlmFields, ReadCompletions) {
  const auto f = read_llm_fields(R"({"model":"m","prompt":["a","b"],"max_tokens":1})");
  EXPECT_EQ(f.user_text, "b");
  EXPECT_EQ(read_llm_fields(R"({"prompt":"hi","n_predict":-1})").max_tokens, -1);
}

TEST(LlmFields, ReadResponses) {
  auto f = read_llm_fields(
      R"({"model":"m","instructions":"sys","input":"hello","max_output_tokens":9})");
  EXPECT_EQ(f.system_text, "sys");
  EXPECT_EQ(f.user_text, "hello");
  EXPECT_EQ(f.max_tokens, 9);
  f = read_llm_fields(R"({"input":[{"role":"developer","content":"d"},)"
                      R"({"role":"user","content":[{"type":"input_text","text":"q"}]}]})");
  EXPECT_EQ(f.system_text, "d");
  EXPECT_EQ(f.user_text, "q");
  EXPECT_EQ(f.message_count, 2u);
}

TEST(LlmFields, ReadTritonsGenerate) {
  const auto f = read_llm_fields(R"({"text_input":"hello","parameters":{"max_tokens":20}})");
  EXPECT_EQ(f.user_text, "hello");
  EXPECT_EQ(f.max_tokens, 20);
  EXPECT_EQ(read_llm_fields(R"({"text_input":["a","b"]})").user_text, "b");
}

TEST(LlmFields, ReadWhatAnMcpServerIsToSample) {
  auto f = read_llm_fields(
      R"({"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[)"
      R"({"role":"user","content":{"type":"text","text":"first"}},)"
      R"({"role":"assistant","content":{"type":"text","text":"ok"}},)"
      R"({"role":"user","content":{"type":"text","text":"last"}}],"maxTokens":9}})");
  EXPECT_EQ(f.rpc_method, "sampling/createMessage");
  EXPECT_EQ(f.user_text, "last");
  EXPECT_EQ(f.message_count, 3u);
  f = read_llm_fields(
      R"({"method":"sampling/createMessage","params":{"messages":[)"
      R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}})");
  EXPECT_EQ(f.user_text, "a\nb");
  f = read_llm_fields(
      R"({"method":"tools/call","params":{"name":"t","arguments":{"messages":[{"content":"no"}]}}})");
  EXPECT_EQ(f.user_text, "");
}

TEST(LlmFields, ReadOllama) {
  auto f = read_llm_fields(
      R"({"model":"llama3","prompt":"why","system":"s","stream":false,"options":{"num_predict":7}})");
  EXPECT_EQ(f.user_text, "why");
  EXPECT_EQ(f.system_text, "s");
  EXPECT_EQ(f.stream, false);
  EXPECT_EQ(f.max_tokens, 7);
  f = read_llm_fields(R"({"name":"http://198.51.100.9/x/y","insecure":true})");
  EXPECT_EQ(f.model, "http://198.51.100.9/x/y");
  EXPECT_EQ(f.insecure, true);
  EXPECT_EQ(f.urls, (Strings{"http://198.51.100.9/x/y"}));
  f = read_llm_fields(R"({"name":"198.51.100.9:8080/ns/m"})");
  EXPECT_EQ(f.urls.size(), 1u);
  f = read_llm_fields(R"({"model":"hf.co","name":"qwen2.5-coder:7b"})");
  EXPECT_EQ(f.model, "hf.co");
  EXPECT_TRUE(f.urls.empty());
}

TEST(LlmFields, ReadAnthropic) {
  const auto f = read_llm_fields(
      R"({"model":"claude-3","max_tokens":1,"system":[{"type":"text","text":"sys"}],)"
      R"("messages":[{"role":"user","content":[{"type":"text","text":"quota"}]},)"
      R"({"role":"user","content":[{"type":"tool_result","content":[{"text":"no"}]}]}]})");
  EXPECT_EQ(f.system_text, "sys");
  EXPECT_EQ(f.user_text, "quota");
  EXPECT_EQ(f.message_count, 2u);
}

TEST(LlmFields, ReadGemini) {
  const auto f = read_llm_fields(
      R"({"systemInstruction":{"parts":[{"text":"sys"}]},"contents":[{"role":"user","parts":)"
      R"([{"text":"hi"}]},{"parts":[{"text":"again"}]}],"generationConfig":{"maxOutputTokens":3}})");
  EXPECT_EQ(f.system_text, "sys");
  EXPECT_EQ(f.user_text, "again");
  EXPECT_EQ(f.max_tokens, 3);
}

TEST(LlmFields, ReadMcp) {
  const auto f = read_llm_fields(
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"x",)"
      R"("clientInfo":{"name":"julius","version":"1"}}})");
  EXPECT_EQ(f.rpc_method, "initialize");
  EXPECT_EQ(f.client_name, "julius");
  EXPECT_EQ(f.model, "");
  const auto call = read_llm_fields(
      R"([{"jsonrpc":"2.0","method":"tools/call","params":{"name":"fetch","arguments":{"url":"file:///etc/passwd"}}}])");
  EXPECT_EQ(call.rpc_method, "tools/call");
  EXPECT_EQ(call.urls, (Strings{"file:///etc/passwd"}));
}

TEST(LlmFields, PathsAndUrlsAreTakenFromFieldsThatNamePlacesOnly) {
  const auto f = read_llm_fields(
      R"({"from":"/etc/shadow","api_base":"http://169.254.169.254/","prompt":"see http://x/ please",)"
      R"("image_url":"data:image/png;base64,AAAA","modelfile":"FROM /root/.ssh/id_rsa"})");
  EXPECT_EQ(f.urls, (Strings{"/etc/shadow", "http://169.254.169.254/", "FROM /root/.ssh/id_rsa"}));
}

TEST(LlmFields, NamesCompareLikeGoDoesAndTheLastWins) {
  const auto f = read_llm_fields(R"({"MODEL":"a","mod\u0065l":"b","Stream":true,"stream":false})");
  EXPECT_EQ(f.model, "b");
  EXPECT_EQ(f.stream, false);
}

TEST(LlmFields, NestedNamesAreNotTopLevelOnes) {
  const auto f = read_llm_fields(
      R"({"x":{"model":"no","prompt":"no","stream":true,"max_tokens":4},"model":"yes"})");
  EXPECT_EQ(f.model, "yes");
  EXPECT_EQ(f.user_text, "");
  EXPECT_FALSE(f.stream.has_value());
  EXPECT_FALSE(f.max_tokens.has_value());
  EXPECT_EQ(f.top_keys, (Strings{"x", "model"}));
}

TEST(LlmFields, EveryPrefixKeepsTheModelAndTheTextSoFar) {
  const std::string body =
      R"({"model":"gpt-4o","temperature":0.5,"messages":[{"role":"system","content":"S y s"},)"
      R"({"role":"user","content":"caf\u00e9 \ud83d\ude00 \"quoted\" text that goes on"}],)"
      R"("max_tokens":512,"stream":true,"tools":[{"a":[1,2,{"b":null}]}]})";
  const std::size_t model_end = body.find("gpt-4o") + 6;
  const std::size_t text_start = body.find("caf") + 1;
  for (std::size_t n = 0; n <= body.size(); ++n) {
    const auto f = read_llm_fields(std::string_view{body}.substr(0, n));
    EXPECT_FALSE(f.malformed) << n;
    EXPECT_EQ(f.complete, n == body.size());
    if (n >= model_end) {
      ASSERT_EQ(f.model, "gpt-4o") << n;
    }
    if (n >= text_start) {
      ASSERT_FALSE(f.user_text.empty()) << n;
      const std::string whole = "caf\xc3\xa9 \xf0\x9f\x98\x80 \"quoted\" text that goes on";
      ASSERT_TRUE(whole.starts_with(f.user_text) || f.user_text.ends_with("\xEF\xBF\xBD")) << n;
    }
  }
}

TEST(LlmFields, NumbersCutAtTheEndAreNotBelieved) {
  EXPECT_FALSE(read_llm_fields(R"({"max_tokens":51)").max_tokens.has_value());
  EXPECT_EQ(read_llm_fields(R"({"max_tokens":51 )").max_tokens, 51);
  EXPECT_EQ(read_llm_fields(R"({"max_tokens":1e3})").max_tokens, 1000);
  EXPECT_FALSE(read_llm_fields(R"({"max_tokens":1e999})").max_tokens.has_value());
}

TEST(LlmFields, TokensAskedAreThoseOfAllAnswersAboveEight) {
  const auto asked = [](const char* body) { return tokens_asked(read_llm_fields(body)); };

  EXPECT_EQ(asked(R"({"max_tokens":4096,"n":128})"), 4096 * 16);
  EXPECT_EQ(asked(R"({"n":128,"max_tokens":4096})"), 4096 * 16) << "in any order";
  EXPECT_EQ(asked(R"({"max_tokens":10,"n":2,"best_of":80})"), 100) << "the larger one";
  EXPECT_EQ(asked(R"({"inputs":"x","parameters":{"max_new_tokens":10,"best_of":16}})"), 20);
  EXPECT_EQ(asked(R"({"generationConfig":{"maxOutputTokens":10,"candidateCount":16}})"), 20);
  EXPECT_EQ(asked(R"({"max_tokens":4096,"n":8})"), 4096) << "eight to choose from";
  EXPECT_EQ(asked(R"({"max_tokens":4096})"), 4096);
  EXPECT_EQ(asked(R"({"options":{"num_predict":-1},"n":128})"), -1) << "without end";
  EXPECT_EQ(asked(R"({"n":128})"), std::nullopt);
  EXPECT_EQ(asked(R"({"max_tokens":10,"n":-5})"), 10);
  EXPECT_EQ(asked(R"({"max_tokens":10,"x":{"n":128}})"), 10) << "another n";
  EXPECT_GT(asked(R"({"max_tokens":9000000000000000000,"n":9000000000000000000})"), 1e18);
}

TEST(LlmFields, DeepNestingIsPassedOverInLinearTime) {
  const std::string open(200000, '[');
  EXPECT_TRUE(read_llm_fields(open).is_json);
  EXPECT_FALSE(read_llm_fields(open).complete);
  const std::string around = R"({"x":)" + open + std::string(200000, ']') + R"(,"model":"m"})";
  const auto f = read_llm_fields(around);
  EXPECT_EQ(f.model, "m");
  EXPECT_TRUE(f.complete);
}

TEST(LlmFields, WhatIsNotJsonSaysSo) {
  for (const char* text : {"", "   ", "hello", "model=gpt-4", "\"string\"", "12", "]}"}) {
    const auto f = read_llm_fields(text);
    EXPECT_FALSE(f.is_json) << text;
    EXPECT_FALSE(f.complete) << text;
  }
}

TEST(LlmFields, MalformedTextKeepsWhatCanBeRead) {
  for (const char* text : {R"({"model" "m"})", R"({"model":"m",})", R"({"model":"m" "x":1})",
                           R"({'a':1,"model":"m"})", R"({"a":NaN,"model":"m"})", R"({"model":"m"])",
                           "{\"a\":\"line\nbreak\",\"model\":\"m\"}"}) {
    const auto f = read_llm_fields(text);
    EXPECT_TRUE(f.malformed) << text;
    if (std::string_view{text} != R"({"model" "m"})") {
      EXPECT_EQ(f.model, "m") << text;
    }
  }
}

TEST(LlmFields, TextsAreBounded) {
  const std::string big(5000, 'x');
  const auto f =
      read_llm_fields(R"({"model":")" + big + R"(","messages":[{"role":")" + big +
                      R"(","content":"c"},{"role":"user","content":")" + big + R"("}]})");
  EXPECT_EQ(f.model.size(), 256u);
  EXPECT_EQ(f.roles[0].size(), 32u);
  EXPECT_EQ(f.user_text.size(), LlmFields::kTextBytes);
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":\"http://x/\",";
  EXPECT_EQ(read_llm_fields(many).top_keys.size(), 32u);
}

}  // namespace
}  // namespace probewall
