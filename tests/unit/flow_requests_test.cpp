// SPDX-License-Identifier: Apache-2.0
// Streams of requests, however they are cut into segments.
#include <gtest/gtest.h>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

struct StreamCase {
  const char* what;
  std::string bytes;
  std::vector<std::string> models;  ///< of the requests, in order
  std::size_t cap = 4096;
};
std::ostream& operator<<(std::ostream& out, const StreamCase& c) { return out << c.what; }

AssemblerConfig with_cap(std::size_t cap) {
  AssemblerConfig c;
  c.bytes_per_request = static_cast<std::uint32_t>(cap);
  return c;
}

std::string run(const StreamCase& c, const std::vector<std::size_t>& cuts) {
  FlowLab lab{with_cap(c.cap)};
  std::size_t from = 0;
  for (std::size_t cut : cuts) {
    if (cut > from) {
      lab.client(static_cast<std::int64_t>(from),
                 std::string_view{c.bytes}.substr(from, cut - from));
    }
    from = std::max(from, cut);
  }
  lab.client(static_cast<std::int64_t>(from), std::string_view{c.bytes}.substr(from));
  lab.finish();
  EXPECT_EQ(lab.lost(Loss::kGapBytes), 0u);
  return fingerprint(lab.requests());
}

class Streams : public ::testing::TestWithParam<StreamCase> {};

TEST_P(Streams, GiveTheirRequestsInOneSegment) {
  const StreamCase& c = GetParam();
  FlowLab lab{with_cap(c.cap)};
  lab.client(0, c.bytes);
  ASSERT_EQ(lab.requests().size(), c.models.size());
  for (std::size_t i = 0; i < c.models.size(); ++i) {
    EXPECT_EQ(lab.requests()[i].llm.model, c.models[i]);
    EXPECT_EQ(lab.requests()[i].index_on_flow, i);
    EXPECT_EQ(lab.requests()[i].id, i + 1);
    EXPECT_TRUE(lab.requests()[i].proven);
  }
}

TEST_P(Streams, GiveTheSameRequestsCutInTwoAnywhere) {
  const StreamCase& c = GetParam();
  const std::string whole = run(c, {});
  for (std::size_t cut = 1; cut < c.bytes.size(); ++cut) ASSERT_EQ(run(c, {cut}), whole) << cut;
}

TEST_P(Streams, GiveTheSameRequestsByteByByte) {
  const StreamCase& c = GetParam();
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < c.bytes.size(); ++i) cuts.push_back(i);
  EXPECT_EQ(run(c, cuts), run(c, {}));
}

TEST_P(Streams, GiveTheSameRequestsInReversedSegments) {
  const StreamCase& c = GetParam();
  const std::string whole = run(c, {});
  const std::size_t third = c.bytes.size() / 3;
  for (std::size_t first = 1; first < third; first += 7) {
    FlowLab lab{with_cap(c.cap)};
    const std::string_view b = c.bytes;
    const auto second = first + third;
    lab.client(static_cast<std::int64_t>(second), b.substr(second));
    lab.client(static_cast<std::int64_t>(first), b.substr(first, third));
    lab.client(0, b.substr(0, first));
    lab.finish();
    ASSERT_EQ(fingerprint(lab.requests()), whole) << first;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Streams,
    ::testing::Values(
        StreamCase{"one post", post(chat("a")), {"a"}},
        StreamCase{"get", "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n", {""}},
        StreamCase{"head and delete",
                   "HEAD / HTTP/1.1\r\n\r\nDELETE /api/delete HTTP/1.1\r\n\r\n",
                   {"", ""}},
        StreamCase{"pipelined posts",
                   post(chat("a")) + post(chat("b")) + post(chat("c")),
                   {"a", "b", "c"}},
        StreamCase{"empty lines between",
                   "\r\n" + post(chat("a")) + "\r\n\r\n" + post(chat("b")),
                   {"a", "b"}},
        StreamCase{"bare LF", "GET /a HTTP/1.1\nHost: h\n\n" + post(chat("b")), {"", "b"}},
        StreamCase{"chunked", chunked(chat("a", "some text"), 7) + post(chat("b")), {"a", "b"}},
        StreamCase{
            "chunked byte by byte", chunked(chat("a"), 1) + chunked(chat("b"), 1), {"a", "b"}},
        StreamCase{"chunked, not JSON", chunked("hello there", 4) + post(chat("b")), {"", "b"}},
        StreamCase{"not JSON", post("just text") + post(chat("b")), {"", "b"}},
        StreamCase{"JSON, then padding",
                   post(chat("a") + std::string(900, ' ')) + post(chat("b")),
                   {"a", "b"}},
        StreamCase{"body longer than the cap",
                   post(chat("a", std::string(700, 'x'))) + post(chat("b")),
                   {"a", "b"},
                   512},
        StreamCase{"chunked body longer than the cap",
                   chunked(chat("a", std::string(700, 'x')), 50) + post(chat("b")),
                   {"a", "b"},
                   512},
        StreamCase{"expect", post(chat("a"), "Expect: 100-continue\r\n"), {"a"}},
        StreamCase{"http 1.0", "GET / HTTP/1.0\r\n\r\n", {""}},
        StreamCase{
            "upgrade to h2c refused",
            "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + post(chat("b")),
            {"", "b"}}));

TEST(FlowRequests, CarryHeadBodyAndWhereTheyCameFrom) {
  FlowLab lab;
  lab.base.flags = 0;
  lab.client(0, post(chat("gpt-4o", "hello"), "Authorization: Bearer sk\r\n"),
             FlowLab::kQuick | PW_RECORD_DECOY);
  ASSERT_EQ(lab.requests().size(), 1u);
  const Request& r = lab.requests()[0];
  EXPECT_EQ(r.source.to_string(), "198.51.100.7/32");
  EXPECT_EQ(r.flow.server_port, 8000);
  EXPECT_EQ(r.api, Api::kChatCompletions);
  EXPECT_EQ(r.llm.user_text, "hello");
  EXPECT_EQ(r.head.auth, AuthKind::kBearer);
  EXPECT_EQ(r.service, PW_SERVICE_VLLM);
  EXPECT_TRUE(r.decoy);
  EXPECT_TRUE(r.head_complete);
  EXPECT_FALSE(r.truncated);
  EXPECT_EQ(to_ns(r.time), lab.time_ns);
  EXPECT_EQ(r.time, r.proven_time);
}

TEST(FlowRequests, TimeIsThatOfThePacketWithTheLastNeededByte) {
  FlowLab lab;
  const std::string s = post(chat("a"));
  lab.client(0, s.substr(0, 60));
  const auto early = lab.time_ns;
  lab.client(60, s.substr(60));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_GT(to_ns(lab.requests()[0].time), early);
  EXPECT_EQ(to_ns(lab.requests()[0].time), lab.time_ns);
}

TEST(FlowRequests, AreGivenOutWhenTheJsonEndsThoughTheBodyGoesOn) {
  FlowLab lab;
  std::string s =
      "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 999999\r\n\r\n" + chat("a");
  lab.client(0, s);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_FALSE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].body_prefix, chat("a"));
}

