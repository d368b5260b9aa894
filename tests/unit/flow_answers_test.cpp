// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

const std::string kProbe = post(chat("a"));

TEST(Answers, BelongToTheRequestsInOrder) {
  FlowLab lab;
  lab.client(0, kProbe + kProbe + kProbe);
  lab.answer("HTTP/1.1 200 OK\r\nServer: llama.cpp\r\n\r\n{}");
  lab.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  lab.answer("HTTP/1.0 503 Busy\r\n\r\nno");
  ASSERT_EQ(lab.sink.responses.size(), 3u);
  EXPECT_EQ(lab.sink.responses[0].request_id, 1u);
  EXPECT_EQ(lab.sink.responses[0].status, 200);
  EXPECT_EQ(lab.sink.responses[0].impl, Impl::kLlamaCpp);
  EXPECT_EQ(lab.sink.responses[0].source.to_string(), "198.51.100.7/32");
  EXPECT_EQ(lab.sink.responses[1].status, 404);
  EXPECT_EQ(lab.sink.responses[2].request_id, 3u);
  EXPECT_EQ(lab.sink.responses[2].status, 503);
}

TEST(Answers, BodyInASecondPieceIsWaitedForBriefly) {
  FlowLab lab;
  lab.client(0, kProbe);
  lab.answer("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n");
  EXPECT_TRUE(lab.sink.responses.empty());
  lab.answer("{\"lmstudio\":true}", false);
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].impl, Impl::kLmStudio);
}

TEST(Answers, WithoutMoreBytesAreGivenOutSoon) {
  FlowLab lab;
  lab.client(0, kProbe);
  lab.answer("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
  lab.wait(std::chrono::milliseconds{5});
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].status, 200);
}

TEST(Answers, AreGivenOutAtTheNextAnswerOrAtTheEnd) {
  FlowLab lab;
  lab.client(0, kProbe + kProbe);
  lab.answer("HTTP/1.1 200 OK\r\n\r\n");
  lab.answer("HTTP/1.1 401 Unauthorized\r\n\r\n");
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  lab.close(PW_RECORD_FROM_SERVER | PW_RECORD_FIN);
  ASSERT_EQ(lab.sink.responses.size(), 2u);
  EXPECT_EQ(lab.sink.responses[1].status, 401);
}

TEST(Answers, InterimOnesArePassedOver) {
  FlowLab lab;
  lab.client(0, kProbe);
  lab.answer("HTTP/1.1 100 Continue\r\n\r\n");
  lab.answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody");
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].status, 200);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 0u);
}

TEST(Answers, ThatComeBeforeTheBodyWaitForTheirRequest) {
  FlowLab lab;
  lab.client(0, kProbe.substr(0, kProbe.size() - 20));
  lab.answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  lab.wait(std::chrono::seconds{1});
  EXPECT_TRUE(lab.sink.responses.empty());
  lab.client(static_cast<std::int64_t>(kProbe.size()) - 20, kProbe.substr(kProbe.size() - 20));
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].request_id, lab.requests()[0].id);
}

TEST(Answers, OlderThanTheRequestAreNotItsAnswer) {
  FlowLab lab;
  lab.client(0, "rest of something", PW_RECORD_PROVEN);
  lab.answer("HTTP/1.1 200 OK\r\n\r\nbody");
  lab.client(17, kProbe, PW_RECORD_PROVEN);
  lab.wait(std::chrono::seconds{1});
  EXPECT_TRUE(lab.sink.responses.empty());
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 1u);
  lab.answer("HTTP/1.1 403 Forbidden\r\n\r\nbody");
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].status, 403);
}

TEST(Answers, RetransmittedStartsCountOnce) {
  FlowLab lab;
  lab.client(0, kProbe + kProbe);
  lab.answer("HTTP/1.1 200 OK\r\n\r\nbody");
  lab.server_seq -= 23;
  lab.answer("HTTP/1.1 200 OK\r\n\r\nbody");
  EXPECT_EQ(lab.sink.responses.size(), 1u);
}

TEST(Answers, OfUnknownConnectionsAreCounted) {
  FlowLab lab;
  lab.answer("HTTP/1.1 200 OK\r\n\r\nbody");
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 1u);
}

TEST(Answers, PrefixIsBounded) {
  FlowLab lab;
  lab.client(0, kProbe);
  lab.answer("HTTP/1.1 200 OK\r\n\r\n" + std::string(3000, 'x'));
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.sink.responses[0].head_and_body_prefix.size(), 1024u);
  EXPECT_EQ(lab.sink.responses[0].bytes, 3019u);
}

}  // namespace
}  // namespace probewall
