// SPDX-License-Identifier: Apache-2.0
// What the kernel captured, what it left out, and what it is told about it.
#include <gtest/gtest.h>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

struct Budget : ::testing::Test {
  Budget() {
    lab.base.skip_slot = 17;
    lab.base.skip_tag = 99;
  }
  std::uint32_t seq(std::size_t at) const {
    return FlowLab::kIsn1 + static_cast<std::uint32_t>(at);
  }
  FlowLab lab;
};

const std::string kBig = post(chat("a", std::string(100000, 'x')));

TEST_F(Budget, RestOfALongBodyIsSkippedAndTheNextRequestSeen) {
  for (std::size_t at = 0; at < 4096; at += 1024) {
    lab.client(static_cast<std::int64_t>(at), kBig.substr(at, 1024));
  }
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
  ASSERT_EQ(lab.sink.skips.size(), 1u);
  EXPECT_EQ(lab.sink.skips[0].slot, 17u);
  EXPECT_EQ(lab.sink.skips[0].tag, 99u);
  EXPECT_EQ(lab.sink.skips[0].resume, seq(kBig.size()));
  lab.client(static_cast<std::int64_t>(kBig.size()), post(chat("b")));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
  EXPECT_FALSE(lab.requests()[1].after_gap);
  EXPECT_EQ(lab.lost(Loss::kGapBytes), 0u);
}

TEST_F(Budget, PrefixIsTheSameWhateverTheLastSegmentHeld) {
  lab.client(0, kBig.substr(0, 4096), FlowLab::kQuick, 3000);
  FlowLab pieces;
  pieces.client(0, kBig.substr(0, 8000));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(fingerprint(lab.requests()), fingerprint(pieces.requests()));
  const Request& r = lab.requests()[0];
  EXPECT_EQ(r.body_prefix.size() + kBig.find("\r\n\r\n") + 4, 4096u);
}

TEST_F(Budget, SegmentCutBeforeTheCapGivesTheRequestAtOnce) {
  lab.client(0, kBig.substr(0, 700), FlowLab::kQuick, 700);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.lost(Loss::kGapBytes), 700u);
  ASSERT_EQ(lab.sink.skips.size(), 1u);
  EXPECT_EQ(lab.sink.skips[0].resume, seq(kBig.size()));
}

TEST_F(Budget, BodyBytesThatCameBeforeTheSkipTookHoldAreHarmless) {
  lab.client(0, kBig.substr(0, 4096));
  lab.client(4096, kBig.substr(4096, 1000));
  lab.client(50000, kBig.substr(50000, 1000));
  EXPECT_EQ(lab.sink.skips.size(), 1u);
  lab.client(static_cast<std::int64_t>(kBig.size()) - 10,
             kBig.substr(kBig.size() - 10) + post(chat("b")));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
  EXPECT_EQ(lab.lost(Loss::kGapBytes), 0u);
}

TEST_F(Budget, SkipReachesNoFurtherThanTheBodyLimit) {
  AssemblerConfig config;
  config.limit_body_bytes = 10000;
  FlowLab small{config};
  small.base.skip_slot = 1;
  small.base.skip_tag = 2;
  small.client(0, kBig.substr(0, 4096));
  ASSERT_EQ(small.sink.skips.size(), 1u);
  EXPECT_EQ(small.sink.skips[0].resume, seq(14096));
  small.client(14096, kBig.substr(14096, 1000));
  ASSERT_EQ(small.sink.skips.size(), 2u);
  EXPECT_EQ(small.sink.skips[1].resume, seq(25096));
}

TEST_F(Budget, DoubtfulLengthsAreNeverSkipped) {
  for (const char* doubt : {"Content-Length: 200000\r\n", "Transfer-Encoding: x\r\n"}) {
    FlowLab doubtful;
    doubtful.base.skip_tag = 5;
    const std::string s = "POST / HTTP/1.1\r\nContent-Length: 200000\r\n" + std::string{doubt} +
                          "\r\n" + std::string(8000, 'x');
    doubtful.client(0, s);
    for (const Skip& skip : doubtful.sink.skips) EXPECT_EQ(skip.resume, seq(s.size())) << doubt;
  }
}

TEST_F(Budget, ChunkedBodyIsWalkedWithFreshBudget) {
  const std::string s = chunked(chat("a", std::string(20000, 'x')), 3000) + post(chat("b"));
  for (std::size_t at = 0; at < s.size(); at += 1400) {
    lab.client(static_cast<std::int64_t>(at), s.substr(at, 1400));
  }
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
  EXPECT_GE(lab.sink.skips.size(), 10u);
  for (std::size_t i = 0; i + 1 < lab.sink.skips.size(); ++i) {
    EXPECT_EQ((lab.sink.skips[i].resume - FlowLab::kIsn1) % 1400, 0u);
  }
}

TEST_F(Budget, CutInsideAChunkIsPassedOver) {
  const std::string body = chat("a", std::string(9000, 'x'));
  const std::string s = chunked(body, 20000) + post(chat("b"));
  lab.client(0, s.substr(0, 2000), FlowLab::kQuick, 1000);
  lab.client(3000, s.substr(3000));
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[1].llm.model, "b");
}

TEST_F(Budget, SmallRequestsCostNoStoreEach) {
  std::string s;
  for (int i = 0; i < 100; ++i) {
    lab.client(static_cast<std::int64_t>(s.size()), post(chat("a")));
    s += post(chat("a"));
  }
  EXPECT_EQ(lab.requests().size(), 100u);
  EXPECT_GT(lab.sink.skips.size(), 10u);
  EXPECT_LT(lab.sink.skips.size(), 40u);
}

TEST_F(Budget, FlowsWithoutATagTakeNoSkip) {
  lab.base.skip_tag = 0;
  lab.client(0, kBig.substr(0, 4096));
  EXPECT_TRUE(lab.sink.skips.empty());
}

TEST_F(Budget, CutHeadIsGivenOutAndParsingGoesOnAtTheNextRequestLine) {
  const std::string s = "GET /long HTTP/1.1\r\nX: " + std::string(3000, 'y');
  lab.client(0, s, FlowLab::kQuick, 500);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_FALSE(lab.requests()[0].head_complete);
  lab.client(9000, post(chat("b")), FlowLab::kQuick | PW_RECORD_RESYNC);
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_TRUE(lab.requests()[1].after_gap);
}

}  // namespace
}  // namespace probewall
