// SPDX-License-Identifier: Apache-2.0
// Which bytes count as proven, and every forgery that must not (bpf/proof.bpf.h, answer.bpf.h).
#include "conversation.hpp"

namespace probewall::test {
namespace {

class Proof : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    victim = talk();
  }
  /// Runs a client packet and returns its capture record, if it made one.
  std::optional<Record> capture(const Frame& frame) {
    EXPECT_EQ(lab->xdp(frame).action, kPass);
    std::optional<Record> found;
    for (auto& record : lab->records()) {
      if (record.head.type == PW_RECORD_CAPTURE) found = std::move(record);
    }
    return found;
  }
  bool proven(const Frame& frame) {
    const auto record = capture(frame);
    return record && (record->head.flags & PW_RECORD_PROVEN);
  }
  void handshake() {
    lab->xdp(victim.syn());
    lab->tc_out(victim.syn_ack());
  }
  std::vector<Record> acks(const Frame& frame) {
    lab->tc_out(frame);
    std::vector<Record> found;
    for (auto& record : lab->records()) {
      if (record.head.type == PW_RECORD_ACK) found.push_back(std::move(record));
    }
    return found;
  }
  Conversation victim;
};

TEST_P(Proof, FirstPayloadAfterTheHandshakeIsProvenAndAnchored) {
  handshake();
  EXPECT_EQ(lab->event(PW_EVENT_SYNACK_STORED), 1u);
  EXPECT_EQ(lab->flow_count(), 0u) << "a SYN makes no flow entry";

  const auto record = capture(victim.send(0, request(100)));

  ASSERT_TRUE(record);
  EXPECT_EQ(record->head.flags, PW_RECORD_PROVEN | PW_RECORD_ANCHORED);
  EXPECT_EQ(record->head.isn1, victim.c(0));
  EXPECT_EQ(record->head.seq, victim.c(0));
  EXPECT_EQ(record->head.ack, victim.s(0));
  EXPECT_EQ(FlowKey::from_abi(record->head.flow), victim.key());
  EXPECT_EQ(record->bytes, request(100));
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN), 0u);
}

TEST_P(Proof, FirstPayloadMayAcknowledgeWhatTheServerSaidFirst) {
  handshake();
  lab->tc_out(victim.answer(0, 0, std::string(27, 's')));
  lab->tc_out(victim.answer(27, 0, std::string(13, 's')));
  EXPECT_EQ(lab->flow_count(), 0u) << "a server's words make no flow entry";
  EXPECT_TRUE(proven(victim.send(0, request(100), 40)));
  EXPECT_TRUE(proven(victim.send(100, "abc", 40)));
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN), 0u);
}

TEST_P(Proof, FirstPayloadThatAcknowledgesMoreThanTheServerSaidWaits) {
  handshake();
  EXPECT_FALSE(proven(victim.send(0, request(100), 1)));
  victim.client_port = 40001;
  handshake();
  lab->tc_out(victim.answer(0, 0, std::string(27, 's')));
  EXPECT_FALSE(proven(victim.send(0, request(100), 28)));
}

TEST_P(Proof, ServersWordsOfAnotherConnectionCountForNothing) {
  handshake();
  Conversation other = victim;
  other.client_port = 40001;
  lab->xdp(other.syn());
  lab->tc_out(other.syn_ack());
  lab->tc_out(other.answer(0, 0, std::string(27, 's')));
  EXPECT_FALSE(proven(victim.send(0, request(100), 27)));
  EXPECT_TRUE(proven(other.send(0, request(100), 27)));
}

TEST_P(Proof, FirstWordsOfAServerAreFollowedOnPortsThatWereInUse) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  victim.client_isn += 5'000'000;
  victim.server_isn += 7'000'000;
  handshake();
  lab->tc_out(victim.answer(0, 0, std::string(27, 's')));
  lab->records();
  EXPECT_TRUE(proven(victim.send(0, request(100), 27)));
}

TEST_P(Proof, NextExpectedBytesAreProven) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_TRUE(proven(victim.send(100, "abc")));
  EXPECT_TRUE(proven(victim.send(103, "def", 5000)));
}

TEST_P(Proof, SequenceNumbersMayWrap) {
  victim.client_isn = 0xffffffff - 40;
  victim.server_isn = 0xffffffff;
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_TRUE(proven(victim.send(100, "abc")));
}

