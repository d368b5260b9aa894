// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::chat;
using testing::Fields;
using testing::fingerprint;
using testing::FlowLab;
using testing::frame;
using testing::Http2Bytes;
using testing::in_order;

constexpr std::uint8_t kEndStream = frame_flag::kEndStream;
constexpr std::uint8_t kEndHeaders = frame_flag::kEndHeaders;

std::string padded(std::string_view content, std::size_t pad) {
  return std::string(1, static_cast<char>(pad)) + std::string{content} + std::string(pad, '\0');
}

/// A header block split over HEADERS and CONTINUATION frames of `piece` bytes.
std::string continued(std::uint32_t stream, std::string_view block, std::size_t piece,
                      std::uint8_t flags) {
  std::string out = frame(FrameType::kHeaders, flags, stream, block.substr(0, piece));
  for (std::size_t at = piece; at < block.size(); at += piece) {
    const bool last = at + piece >= block.size();
    out += frame(FrameType::kContinuation, last ? kEndHeaders : 0, stream, block.substr(at, piece));
  }
  return out;
}

/// What a connection's bytes must give, whatever its segments.
struct ConnectionCase {
  const char* what;
  std::function<std::string(Http2Bytes&)> bytes;
  std::vector<std::string> requests;  ///< "METHOD path model"
};
std::ostream& operator<<(std::ostream& out, const ConnectionCase& c) { return out << c.what; }

std::vector<std::string> summary(const std::vector<Request>& requests) {
  std::vector<std::string> out;
  for (const Request& r : requests) {
    out.push_back(r.head.method + ' ' + r.head.path + ' ' + r.llm.model +
                  (r.truncated ? " cut" : "") + (r.head_complete ? "" : " head"));
  }
  return out;
}

void send(FlowLab& lab, std::string_view bytes, std::int64_t at = 0) {
  for (std::size_t n = 0; n < bytes.size(); n += 1400) {
    lab.client(at + static_cast<std::int64_t>(n), bytes.substr(n, 1400));
  }
}

class Http2Connections : public ::testing::TestWithParam<ConnectionCase> {};

