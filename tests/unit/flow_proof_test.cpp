// SPDX-License-Identifier: Apache-2.0
// Bytes count when they are proven to come from where they say.
#include <gtest/gtest.h>

#include "unit/flow_lab.hpp"

namespace probewall {
namespace {

using namespace testing;  // NOLINT: the lab of this test

const std::string kProbe = post(chat("a"));
const auto kSize = static_cast<std::int64_t>(kProbe.size());

TEST(Proof, UnprovenRequestWaitsForAnAckThatCrossesIt) {
  FlowLab lab;
  lab.unproven(0, kProbe);
  const auto seen = lab.time_ns;
  EXPECT_TRUE(lab.requests().empty());
  lab.ack(0, kSize);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].proven);
  EXPECT_EQ(to_ns(lab.requests()[0].time), seen);
  EXPECT_EQ(to_ns(lab.requests()[0].proven_time), lab.time_ns);
}

TEST(Proof, AckMayComeInSteps) {
  FlowLab lab;
  lab.unproven(0, kProbe);
  lab.ack(0, 40);
  EXPECT_TRUE(lab.requests().empty());
  lab.ack(40, kSize);
  EXPECT_EQ(lab.requests().size(), 1u);
}

TEST(Proof, AckMayBeReadBeforeTheSegmentItProves) {
  FlowLab lab;
  lab.unproven(kSize, kProbe);  // opens the flow
  lab.time_ns += 5000;
  lab.ack(0, kSize);
  lab.time_ns -= 6000;
  lab.unproven(0, kProbe);
  EXPECT_EQ(lab.requests().size(), 1u);
}

struct AckCase {
  const char* what;
  std::int64_t from, to;
  std::uint32_t server_seq;
};
std::ostream& operator<<(std::ostream& out, const AckCase& c) { return out << c.what; }

class UselessAcks : public ::testing::TestWithParam<AckCase> {};

TEST_P(UselessAcks, ProveNothing) {
  const AckCase& c = GetParam();
  FlowLab lab;
  lab.unproven(100, kProbe);
  pw_record h = lab.base;
  h.type = PW_RECORD_ACK;
  h.flags = PW_RECORD_FROM_SERVER;
  h.seq = c.server_seq;
  h.prev_ack = lab.base.isn1 + static_cast<std::uint32_t>(c.from);
  h.ack = lab.base.isn1 + static_cast<std::uint32_t>(c.to);
  lab.submit(h);
  lab.wait(std::chrono::seconds{10});
  lab.finish();
  EXPECT_TRUE(lab.requests().empty());
  EXPECT_EQ(lab.lost(Loss::kUnprovenBytes), kProbe.size());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, UselessAcks,
    ::testing::Values(AckCase{"does not advance", 100 + kSize, 100 + kSize, FlowLab::kServerSeq},
                      AckCase{"advances behind the bytes", 100 + kSize, 200 + kSize,
                              FlowLab::kServerSeq},
                      AckCase{"began inside the bytes", 120, 100 + kSize, FlowLab::kServerSeq},
                      AckCase{"ends inside the bytes", 0, 99 + kSize, FlowLab::kServerSeq},
                      AckCase{"goes too far", 0, 100 + kSize + 70000, FlowLab::kServerSeq},
                      AckCase{"goes backwards", 100 + kSize, 0, FlowLab::kServerSeq},
                      AckCase{"server far ahead", 0, 100 + kSize, FlowLab::kServerSeq + (1u << 24)},
                      AckCase{"server behind", 0, 100 + kSize, FlowLab::kServerSeq - 1}));

TEST(Proof, AckFromTheClientsSideProvesNothing) {
  FlowLab lab;
  lab.unproven(0, kProbe);
  pw_record h = lab.base;
  h.type = PW_RECORD_ACK;
  h.seq = FlowLab::kServerSeq;
  h.prev_ack = lab.base.isn1;
  h.ack = lab.base.isn1 + static_cast<std::uint32_t>(kSize);
  lab.submit(h);
  EXPECT_TRUE(lab.requests().empty());
}

