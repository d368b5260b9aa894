// SPDX-License-Identifier: Apache-2.0
// What of a proven flow reaches user space: budgets, skip orders, sizes, closes (capture.bpf.h).
#include "conversation.hpp"

namespace probewall::test {
namespace {

class Capture : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    client = talk();
    lab->tc_out(client.syn_ack());
  }
  std::vector<Record> send(std::uint32_t at, const std::string& payload,
                           std::uint8_t flags = kAck | kPsh) {
    EXPECT_EQ(lab->xdp(client.send(at, payload, 0, flags)).action, kPass);
    return lab->records();
  }
  /// Stores a skip order as the worker would, from the last record's slot and tag.
  void skip_to(std::uint32_t offset) {
    const auto flow = lab->flow(client.key()).value();
    lab->store_skip(flow.skip_slot, flow.skip_tag, client.c(offset));
  }
  Conversation client;
};

TEST_P(Capture, RecordSaysWhereItComesFrom) {
  const auto records = send(0, request(100));
  ASSERT_EQ(records.size(), 1u);
  const auto& head = records[0].head;
  EXPECT_EQ(head.type, PW_RECORD_CAPTURE);
  EXPECT_EQ(head.abi_version, PW_ABI_VERSION);
  EXPECT_EQ(head.interface_slot, 3);
  EXPECT_EQ(head.service, PW_SERVICE_OLLAMA);
  EXPECT_EQ(head.payload_len, 100u);
  EXPECT_EQ(head.cap_len, 100u);
  EXPECT_NE(head.skip_tag, 0u);
  EXPECT_LT(head.skip_slot, PW_SKIP_SLOTS);
  EXPECT_GT(head.time_ns, 0u);
  EXPECT_EQ(lab->counters().records[PW_RECORD_CAPTURE], 1u);
}

TEST_P(Capture, DecoyAndFeedTaggedSourcesAreFlagged) {
  lab->block(client.client, PW_ACTION_TAG, PW_ORIGIN_FEED, PW_NEVER_EXPIRES, PW_TAG_FEED);
  Conversation decoy = talk(8000);
  lab->tc_out(decoy.syn_ack());
  lab->xdp(decoy.send(0, request(100)));
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_DECOY);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_FEED_TAGGED);
}

TEST_P(Capture, OtherPortsAreNotCaptured) {
  Conversation other = talk(443);
  lab->tc_out(other.syn_ack());
  lab->xdp(other.send(0, request(100)));
  EXPECT_TRUE(lab->records().empty());
  EXPECT_EQ(lab->flow_count(), 0u);
  EXPECT_EQ(lab->event(PW_EVENT_SYNACK_STORED), 1u) << "only SetUp's";
}

TEST_P(Capture, RoomIsTheSizeClassOfTheBytes) {
  const std::vector<std::pair<std::size_t, std::size_t>> classes{
      {50, 256},    {256, 256},   {257, 512},   {513, 1024}, {1024, 1024},
      {1025, 1536}, {1536, 1536}, {1537, 4096}, {3000, 4096}};
  std::uint32_t at = 0;
  for (const auto& [size, room] : classes) {
    const auto records = send(at, request(size));
    ASSERT_EQ(records.size(), 1u) << size;
    EXPECT_EQ(records[0].room, sizeof(pw_record) + room) << size;
    EXPECT_EQ(records[0].bytes, request(size));
    at += static_cast<std::uint32_t>(size);
  }
}

TEST_P(Capture, SuperPacketInFragmentsIsCutAtTheBudgetAndFollowed) {
  // Generic XDP sees GSO packets of up to 64 KB, most of it in page fragments.
  lab->set([](pw_settings& s) { s.request_budget = 8192; });
  const std::string big = request(60000);
  const auto records = send(0, big);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.cap_len, 8192u);
  EXPECT_EQ(records[0].head.payload_len, 60000u);
  EXPECT_EQ(records[0].room, sizeof(pw_record) + 8192);
  EXPECT_EQ(records[0].bytes, big.substr(0, 8192));
  EXPECT_EQ(lab->event(PW_EVENT_OVER_BUDGET_BYTES), 60000u - 8192u);
  const auto next = send(60000, request(80));
  ASSERT_EQ(next.size(), 1u) << "sequence numbers go by the real length";
  EXPECT_TRUE(next[0].head.flags & PW_RECORD_PROVEN);
}

