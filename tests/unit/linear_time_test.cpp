// SPDX-License-Identifier: Apache-2.0
// What an attacker may send in any size costs time in proportion to its size. Compared are two
// sizes on the same machine, in the thread's own processor time: eight times the bytes may take
// three times the eightfold, where quadratic work would take sixty-four times as long.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <string>

#include "core/http/chunk_decoder.hpp"
#include "core/http/head_scanner.hpp"
#include "core/http/request_parser.hpp"
#include "core/http/shown_text.hpp"
#include "core/llm/fields_reader.hpp"
#include "core/llm/json_text.hpp"
#include "unit/flow_lab.hpp"
#include "unit/http2_bytes.hpp"

namespace probewall {
namespace {

using testing::FlowLab;
using testing::frame;
using testing::Http2Bytes;

constexpr double kTimes = 8;
constexpr double kLimit = 3 * kTimes;

std::string repeat(std::string_view text, std::size_t n) {
  std::string s;
  s.reserve(text.size() * n);
  for (; n > 0; --n) s += text;
  return s;
}

/// `make(n)` prepares an input of size n and returns the work to be timed.
struct Growth {
  const char* what;
  std::size_t small;
  std::function<std::function<void()>(std::size_t)> make;
};
std::ostream& operator<<(std::ostream& out, const Growth& g) { return out << g.what; }

double seconds(const std::function<void()>& work) {
  timespec begin{}, end{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  work();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return static_cast<double>(end.tv_sec - begin.tv_sec) +
         static_cast<double>(end.tv_nsec - begin.tv_nsec) * 1e-9;
}

/// The least of several runs: the one that others on the machine disturbed least.
double least_seconds(const std::function<void()>& work) {
  double least = seconds(work);
  for (int i = 0; i < 4; ++i) least = std::min(least, seconds(work));
  return least;
}

class Cost : public ::testing::TestWithParam<Growth> {};

TEST_P(Cost, GrowsInProportionToTheInput) {
  const Growth& g = GetParam();
  // Below this, clock ticks would be compared.
  const double small = std::max(least_seconds(g.make(g.small)), 20e-6);
  const double large = least_seconds(g.make(static_cast<std::size_t>(kTimes) * g.small));
  EXPECT_LT(large / small, kLimit) << small << " s and " << large << " s";
}

Growth json(const char* what, std::size_t small, std::function<std::string(std::size_t)> text) {
  return {what, small, [text](std::size_t n) {
            return [body = text(n)] { EXPECT_LE(read_llm_fields(body).model.size(), 256u); };
          }};
}

/// Beginnings of keys that never become one, cut for showing.
Growth shown(const char* beginning) {
  return {beginning, 4'000, [beginning](std::size_t n) {
            return [text = repeat(beginning, n)] { EXPECT_FALSE(without_keys(text).empty()); };
          }};
}

Growth head(const char* what, std::size_t small, std::function<std::string(std::size_t)> lines) {
  return {what, small, [lines](std::size_t n) {
            return [text = "GET / HTTP/1.1\r\n" + lines(n) + "\r\n"] {
              HeadScanner s;
              EXPECT_EQ(s.scan(text), HeadStatus::kOk);
              EXPECT_EQ(parse_request_head(text, {}).method, "GET");
            };
          }};
}

/// Client bytes in segments of `segment`; `least`: requests that have to come out.
Growth stream(const char* what, std::size_t small, std::size_t segment, std::size_t least,
              std::function<std::string(std::size_t)> make) {
  return {what, small, [=](std::size_t n) {
            return [bytes = make(n), segment, least] {
              FlowLab lab;
              for (std::size_t at = 0; at < bytes.size(); at += segment) {
                lab.client(static_cast<std::int64_t>(at),
                           std::string_view{bytes}.substr(at, segment));
              }
              lab.finish();
              EXPECT_GE(lab.requests().size(), least);
            };
          }};
}

Growth http2(const char* what, std::size_t small,
             std::function<std::string(Http2Bytes&, std::uint32_t)> each, std::string first = {}) {
  return stream(what, small, 1400, 1, [=](std::size_t n) {
    Http2Bytes peer;
    std::string bytes = Http2Bytes::preface() + first;
    for (std::size_t i = 0; i < n; ++i) bytes += each(peer, static_cast<std::uint32_t>(2 * i + 1));
    return bytes;
  });
}

std::string open_post() {
  Http2Bytes peer;
  return peer.headers(1, Http2Bytes::post_fields("/a"), 0);
}
std::string unfinished_get() {
  Http2Bytes peer;
  return frame(FrameType::kHeaders, 0, 1, peer.block(Http2Bytes::get_fields("/a"), false));
}

INSTANTIATE_TEST_SUITE_P(
    Json, Cost,
    ::testing::Values(
        json("opened arrays", 25'000, [](std::size_t n) { return std::string(n, '['); }),
        json("nested objects", 10'000, [](std::size_t n) { return repeat(R"({"a":)", n); }),
        json("one long string", 100'000,
             [](std::size_t n) { return R"({"model":")" + std::string(n, 'x'); }),
        json("escapes", 20'000,
             [](std::size_t n) { return R"({"prompt":")" + repeat(R"(\ud83d)", n) + "\"}"; }),
        json("invalid UTF-8", 100'000,
             [](std::size_t n) { return R"({"prompt":")" + std::string(n, '\xe4') + "\"}"; }),
        json("NUL bytes", 100'000, [](std::size_t n) { return "{" + std::string(n, '\0'); }),
        json("many keys", 5'000,
             [](std::size_t n) { return "{" + repeat(R"("model":"m",)", n) + R"("z":1})"; }),
        json("many messages", 3'000,
             [](std::size_t n) {
               return R"({"messages":[)" + repeat(R"({"role":"user","content":"hi"},)", n) + "]}";
             }),
        json("many URLs", 3'000,
             [](std::size_t n) {
               return R"({"prompt":")" + repeat("http://a.example/x ", n) + "\"}";
             }),
        Growth{"end of a document, byte by byte", 50'000, [](std::size_t n) {
                 return [text = repeat("[\"\\\"\"", n / 5)] {
                   JsonEnd end;
                   for (const char c : text) {
                     EXPECT_EQ(end.feed({&c, 1}), JsonEnd::npos);
                   }
                 };
               }}));

INSTANTIATE_TEST_SUITE_P(
    Heads, Cost,
    ::testing::Values(
        head("one long line", 131'072,
             [](std::size_t n) { return "X: " + std::string(n, 'y') + "\r\n"; }),
        head("many lines", 10'000, [](std::size_t n) { return repeat("X: y\r\n", n); }),
        head("folded lines", 10'000,
             [](std::size_t n) { return "X: y\r\n" + repeat(" z\r\n", n); }),
        head("NUL bytes", 100'000,
             [](std::size_t n) { return "X: " + std::string(n, '\0') + "\n"; }),
        head("commas", 50'000,
             [](std::size_t n) { return "Content-Length: " + std::string(n, ',') + "\n"; }),
        shown("sk-"), shown("hf_a1b2c3d4-"), shown("eyJabcdef-"), shown("eyJabcdef.a"),
        shown("Bearer+"), shown("authorization="), shown("=a"), shown("a@"), shown("://a:"),
        shown("?key="), shown("%3D"), shown("AKIA"), shown("AIza-"),
        Growth{"keys in the query", 10'000,
               [](std::size_t n) {
                 return [text = "GET /?" + repeat("key=1&", n) + " HTTP/1.1\r\n\r\n"] {
                   EXPECT_EQ(parse_request_head(text, {}).path, "/");
                 };
               }},
        Growth{"parameters without a value", 20'000,
               [](std::size_t n) {
                 return [text = "GET /?" + repeat("k&", n) + " HTTP/1.1\r\n\r\n"] {
                   EXPECT_EQ(parse_request_head(text, {}).path, "/");
                 };
               }},
        Growth{"byte by byte", 20'000,
               [](std::size_t n) {
                 return [text = "GET / HTTP/1.1\r\n" + repeat("A: b\r\n", n / 6)] {
                   HeadScanner s;
                   for (std::size_t i = 1; i <= text.size(); ++i) {
                     EXPECT_EQ(s.scan(std::string_view{text}.substr(0, i)), HeadStatus::kNeedMore);
                   }
                 };
               }},
        Growth{"chunks of one byte", 20'000, [](std::size_t n) {
                 return [text = repeat("1\r\na\r\n", n)] {
                   ChunkDecoder d;
                   std::string_view rest = text;
                   std::size_t bytes = 0;
                   d.feed(rest,
                          [&](std::string_view piece) { return bytes += piece.size(), true; });
                   EXPECT_EQ(bytes, text.size() / 6);
                 };
               }}));

INSTANTIATE_TEST_SUITE_P(
    Streams, Cost,
    ::testing::Values(stream("pipelined requests", 200, 1400, 200,
                             [](std::size_t n) {
                               return repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", n);
                             }),
                      stream("segments of one byte", 500, 1, 1,
                             [](std::size_t n) { return testing::post(std::string(n, 'x')); }),
                      stream("chunks of one byte", 1000, 1400, 1, [](std::size_t n) {
                        return testing::chunked(std::string(n, 'x'), 1);
                      })));

INSTANTIATE_TEST_SUITE_P(
    Http2, Cost,
    ::testing::Values(
        http2("requests", 300, [](Http2Bytes& p, std::uint32_t id) { return p.get(id, "/a"); }),
        http2("requests called off", 300,
              [](Http2Bytes& p, std::uint32_t id) {
                return p.get(id, "/a") + frame(FrameType::kReset, 0, id, "1234");
              }),
        http2("requests left open", 300,
              [](Http2Bytes& p, std::uint32_t id) {
                return p.headers(id, Http2Bytes::post_fields("/a"), 0);
              }),
        http2(
            "continuations", 2000,
            [](Http2Bytes& p, std::uint32_t) {
              return frame(FrameType::kContinuation, 0, 1, p.block({{"x", "yyyyyyyyyy"}}, false));
            },
            unfinished_get()),
        http2(
            "empty continuations", 5000,
            [](Http2Bytes&, std::uint32_t) { return frame(FrameType::kContinuation, 0, 1, ""); },
            unfinished_get()),
        http2(
            "DATA frames of one byte", 2000,
            [](Http2Bytes&, std::uint32_t) { return Http2Bytes::data(1, "x", 0); }, open_post()),
        http2(
            "pings", 5000,
            [](Http2Bytes&, std::uint32_t) { return frame(FrameType::kPing, 0, 0, "12345678"); },
            open_post()),
        http2("references to a long field", 100, [](Http2Bytes& p, std::uint32_t id) {
          auto fields = Http2Bytes::get_fields("/a");
          fields.insert(fields.end(), 20, {"x-long", std::string(2000, 'y')});
          return p.headers(id, fields, Http2Bytes::kEndStream);
        })));

}  // namespace
}  // namespace probewall
