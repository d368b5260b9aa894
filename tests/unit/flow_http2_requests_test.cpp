// SPDX-License-Identifier: Apache-2.0
// What an HTTP/2 request is read as, and what the kernel is told to skip and to capture for it.
#include <gtest/gtest.h>

#include <string>

#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::chat;
using testing::Fields;
using testing::FlowLab;
using testing::Http2Bytes;
using testing::in_order;

TEST(Http2Requests, CarryWhatRulesLookAt) {
  FlowLab lab;
  Http2Bytes peer;
  const Fields fields = {{":method", "POST"},      {":path", "/v1/chat/completions?key=secret"},
                         {":scheme", "http"},      {":authority", "gpu.example:8000"},
                         {"user-agent", "curl/8"}, {"authorization", "Bearer sk-1"},
                         {"content-length", "99"}};
  lab.client(0, Http2Bytes::preface() + peer.headers(1, fields, 0) +
                    Http2Bytes::data(1, chat("m", "hello")));
  ASSERT_EQ(lab.requests().size(), 1u);
  const Request& r = lab.requests()[0];
  EXPECT_EQ(r.head.version_major, 2);
  EXPECT_EQ(r.head.version_minor, 0);
  EXPECT_EQ(r.head.target, "/v1/chat/completions?key=");
  EXPECT_EQ(r.head.path, "/v1/chat/completions");
  EXPECT_EQ(r.head.host(), "gpu.example:8000");
  ASSERT_EQ(r.head.headers.size(), 4u);
  EXPECT_EQ(r.head.headers[0].name, "host");
  EXPECT_EQ(r.head.headers[1].name, "user-agent");
  EXPECT_EQ(r.head.headers[2].value, "");
  EXPECT_EQ(r.head.auth, AuthKind::kBearer);
  EXPECT_EQ(r.head.auth_hash.size(), 16u);
  EXPECT_EQ(r.head.content_length, 99u);
  EXPECT_FALSE(r.head.odd);
  EXPECT_EQ(r.api, Api::kChatCompletions);
  EXPECT_EQ(r.llm.user_text, "hello");
  EXPECT_FALSE(r.truncated);
  EXPECT_TRUE(r.proven);
}

TEST(Http2Requests, BodyOverTheCapIsCutAndItsFramesPassedOver) {
  AssemblerConfig config;
  config.bytes_per_request = 512;
  FlowLab lab{config};
  Http2Bytes peer;
  lab.client(0, in_order({Http2Bytes::preface(), peer.post(1, chat("a", std::string(2000, 'x'))),
                          peer.get(3, "/next")}));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
  EXPECT_LT(lab.requests()[0].body_prefix.size(), 512u);
  EXPECT_EQ(lab.requests()[1].head.path, "/next");
}

TEST(Http2Requests, KernelIsToldToSkipToTheEndOfTheFrameOnly) {
  AssemblerConfig config;
  config.bytes_per_request = 512;
  FlowLab lab{config};
  lab.base.skip_tag = 7;
  Http2Bytes peer;
  const std::string head =
      Http2Bytes::preface() + peer.headers(1, Http2Bytes::post_fields("/a"), 0);
  const std::string body = Http2Bytes::data(1, std::string(16000, 'x'), 0);
  lab.client(0, head);
  lab.client(static_cast<std::int64_t>(head.size()), std::string_view{body}.substr(0, 1400));
  ASSERT_FALSE(lab.sink.skips.empty());
  const auto frame_end = static_cast<std::uint32_t>(head.size() + body.size());
  EXPECT_EQ(lab.sink.skips.back().resume, FlowLab::kIsn1 + frame_end);
  lab.client(frame_end, peer.get(3, "/other"));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[1].head.path, "/other");
  EXPECT_EQ(lab.lost(Loss::kHttp2), 0u);
  EXPECT_EQ(lab.lost(Loss::kGapBytes), 0u);
}

TEST(Http2Requests, BudgetIsGrantedAsFramesAreRead) {
  FlowLab lab;
  lab.base.skip_tag = 7;
  Http2Bytes peer;
  std::string bytes = Http2Bytes::preface();
  for (std::uint32_t i = 0; i < 60; ++i) bytes += peer.get(2 * i + 1, "/" + std::to_string(i));
  for (std::size_t at = 0; at < bytes.size(); at += 300) {
    lab.client(static_cast<std::int64_t>(at), std::string_view{bytes}.substr(at, 300));
  }
  EXPECT_EQ(lab.requests().size(), 60u);
  EXPECT_GE(lab.sink.skips.size(), bytes.size() / 1200);
}

TEST(Http2Requests, ThatBeginInOneSegmentArePipelinedWhereverTheyEnd) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string heads =
      in_order({Http2Bytes::preface(), peer.headers(1, Http2Bytes::post_fields("/a"), 0),
                peer.headers(3, Http2Bytes::post_fields("/b"), 0)});
  const std::string bodies = Http2Bytes::data(1, chat("m")) + Http2Bytes::data(3, chat("m"));
  lab.client(0, heads);
  lab.wait(std::chrono::milliseconds{1});
  lab.client(static_cast<std::int64_t>(heads.size()), bodies);
  lab.wait(std::chrono::milliseconds{1});
  lab.client(static_cast<std::int64_t>(heads.size() + bodies.size()), peer.get(5, "/c"));
  ASSERT_EQ(lab.requests().size(), 3u);
  EXPECT_FALSE(lab.requests()[0].pipelined);
  EXPECT_TRUE(lab.requests()[1].pipelined);
  EXPECT_FALSE(lab.requests()[2].pipelined);
}

TEST(Http2Requests, WithCopiesThatDifferAreConflicting) {
  FlowLab lab;
  Http2Bytes peer;
  const std::string head =
      Http2Bytes::preface() + peer.headers(1, Http2Bytes::post_fields("/a"), 0);
  const std::string body = Http2Bytes::data(1, chat("true"));
  std::string forged = body;
  forged[20] = 'X';
  lab.client(0, head);
  lab.client(static_cast<std::int64_t>(head.size()), body.substr(0, 30));
  lab.client(static_cast<std::int64_t>(head.size()), forged.substr(0, 30));
  lab.client(static_cast<std::int64_t>(head.size()) + 30, body.substr(30));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].conflicting);
  EXPECT_EQ(lab.requests()[0].llm.model, "true");
}

}  // namespace
}  // namespace probewall
