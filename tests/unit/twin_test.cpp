// SPDX-License-Identifier: Apache-2.0
// Proof of address in the kernel twin: every rule, and every forgery against it.
#include <gtest/gtest.h>

#include "unit/twin_lab.hpp"

namespace probewall {
namespace {

using testing::kProbe;
using testing::kProbeLen;
using testing::Segment;
using testing::twin_config;
using testing::TwinLab;
using testing::TwinRecord;

std::size_t count_proven(const std::vector<TwinRecord>& records) {
  std::size_t n = 0;
  for (const TwinRecord& r : records)
    n += r.header.type == PW_RECORD_CAPTURE && r.has(PW_RECORD_PROVEN);
  return n;
}
std::size_t count_type(const std::vector<TwinRecord>& records, pw_record_type type) {
  std::size_t n = 0;
  for (const TwinRecord& r : records) n += r.header.type == type;
  return n;
}

TEST(TwinProof, ProvesTheFirstPayloadByTheSynAck) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.type, PW_RECORD_CAPTURE);
  EXPECT_TRUE(records[0].has(PW_RECORD_PROVEN));
  EXPECT_TRUE(records[0].has(PW_RECORD_ANCHORED));
  EXPECT_EQ(records[0].header.isn1, TwinLab::kClientIsn + 1);
  EXPECT_EQ(records[0].header.service, PW_SERVICE_VLLM);
  EXPECT_EQ(records[0].bytes, kProbe);
}

TEST(TwinProof, ProvesTheFirstPayloadThatAcknowledgesWhatTheServerSaidFirst) {
  TwinLab lab;
  lab.handshake();
  lab.server_ack(0, std::string(40, 's'));
  const std::uint32_t sent = std::exchange(lab.server_sent, 25);
  lab.client(0, kProbe.substr(0, 30));  // a part of it has arrived
  lab.server_sent = sent;
  lab.client(30, kProbe.substr(30));
  EXPECT_EQ(count_proven(lab.take()), 2u);
  EXPECT_EQ(lab.event(PW_EVENT_UNPROVEN), 0u);
}

TEST(TwinProof, DoesNotProveAFirstPayloadThatAcknowledgesMoreThanTheServerSaid) {
  for (const std::uint32_t spoken : {0u, 40u}) {
    TwinLab lab;
    lab.handshake();
    if (spoken > 0) lab.server_ack(0, std::string(spoken, 's'));
    lab.server_sent = spoken + 1;
    lab.client(0, kProbe);
    EXPECT_EQ(count_proven(lab.take()), 0u) << spoken;
  }
}

TEST(TwinProof, ProvesItOnThePortsOfAnEarlierConnectionToo) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.server_ack(kProbeLen, "HTTP/1.1 200 OK\r\n\r\n");
  lab.server_sent = 0;
  constexpr std::uint32_t kClient = 77'000, kServer = 990'000;
  lab.syn_ack(kClient, kServer);
  Segment settings = lab.base;
  settings.seq = kServer + 1;
  settings.ack = kClient + 1;
  settings.flags = 0x18;
  settings.payload = std::string(27, 's');
  lab.from_server(settings);
  lab.take();
  Segment first = lab.base;
  first.seq = kClient + 1;
  first.ack = kServer + 28;
  first.flags = 0x18;
  first.payload = kProbe;
  lab.from_client(first);
  const auto records = lab.take();
  EXPECT_EQ(count_proven(records), 1u);
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records[0].header.isn1, kClient + 1);
}

TEST(TwinProof, ForgetsWhatTheServerSaidWithItsNextSynAck) {
  TwinLab lab;
  lab.handshake();
  lab.server_ack(0, std::string(40, 's'));
  lab.handshake();
  lab.client(0, kProbe);  // acknowledges 40 bytes that the new connection has not
  EXPECT_EQ(count_proven(lab.take()), 0u);
}

TEST(TwinProof, ProvesTheNextExpectedSegmentAcrossTheSequenceWrap) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe.substr(0, 30));
  lab.client(30, kProbe.substr(30));
  EXPECT_EQ(count_proven(lab.take()), 2u);
}

TEST(TwinProof, CreatesNoFlowForASyn) {
  TwinLab lab;
  for (std::uint16_t port = 1000; port < 2000; ++port) {
    lab.base.src_port = port;
    lab.from_client(lab.client_segment(0xffffffffu, {}, 0x02));
    lab.syn_ack();
  }
  EXPECT_EQ(lab.twin.flows_active(), 0u);
  EXPECT_EQ(lab.event(PW_EVENT_LLM_SYN), 1000u);
}

