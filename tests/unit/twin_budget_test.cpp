// SPDX-License-Identifier: Apache-2.0
// Budgets, body skipping, rate buckets and block tables in the kernel twin.
#include <gtest/gtest.h>

#include "unit/twin_lab.hpp"

namespace probewall {
namespace {

using testing::kProbe;
using testing::kProbeLen;
using testing::twin_config;
using testing::TwinLab;

TwinLab small_budget_lab() {
  pw_settings s = default_twin_settings();
  s.request_budget = 512;
  s.max_skip = 100000;
  return TwinLab(twin_config(s));
}

TEST(TwinBudget, CutsARequestAtItsBudgetAndCountsTheRest) {
  TwinLab lab = small_budget_lab();
  lab.handshake();
  lab.client(0, "POST /api/chat HTTP/1.1\r\n" + std::string(375, 'h'));
  lab.client(400, std::string(400, 'b'));
  lab.client(800, std::string(400, 'b'));
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].bytes.size(), 400u);
  EXPECT_EQ(records[1].bytes.size(), 112u);
  EXPECT_EQ(records[1].header.payload_len, 400u);
  EXPECT_EQ(lab.event(PW_EVENT_OVER_BUDGET_BYTES), 688u);
}

TEST(TwinBudget, BeginsAnewAtARequestLineAfterUncapturedBytes) {
  TwinLab lab = small_budget_lab();
  lab.handshake();
  lab.client(0, "POST /api/chat HTTP/1.1\r\n" + std::string(775, 'h'));
  lab.client(800, std::string(200, 'b'));
  lab.take();
  lab.client(1000, kProbe);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].has(PW_RECORD_RESYNC));
  EXPECT_TRUE(records[0].has(PW_RECORD_PROVEN));
  EXPECT_EQ(records[0].bytes, kProbe);
}

TEST(TwinSkip, LeavesOutTheBodyAndCapturesTheNextRequestInTheSameSegment) {
  TwinLab lab = small_budget_lab();
  lab.handshake();
  lab.client(0, kProbe);
  const auto first = lab.take();
  const pw_record& h = first[0].header;
  lab.twin.store_skip(h.skip_slot, h.skip_tag, TwinLab::kClientIsn + 1 + kProbeLen + 1000);
  lab.client(kProbeLen, std::string(600, 'b'));
  EXPECT_TRUE(lab.take().empty());
  lab.client(kProbeLen + 600, std::string(400, 'b') + kProbe);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, kProbe);
  EXPECT_EQ(records[0].header.seq, TwinLab::kClientIsn + 1 + kProbeLen + 1000);
  EXPECT_TRUE(records[0].has(PW_RECORD_PROVEN));
  EXPECT_FALSE(records[0].has(PW_RECORD_RESYNC));
  EXPECT_EQ(lab.event(PW_EVENT_SKIPPED_BYTES), 1000u);
}

TEST(TwinBudget, SeesARequestThatWasSentInOneGoWithMoreThanTheBudget) {
  for (const std::size_t before : {9000u, 20000u, 30000u}) {
    TwinLab lab;
    lab.handshake();
    const std::string first = "POST /x HTTP/1.1\r\nContent-Length: " + std::to_string(before) +
                              "\r\n\r\n" + std::string(before, 'b');
    lab.client(0, first + kProbe);  // as one segment of a card that joins them
    const auto records = lab.take();
    ASSERT_EQ(records.size(), 2u) << before;
    EXPECT_EQ(records[0].bytes, first.substr(0, records[0].bytes.size()));
    const auto& h = records[1].header;
    EXPECT_TRUE(records[1].has(PW_RECORD_PROVEN));
    EXPECT_FALSE(records[1].has(PW_RECORD_RESYNC));
    const std::size_t at = h.seq - TwinLab::kClientIsn - 1;
    EXPECT_EQ(records[1].bytes, (first + kProbe).substr(at, records[1].bytes.size()));
    EXPECT_NE(records[1].bytes.find(kProbe), std::string::npos) << before;
    EXPECT_EQ(records[0].header.seq + records[0].header.payload_len, h.seq) << "no byte twice";
  }
}