TEST_P(Capture, SkippedPartOfASuperPacketIsReadFromItsFragments) {
  send(0, request(100));
  skip_to(50000);
  std::string body(49900, 'b');
  const auto records = send(100, body + request(90));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, request(90));
  EXPECT_EQ(records[0].head.seq, client.c(50000));
}

TEST_P(Capture, BudgetEndsTheCaptureOfARequest) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  ASSERT_EQ(send(0, request(200))[0].head.cap_len, 200u);
  const auto cut = send(200, std::string(100, 'b'));
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].head.cap_len, 50u);
  EXPECT_EQ(cut[0].head.payload_len, 100u);
  EXPECT_TRUE(send(300, std::string(100, 'b')).empty());
  EXPECT_EQ(lab->event(PW_EVENT_OVER_BUDGET_BYTES), 150u);
}

TEST_P(Capture, RequestLineAfterUncapturedBytesResyncs) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(250));
  EXPECT_TRUE(send(250, std::string(100, 'b')).empty());
  const auto records = send(350, request(100));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_RESYNC);
  EXPECT_EQ(records[0].head.cap_len, 100u);
  EXPECT_FALSE(send(450, request(100))[0].head.flags & PW_RECORD_RESYNC);
}

TEST_P(Capture, RequestSentInOneGoWithMoreThanTheBudgetIsSeen) {
  for (const std::size_t body : {1000u, 8400u, 30000u, 60000u}) {
    client.client_port++;
    lab->xdp(client.syn());
    lab->tc_out(client.syn_ack());
    lab->records();
    const std::string first = "POST /x HTTP/1.1\r\nContent-Length: " + std::to_string(body) +
                              "\r\n\r\n" + std::string(body, 'b');
    const std::string all = first + request(200);
    for (std::size_t at = 0; at < all.size(); at += 1448)
      lab->xdp(client.send(static_cast<std::uint32_t>(at), all.substr(at, 1448)));
    const auto records = lab->records();
    ASSERT_FALSE(records.empty());
    EXPECT_NE(records.back().bytes.find(request(200).substr(0, 60)), std::string::npos) << body;
  }
}

TEST_P(Capture, KeptAliveRequestsGetABudgetEach) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto records = send(i * 200, request(200));
    ASSERT_EQ(records.size(), 1u) << i;
    EXPECT_EQ(records[0].head.cap_len, 200u);
    EXPECT_FALSE(records[0].head.flags & PW_RECORD_RESYNC);
  }
}

TEST_P(Capture, ContinuationThatIsNoRequestLineGrantsNothing) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(250));
  std::uint32_t at = 250;
  for (const std::string text :
       {"GET/ HTTP/1.1 ", "get / HTTP/1.1 ", "GE / HTTP/1.1  ", "GET x HTTP/1.1  ",
        "ABCDEFGHIJKLM /", "GET / HTTP/", "{\"model\": \"POST /v1\"}"}) {
    EXPECT_TRUE(send(at, text).empty()) << text;
    at += static_cast<std::uint32_t>(text.size());
  }
}

TEST_P(Capture, OddButRealRequestLinesAreKnown) {
  lab->set([](pw_settings& s) { s.request_budget = 100; });
  send(0, request(100));
  std::uint32_t at = 100;
  for (const std::string text :
       {"GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PROPFIND /x HTTP/1.0\r\n",
        "POST http://h/ HTTP/1.1\r\n", "GET HTTP://h/ HTTP/1.1\r\n"}) {
    EXPECT_EQ(send(at, text).size(), 1u) << text;
    at += static_cast<std::uint32_t>(text.size());
    send(at, std::string(100, 'b'));
    at += 100;
  }
}