TEST(FlowRequests, WhatFollowsTheJsonInABodyIsLeftOutWhereverItIsCut) {
  const std::string json = chat("a");
  const std::string body = json + "\r\n{\"more\":1} end";
  const std::string s =
      "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  for (std::size_t cut = 1; cut <= s.size(); ++cut) {
    SCOPED_TRACE(cut);
    FlowLab lab;
    lab.client(0, s.substr(0, cut));
    if (cut < s.size()) lab.client(static_cast<std::int64_t>(cut), s.substr(cut));
    ASSERT_EQ(lab.requests().size(), 1u);
    EXPECT_EQ(lab.requests()[0].body_prefix, json);
  }
}

TEST(FlowRequests, TheEndOfTheJsonIsFoundWhenItComesByteByByte) {
  const std::string json = R"({"messages":[{"role":"user","content":"a ]} \"} b"}],"n":[[]]})";
  const std::string s =
      "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 9999\r\n\r\n" + json + " ]}";
  const std::size_t end = s.size() - 3;
  FlowLab lab;
  for (std::size_t at = 0; at < s.size(); ++at) {
    SCOPED_TRACE(at);
    lab.client(static_cast<std::int64_t>(at), s.substr(at, 1));
    ASSERT_EQ(lab.requests().size(), at + 1 < end ? 0u : 1u);
  }
  EXPECT_FALSE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].body_prefix, json);
}

TEST(FlowRequests, HeadLongerThanTheCapIsGivenOutCut) {
  FlowLab lab;
  const std::string s = "GET /x HTTP/1.1\r\nUser-Agent: zgrab\r\nX: " + std::string(1 << 20, 'y');
  for (std::size_t at = 0; at < s.size(); at += 1400) {
    lab.client(static_cast<std::int64_t>(at), std::string_view{s}.substr(at, 1400));
  }
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_FALSE(lab.requests()[0].head_complete);
  EXPECT_EQ(lab.requests()[0].head.user_agent(), "zgrab");
  EXPECT_EQ(lab.requests()[0].head.path, "/x");
}

TEST(FlowRequests, LateBodyAfterExpectIsWaitedFor) {
  FlowLab lab;
  const std::string s = post(chat("a"), "Expect: 100-continue\r\n");
  const auto head = s.find("\r\n\r\n") + 4;
  lab.client(0, s.substr(0, head));
  lab.answer("HTTP/1.1 100 Continue\r\n\r\n");
  lab.wait(std::chrono::seconds{2});
  EXPECT_TRUE(lab.requests().empty());
  lab.client(static_cast<std::int64_t>(head), s.substr(head));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].head.expect_continue);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
}

TEST(FlowRequests, TlsIsCountedAndLeftAlone) {
  FlowLab tls;
  tls.client(0, "\x16\x03\x01\x02");
  tls.client(4, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(tls.lost(Loss::kTls), 1u);
  EXPECT_TRUE(tls.requests().empty());
}

TEST(FlowRequests, WebSocketFramesAfter101AreNoInvalidHeads) {
  FlowLab lab;
  const std::string s = "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  lab.client(0, s);
  lab.answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  lab.client(static_cast<std::int64_t>(s.size()), "\x81\x85xxxxyyyyy");
  EXPECT_EQ(lab.lost(Loss::kInvalidHead), 0u);
}

TEST(FlowRequests, InvalidHeadIsCountedAndTheNextRequestLineFoundAgain) {
  FlowLab lab;
  const std::string bad = "not a request\r\n";
  lab.client(0, bad);
  lab.client(static_cast<std::int64_t>(bad.size()), post(chat("a")));
  EXPECT_EQ(lab.lost(Loss::kInvalidHead), 1u);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
}

TEST(FlowRequests, WhatOnlyTricklesIsGivenOutWhenTimeIsUp) {
  FlowLab lab;
  lab.client(0, "GET /slow HTTP/1.1\r\nX: ");
  for (int i = 0; i < 70; ++i) {
    lab.wait(std::chrono::seconds{1});
    lab.client(23 + i, "y");
  }
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].timed_out);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].head.path, "/slow");
}

TEST(FlowRequests, MalformedRecordsAreCounted) {
  FlowLab lab;
  lab.assembler.on_record(as_byte_span("short"));
  EXPECT_EQ(lab.lost(Loss::kMalformedRecord), 1u);
}

}  // namespace
}  // namespace probewall