TEST(TwinBudget, SeesItInSegmentsOfTheirOwnToo) {
  TwinLab lab;
  lab.handshake();
  const std::string all =
      "POST /x HTTP/1.1\r\nContent-Length: 7000\r\n\r\n" + std::string(7000, 'b') + kProbe;
  for (std::size_t at = 0; at < all.size(); at += 1448)
    lab.client(static_cast<std::uint32_t>(at), all.substr(at, 1448));
  const auto records = lab.take();
  ASSERT_FALSE(records.empty());
  EXPECT_NE(records.back().bytes.find(kProbe), std::string::npos);
}

TEST(TwinSkip, IgnoresAForeignTagAndAResumeTooFarAhead) {
  TwinLab lab = small_budget_lab();
  lab.handshake();
  lab.client(0, kProbe);
  const auto first = lab.take();
  const pw_record& h = first[0].header;
  lab.twin.store_skip(h.skip_slot, h.skip_tag + 1, h.seq + kProbeLen + 1000);
  lab.client(kProbeLen, "abc");
  lab.twin.store_skip(h.skip_slot, h.skip_tag, h.seq + 1'000'000);
  lab.client(kProbeLen + 3, "def");
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].bytes + records[1].bytes, "abcdef");
}

TEST(TwinSkip, GrantsANewBudgetOnceAtTheResumePoint) {
  TwinLab lab = small_budget_lab();
  lab.handshake();
  lab.client(0, "POST /api/chat HTTP/1.1\r\n" + std::string(475, 'h'));
  const auto first = lab.take();
  const pw_record& h = first[0].header;
  lab.twin.store_skip(h.skip_slot, h.skip_tag, h.seq + 500);  // the request ends here
  lab.client(500, std::string(400, 'x'));
  lab.client(900, std::string(400, 'x'));
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].bytes.size(), 400u);
  EXPECT_EQ(records[1].bytes.size(), 112u) << "512 bytes from the resume point on, not more";
}

TEST(TwinRate, DropsNewRequestsOverTheRateOfTheirProvenSource) {
  pw_settings s = default_twin_settings();
  s.rate_requests_per_s = 1;
  s.rate_burst = 3;
  TwinLab lab(twin_config(s));
  int dropped = 0;
  for (std::uint16_t port = 2000; port < 2010; ++port) {
    lab.base.src_port = port;
    lab.handshake();
    dropped += lab.client(0, kProbe) == PW_VERDICT_RATE_LIMITED;
  }
  EXPECT_EQ(dropped, 7);
  EXPECT_EQ(lab.take().size(), 3u);
  lab.now += std::chrono::seconds{1};
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_PASS) << "the retransmission is expected and proven";
  EXPECT_EQ(lab.take().size(), 1u);
}

TEST(TwinRate, ObservesWithoutDropping) {
  pw_settings s = default_twin_settings();
  s.rate_requests_per_s = 1;
  s.rate_burst = 1;
  s.enforcing = 0;
  TwinLab lab(twin_config(s));
  for (std::uint16_t port = 2000; port < 2005; ++port) {
    lab.base.src_port = port;
    lab.handshake();
    lab.client(0, kProbe);
  }
  EXPECT_EQ(lab.take().size(), 5u);
  EXPECT_EQ(lab.twin.counters().packets[PW_VERDICT_WOULD_DROP][PW_FAMILY_IPV4], 4u);
}

TEST(TwinBlock, DropsUntilTheEntryExpires) {
  TwinLab lab;
  lab.twin.block(*IpPrefix::parse("198.51.100.7"), PW_ACTION_DROP, PW_ORIGIN_DETECTOR,
                 lab.now + std::chrono::minutes{10});
  lab.handshake();
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_DROP_BAN);
  EXPECT_TRUE(lab.take().empty());
  lab.now += std::chrono::minutes{10};
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_PASS);
  EXPECT_EQ(lab.take().size(), 1u);
}