TEST(Proof, SwappedSegmentsCountOnceBothAreProven) {
  FlowLab lab;
  lab.unproven(60, kProbe.substr(60));
  lab.client(0, kProbe.substr(0, 60));
  EXPECT_TRUE(lab.requests().empty());
  lab.ack(0, kSize);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_FALSE(lab.requests()[0].conflicting);
  EXPECT_GT(lab.requests()[0].proven_time, lab.requests()[0].time);
}

TEST(Proof, ForgedBytesOnAProvenFlowAreNeverBlamedOnIt) {
  FlowLab lab;
  lab.client(0, kProbe);
  lab.unproven(900000, "POST /forged HTTP/1.1\r\n\r\n");  // no ACK will ever cross these
  lab.unproven(kSize + 10, "POST /forged HTTP/1.1\r\n\r\n");
  lab.client(kSize, kProbe);
  lab.wait(std::chrono::seconds{10});
  lab.finish();
  EXPECT_EQ(lab.requests().size(), 2u);
  for (const Request& r : lab.requests()) EXPECT_NE(r.head.path, "/forged");
}

TEST(Proof, ForgedBytesThatShareAnAckWithTrueOnesAreNotUsed) {
  std::string forged = kProbe;
  forged.replace(forged.find("chat"), 4, "evil");
  FlowLab lab;
  lab.unproven(0, forged);
  lab.client(0, kProbe);  // quick proof
  lab.ack(0, kSize);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].head.path, "/v1/chat/completions");
}

TEST(Proof, TwoDifferentCopiesProvenByOneAckAreConflicting) {
  std::string forged = kProbe;
  forged.replace(forged.find("chat"), 4, "evil");
  FlowLab lab;
  lab.unproven(0, forged);
  lab.unproven(0, kProbe);
  lab.ack(0, kSize);
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_TRUE(lab.requests()[0].conflicting);
}

TEST(Proof, HeldBytesAreBoundedPerFlow) {
  FlowLab lab;
  for (int i = 0; i < 40; ++i) lab.unproven(i * 1000, std::string(1000, 'x'));
  EXPECT_EQ(lab.lost(Loss::kSegmentDropped), 24u);
}

TEST(Proof, ForgedFlowsCannotPushProvenOnesOut) {
  AssemblerConfig config;
  config.max_flows = 64;
  FlowLab lab{config};
  lab.client(0, kProbe.substr(0, 50));
  const pw_flow_key honest = lab.base.flow;
  for (int i = 0; i < 1000; ++i) {
    lab.base.flow.client_port = static_cast<__be16>(i);
    lab.base.flow.client.bytes[13] = static_cast<__u8>(i >> 8);
    lab.unproven(0, "POST /forged HTTP/1.1\r\n\r\n");
  }
  lab.base.flow = honest;
  lab.client(50, kProbe.substr(50));
  ASSERT_EQ(lab.requests().size(), 1u);
  EXPECT_EQ(lab.requests()[0].llm.model, "a");
  EXPECT_LE(lab.assembler.flows_active(), 9u);
  EXPECT_GT(lab.lost(Loss::kFlowEvictedCapacity), 0u);
  EXPECT_EQ(lab.assembler.flows_total(), 1u);
}

TEST(Proof, WithoutTheRequirementUnprovenBytesAreUsedAndMarked) {
  AssemblerConfig config;
  config.require_proof = false;
  FlowLab lab{config};
  lab.unproven(0, kProbe);
  lab.client(kSize, kProbe);
  ASSERT_EQ(lab.requests().size(), 2u);
  EXPECT_FALSE(lab.requests()[0].proven);
  EXPECT_TRUE(lab.requests()[1].proven);
}

}  // namespace
}  // namespace probewall
