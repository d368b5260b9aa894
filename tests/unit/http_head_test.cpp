// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "core/http/head_scanner.hpp"
#include "core/http/request_parser.hpp"

namespace probewall {
namespace {

constexpr HashSecret kSecret{1, 2, 3};

/// Feeds `text` in two pieces cut at `cut`; the final status, with the size when kOk.
std::pair<HeadStatus, std::size_t> scan_cut_at(std::string_view text, std::size_t cut) {
  HeadScanner s;
  HeadStatus status = s.scan(text.substr(0, cut));
  if (status == HeadStatus::kNeedMore) status = s.scan(text);
  return {status, status == HeadStatus::kOk ? s.head_size() : 0};
}

struct HeadCase {
  const char* what;
  std::string text;
  HeadStatus status;
  bool odd = false;
  std::string method = "GET";
  std::string path = "/a";
};

std::ostream& operator<<(std::ostream& out, const HeadCase& c) { return out << c.what; }

class Heads : public ::testing::TestWithParam<HeadCase> {};

TEST_P(Heads, AreJudgedTheSameWhereverTheyAreCut) {
  const HeadCase& c = GetParam();
  for (std::size_t cut = 0; cut <= c.text.size(); ++cut) {
    const auto [status, size] = scan_cut_at(c.text, cut);
    ASSERT_EQ(status, c.status) << "cut at " << cut;
    if (status == HeadStatus::kOk) {
      ASSERT_EQ(size, c.text.size()) << "cut at " << cut;
    }
  }
  HeadScanner bytewise;
  HeadStatus status = HeadStatus::kNeedMore;
  for (std::size_t n = 1; n <= c.text.size() && status == HeadStatus::kNeedMore; ++n) {
    status = bytewise.scan(std::string_view{c.text}.substr(0, n));
  }
  EXPECT_EQ(status, c.status);
}

TEST_P(Heads, ThatAreAcceptedGiveMethodPathAndOddity) {
  const HeadCase& c = GetParam();
  if (c.status != HeadStatus::kOk) return;
  const RequestHead head = parse_request_head(c.text, kSecret);
  EXPECT_EQ(head.method, c.method);
  EXPECT_EQ(head.path, c.path);
  EXPECT_EQ(head.odd, c.odd);
}

std::string many_headers(int n) {
  std::string s = "GET /a HTTP/1.1\r\n";
  for (int i = 0; i < n; ++i) s += "X-" + std::to_string(i) + ": v\r\n";
  return s + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Tolerance, Heads,
    ::testing::Values(
        HeadCase{"plain", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", HeadStatus::kOk},
        HeadCase{"http 1.0", "GET /a HTTP/1.0\r\n\r\n", HeadStatus::kOk},
        HeadCase{"bare LF", "GET /a HTTP/1.1\nHost: x\n\n", HeadStatus::kOk, true},
        HeadCase{"mixed line ends", "GET /a HTTP/1.1\r\nHost: x\n\r\n", HeadStatus::kOk, true},
        HeadCase{"space before colon", "GET /a HTTP/1.1\r\nHost : x\r\n\r\n", HeadStatus::kOk,
                 true},
        HeadCase{"folded line", "GET /a HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n", HeadStatus::kOk, true},
        HeadCase{"unknown method", "PVED /a HTTP/1.1\r\n\r\n", HeadStatus::kOk, false, "PVED"},
        HeadCase{"lower-case method", "get /a HTTP/1.1\r\n\r\n", HeadStatus::kOk, false, "get"},
        HeadCase{"NUL in header", std::string("GET /a HTTP/1.1\r\nA: 1\0002\r\n\r\n", 27),
                 HeadStatus::kOk, true},
        HeadCase{"HTTP/1.2", "GET /a HTTP/1.2\r\n\r\n", HeadStatus::kOk, true},
        HeadCase{"80 headers", many_headers(80), HeadStatus::kOk},
        HeadCase{"400 headers", many_headers(400), HeadStatus::kOk, true},
        HeadCase{"raw UTF-8 path", "GET /\xc3\xa4 HTTP/1.1\r\n\r\n", HeadStatus::kOk, false, "GET",
                 "/\xc3\xa4"},
        HeadCase{"tab separators", "GET\t/a\tHTTP/1.1\r\n\r\n", HeadStatus::kOk, true},
        HeadCase{"two spaces", "GET  /a  HTTP/1.1\r\n\r\n", HeadStatus::kOk, true},
        HeadCase{"no version", "GET /a\r\n\r\n", HeadStatus::kOk, true},
        HeadCase{"space in target", "GET /a b HTTP/1.1\r\n\r\n", HeadStatus::kOk, true, "GET",
                 "/a b"},
        HeadCase{"absolute form", "GET http://h:1/a?q=/x HTTP/1.1\r\n\r\n", HeadStatus::kOk},
        HeadCase{"absolute form, no path", "GET http://h:1 HTTP/1.1\r\n\r\n", HeadStatus::kOk,
                 false, "GET", "/"},
        HeadCase{"URL in the query only", "GET /a?u=http://h/b HTTP/1.1\r\n\r\n", HeadStatus::kOk},
        HeadCase{"asterisk form", "OPTIONS * HTTP/1.1\r\n\r\n", HeadStatus::kOk, false, "OPTIONS",
                 "*"},
        HeadCase{"authority form", "CONNECT h:443 HTTP/1.1\r\n\r\n", HeadStatus::kOk, false,
                 "CONNECT", "h:443"},
        HeadCase{"line without colon", "GET /a HTTP/1.1\r\nnonsense\r\n\r\n", HeadStatus::kOk,
                 true},
        HeadCase{"empty", "", HeadStatus::kNeedMore},
        HeadCase{"no blank line", "GET /a HTTP/1.1\r\nHost: x\r\n", HeadStatus::kNeedMore},
        HeadCase{"TLS", "\x16\x03\x01\x02\x00\x01", HeadStatus::kInvalid},
        HeadCase{"no target", "GET\r\n\r\n", HeadStatus::kInvalid},
        HeadCase{"blank target", "GET \r\n\r\n", HeadStatus::kInvalid},
        HeadCase{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", HeadStatus::kInvalid},
        HeadCase{"mail", "EHLO there\r\n", HeadStatus::kInvalid},
        HeadCase{"answer", "HTTP/1.1 200 OK\r\n\r\n", HeadStatus::kInvalid},
        HeadCase{"long method", std::string(65, 'A') + " /a HTTP/1.1\r\n\r\n",
                 HeadStatus::kInvalid}));

TEST(RequestHeadText, KeepsHeadersInOrderWithFoldedValuesJoined) {
  const auto head = parse_request_head(
      "POST /v1/x?q=1 HTTP/1.1\r\nHost:  h \r\nX-A: one\r\n\ttwo\r\n  three\r\nEmpty:\r\n\r\n",
      kSecret);
  ASSERT_EQ(head.headers.size(), 3u);
  EXPECT_EQ(head.target, "/v1/x?q=1");
  EXPECT_EQ(head.path, "/v1/x");
  EXPECT_EQ(head.host(), "h");
  EXPECT_EQ(head.header("x-a"), "one two three");
  EXPECT_TRUE(head.has_header("EMPTY"));
  EXPECT_FALSE(head.has_header("absent"));
}

TEST(RequestHeadText, UnfinishedHeadIsReadAsFarAsItGoes) {
  const auto head = parse_request_head("GET /abc HTTP/1.1\r\nUser-Agent: zgr", kSecret);
  EXPECT_EQ(head.path, "/abc");
  EXPECT_EQ(head.user_agent(), "zgr");
  EXPECT_EQ(parse_request_head("GET /ab", kSecret).path, "/ab");
}

TEST(RequestHeadText, KnowsConnectionExpectAndUpgrade) {
  auto head = parse_request_head(
      "GET / HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nExpect: "
      "100-Continue\r\n\r\n",
      kSecret);
  EXPECT_TRUE(head.connection_close);
  EXPECT_TRUE(head.upgrade);
  EXPECT_TRUE(head.expect_continue);
  head = parse_request_head("GET / HTTP/1.0\r\n\r\n", kSecret);
  EXPECT_TRUE(head.connection_close);
  EXPECT_EQ(head.version_minor, 0);
  head = parse_request_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", kSecret);
  EXPECT_FALSE(head.connection_close);
}

TEST(RequestHeadText, ParsesAMegabyteLineInOnePass) {
  const std::string text = "GET / HTTP/1.1\r\nX: " + std::string(1 << 20, 'y') + "\r\n\r\n";
  HeadScanner s;
  ASSERT_EQ(s.scan(text), HeadStatus::kOk);
  EXPECT_EQ(parse_request_head(text, kSecret).header("x").size(), 1u << 20);
}

TEST(RequestStart, IsToldFromOtherBytes) {
  EXPECT_TRUE(looks_like_request_start("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_TRUE(looks_like_request_start("\r\nGET /"));
  EXPECT_TRUE(looks_like_request_start("OPTIONS *"));
  EXPECT_FALSE(looks_like_request_start("{\"model\":\"GET /\"}"));
  EXPECT_FALSE(looks_like_request_start("GET"));
  EXPECT_FALSE(looks_like_request_start("user said hello"));
  EXPECT_FALSE(looks_like_request_start(""));
}

}  // namespace
}  // namespace probewall