TEST(TwinBlock, AppliesTheStrongestLiveEntryOfAllPrefixes) {
  TwinLab lab;
  const auto soon = lab.now + std::chrono::seconds{1};
  lab.twin.block(*IpPrefix::parse("198.51.100.7"), PW_ACTION_TAG, PW_ORIGIN_FEED, std::nullopt);
  lab.twin.block(*IpPrefix::parse("198.51.100.0/24"), PW_ACTION_DROP, PW_ORIGIN_DETECTOR, soon);
  lab.twin.block(*IpPrefix::parse("198.51.0.0/16"), PW_ACTION_DROP, PW_ORIGIN_FEED, std::nullopt);
  lab.handshake();
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_DROP_BAN);
  lab.now = soon;
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_DROP_FEED);
}

TEST(TwinBlock, LetsAllowBeatBlock) {
  TwinLab lab;
  lab.twin.block(*IpPrefix::parse("198.51.100.7"), PW_ACTION_DROP, PW_ORIGIN_DETECTOR,
                 std::nullopt);
  lab.twin.allow(*IpPrefix::parse("198.51.0.0/16"), PW_ALLOW_ALL);
  lab.handshake();
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_ALLOWLISTED);
  EXPECT_EQ(lab.take().size(), 1u);
  EXPECT_TRUE(lab.twin.allows_any_of(*IpPrefix::parse("198.51.100.7")));
  EXPECT_FALSE(lab.twin.allows_any_of(*IpPrefix::parse("203.0.113.0/24")));
}

TEST(TwinBlock, SavesOnlyTheSshPortOfAnSshPeer) {
  auto config = twin_config();
  config.ports[22].flags = PW_PORT_SSH;
  TwinLab lab(config);
  lab.twin.block(*IpPrefix::parse("198.51.100.7"), PW_ACTION_DROP, PW_ORIGIN_DETECTOR,
                 std::nullopt);
  lab.twin.allow(*IpPrefix::parse("198.51.100.7"), PW_ALLOW_SSH_PORT);
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_DROP_BAN);
  lab.base.dst_port = 22;
  EXPECT_EQ(lab.client(0, "x"), PW_VERDICT_ALLOWLISTED);
}

TEST(TwinBlock, DropsAnIpv6PrefixAndFragmentsByAddress) {
  TwinLab lab;
  lab.base.src = "2001:db8:1:2::99";
  lab.base.dst = "2001:db8::1";
  lab.twin.block(*IpPrefix::parse("2001:db8:1:2::/64"), PW_ACTION_DROP, PW_ORIGIN_DETECTOR,
                 std::nullopt);
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_DROP_BAN);
  auto fragment = lab.client_segment(0, kProbe);
  fragment.first_extension = 44;
  fragment.extensions = std::string("\x06\0\0\x08\0\0\0\1", 8);
  EXPECT_EQ(lab.from_client(fragment), PW_VERDICT_DROP_BAN);
  EXPECT_EQ(lab.event(PW_EVENT_FRAGMENT), 1u);
}

TEST(TwinBlock, KeepsItsTablesWithinTheirBounds) {
  auto config = twin_config();
  config.max_flows = 16;
  TwinLab lab(config);
  for (std::uint16_t port = 3000; port < 3100; ++port) {
    lab.base.src_port = port;
    lab.handshake();
    lab.client(0, kProbe);
  }
  EXPECT_EQ(lab.twin.flows_active(), 16u);
  lab.client(kProbeLen, kProbe);
  EXPECT_TRUE(lab.take().back().has(PW_RECORD_PROVEN)) << "the newest flow is still known";
}

TEST(TwinMalformed, PassesAndCountsByLayer) {
  TwinLab lab;
  auto s = lab.client_segment(0, kProbe);
  s.doff = 2;
  EXPECT_EQ(lab.from_client(s), PW_VERDICT_MALFORMED);
  EXPECT_EQ(lab.twin.counters().parse_errors[PW_PARSE_TCP], 1u);
}

}  // namespace
}  // namespace probewall