TEST_P(Proof, ReorderedBytesWaitForTheServersAck) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_FALSE(proven(victim.send(150, "late")));
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN), 1u);

  EXPECT_TRUE(acks(victim.answer(0, 100)).size() == 1) << "an advance while bytes wait";
  ASSERT_TRUE(proven(victim.send(100, std::string(50, 'x'))));
  const auto advance = acks(victim.answer(0, 154));

  ASSERT_EQ(advance.size(), 1u);
  EXPECT_EQ(advance[0].head.prev_ack, victim.c(100));
  EXPECT_EQ(advance[0].head.ack, victim.c(154));
  EXPECT_EQ(advance[0].head.seq, victim.s(0));
  EXPECT_TRUE(advance[0].head.flags & PW_RECORD_FROM_SERVER);
}

TEST_P(Proof, AfterLossTheFlowComesBackToQuickProof) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_FALSE(proven(victim.send(150, "late")));
  ASSERT_TRUE(proven(victim.send(100, std::string(50, 'x'))));
  EXPECT_FALSE(proven(victim.send(154, "behind what is expected")));
  lab->tc_out(victim.answer(0, 177));
  EXPECT_TRUE(proven(victim.send(177, "GET /next HTTP/1.1\r\n")));
}

TEST_P(Proof, NothingWaitsAfterTheAckCoveredItAll) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_FALSE(proven(victim.send(100, "a", 0, kPsh))) << "no ACK flag";
  EXPECT_EQ(acks(victim.answer(0, 101)).size(), 1u);
  EXPECT_EQ(acks(victim.answer(0, 102)).size(), 0u);
}

TEST_P(Proof, NoAckRecordsWhileEverythingIsProven) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_TRUE(acks(victim.answer(0, 100)).empty());
}

TEST_P(Proof, RetransmittedFirstPayloadIsProvenAndMovesNothingBack) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  ASSERT_TRUE(proven(victim.send(100, "abc")));
  EXPECT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_TRUE(proven(victim.send(103, "def")));
}

TEST_P(Proof, MidConnectionFlowIsProvenBytesOnlyAfterAnAdvance) {
  EXPECT_FALSE(proven(victim.send(5000, request(100), 7000)));
  EXPECT_TRUE(acks(victim.answer(7000, 5100)).empty()) << "the first ACK is a baseline";
  EXPECT_FALSE(proven(victim.send(5100, "second", 7100)));
  const auto advance = acks(victim.answer(7100, 5106));
  ASSERT_EQ(advance.size(), 1u);
  EXPECT_EQ(advance[0].head.prev_ack, victim.c(5100));
  EXPECT_TRUE(proven(victim.send(5106, "third", 7200)));
}

TEST_P(Proof, EvictedFlowIsAnchoredAgainByItsSlot) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  ASSERT_TRUE(lab->drop_flow(victim.key()));
  const auto record = capture(victim.send(100, "abc", 40));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->head.flags, PW_RECORD_ANCHORED);
  EXPECT_EQ(record->head.isn1, victim.c(0));
}

