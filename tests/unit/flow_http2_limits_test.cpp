// SPDX-License-Identifier: Apache-2.0
// HTTP/2 with lost bytes, floods and attacks on memory and time.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::Fields;
using testing::FlowLab;
using testing::frame;
using testing::Http2Bytes;
using testing::summary;

constexpr std::uint8_t kEndStream = frame_flag::kEndStream;
constexpr std::uint8_t kEndHeaders = frame_flag::kEndHeaders;

/// Requests whose bodies do not end.
std::string open_bodies(Http2Bytes& peer, std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    bytes += peer.headers(2 * i + 1, Http2Bytes::post_fields("/a"), 0);
  }
  return bytes;
}

void send(FlowLab& lab, std::string_view bytes, std::int64_t at = 0) {
  for (std::size_t n = 0; n < bytes.size(); n += 1400) {
    lab.client(at + static_cast<std::int64_t>(n), bytes.substr(n, 1400));
  }
}

/// Bytes lost in the body of the first request; the second opens the next stream.
TEST(Http2Requests, GoOnBehindLostBodyBytesWithTheTableTheyHad) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string first = Http2Bytes::preface() +
                            peer.headers(1, Http2Bytes::post_fields("/upload"), 0) +
                            Http2Bytes::data(1, std::string(100, 'x'), 0);
  const auto second = peer.get(3, "/upload");
  lab.client(0, first, FlowLab::kQuick, 50'000);
  lab.client(static_cast<std::int64_t>(first.size()) + 50'000, second);
  EXPECT_EQ(summary(lab.requests()),
            (std::vector<std::string>{"POST /upload  cut", "GET /upload "}));
  EXPECT_TRUE(lab.requests()[1].after_gap);
  EXPECT_EQ(lab.lost(Loss::kHttp2), 1u);
}

TEST(Http2Requests, AreNotGuessedWhenHeaderBlocksWereLost) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string first = Http2Bytes::preface() + peer.get(1, "/a");
  const std::string lost = peer.get(3, "/lost");
  const std::string third = peer.get(5, "/lost");  // refers to fields of both
  const std::string fresh = frame(FrameType::kHeaders, kEndHeaders | kEndStream, 7,
                                  peer.block(Http2Bytes::get_fields("/clear"), false));
  lab.client(0, first, FlowLab::kQuick, static_cast<std::uint32_t>(lost.size()));
  auto at = static_cast<std::int64_t>(first.size() + lost.size());
  lab.client(at, third);
  EXPECT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.lost(Loss::kHttp2), 2u);
  at += static_cast<std::int64_t>(third.size());
  lab.client(at, fresh);
  lab.finish();
  EXPECT_EQ(summary(lab.requests()), (std::vector<std::string>{"GET /a ", "GET /clear "}));
}

TEST(Http2Requests, ThatReferToNothingAreReadAfterLostHeaderBlocks) {
  FlowLab lab;
  Http2Bytes peer{0};  // an encoder without a table
  const std::string first = Http2Bytes::preface() + peer.get(1, "/a");
  const std::string lost = peer.get(3, "/lost");
  lab.client(0, first, FlowLab::kQuick, static_cast<std::uint32_t>(lost.size()));
  lab.client(static_cast<std::int64_t>(first.size() + lost.size()), peer.get(5, "/b"));
  EXPECT_EQ(summary(lab.requests()), (std::vector<std::string>{"GET /a ", "GET /b "}));
}

TEST(Http2Requests, ConnectionJoinedInItsMiddleIsNotJudged) {
  FlowLab lab;
  Http2Bytes peer;
  peer.get(1, "/a");
  lab.client(500, peer.get(3, "/a"), PW_RECORD_PROVEN);
  lab.finish();
  EXPECT_TRUE(lab.requests().empty());
  EXPECT_EQ(lab.lost(Loss::kHttp2), 1u);
}

TEST(Http2Requests, RapidResetsAreAllCounted) {
  FlowLab lab;
  Http2Bytes peer;
  std::string bytes = Http2Bytes::preface();
  for (std::uint32_t i = 0; i < 500; ++i) {
    bytes += peer.get(2 * i + 1, "/a") + frame(FrameType::kReset, 0, 2 * i + 1, {"\0\0\0\x08", 4});
  }
  send(lab, bytes);
  EXPECT_EQ(lab.requests().size(), 500u);
}

