// SPDX-License-Identifier: Apache-2.0
// Whole HTTP/2 connections give the same requests however their bytes are cut.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::chat;
using testing::fingerprint;
using testing::FlowLab;
using testing::frame;
using testing::Http2Bytes;
using testing::in_order;
using testing::summary;

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

}  // namespace
}  // namespace probewall
