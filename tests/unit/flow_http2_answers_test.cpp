// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::chat;
using testing::Fields;
using testing::FlowLab;
using testing::frame;
using testing::Http2Bytes;
using testing::in_order;

constexpr std::uint8_t kEndStream = frame_flag::kEndStream;

Fields status(int code, std::string_view server = "uvicorn") {
  return {{":status", std::to_string(code)},
          {"server", std::string{server}},
          {"content-type", "application/json"}};
}
std::string settings() { return frame(FrameType::kSettings, 0, 0, {}); }

class Http2AnswersTest : public ::testing::Test {
 protected:
  void ask(const std::string& frames) {
    lab.client(sent, frames);
    sent += static_cast<std::int64_t>(frames.size());
  }
  /// An answer as the server writes it, of which the kernel captures `captured` bytes.
  void answer(const std::string& bytes, std::size_t captured) {
    pw_record h = lab.base;
    h.type = PW_RECORD_RESPONSE;
    h.flags = PW_RECORD_FROM_SERVER | PW_RECORD_RESPONSE_START;
    h.seq = lab.server_seq;
    h.payload_len = static_cast<__u32>(bytes.size());
    lab.server_seq += h.payload_len;
    lab.submit(h, bytes.substr(0, captured));
  }
  const std::vector<Response>& answers() const { return lab.sink.responses; }

  FlowLab lab;
  Http2Bytes client, server;
  std::int64_t sent = 0;
};

TEST_F(Http2AnswersTest, BelongToTheRequestsOfTheirStreams) {
  ask(in_order({Http2Bytes::preface(), client.get(1, "/a"), client.get(3, "/b")}));
  lab.answer(in_order({settings(), server.headers(3, status(404), 0),
                       Http2Bytes::data(3, R"({"error":"no"})"), server.headers(1, status(200), 0),
                       Http2Bytes::data(1, "Ollama is running")}));
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[0].request_id, 1u);
  EXPECT_EQ(answers()[0].status, 200);
  EXPECT_EQ(answers()[0].impl, Impl::kOllama);
  EXPECT_EQ(answers()[1].request_id, 2u);
  EXPECT_EQ(answers()[1].status, 404);
  EXPECT_EQ(answers()[1].head_and_body_prefix,
            "HTTP/2 404\r\nserver: uvicorn\r\ncontent-type: application/json\r\n\r\n"
            R"({"error":"no"})");
}

TEST_F(Http2AnswersTest, AreTheSameWhereverTheyAreCut) {
  const std::string request =
      in_order({Http2Bytes::preface(), client.get(1, "/a"), client.get(3, "/b")});
  const std::string bytes =
      in_order({settings(), server.headers(1, status(401), kEndStream),
                server.headers(3, status(200), 0), Http2Bytes::data(3, "hello there")});
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    FlowLab cut_lab;
    cut_lab.client(0, request);
    cut_lab.answer(bytes.substr(0, cut));
    cut_lab.answer(bytes.substr(cut), false);
    cut_lab.finish();
    ASSERT_EQ(cut_lab.sink.responses.size(), 2u) << cut;
    EXPECT_EQ(cut_lab.sink.responses[0].status, 401) << cut;
    EXPECT_EQ(cut_lab.sink.responses[1].status, 200) << cut;
  }
}

TEST_F(Http2AnswersTest, AreReadBehindAStreamedOneThatWasNotCaptured) {
  ask(Http2Bytes::preface() + client.get(1, "/a"));
  const std::string stream = settings() + server.headers(1, status(429), 0) +
                             Http2Bytes::data(1, std::string(400, 'a'), 0) +
                             Http2Bytes::data(1, std::string(9000, 'b'));
  answer(stream, 768);
  ask(client.get(3, "/b"));
  answer(server.headers(3, status(429), kEndStream), 768);  // refers to the fields before
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[1].request_id, 2u);
  EXPECT_EQ(answers()[1].status, 429);
}

TEST_F(Http2AnswersTest, AreNotGuessedWhenOthersMayHaveBeenMissed) {
  ask(in_order(
      {Http2Bytes::preface(), client.get(1, "/a"), client.get(3, "/b"), client.get(5, "/c")}));
  answer(in_order({settings(), server.headers(1, status(429), 0), Http2Bytes::data(1, "x", 0),
                   server.headers(3, status(503, "other"), kEndStream)}),
         60);
  answer(server.headers(5, status(503, "other"), kEndStream), 768);
  lab.finish();
  for (const Response& r : answers()) EXPECT_NE(r.request_id, 3u);
  EXPECT_GE(lab.lost(Loss::kHttp2), 1u);
}