TEST(TwinForgery, RequestWithoutHandshakeIsNeverProvenByAReset) {
  TwinLab lab;
  lab.client(0, kProbe);
  // The server's answers to it: a reset whose ack field covers exactly the request, twice.
  for (int i = 0; i < 2; ++i) lab.server_ack(kProbeLen, {}, 0x14);
  const auto records = lab.take();
  EXPECT_EQ(count_proven(records), 0u);
  EXPECT_EQ(count_type(records, PW_RECORD_ACK), 0u);
  EXPECT_EQ(lab.event(PW_EVENT_UNPROVEN), 1u);
}

TEST(TwinForgery, SynByTheAttackerAndAGuessedAcknowledgmentIsNotProven) {
  TwinLab lab;
  lab.handshake();
  Segment forged = lab.client_segment(0, kProbe);
  for (const std::uint32_t off : {1u, 0x80000000u, 0xffffffffu}) {
    forged.ack = TwinLab::kServerIsn + 1 + off;
    lab.from_client(forged);
  }
  EXPECT_EQ(count_proven(lab.take()), 0u);
}

TEST(TwinForgery, DataInASynIsCountedAndNeverCaptured) {
  TwinLab lab;
  lab.from_client(lab.client_segment(0xffffffffu, kProbe, 0x02));
  lab.syn_ack();
  EXPECT_TRUE(lab.take().empty());
  EXPECT_EQ(lab.event(PW_EVENT_SYN_WITH_DATA), 1u);
}

TEST(TwinForgery, SegmentWithoutAckFlagIsNotProvenEvenWithTheRightNumbers) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe, 0x08);
  EXPECT_EQ(count_proven(lab.take()), 0u);
}

TEST(TwinForgery, BytesInjectedIntoAVictimsLiveConnectionAreNotProven) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.server_ack(kProbeLen);
  lab.take();
  for (std::uint32_t guess = 1; guess < 2000; ++guess) {
    lab.client(kProbeLen + guess * 2'000'003u, kProbe);
    lab.server_ack(kProbeLen);  // the challenge ACK: it does not advance
  }
  const auto records = lab.take();
  EXPECT_EQ(count_proven(records), 0u);
  EXPECT_EQ(count_type(records, PW_RECORD_ACK), 0u);
}

TEST(TwinForgery, DoesNotTouchTheVictimsOwnNextSegment) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe.substr(0, 30));
  lab.client(900, "forged");
  lab.client(30, kProbe.substr(30));
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_FALSE(records[1].has(PW_RECORD_PROVEN));
  EXPECT_TRUE(records[2].has(PW_RECORD_PROVEN));
}

TEST(TwinForgery, SpendsNoBudgetOfTheVictim) {
  pw_settings s = default_twin_settings();
  s.request_budget = 512;
  s.rate_requests_per_s = 1;
  s.rate_burst = 2;
  s.capture_bytes_per_s = 8192;
  s.capture_burst_bytes = 8192;
  TwinLab lab(twin_config(s));
  lab.handshake();
  for (int i = 1; i < 100; ++i) lab.client(i * 5000u, std::string(1000, 'x'));
  lab.take();
  EXPECT_EQ(lab.client(0, kProbe), PW_VERDICT_PASS);
  EXPECT_EQ(count_proven(lab.take()), 1u);
}

TEST(TwinForgery, StaysWithinTheShareForUnprovenPackets) {
  pw_settings s = default_twin_settings();
  s.unproven_per_s = 10;
  TwinLab lab(twin_config(s));
  for (std::uint16_t port = 1000; port < 1100; ++port) {
    lab.base.src_port = port;
    lab.client(0, kProbe);
  }
  EXPECT_EQ(lab.take().size(), 10u);
  EXPECT_EQ(lab.event(PW_EVENT_UNPROVEN_OVER_SHARE), 90u);
  lab.now += std::chrono::seconds{1};
  lab.client(0, kProbe);
  EXPECT_EQ(lab.take().size(), 1u) << "the share is refilled";
}

TEST(TwinProof, ReportsTheAckThatAdvancesAcrossReorderedBytes) {
  TwinLab lab;
  lab.handshake();
  lab.client(30, kProbe.substr(30));  // second half first
  lab.client(0, kProbe.substr(0, 30));
  lab.server_ack(kProbeLen);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_FALSE(records[0].has(PW_RECORD_PROVEN));
  EXPECT_TRUE(records[1].has(PW_RECORD_PROVEN));
  EXPECT_EQ(records[2].header.type, PW_RECORD_ACK);
  EXPECT_EQ(records[2].header.prev_ack, TwinLab::kClientIsn + 1);
  EXPECT_EQ(records[2].header.ack, TwinLab::kClientIsn + 1 + kProbeLen);
}

