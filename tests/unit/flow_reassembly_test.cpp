// SPDX-License-Identifier: Apache-2.0
// Order, copies, overlaps, gaps, anchors.
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

struct Piece {
  std::size_t at, size;
};

void send(FlowLab& lab, std::string_view bytes, const std::vector<Piece>& pieces) {
  for (const Piece& p : pieces)
    lab.client(static_cast<std::int64_t>(p.at), bytes.substr(p.at, p.size));
}

const std::string kTwo = post(chat("a", "some longer text")) + post(chat("b"));

TEST(Reassembly, AnyOrderOfFiveSegmentsGivesTheSameRequests) {
  std::vector<Piece> pieces;
  const std::size_t fifth = kTwo.size() / 5;
  for (std::size_t i = 0; i < 5; ++i) pieces.push_back({i * fifth, i == 4 ? kTwo.size() : fifth});
  FlowLab plain;
  plain.client(0, kTwo);
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  do {
    FlowLab lab;
    for (const std::size_t i : order) send(lab, kTwo, {pieces[i]});
    ASSERT_EQ(fingerprint(lab.requests()), fingerprint(plain.requests()));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Reassembly, CopiesAndOverlapsWithTheSameBytesChangeNothing) {
  FlowLab plain;
  plain.client(0, kTwo);
  const std::size_t n = kTwo.size();
  const std::vector<std::vector<Piece>> cases = {
      {{0, n}, {0, n}},
      {{0, 50}, {0, 50}, {50, n}},
      {{0, 50}, {20, n}},
      {{100, n}, {0, 120}},
      {{100, 40}, {50, 200}, {0, 60}, {200, n}},
      {{60, 10}, {80, 10}, {50, 60}, {100, n}, {0, n}},
  };
  for (const auto& pieces : cases) {
    FlowLab lab;
    send(lab, kTwo, pieces);
    EXPECT_EQ(fingerprint(lab.requests()), fingerprint(plain.requests()));
    EXPECT_EQ(lab.lost(Loss::kConflictingOverlap), 0u);
  }
}

TEST(Reassembly, CopyWithOtherBytesMakesTheRequestConflicting) {
  const std::string s = post(chat("a"));
  std::string other = s;
  other[70] = 'Z';
  FlowLab behind;  // the first copy is in the stream already
  behind.client(0, s.substr(0, 80));
  behind.client(60, other.substr(60, 20));
  behind.client(80, s.substr(80));
  FlowLab ahead;  // both wait for the bytes before them
  ahead.client(60, s.substr(60, 20));
  ahead.client(60, other.substr(60, 20));
  ahead.client(0, s.substr(0, 60));
  ahead.client(80, s.substr(80));
  for (FlowLab* lab : {&behind, &ahead}) {
    ASSERT_EQ(lab->requests().size(), 1u);
    EXPECT_TRUE(lab->requests()[0].conflicting);
    EXPECT_EQ(lab->requests()[0].llm.model, "a");
    EXPECT_EQ(lab->lost(Loss::kConflictingOverlap), 1u);
  }
}

TEST(Reassembly, ConflictInOneRequestLeavesTheNextAlone) {
  const std::string first = post(chat("a"));
  std::string other = first;
  other[10] = 'Z';
  FlowLab lab;
  lab.client(0, first.substr(0, 30));
  lab.client(0, other.substr(0, 30));
  lab.client(30, first.substr(30) + post(chat("b")));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[0].conflicting);
  EXPECT_FALSE(lab.requests()[1].conflicting);
}

TEST(Reassembly, BytesBeforeTheAnchorAreCountedAndNotUsed) {
  FlowLab lab;
  lab.client(-5, "XXXXX" + post(chat("a")));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].head.method, "POST");
  EXPECT_EQ(lab.lost(Loss::kOutsideWindow), 5u);
}

TEST(Reassembly, MidConnectionStartTakesTheFirstRequestLine) {
  FlowLab lab;
  lab.client(500, "rest of a body nobody saw}", PW_RECORD_PROVEN);
  lab.client(526, post(chat("a")), PW_RECORD_PROVEN);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
}

TEST(Reassembly, MidConnectionStartWithSwappedSegments) {
  const std::string s = post(chat("a"));
  FlowLab lab;
  lab.client(560, s.substr(60), PW_RECORD_PROVEN);
  lab.client(500, s.substr(0, 60), PW_RECORD_PROVEN);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_FALSE(lab.requests()[0].truncated);
}

TEST(Reassembly, GapInAHeadGivesTheCutRequestAndTheNextOneAfterIt) {
  FlowLab lab;
  lab.client(0, "POST /first HTTP/1.1\r\nHost: ");
  lab.client(5000, post(chat("b")));
  EXPECT_TRUE(lab.requests().empty());
  lab.wait(std::chrono::seconds{1});
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[0].head.path, "/first");
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
  EXPECT_TRUE(lab.requests()[1].after_gap);
  EXPECT_GT(lab.lost(Loss::kGapBytes), 0u);
}

TEST(Reassembly, GapInsideAKnownBodyKeepsTheConnectionInStep) {
  FlowLab lab;
  const std::string s = post(chat("a", std::string(3000, 'x'))) + post(chat("b"));
  lab.client(0, s.substr(0, 500));
  lab.client(1500, s.substr(1500));
  lab.wait(std::chrono::seconds{1});
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
  EXPECT_FALSE(lab.requests()[1].after_gap);
}

TEST(Reassembly, TooManyWaitingSegmentsEndTheWaitForTheGap) {
  FlowLab lab;
  const std::string one = post(chat("a"));
  for (int i = 0; i < 20; ++i) {
    lab.client(100 + static_cast<std::int64_t>(one.size()) * i, one);
  }
  EXPECT_EQ(lab.requests().size(), 20u);
  EXPECT_GT(lab.lost(Loss::kGapBytes), 0u);
}

TEST(Reassembly, ResyncSegmentEndsTheWaitAtOnce) {
  FlowLab lab;
  lab.client(0, "POST /big HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{\"model\":\"a");
  lab.client(90000, post(chat("b")), FlowLab::kQuick | PW_RECORD_RESYNC);
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_TRUE(lab.requests()[1].after_gap);
}

TEST(Reassembly, PortUsedAgainBeginsANewConnection) {
  FlowLab lab;
  lab.client(0, "POST /half HTTP/1.1\r\n");
  lab.base.isn1 = 12345;
  lab.client(0, post(chat("b")));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[1].index_on_flow, 0u);
  EXPECT_EQ(lab.assembler.flows_total(), 2u);
  EXPECT_EQ(lab.assembler.flows_active(), 1u);
}

TEST(Reassembly, SequenceNumbersMayWrapInsideABody) {
  FlowLab lab;
  lab.base.isn1 = 0xffffff80u;
  const std::string s = post(chat("a", std::string(400, 'x'))) + post(chat("b"));
  for (std::size_t at = 0; at < s.size(); at += 50) {
    lab.client(static_cast<std::int64_t>(at), s.substr(at, 50));
  }
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
}

}  // namespace
}  // namespace probewall