TEST_F(Http2AnswersTest, InterimAnswersAndTrailersAreNone) {
  ask(Http2Bytes::preface() + client.headers(1, Http2Bytes::post_fields("/a"), 0));
  lab.answer(settings() + server.headers(1, {{":status", "100"}}, 0));
  ask(Http2Bytes::data(1, chat("m")));
  lab.answer(in_order({server.headers(1, status(200), 0), Http2Bytes::data(1, "ok", 0),
                       server.headers(1, {{"grpc-status", "0"}}, kEndStream)}));
  lab.finish();
  ASSERT_EQ(answers().size(), 1u);
  EXPECT_EQ(answers()[0].status, 200);
}

TEST_F(Http2AnswersTest, EarlyOneWaitsForItsRequest) {
  ask(Http2Bytes::preface() + client.headers(1, Http2Bytes::post_fields("/a"), 0));
  lab.answer(settings() + server.headers(1, status(413), kEndStream));
  lab.wait(std::chrono::milliseconds{50});
  EXPECT_TRUE(answers().empty());
  ask(Http2Bytes::data(1, chat("m")));
  ASSERT_EQ(answers().size(), 1u);
  EXPECT_EQ(answers()[0].status, 413);
}

TEST_F(Http2AnswersTest, UpgradedRequestIsAnsweredOnStreamOne) {
  ask("GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
  lab.answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
             settings() + server.headers(1, status(200), 0) + Http2Bytes::data(1, "{}"));
  ask(Http2Bytes::preface() + client.get(3, "/second"));
  lab.answer(server.headers(3, status(404), kEndStream));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[0].head.version_major, 1);
  EXPECT_EQ(lab.requests()[1].head.path, "/second");
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[0].request_id, 1u);
  EXPECT_EQ(answers()[0].status, 200);
  EXPECT_EQ(answers()[1].request_id, 2u);
  EXPECT_EQ(answers()[1].status, 404);
  EXPECT_EQ(lab.lost(Loss::kHttp2), 0u);
}

TEST_F(Http2AnswersTest, UpgradeBehindAnotherAnswerInOneSegment) {
  ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  ask("GET /b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  lab.answer(
      "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
      settings() + server.headers(1, status(403), kEndStream));
  ask(Http2Bytes::preface() + client.get(3, "/c"));
  lab.answer(server.headers(3, status(200), kEndStream));
  ASSERT_EQ(answers().size(), 3u);
  EXPECT_EQ(answers()[0].status, 404);
  EXPECT_EQ(answers()[1].status, 403);
  EXPECT_EQ(answers()[1].request_id, lab.requests()[1].id);
  EXPECT_EQ(answers()[2].request_id, lab.requests()[2].id);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 0u);
}

TEST_F(Http2AnswersTest, OfWhatWasAskedInHttp1AreCountedWhenTheyWereMissed) {
  ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  ask("GET /b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  ask(Http2Bytes::preface() + client.get(3, "/c"));
  // The 404 to /a and the 101 were not captured.
  lab.answer(in_order({settings(), server.headers(1, status(403), kEndStream),
                       server.headers(3, status(200), kEndStream)}));
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[0].request_id, lab.requests()[1].id);
  EXPECT_EQ(answers()[0].status, 403);
  EXPECT_EQ(answers()[1].request_id, lab.requests()[2].id);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 1u);
}

TEST_F(Http2AnswersTest, RefusedUpgradeGoesOnInHttp1) {
  ask("GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ask("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
  lab.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[0].status, 200);
  EXPECT_EQ(answers()[1].status, 404);
}

TEST_F(Http2AnswersTest, AreReadAsHttp1WhenThePrefaceWasNoHttp2) {
  ask("PRI * HTTP/2.0\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  lab.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(lab.requests().size(), 1u);
  ASSERT_EQ(answers().size(), 1u);
  EXPECT_EQ(answers()[0].status, 404);
}

TEST_F(Http2AnswersTest, ServerWithoutHttp2RefusesThePrefaceInHttp1) {
  const std::string refusal =
      "HTTP/1.1 400 Bad Request\r\nserver: uvicorn\r\nContent-Length: 3\r\n\r\nno!";
  ask(in_order({Http2Bytes::preface(), client.get(1, "/a"), client.get(3, "/b")}));
  lab.answer(refusal);
  ASSERT_EQ(answers().size(), 1u);
  EXPECT_EQ(answers()[0].request_id, 1u);
  EXPECT_EQ(answers()[0].status, 400);
  EXPECT_EQ(answers()[0].head_and_body_prefix, refusal);
}

TEST_F(Http2AnswersTest, NothingButARefusalIsReadAsHttp1) {
  ask(in_order({Http2Bytes::preface(), client.get(1, "/a")}));
  lab.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_TRUE(answers().empty());
}

TEST_F(Http2AnswersTest, RequestsThatWaitBeyondTheBoundAreCountedAsUnmatched) {
  constexpr std::uint32_t kKept = 32;
  std::string frames = Http2Bytes::preface();
  for (std::uint32_t i = 0; i < kKept + 8; ++i) frames += client.get(2 * i + 1, "/api/tags");
  ask(frames);
  ASSERT_EQ(lab.requests().size(), kKept + 8);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 8u);
}

}  // namespace
}  // namespace probewall