TEST_P(Capture, SkipOrderHidesTheBodyUntilItsEnd) {
  send(0, request(100));
  skip_to(3100);
  EXPECT_TRUE(send(100, std::string(1000, 'b')).empty());
  EXPECT_TRUE(send(1100, std::string(1000, 'b')).empty());
  EXPECT_TRUE(send(2100, std::string(1000, 'b')).empty());
  EXPECT_EQ(lab->event(PW_EVENT_SKIPPED_PACKETS), 3u);
  EXPECT_EQ(lab->event(PW_EVENT_SKIPPED_BYTES), 3000u);
  const auto records = send(3100, request(100));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0].head.flags & PW_RECORD_RESYNC) << "nothing that matters is missing";
}

TEST_P(Capture, SkipOrderThatEndsInsideASegmentLeavesTheRest) {
  send(0, request(100));
  skip_to(150);
  const auto records = send(100, std::string(50, 'b') + request(80));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.seq, client.c(150));
  EXPECT_EQ(records[0].head.payload_len, 80u);
  EXPECT_EQ(records[0].bytes, request(80));
  EXPECT_EQ(lab->event(PW_EVENT_SKIPPED_BYTES), 50u);
  EXPECT_EQ(lab->event(PW_EVENT_SKIPPED_PACKETS), 0u);
}

TEST_P(Capture, ResumePointGrantsABudgetOnceEvenWithoutARequestLine) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(250));
  EXPECT_TRUE(send(250, std::string(50, 'b')).empty());
  skip_to(300);
  EXPECT_EQ(send(300, std::string(200, 'c'))[0].head.cap_len, 200u);
  EXPECT_EQ(send(500, std::string(200, 'c'))[0].head.cap_len, 50u);
  EXPECT_TRUE(send(700, std::string(200, 'c')).empty()) << "the same order grants no second budget";
}

TEST_P(Capture, ResumePointInThePastOnlyGrants) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(250));
  skip_to(200);
  const auto records = send(250, std::string(100, 'c'));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.cap_len, 100u);
  EXPECT_EQ(lab->event(PW_EVENT_SKIPPED_BYTES), 0u);
}

TEST_P(Capture, OldOrderDoesNotGrantAgainAfterARequestLine) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(100));
  skip_to(100);
  send(100, request(100));
  send(200, request(250));
  EXPECT_TRUE(send(450, std::string(100, 'b')).empty());
}

TEST_P(Capture, OrderNotReachedYetDoesNotStandInTheWayOfANearerOne) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(250));
  skip_to(5000);
  EXPECT_TRUE(send(250, std::string(50, 'b')).empty());
  skip_to(300);
  EXPECT_EQ(send(300, std::string(300, 'c'))[0].head.cap_len, 250u);
  skip_to(600);
  EXPECT_EQ(send(600, std::string(200, 'c'))[0].head.cap_len, 200u);
}

TEST_P(Capture, RetransmittedFirstPayloadGrantsNoBudget) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(200));
  send(200, std::string(50, 'b'));
  EXPECT_TRUE(send(0, request(200)).empty());
  EXPECT_TRUE(send(250, std::string(100, 'b')).empty());
}

TEST_P(Capture, OrderWithAForeignTagIsIgnored) {
  send(0, request(100));
  const auto flow = lab->flow(client.key()).value();
  lab->store_skip(flow.skip_slot, flow.skip_tag + 1, client.c(5000));
  EXPECT_EQ(send(100, std::string(100, 'b')).size(), 1u);
}

TEST_P(Capture, OrderBeyondTheLimitIsIgnored) {
  lab->set([](pw_settings& s) { s.max_skip = 1000; });
  send(0, request(100));
  skip_to(100 + 1001);
  EXPECT_EQ(send(100, std::string(100, 'b')).size(), 1u);
  skip_to(200 + 1000);
  EXPECT_TRUE(send(200, std::string(100, 'b')).empty());
}

TEST_P(Capture, UnprovenBytesAreSkippedToo) {
  send(0, request(100));
  skip_to(5000);
  EXPECT_TRUE(send(2000, std::string(100, 'b')).empty());
}