TEST_P(Http2Connections, GiveTheSameRequestsHoweverTheyAreCut) {
  Http2Bytes peer;
  const std::string bytes = Http2Bytes::preface() + GetParam().bytes(peer);
  FlowLab whole;
  whole.client(0, bytes);
  whole.finish();
  ASSERT_EQ(summary(whole.requests()), GetParam().requests);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    FlowLab lab;
    lab.client(0, bytes.substr(0, cut));
    lab.client(static_cast<std::int64_t>(cut), bytes.substr(cut));
    lab.finish();
    ASSERT_EQ(fingerprint(lab.requests()), fingerprint(whole.requests())) << cut;
  }
  FlowLab single;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    single.client(static_cast<std::int64_t>(at), bytes.substr(at, 1));
  }
  single.finish();
  EXPECT_EQ(fingerprint(single.requests()), fingerprint(whole.requests()));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Http2Connections,
    ::testing::Values(
        ConnectionCase{
            "get", [](Http2Bytes& p) { return p.get(1, "/v1/models"); }, {"GET /v1/models "}},
        ConnectionCase{"post",
                       [](Http2Bytes& p) { return p.post(1, chat("a")); },
                       {"POST /v1/chat/completions a"}},
        ConnectionCase{"three requests, fields referred to",
                       [](Http2Bytes& p) {
                         return in_order({p.get(1, "/a"), p.get(3, "/a"), p.post(5, chat("m"))});
                       },
                       {"GET /a ", "GET /a ", "POST /v1/chat/completions m"}},
        ConnectionCase{"bodies interleaved",
                       [](Http2Bytes& p) {
                         const std::string a = chat("first"), b = chat("second");
                         return in_order({p.headers(1, Http2Bytes::post_fields("/a"), 0),
                                          p.headers(3, Http2Bytes::post_fields("/b"), 0),
                                          p.data(1, a.substr(0, 20), 0),
                                          p.data(3, b.substr(0, 9), 0), p.data(3, b.substr(9)),
                                          p.data(1, a.substr(20))});
                       },
                       {"POST /b second", "POST /a first"}},
        ConnectionCase{"continuations of one byte",
                       [](Http2Bytes& p) {
                         return in_order(
                             {continued(1, p.block(Http2Bytes::get_fields("/long/path")), 1,
                                        kEndStream),
                              p.get(3, "/next")});
                       },
                       {"GET /long/path ", "GET /next "}},
        ConnectionCase{"padding and priority",
                       [](Http2Bytes& p) {
                         const std::string fields = p.block(Http2Bytes::post_fields("/pad"));
                         const std::string priority{"\x80\x00\x00\x00\x0f", 5};
                         return frame(FrameType::kHeaders,
                                      kEndHeaders | frame_flag::kPadded | frame_flag::kPriority, 1,
                                      padded(priority + fields, 7)) +
                                frame(FrameType::kData, frame_flag::kPadded | kEndStream, 1,
                                      padded(chat("p"), 200)) +
                                p.get(3, "/next");
                       },
                       {"POST /pad p", "GET /next "}},
        ConnectionCase{"frames of no interest between",
                       [](Http2Bytes& p) {
                         return frame(FrameType::kSettings, kEndStream, 0, {}) +
                                p.headers(1, Http2Bytes::post_fields("/a"), 0) +
                                frame(FrameType::kWindowUpdate, 0, 0, "\1\1\1\1") +
                                frame(FrameType::kPing, 0, 0, "12345678") +
                                frame(FrameType::kPriority, 0, 3, "12345") +
                                frame(static_cast<FrameType>(0x42), 3, 9, "unknown") +
                                p.data(1, chat("x")) + frame(FrameType::kGoaway, 0, 0, "12345678");
                       },
                       {"POST /a x"}},
        ConnectionCase{"a body that ends with an empty frame",
                       [](Http2Bytes& p) {
                         return p.headers(1, Http2Bytes::post_fields("/a"), 0) +
                                p.data(1, "no json", 0) + p.data(1, "");
                       },
                       {"POST /a "}},
        ConnectionCase{"trailers",
                       [](Http2Bytes& p) {
                         return in_order(
                             {p.headers(1, Http2Bytes::post_fields("/a"), 0), p.data(1, "text", 0),
                              p.headers(1, {{"checksum", "12"}}, kEndStream), p.get(3, "/b")});
                       },
                       {"POST /a ", "GET /b "}},
        ConnectionCase{"called off",
                       [](Http2Bytes& p) {
                         return in_order({p.headers(1, Http2Bytes::post_fields("/a"), 0),
                                          frame(FrameType::kReset, 0, 1, {"\0\0\0\x08", 4}),
                                          p.get(3, "/b")});
                       },
                       {"POST /a  cut", "GET /b "}},
        ConnectionCase{"left open",
                       [](Http2Bytes& p) {
                         return p.headers(1, Http2Bytes::post_fields("/a"), 0) +
                                p.data(1, R"({"model":"half)", 0);
                       },
                       {"POST /a half cut"}},
        ConnectionCase{"a smaller table, then a larger one",
                       [](Http2Bytes& p) {
                         std::string s = p.get(1, "/a");
                         p.set_table(0);
                         s += p.get(3, "/b");
                         p.set_table(4096);
                         return in_order({s, p.get(5, "/b"), p.get(7, "/b")});
                       },
                       {"GET /a ", "GET /b ", "GET /b ", "GET /b "}},
        ConnectionCase{"an unfinished header block",
                       [](Http2Bytes& p) {
                         return frame(FrameType::kHeaders, kEndStream, 1,
                                      p.block(Http2Bytes::get_fields("/cut")));
                       },
                       {"GET /cut  cut head"}},
        ConnectionCase{"HTTP/1 behind the preface",
                       [](Http2Bytes&) { return std::string{"GET /v1/models HTTP/1.1\r\n\r\n"}; },
                       {"GET /v1/models "}}));

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
  std::string bytes = Http2Bytes::preface();
  for (std::uint32_t i = 0; i < 100; ++i) {
    bytes += peer.headers(2 * i + 1, Http2Bytes::post_fields("/a"), 0);
  }
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

TEST(Http2Requests, ConnectionsTogetherHaveABoundAndTheOldestGivesWay) {
  FlowLab lab;
  Http2Bytes peer;
  // Each leaves 32 bodies unfinished.
  std::string bytes = Http2Bytes::preface();
  for (std::uint32_t i = 0; i < 32; ++i) {
    bytes += peer.headers(2 * i + 1, Http2Bytes::post_fields("/a"), 0);
  }
  std::uint16_t port = 1000;
  while (lab.lost(Loss::kHttp2) == 0 && port < 3000) {
    lab.base.flow.client_port = port++;
    send(lab, bytes);
  }
  ASSERT_EQ(lab.lost(Loss::kHttp2), 1u);
  ASSERT_EQ(lab.requests().size(), 32u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].flow.client_port, ntohs(1000));
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

}  // namespace
}  // namespace probewall