TEST_P(Proof, LostSlotFallsBackToTheAck) {
  handshake();
  lab->forget_synacks();
  const auto record = capture(victim.send(0, request(100)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->head.flags, 0);
}

TEST_P(Proof, NewConnectionOnTheSamePortsStartsOver) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  const auto old_tag = lab->flow(victim.key())->skip_tag;
  victim.client_isn = 77000;
  victim.server_isn = 88000;
  handshake();
  const auto record = capture(victim.send(0, request(120)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->head.flags, PW_RECORD_PROVEN | PW_RECORD_ANCHORED);
  EXPECT_EQ(record->head.isn1, victim.c(0));
  EXPECT_NE(record->head.skip_tag, old_tag) << "a skip order of the old connection must not match";
}

TEST_P(Proof, HonestFirstPayloadIsProvenAfterForgedOnesMadeTheFlow) {
  handshake();
  EXPECT_FALSE(proven(victim.from_client_raw(123456, 654321, kAck, request(100))));
  EXPECT_EQ(lab->flow_count(), 1u);
  const auto record = capture(victim.send(0, request(100)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->head.flags, PW_RECORD_PROVEN | PW_RECORD_ANCHORED);
}

TEST_P(Proof, BytesThatOvertookTheFirstPayloadKeepWaiting) {
  handshake();
  EXPECT_FALSE(proven(victim.send(100, "second half")));
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  const auto advance = acks(victim.answer(0, 111));
  ASSERT_EQ(advance.size(), 1u);
  EXPECT_EQ(advance[0].head.prev_ack, victim.c(0));
  EXPECT_TRUE(acks(victim.answer(0, 112)).empty());
}

TEST_P(Proof, GarbageBeforeThemDoesNotStopBytesFromWaiting) {
  handshake();
  EXPECT_FALSE(proven(victim.from_client_raw(victim.c(0) + 0x60000000, 5, kAck, "garbage")));
  EXPECT_FALSE(proven(victim.send(100, "second half")));
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_EQ(acks(victim.answer(0, 111)).size(), 1u);
}

TEST_P(Proof, NothingOfAnEarlierConnectionWaits) {
  EXPECT_FALSE(proven(victim.send(100, "of the connection before")));
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_TRUE(acks(victim.answer(0, 100)).empty());
}

// ---- forgeries: an attacker who does not see the server's answers ------------------------------

TEST_P(Proof, ForgedRequestWithoutHandshakeIsNeverProven) {
  EXPECT_FALSE(proven(victim.from_client_raw(5000, 6000, kAck | kPsh, request(100))));
  // The listener answers with a reset whose numbers come from the forged packet.
  EXPECT_TRUE(acks(victim.from_server_raw(6000, 0, kRst)).empty());
  EXPECT_TRUE(acks(victim.from_server_raw(0, 5100, kRst | kAck)).empty());
  EXPECT_FALSE(proven(victim.from_client_raw(5100, 6000, kAck, "more")));
}

TEST_P(Proof, ResetOfAClosedPortThatCoversTheBytesProvesNothing) {
  EXPECT_FALSE(proven(victim.from_client_raw(5000, 0, kPsh, request(100))));
  EXPECT_TRUE(acks(victim.from_server_raw(0, 5100, kRst | kAck)).empty());
  EXPECT_FALSE(lab->flow(victim.key())->out_flags & PW_FLOW_ACK_SEEN);
}

TEST_P(Proof, OwnSynAndGuessedAckProveNothing) {
  handshake();  // the attacker sent the SYN: he knows client_isn, not server_isn
  EXPECT_FALSE(proven(victim.from_client_raw(victim.c(0), victim.s(0) + 1, kAck, request(100))));
  EXPECT_FALSE(proven(victim.from_client_raw(victim.c(0), victim.s(0) - 1, kAck, request(100))));
  EXPECT_FALSE(proven(victim.from_client_raw(victim.c(0), 0, kPsh, request(100))));
}

TEST_P(Proof, RightAckWithWrongSequenceIsNotProven) {
  handshake();
  EXPECT_FALSE(proven(victim.from_client_raw(victim.c(1), victim.s(0), kAck, request(100))));
}

TEST_P(Proof, PayloadInASynIsNeverCaptured) {
  EXPECT_FALSE(capture(victim.from_client_raw(victim.client_isn, 0, kSyn, request(100))));
  EXPECT_EQ(lab->event(PW_EVENT_SYN_WITH_DATA), 1u);
  EXPECT_EQ(lab->event(PW_EVENT_LLM_SYN), 1u);
  EXPECT_EQ(lab->flow_count(), 0u);
}

TEST_P(Proof, SynAckThatAcknowledgesForgedBytesProvesNothing) {
  EXPECT_FALSE(proven(victim.from_client_raw(5000, 6000, kAck, request(100))));
  EXPECT_TRUE(acks(victim.from_server_raw(777, 5100, kSyn | kAck)).empty());
  EXPECT_TRUE(acks(victim.from_server_raw(778, 5100, kAck)).empty())
      << "no advance over the SYN-ACK";
}

TEST_P(Proof, ChallengeAckOnALiveConnectionProvesNothing) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  lab->tc_out(victim.answer(0, 100));
  EXPECT_FALSE(
      proven(victim.from_client_raw(victim.c(100) - 500, victim.s(0), kAck, request(300))));
  EXPECT_FALSE(proven(victim.from_client_raw(0x70000000, 0x12345678, kAck, request(300))));
  EXPECT_TRUE(acks(victim.answer(0, 100)).empty()) << "a challenge ACK repeats the last ACK";
  EXPECT_TRUE(proven(victim.send(100, "honest"))) << "the victim goes on undisturbed";
}

TEST_P(Proof, ForgedBytesFarFromTheWindowDoNotMakeTheServersAcksReport) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  lab->tc_out(victim.answer(0, 100));
  capture(victim.from_client_raw(victim.c(100) - 5000, 1, kAck, request(300)));
  capture(victim.from_client_raw(victim.c(100) + 0x40000000, 1, kAck, request(300)));
  ASSERT_TRUE(proven(victim.send(100, "honest")));
  EXPECT_TRUE(acks(victim.answer(0, 106)).empty());
}