TEST(TwinProof, ComesBackToQuickProofAfterReordering) {
  TwinLab lab;
  lab.handshake();
  lab.client(30, kProbe.substr(30));
  lab.client(0, kProbe.substr(0, 30));
  lab.server_ack(kProbeLen);
  lab.take();
  lab.client(kProbeLen, kProbe);
  EXPECT_EQ(count_proven(lab.take()), 1u);
}

TEST(TwinProof, NeedsOneAdvanceWhenAttachedInMidConnection) {
  TwinLab lab;
  lab.client(0, kProbe);
  lab.server_ack(kProbeLen);  // only a baseline: it may answer anything
  lab.client(kProbeLen, kProbe);
  auto records = lab.take();
  EXPECT_EQ(count_proven(records), 0u);
  EXPECT_EQ(count_type(records, PW_RECORD_ACK), 0u);
  lab.server_ack(2 * kProbeLen);
  records = lab.take();
  ASSERT_EQ(count_type(records, PW_RECORD_ACK), 1u);
  EXPECT_EQ(records[0].header.prev_ack, TwinLab::kClientIsn + 1 + kProbeLen);
  lab.client(2 * kProbeLen, kProbe);
  EXPECT_EQ(count_proven(lab.take()), 1u) << "from here the flow is proven";
}

TEST(TwinProof, TakesAnAckThatJumpsFurtherThanAnyWindowForANewBaseline) {
  TwinLab lab;
  lab.handshake();
  lab.client(100, kProbe);
  lab.server_ack(PW_ACK_ADVANCE_MAX + 500);
  EXPECT_EQ(count_type(lab.take(), PW_RECORD_ACK), 0u);
}

TEST(TwinProof, StartsOverForANewConnectionOnTheSamePorts) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.take();
  constexpr std::uint32_t kIsn = 777, kServer = 888;
  lab.syn_ack(kIsn, kServer);
  Segment s = lab.base;
  s.seq = kIsn + 1;
  s.ack = kServer + 1;
  s.payload = kProbe;
  lab.from_client(s);
  const auto records = lab.take();
  ASSERT_EQ(count_proven(records), 1u);
  EXPECT_EQ(records[0].header.isn1, kIsn + 1);
}

TEST(TwinProof, ProvesARetransmittedFirstPayloadWithoutMovingBack) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe.substr(0, 30));
  lab.client(0, kProbe.substr(0, 30));
  lab.client(30, kProbe.substr(30));
  EXPECT_EQ(count_proven(lab.take()), 3u);
}

TEST(TwinClose, ReportsOnlyTheNextExpectedCloseOfAProvenClient) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.take();
  lab.client(5, {}, 0x14);
  EXPECT_TRUE(lab.take().empty()) << "a blind reset must not end the victim's request";
  lab.client(kProbeLen, {}, 0x11);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.type, PW_RECORD_CLOSE);
  EXPECT_TRUE(records[0].has(PW_RECORD_FIN));
  EXPECT_TRUE(records[0].has(PW_RECORD_PROVEN));
}

TEST(TwinClose, ReportsTheServersResetOfAProvenFlow) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.take();
  lab.server_ack(kProbeLen, {}, 0x14);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].has(PW_RECORD_RST));
  EXPECT_TRUE(records[0].has(PW_RECORD_FROM_SERVER));
}

TEST(TwinAnswer, CapturesTheFirstBytesOfEachAnswerOnce) {
  TwinLab lab;
  lab.handshake();
  lab.client(0, kProbe);
  lab.take();
  lab.server_ack(kProbeLen, "HTTP/1.1 200 OK\r\n\r\n" + std::string(400, 'a'));
  lab.server_ack(kProbeLen, std::string(1000, 'b'));
  lab.server_ack(kProbeLen, std::string(1000, 'c'));
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_TRUE(records[0].has(PW_RECORD_RESPONSE_START));
  EXPECT_FALSE(records[1].has(PW_RECORD_RESPONSE_START));
  EXPECT_EQ(records[0].bytes.size() + records[1].bytes.size(), PW_RESPONSE_CAPTURE);
}

TEST(TwinPorts, SaysNothingAboutOtherPortsAndMarksDecoys) {
  TwinLab lab;
  lab.base.dst_port = 443;
  lab.handshake();
  lab.client(0, kProbe);
  EXPECT_TRUE(lab.take().empty());
  lab.base.dst_port = 9999;
  lab.handshake();
  lab.client(0, kProbe);
  const auto records = lab.take();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].has(PW_RECORD_DECOY));
}

}  // namespace
}  // namespace probewall
