// SPDX-License-Identifier: Apache-2.0
// tc egress: answers, closes and flow fields written by the server's packets (bpf/answer.bpf.h).
// Forged ACKs are in proof_test.cpp.
#include "conversation.hpp"

namespace probewall::test {
namespace {

class Answer : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    client = talk();
    lab->tc_out(client.syn_ack());
    lab->xdp(client.send(0, request(100)));
    lab->records();
  }
  std::vector<Record> answer(std::uint32_t at, const std::string& payload,
                             std::uint8_t flags = kAck | kPsh) {
    EXPECT_EQ(lab->tc_out(client.answer(at, 100, payload, flags)), -1) << "other filters go on";
    return lab->records();
  }
  Conversation client;
};

TEST_P(Answer, FirstBytesOfAnAnswerAreReported) {
  const std::string text = "HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n";
  const auto records = answer(0, text);
  ASSERT_EQ(records.size(), 1u);
  const auto& head = records[0].head;
  EXPECT_EQ(head.type, PW_RECORD_RESPONSE);
  EXPECT_EQ(head.flags, PW_RECORD_FROM_SERVER | PW_RECORD_RESPONSE_START | PW_RECORD_ANCHORED);
  EXPECT_EQ(head.seq, client.s(0));
  EXPECT_EQ(head.ack, client.c(100));
  EXPECT_EQ(head.service, PW_SERVICE_OLLAMA);
  EXPECT_EQ(FlowKey::from_abi(head.flow), client.key());
  EXPECT_EQ(records[0].bytes, text);
}

TEST_P(Answer, CaptureGoesOnOverSegmentsUpToItsLimit) {
  std::string start = "HTTP/1.1 200 OK\r\n\r\n";
  start.resize(500, 'x');
  ASSERT_EQ(answer(0, start).size(), 1u);
  const auto more = answer(500, std::string(500, 'y'));
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].head.cap_len, PW_RESPONSE_CAPTURE - 500);
  EXPECT_EQ(more[0].head.payload_len, 500u);
  EXPECT_FALSE(more[0].head.flags & PW_RECORD_RESPONSE_START);
  EXPECT_TRUE(answer(1000, std::string(500, 'z')).empty());
  EXPECT_EQ(answer(1500, start).size(), 1u) << "the next answer starts over";
}

TEST_P(Answer, BytesThatStartNoAnswerAreNotReported) {
  EXPECT_TRUE(answer(0, "HTTP/2").empty());
  EXPECT_TRUE(answer(6, "data: {}\n\n").empty());
  EXPECT_TRUE(answer(16, "HTTP/1").empty());
}

TEST_P(Answer, RetransmittedAnswerIsReportedOnce) {
  ASSERT_EQ(answer(0, "HTTP/1.1 200 OK\r\n\r\n").size(), 1u);
  EXPECT_TRUE(answer(0, "HTTP/1.1 200 OK\r\n\r\n").empty());
}

TEST_P(Answer, UnknownFlowsAndOtherPortsAreSilent) {
  Conversation other = client;
  other.client_port = 50000;
  lab->tc_out(other.answer(0, 100, "HTTP/1.1 200 OK\r\n\r\n"));
  Conversation https = talk(443);
  lab->tc_out(https.syn_ack());
  lab->tc_out(https.answer(0, 100, "HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(lab->records().empty());
  EXPECT_EQ(lab->event(PW_EVENT_SYNACK_STORED), 1u) << "only SetUp's";
}

TEST_P(Answer, ServerFinAndResetAreReported) {
  auto records = answer(0, "", kAck | kFin);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CLOSE);
  EXPECT_EQ(records[0].head.flags, PW_RECORD_FROM_SERVER | PW_RECORD_FIN | PW_RECORD_ANCHORED);
  records = answer(1, "", kRst | kAck);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_RST);
}

TEST_P(Answer, FinWithTheLastBytesGivesAnswerAndClose) {
  const auto records = answer(0, "HTTP/1.0 200 OK\r\n\r\n", kAck | kFin);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_RESPONSE);
  EXPECT_EQ(records[1].head.type, PW_RECORD_CLOSE);
  EXPECT_EQ(records[1].head.seq + records[1].head.payload_len, client.s(19));
}

TEST_P(Answer, ResetsEvokedByForgedPacketsAreReportedOncePerWaitingSegment) {
  Conversation forged = client;
  forged.client_port = 50000;
  lab->xdp(forged.from_client_raw(1, 2, kAck, request(60)));
  lab->records();
  lab->tc_out(forged.from_server_raw(2, 0, kRst));
  EXPECT_EQ(lab->records().size(), 1u);
  for (int i = 0; i < 10; ++i) lab->tc_out(forged.from_server_raw(2, 0, kRst));
  EXPECT_TRUE(lab->records().empty());
}

