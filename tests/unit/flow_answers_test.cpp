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

const std::string kGet = "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kHead = "HEAD /v1/models HTTP/1.1\r\nHost: h\r\n\r\n";

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}
std::string refused(int body) {
  return "HTTP/1.1 404 Not Found\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n" +
         std::string(static_cast<std::size_t>(body), 'n');
}

TEST(PipelinedAnswers, AreCutOutOfOneSegmentByTheirLength) {
  FlowLab lab;
  lab.client(0, repeated(kGet, 4));
  lab.answer(refused(3) + refused(0) + "HTTP/1.1 204 No Content\r\n\r\n" + refused(5));
  ASSERT_EQ(lab.sink.responses.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(lab.sink.responses[i].request_id, lab.requests()[i].id);
  EXPECT_EQ(lab.sink.responses[0].head_and_body_prefix, refused(3));
  EXPECT_EQ(lab.sink.responses[0].bytes, refused(3).size());
  EXPECT_EQ(lab.sink.responses[2].status, 204);
  EXPECT_EQ(lab.sink.responses[3].head_and_body_prefix, refused(5));
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 0u);
}

TEST(PipelinedAnswers, AreCutOutOfOneSegmentByTheirLastChunk) {
  FlowLab lab;
  const std::string head = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";
  lab.client(0, repeated(kGet, 3));
  lab.answer(head + "2\r\nno\r\n");  // the rest may follow, with the next answer behind it
  EXPECT_TRUE(lab.sink.responses.empty());
  lab.answer("0\r\n\r\n" + head + "0\r\n\r\n" + refused(0), false);
  ASSERT_EQ(lab.sink.responses.size(), 3u);
  EXPECT_EQ(lab.sink.responses[2].request_id, lab.requests()[2].id);
}

TEST(PipelinedAnswers, ToHeadHaveNoBody) {
  FlowLab lab;
  lab.client(0, kHead + kGet);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n";
  lab.answer(head + refused(0));
  ASSERT_EQ(lab.sink.responses.size(), 2u);
  EXPECT_EQ(lab.sink.responses[0].head_and_body_prefix, head);
  EXPECT_EQ(lab.sink.responses[1].status, 404);
}

TEST(PipelinedAnswers, InOneSegmentEndAtEveryByteOfTheCapture) {
  const std::string all = repeated(refused(2), 5);
  for (std::size_t cut = 1; cut <= all.size(); ++cut) {
    FlowLab lab;
    lab.client(0, repeated(kGet, 5));
    lab.answer(all.substr(0, cut), true, static_cast<std::uint32_t>(all.size() - cut));
    lab.wait(std::chrono::seconds{1});
    const auto answered = lab.sink.responses.size();
    for (std::size_t i = 0; i < answered; ++i)
      ASSERT_EQ(lab.sink.responses[i].request_id, lab.requests()[i].id) << cut;
    if (cut > refused(2).size()) {
      ASSERT_EQ(answered + lab.lost(Loss::kResponseUnmatched), 5u) << cut;
    }
    // The next request gets its own answer, not that of one before it.
    const auto next = static_cast<std::int64_t>(kGet.size()) * 5;
    lab.client(next, kProbe);
    lab.answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    ASSERT_FALSE(lab.sink.responses.empty()) << cut;
    if (cut > refused(2).size()) {
      ASSERT_EQ(lab.sink.responses.back().status, 403) << cut;
      ASSERT_EQ(lab.sink.responses.back().request_id, lab.requests()[5].id) << cut;
    }
  }
}

TEST(PipelinedAnswers, BehindALongBodyAreLostAndCounted) {
  FlowLab lab;
  lab.client(0, repeated(kGet, 3));
  const std::string first = refused(2000);
  lab.answer(first.substr(0, 768), true,
             static_cast<std::uint32_t>(first.size() - 768 + 2 * refused(0).size()));
  EXPECT_EQ(lab.sink.responses.size(), 1u);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 2u);
  lab.client(static_cast<std::int64_t>(kGet.size()) * 3, kProbe);
  lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(lab.sink.responses.size(), 2u);
  EXPECT_EQ(lab.sink.responses[1].request_id, lab.requests()[3].id);
}

TEST(PipelinedAnswers, BehindABodyThatCameLaterAreFound) {
  FlowLab lab;
  lab.client(0, kGet + kGet);
  lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  lab.wait(std::chrono::milliseconds{5});  // given out as it is
  ASSERT_EQ(lab.sink.responses.size(), 1u);
  lab.answer("body" + refused(0), false);
  ASSERT_EQ(lab.sink.responses.size(), 2u);
  EXPECT_EQ(lab.sink.responses[1].status, 404);
  EXPECT_EQ(lab.sink.responses[1].request_id, lab.requests()[1].id);
}

TEST(PipelinedAnswers, OfMoreRequestsThanAreRememberedAreCountedAndStayInStep) {
  FlowLab lab;
  lab.client(0, repeated(kGet, 70));
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 6u);
  for (int i = 0; i < 70; ++i) lab.answer(refused(0));
  ASSERT_EQ(lab.sink.responses.size(), 64u);
  EXPECT_EQ(lab.sink.responses[63].request_id, lab.requests()[63].id);
  lab.client(static_cast<std::int64_t>(kGet.size()) * 70, kProbe);
  lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(lab.sink.responses.size(), 65u);
  EXPECT_EQ(lab.sink.responses[64].request_id, lab.requests()[70].id);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 6u);
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
