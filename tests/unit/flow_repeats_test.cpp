// SPDX-License-Identifier: Apache-2.0
// Requests and answers that come again, byte for byte, are not read again: they must say the same.
#include <gtest/gtest.h>

#include "core/text_memo.hpp"
#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += one + '|';
  return out;
}

/// All that a request's bytes say.
std::string said(const Request& r) {
  std::string s = r.head.method + ' ' + r.head.target + ' ' + r.head.path + ' ' +
                  std::to_string(r.head.version_minor) + ' ' + r.head.auth_hash +
                  (r.head.odd ? " odd" : "") + (r.head.chunked ? " chunked" : "") + '\n';
  for (const HeaderView h : r.head.headers)
    s += std::string{h.name} + '=' + std::string{h.value} + '\n';
  s += std::to_string(r.head.content_length.value_or(0)) + '\n' + r.body_prefix + '\n' +
       r.llm.model + '\n' + joined(r.llm.roles) + r.llm.system_text + '\n' + r.llm.user_text +
       '\n' + joined(r.llm.urls) + r.llm.rpc_method + ' ' + r.llm.client_name + ' ' +
       joined(r.llm.top_keys) + std::to_string(r.llm.max_tokens.value_or(-7)) +
       (r.llm.is_json ? " json" : "") + (r.llm.complete ? " complete" : "") +
       (r.llm.malformed ? " malformed" : "") + ' ' + to_string(r.api) + ' ' + to_string(r.impl) +
       (r.truncated ? " truncated" : "") + '\n';
  return s;
}

/// The next flow of the lab.
void next_flow(FlowLab& lab) {
  static std::uint16_t port = 1024;
  lab.base.flow.client_port = ++port;
}

/// One request a flow, `times` times.
std::vector<Request> repeated(const std::string& bytes, int times, std::size_t cut = 0) {
  FlowLab lab;
  for (int i = 0; i < times; ++i) {
    next_flow(lab);
    if (cut > 0) lab.client(0, std::string_view{bytes}.substr(0, cut));
    lab.client(static_cast<std::int64_t>(cut), std::string_view{bytes}.substr(cut));
  }
  lab.finish();
  return lab.requests();
}

const std::string kTools =
    R"({"model":"Llama3:latest","system":"be kind","messages":[{"role":"system","content":"s"},)"
    R"({"role":"user","content":[{"type":"text","text":"caf\u00e9 \"x\""},)"
    R"({"type":"image_url","image_url":{"url":"http://198.51.100.1/x"}}]}],"max_tokens":7})";

class Repeats : public ::testing::TestWithParam<std::string> {};

TEST_P(Repeats, SayWhatTheFirstOneSaid) {
  const std::string first = said(repeated(GetParam(), 1).at(0));
  for (const std::size_t cut : {std::size_t{0}, GetParam().size() / 3, GetParam().size() - 1}) {
    const auto requests = repeated(GetParam(), 5, cut);
    ASSERT_EQ(requests.size(), 5u);
    for (const Request& r : requests) EXPECT_EQ(said(r), first) << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Repeats,
    ::testing::Values(post(chat("a")), post(kTools), chunked(kTools, 9),
                      "GET /v1/models?key=secret&x=1 HTTP/1.0\r\nHost: h\r\n\r\n",
                      "GET / HTTP/1.1\nHost: h\n\n", post("{\"model\":\"a\" \"b\"]"),
                      post(chat("a") + "   trailing"), post("not json at all"),
                      post(chat("a"), "Authorization: Bearer sk-123\r\n"),
                      post(chat("a", std::string(1500, 'x')))));

TEST(RepeatedRequests, ShareANumberThatNoOtherBytesHave) {
  FlowLab lab;
  for (int i = 0; i < 4; ++i) {
    for (const char* model : {"a", "b"}) {
      next_flow(lab);
      lab.client(0, post(chat(model)));
    }
  }
  const auto& r = lab.requests();
  ASSERT_EQ(r.size(), 8u);
  EXPECT_NE(r[4].content, 0u);
  EXPECT_NE(r[5].content, 0u);
  EXPECT_NE(r[4].content, r[5].content);
  EXPECT_EQ(r[6].content, r[4].content);
  EXPECT_EQ(r[7].content, r[5].content);
}

TEST(RepeatedRequests, WithAKeyAreNotKept) {
  for (const auto& bytes : {post(chat("a"), "Authorization: Bearer sk-123\r\n"),
                            post(chat("a"), "x-api-key: sk-123\r\n"),
                            std::string{"GET /v1/models?key=sk-123 HTTP/1.1\r\nHost: h\r\n\r\n"}}) {
    for (const Request& r : repeated(bytes, 4)) EXPECT_EQ(r.content, 0u) << bytes;
  }
}

TEST(RepeatedRequests, OfManyKindsKeepTheirOwnMeaning) {
  FlowLab lab;
  std::vector<std::string> sent;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) {
      next_flow(lab);
      sent.push_back("model-" + std::to_string(i));
      lab.client(0, post(chat(sent.back())));
    }
  }
  ASSERT_EQ(lab.requests().size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(lab.requests()[i].llm.model, sent[i]);
}

TEST(RepeatedAnswers, AreOfTheSameProduct) {
  FlowLab lab;
  for (int i = 0; i < 4; ++i) {
    for (const char* body : {"Ollama is running", "{\"lmstudio\":true}"}) {
      next_flow(lab);
      lab.server_seq = FlowLab::kServerSeq;
      lab.client(0, post(chat("a")));
      lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" + std::string{body});
    }
  }
  ASSERT_EQ(lab.sink.responses.size(), 8u);
  for (std::size_t i = 0; i < 8; i += 2) {
    EXPECT_EQ(lab.sink.responses[i].impl, Impl::kOllama) << i;
    EXPECT_EQ(lab.sink.responses[i + 1].impl, Impl::kLmStudio) << i;
  }
}

TEST(TextMemo, KeepsATextFromItsSecondSightOn) {
  TextMemo<int> memo;
  EXPECT_EQ(memo.find("a"), nullptr);
  EXPECT_EQ(memo.place("a"), nullptr);
  EXPECT_EQ(memo.find("a"), nullptr);
  int* const place = memo.place("a");
  ASSERT_NE(place, nullptr);
  *place = 7;
  ASSERT_NE(memo.find("a"), nullptr);
  EXPECT_EQ(*memo.find("a"), 7);
  EXPECT_EQ(memo.find("b"), nullptr);
}

TEST(TextMemo, KeepsNoLongText) {
  TextMemo<int> memo;
  const std::string longest(TextMemo<int>::kMaxBytes, 'x');
  for (const auto& [text, kept] : {std::pair{longest, true}, std::pair{longest + 'x', false}}) {
    for (int i = 0; i < 3; ++i) {
      memo.find(text);
      if (int* place = memo.place(text)) *place = 1;
    }
    EXPECT_EQ(memo.find(text) != nullptr, kept);
  }
}

}  // namespace
}  // namespace probewall