TEST_P(Answer, FlowHoldsWhatAResetNeeds) {
  lab->tc_out(client.answer(0, 100, "HTTP/1.1 200 OK\r\n\r\n"));
  const auto flow = lab->flow(client.key()).value();
  EXPECT_TRUE(flow.out_flags & PW_FLOW_ACK_SEEN);
  EXPECT_TRUE(flow.out_flags & PW_FLOW_ACK_ADVANCED);
  EXPECT_EQ(flow.server_ack, client.c(100));
  EXPECT_EQ(flow.server_seq, client.s(19));
}

TEST_P(Answer, SegmentsThatSayNothingNewMoveTheFlowOn) {
  lab->tc_out(client.answer(0, 100, "HTTP/1.1 200 OK\r\n\r\n" + std::string(800, 'x')));
  lab->records();
  const std::string more(1000, 'y');
  EXPECT_TRUE(answer(819, more).empty());
  EXPECT_EQ(lab->flow(client.key())->server_seq, client.s(1819));
  EXPECT_TRUE(answer(819, more).empty()) << "sent again";
  EXPECT_TRUE(answer(1819, "").empty());
  EXPECT_EQ(lab->flow(client.key())->server_seq, client.s(1819));
  EXPECT_EQ(answer(1819, "HTTP/1.1 200 OK\r\n\r\n").size(), 1u) << "the answer behind it";
}

TEST_P(Answer, OldAckMovesNothingBack) {
  lab->tc_out(client.answer(0, 100));
  lab->tc_out(client.answer(0, 50));
  EXPECT_EQ(lab->flow(client.key())->server_ack, client.c(100));
}

TEST_P(Answer, BytesWaitUntilTheWholeOfThemIsAcknowledged) {
  lab->xdp(client.send(200, "a", 0));
  lab->xdp(client.send(400, "b", 0));
  lab->records();
  const auto acks = [&](std::uint32_t acked) {
    lab->tc_out(client.answer(0, acked));
    return lab->records().size();
  };
  EXPECT_EQ(acks(100), 1u);
  EXPECT_EQ(acks(201), 1u);
  EXPECT_EQ(acks(401), 1u);
  EXPECT_EQ(acks(500), 0u);
}

TEST_P(Answer, LostAckRecordIsSentWithTheNextAdvance) {
  start({.ring_bytes = 4096});
  lab->tc_out(client.syn_ack());
  lab->xdp(client.send(0, request(100)));
  lab->xdp(client.send(200, "a"));
  while (lab->counters().records_lost[PW_RECORD_CAPTURE] == 0)
    lab->xdp(client.send(0, request(100)));
  while (lab->counters().records_lost[PW_RECORD_RESPONSE] == 0)
    lab->tc_out(client.answer(lab->flow(client.key())->server_seq - client.s(0), 0, "HTTP/1."));
  while (lab->counters().records_lost[PW_RECORD_CLOSE] == 0)
    lab->tc_out(client.answer(0, 0, "", kRst));
  lab->tc_out(client.answer(0, 201));
  EXPECT_EQ(lab->counters().records_lost[PW_RECORD_ACK], 1u);
  lab->records();
  lab->tc_out(client.answer(0, 202));
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_ACK);
}

TEST_P(Answer, BrokenPacketsAreLeftAlone) {
  Frame frame = client.answer(0, 100, "HTTP/1.1 200 OK\r\n\r\n");
  // The kernel's test run of a tc program takes no less than the IP header.
  const std::size_t least = GetParam() == Family::kIpv4 ? 34 : 54;
  for (std::size_t size = least; size < frame.size(); ++size) {
    EXPECT_EQ(lab->tc_out(Frame(frame.begin(), frame.begin() + static_cast<long>(size))), -1);
  }
  EXPECT_TRUE(lab->records().empty());
}

TEST_P(Answer, FramesStartAnAnswerOnceTheClientSpokeHttp2) {
  const std::string settings{"\0\0\0\x04\0\0\0\0\0", 9};
  const std::string data{"\0\0\x05\0\0\0\0\0\x01hello", 14};
  EXPECT_TRUE(answer(0, settings).empty());
  lab->xdp(client.send(100, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  lab->records();
  EXPECT_TRUE(answer(9, data).empty());
  const auto records = answer(23, settings);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_RESPONSE_START);
  EXPECT_EQ(answer(32, data).size(), 1u) << "goes on with the answer";
}

PROBEWALL_BOTH_FAMILIES(Answer);

}  // namespace
}  // namespace probewall::test