TEST_P(Proof, TwoForgedHandshakesDoNotAddUpToAnAdvance) {
  // SYN with ISN a; an out-of-window segment makes the half-open socket acknowledge a+1; a forged
  // reset kills it; SYN with ISN b; again an ACK, of b+1. All numbers of the client are known.
  Conversation first = victim;
  first.client_isn = 10000;
  Conversation second = victim;
  second.client_isn = 10100;
  second.server_isn = victim.server_isn + 40;
  EXPECT_FALSE(proven(first.from_client_raw(10001, 1, kAck, request(100))));
  lab->tc_out(first.syn_ack());
  lab->tc_out(first.answer(0, 0));
  lab->tc_out(second.syn_ack());
  EXPECT_TRUE(acks(second.answer(0, 0)).empty());
  EXPECT_FALSE(proven(second.from_client_raw(second.c(0), 1, kAck, request(100))));
  EXPECT_FALSE(lab->flow(victim.key())->out_flags & PW_FLOW_ACK_ADVANCED);
}

TEST_P(Proof, HandshakeForgedOverAnOldConnectionDoesNotInheritItsProof) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  lab->tc_out(victim.answer(0, 100));
  Conversation forged = victim;
  forged.client_isn = victim.client_isn + 5000;
  forged.server_isn = 424242;
  lab->tc_out(forged.syn_ack());
  lab->tc_out(forged.answer(0, 0));
  EXPECT_FALSE(proven(forged.from_client_raw(forged.c(0), 1, kAck, request(100))));
}

TEST_P(Proof, AckThatJumpsFurtherThanAnyWindowIsNoAdvance) {
  handshake();
  ASSERT_TRUE(proven(victim.send(0, request(100))));
  EXPECT_FALSE(proven(victim.send(150, "waits")));
  EXPECT_TRUE(acks(victim.answer(0, PW_ACK_ADVANCE_MAX + 1)).empty());
  EXPECT_FALSE(lab->flow(victim.key())->out_flags & PW_FLOW_ACK_ADVANCED);
}

TEST_P(Proof, SlotOfAnotherFlowDoesNotMatch) {
  handshake();
  Conversation other = victim;
  other.client_port = 40001;
  EXPECT_FALSE(proven(other.send(0, request(100))));
}

TEST_P(Proof, UnprovenPacketsMakeFlowsOnlyWithinTheirShare) {
  lab->set([](pw_settings& s) { s.unproven_per_s = 0; });
  EXPECT_FALSE(capture(victim.send(0, request(100))));
  EXPECT_EQ(lab->flow_count(), 0u);
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN), 1u);
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN_OVER_SHARE), 1u);
  EXPECT_EQ(lab->source_count(), 0u);
}

TEST_P(Proof, FloodOfForgedPayloadFillsNeitherTheFlowTableNorTheRing) {
  lab->set([](pw_settings& s) { s.unproven_per_s = 10; });
  for (std::uint16_t port = 1; port <= 500; ++port) {
    Conversation forged = victim;
    forged.client_port = port;
    lab->xdp(forged.send(0, request(100)));
  }
  const auto captured = lab->records().size();
  EXPECT_EQ(captured, lab->flow_count());
  EXPECT_EQ(captured + lab->event(PW_EVENT_UNPROVEN_OVER_SHARE), 500u);
  EXPECT_GE(captured, 10u);
  EXPECT_LT(captured, 250u);
}

TEST_P(Proof, FlowTableForgetsTheOldestAndGoesOn) {
  start({.flows = 64});
  for (std::uint16_t port = 1; port <= 400; ++port) {
    Conversation client = victim;
    client.client_port = port;
    lab->tc_out(client.syn_ack());
    EXPECT_TRUE(proven(client.send(0, request(60)))) << port;
  }
  EXPECT_LE(lab->flow_count(), 64u);
}

PROBEWALL_BOTH_FAMILIES(Proof);

}  // namespace
}  // namespace probewall::test