TEST_P(Capture, UnprovenBytesSpendNoRequestBudget) {
  lab->set([](pw_settings& s) { s.request_budget = 250; });
  send(0, request(100));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send(5000, std::string(250, 'b'))[0].head.cap_len, 250u);
  EXPECT_EQ(send(100, std::string(150, 'b'))[0].head.cap_len, 150u);
}

TEST_P(Capture, UncapturedUnprovenBytesLetTheNextRequestResync) {
  send(0, request(100));
  lab->set([](pw_settings& s) { s.unproven_per_s = 0; });
  EXPECT_TRUE(send(200, request(100)).empty());
  EXPECT_EQ(send(100, std::string(100, 'b')).size(), 1u);
  lab->tc_out(client.answer(0, 300));
  EXPECT_TRUE(send(300, request(100))[0].head.flags & PW_RECORD_RESYNC);
}

// ---- closes ------------------------------------------------------------------------------------

TEST_P(Capture, FinWithPayloadIsPartOfTheRecord) {
  const auto records = send(0, request(100), kAck | kFin);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CAPTURE);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_FIN);
}

TEST_P(Capture, FinOfASkippedSegmentIsACloseRecord) {
  send(0, request(100));
  skip_to(5000);
  const auto records = send(100, std::string(100, 'b'), kAck | kFin);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CLOSE);
  EXPECT_EQ(records[0].head.seq + records[0].head.payload_len, client.c(200));
}

TEST_P(Capture, FinOverBudgetIsACloseRecord) {
  lab->set([](pw_settings& s) { s.request_budget = 100; });
  send(0, request(100));
  const auto records = send(100, std::string(100, 'b'), kAck | kFin);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CLOSE);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_FIN);
}

TEST_P(Capture, PureFinInSequenceIsReportedOnce) {
  send(0, request(100));
  const auto records = send(100, "", kAck | kFin);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CLOSE);
  EXPECT_EQ(records[0].head.flags, PW_RECORD_PROVEN | PW_RECORD_ANCHORED | PW_RECORD_FIN);
  EXPECT_EQ(records[0].room, sizeof(pw_record)) << "no bytes follow";
  EXPECT_TRUE(send(100, "", kAck | kFin).empty()) << "its retransmission";
}

TEST_P(Capture, ResetInSequenceIsReportedAndItsBytesAreNot) {
  send(0, request(100));
  const auto records = send(100, "bytes in a reset", kRst);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CLOSE);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_RST);
}

TEST_P(Capture, ForgedClosesAreNotReported) {
  EXPECT_TRUE(send(0, "", kRst).empty()) << "unknown flow";
  send(0, request(100));
  EXPECT_TRUE(send(99, "", kRst).empty());
  EXPECT_TRUE(send(101, "", kAck | kFin).empty());
  EXPECT_EQ(send(100, "abc").size(), 1u);
}

TEST_P(Capture, PureAcksCostNothing) {
  EXPECT_TRUE(send(0, "").empty());
  EXPECT_EQ(lab->flow_count(), 0u);
}

/// A HEADERS frame of `stream`, with a block of `size` bytes.
std::string headers_frame(char stream, std::size_t size) {
  return std::string{"\0\0", 2} + static_cast<char>(size) + std::string{"\x01\x05\0\0\0", 5} +
         stream + std::string(size, '\x82');
}

TEST_P(Capture, EachHttp2RequestHasABudgetOfItsOwn) {
  lab->set([](pw_settings& s) { s.request_budget = 300; });
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  ASSERT_EQ(send(0, preface).size(), 1u);
  ASSERT_EQ(send(24, headers_frame(1, 60)).size(), 1u);
  auto records = send(93, std::string(600, 'x'));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.cap_len, 300u - 69u);
  records = send(693, headers_frame(3, 60));
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.cap_len, 69u);
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_RESYNC);
}

TEST_P(Capture, FrameHeadersMeanNothingWithoutThePreface) {
  lab->set([](pw_settings& s) { s.request_budget = 300; });
  ASSERT_EQ(send(0, request(400)).size(), 1u);
  EXPECT_TRUE(send(400, headers_frame(1, 60)).empty());
}

PROBEWALL_BOTH_FAMILIES(Capture);

}  // namespace
}  // namespace probewall::test
