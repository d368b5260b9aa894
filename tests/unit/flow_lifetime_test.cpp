// SPDX-License-Identifier: Apache-2.0
// How connections end, and what bounds them.
#include <gtest/gtest.h>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

const std::string kHalf = "POST /half HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"model\":\"a";
const auto kHalfSize = static_cast<std::int64_t>(kHalf.size());

void expect_half(const FlowLab& lab) {
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].truncated);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
}

TEST(Closing, EitherSideGivesOutWhatIsHalfRead) {
  for (const int flags :
       {int{PW_RECORD_FIN}, int{PW_RECORD_RST}, PW_RECORD_FIN | PW_RECORD_FROM_SERVER,
        PW_RECORD_RST | PW_RECORD_FROM_SERVER}) {
    FlowLab lab;
    lab.client(0, kHalf);
    EXPECT_TRUE(lab.requests().empty());
    lab.close(static_cast<std::uint16_t>(flags), kHalfSize);
    expect_half(lab);
  }
}

TEST(Closing, FinOnTheLastSegmentGivesOutWhatIsHalfRead) {
  FlowLab lab;
  lab.client(0, kHalf, FlowLab::kQuick | PW_RECORD_FIN);
  expect_half(lab);
}

TEST(Closing, FinThatOvertakesBytesWaitsForThem) {
  FlowLab lab;
  lab.client(20, kHalf.substr(20), FlowLab::kQuick | PW_RECORD_FIN);
  EXPECT_TRUE(lab.requests().empty());
  lab.client(0, kHalf.substr(0, 20));
  expect_half(lab);
}

TEST(Closing, ClientResetWithAGuessedSequenceIsNotBelieved) {
  FlowLab lab;
  lab.client(0, kHalf);
  lab.close(PW_RECORD_RST, kHalfSize + 100000);
  EXPECT_TRUE(lab.requests().empty());
  EXPECT_EQ(lab.assembler.flows_active(), 1u);
}

TEST(Closing, LateCopiesGiveNoSecondRequest) {
  FlowLab lab;
  const std::string s = post(chat("a"));
  lab.client(0, s);
  lab.close(PW_RECORD_FIN | PW_RECORD_FROM_SERVER);
  lab.client(0, s);
  lab.wait(std::chrono::milliseconds{500});
  lab.client(0, s);
  EXPECT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.assembler.flows_active(), 0u);
}

TEST(Closing, BytesThatTheServersCloseOvertookStillCount) {
  FlowLab lab;
  lab.client(0, "GET / HTTP/1.1\r\n");
  lab.base.isn1 = 777;
  lab.client(0, "GET / HT");
  lab.close(PW_RECORD_FIN | PW_RECORD_FROM_SERVER);
  const auto before = lab.requests().size();
  lab.client(8, "TP/1.1\r\n\r\n");
  lab.finish();
  EXPECT_EQ(lab.requests().size(), before);  // given out once, as far as it was read
}

TEST(Closing, EndOfInputGivesOutWhatIsHalfRead) {
  FlowLab lab;
  lab.client(0, kHalf);
  lab.finish();
  expect_half(lab);
  EXPECT_EQ(lab.assembler.flows_active(), 0u);
}

TEST(Closing, BytesThatAreNoRequestAreNotGivenOut) {
  FlowLab lab;
  lab.client(0, "GET");
  lab.close(PW_RECORD_FIN, 3);
  EXPECT_TRUE(lab.requests().empty());
  EXPECT_EQ(lab.lost(Loss::kInvalidHead), 1u);
}

TEST(Bounds, IdleFlowsGoAndAreCounted) {
  FlowLab lab;
  lab.client(0, post(chat("a")));
  EXPECT_EQ(lab.assembler.flows_active(), 1u);
  lab.wait(std::chrono::minutes{11});
  EXPECT_EQ(lab.assembler.flows_active(), 0u);
  EXPECT_EQ(lab.lost(Loss::kFlowEvictedTimeout), 1u);
}

TEST(Bounds, FullTableDropsTheLeastRecentlyUsed) {
  AssemblerConfig config;
  config.max_flows = 100;
  FlowLab lab{config};
  for (int i = 0; i < 250; ++i) {
    lab.base.flow.client_port = static_cast<__be16>(i);
    lab.client(0, kHalf);
  }
  EXPECT_EQ(lab.assembler.flows_active(), 100u);
  EXPECT_EQ(lab.lost(Loss::kFlowEvictedCapacity), 150u);
  EXPECT_EQ(lab.requests().size(), 150u);  // half-read requests are given out, not lost
  lab.base.flow.client_port = 249;
  lab.client(kHalfSize, R"("})");
  EXPECT_EQ(lab.requests().size(), 151u);
  EXPECT_FALSE(lab.requests().back().truncated);
}

TEST(Bounds, ClosedFlowsMakeRoomFirst) {
  AssemblerConfig config;
  config.max_flows = 10;
  FlowLab lab{config};
  for (int i = 0; i < 100; ++i) {
    lab.base.flow.client_port = static_cast<__be16>(i);
    lab.client(0, post(chat("a")));
    lab.close(PW_RECORD_RST | PW_RECORD_FROM_SERVER);
  }
  EXPECT_EQ(lab.requests().size(), 100u);
  EXPECT_EQ(lab.lost(Loss::kFlowEvictedCapacity), 0u);
}

TEST(Bounds, SourcesOfIpv6AreTheirPrefix) {
  FlowLab lab;
  lab.base.flow =
      FlowKey{*IpAddress::parse("2001:db8:1:2:3::4"), *IpAddress::parse("2001:db8::1"), 1, 2}
          .to_abi();
  lab.client(0, post(chat("a")));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].source.to_string(), "2001:db8:1:2::/64");
}

}  // namespace
}  // namespace probewall