TEST(Http2Requests, MoreOpenBodiesThanAreKeptAreGivenOutCut) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string bytes = Http2Bytes::preface() + open_bodies(peer, 100);
  lab.client(0, bytes);
  EXPECT_EQ(lab.requests().size(), 68u);
  lab.finish();
  EXPECT_EQ(lab.requests().size(), 100u);
}

TEST(Http2Requests, FloodOfContinuationsGivesOneCutRequest) {
  FlowLab lab;
  Http2Bytes peer;
  std::string bytes = Http2Bytes::preface() +
                      frame(FrameType::kHeaders, 0, 1, peer.block(Http2Bytes::get_fields("/a")));
  for (int i = 0; i < 2000; ++i) {
    bytes += frame(FrameType::kContinuation, 0, 1,
                   peer.block({{"x-" + std::to_string(i), std::string(50, 'y')}}, false));
  }
  send(lab, bytes);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_FALSE(lab.requests()[0].head_complete);
  EXPECT_LE(lab.requests()[0].head.headers.size(), 256u);
}

TEST(Http2Requests, FieldThatWouldTakeTooMuchMemoryIsNotRead) {
  FlowLab lab;
  Http2Bytes peer;
  // A literal field that claims a value of 64 MiB, and a bomb: one long field referred to often.
  const std::string huge{"\x00\x01x\x7f\x81\xff\xff\x1f", 8};
  lab.client(0, Http2Bytes::preface() + frame(FrameType::kHeaders, kEndHeaders, 1, huge));
  EXPECT_EQ(lab.lost(Loss::kHttp2), 1u);
  EXPECT_TRUE(lab.requests().empty());
}

TEST(Http2Requests, OneWithABombOfReferencesIsCutAtTheCap) {
  FlowLab lab;
  Http2Bytes peer;
  Fields fields = Http2Bytes::get_fields("/a");
  fields.emplace_back("x-bomb", std::string(3000, 'y'));
  std::string bytes = Http2Bytes::preface() + peer.headers(1, fields, kEndStream);
  for (int i = 0; i < 10'000; ++i) fields.emplace_back("x-bomb", std::string(3000, 'y'));
  const std::string bomb = peer.block(fields);
  ASSERT_LT(bomb.size(), 12'000u);
  bytes += frame(FrameType::kHeaders, kEndHeaders | kEndStream, 3, bomb) + peer.get(5, "/b");
  send(lab, bytes);
  ASSERT_EQ(lab.requests().size(), 3u);
  EXPECT_FALSE(lab.requests()[1].head_complete);
  EXPECT_LT(lab.requests()[1].head.headers.size(), 6u);
  EXPECT_EQ(lab.requests()[2].head.path, "/b");
}

TEST(Http2Requests, OlderThanTheTimeLimitAreGivenOutWhileOthersGoOn) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string slow =
      Http2Bytes::preface() + peer.headers(1, Http2Bytes::post_fields("/slow"), 0);
  const std::string later = peer.headers(3, Http2Bytes::post_fields("/later"), 0);
  lab.client(0, slow);
  lab.wait(std::chrono::seconds{40});
  lab.client(static_cast<std::int64_t>(slow.size()), later);
  lab.wait(std::chrono::seconds{30});
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].timed_out);
  lab.wait(std::chrono::seconds{40});
  EXPECT_EQ(lab.requests().size(), 2u);
}

TEST(Http2Requests, ConnectionsTogetherHaveABoundAndTheOldestGivesWay) {
  FlowLab lab;
  Http2Bytes peer;
  // Each leaves 32 bodies unfinished.
  const std::string bytes = Http2Bytes::preface() + open_bodies(peer, 32);
  std::uint16_t port = 1000;
  while (lab.lost(Loss::kHttp2) == 0 && port < 3000) {
    lab.base.flow.client_port = port++;
    send(lab, bytes);
  }
  ASSERT_EQ(lab.lost(Loss::kHttp2), 1u);
  ASSERT_EQ(lab.requests().size(), 32u);
  EXPECT_EQ(lab.lost(Loss::kResponseUnmatched), 32u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].flow.client_port, ntohs(1000));
}

}  // namespace
}  // namespace probewall
