// SPDX-License-Identifier: Apache-2.0
// Ring and perf transport: same bytes, no silent loss, one worker per source (bpf/record.bpf.h).
#include <set>

#include "conversation.hpp"

namespace probewall::test {
namespace {

class Transport : public KernelTest {
 protected:
  /// A proven request from `client`, captured.
  Frame proven_request(const std::string& client, std::size_t size = 100,
                       Family family = Family::kIpv4) {
    Conversation talk{.family = family};
    talk.client = client;
    lab->tc_out(talk.syn_ack());
    return talk.send(0, request(size));
  }
};

TEST_F(Transport, PerfCarriesTheSameRecords) {
  start({.perf = true});
  Conversation talk;
  lab->tc_out(talk.syn_ack());
  lab->xdp(talk.send(0, request(3000)));
  lab->tc_out(talk.answer(0, 3000, "HTTP/1.1 200 OK\r\n\r\n", kAck | kFin));
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].head.type, PW_RECORD_CAPTURE);
  EXPECT_EQ(records[0].bytes, request(3000));
  EXPECT_TRUE(records[0].head.flags & PW_RECORD_PROVEN);
  EXPECT_EQ(records[1].head.type, PW_RECORD_RESPONSE);
  EXPECT_EQ(records[1].bytes, "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(records[2].head.type, PW_RECORD_CLOSE);
  EXPECT_EQ(lab->counters().records[PW_RECORD_CAPTURE], 1u);
}

TEST_F(Transport, PerfReadsFragmentsAndTheLargestRecord) {
  start({.perf = true});
  lab->set([](pw_settings& s) { s.request_budget = PW_CAP_MAX; });
  lab->xdp(proven_request("198.51.100.7", 60000));
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, request(60000).substr(0, PW_CAP_MAX));
}

TEST_F(Transport, FullPerfBufferIsCounted) {
  start({.perf = true});
  lab->set([](pw_settings& s) { s.request_budget = PW_CAP_MAX; });
  Conversation talk;
  lab->tc_out(talk.syn_ack());
  std::uint32_t at = 0;
  for (; lab->counters().records_lost[PW_RECORD_CAPTURE] == 0 && at < 3000 * 1000; at += 3000)
    EXPECT_EQ(lab->xdp(talk.send(at, request(3000))).action, kPass);
  EXPECT_EQ(lab->counters().records_lost[PW_RECORD_CAPTURE], 1u);
  EXPECT_EQ(lab->records().size(), at / 3000 - 1);
}

TEST_F(Transport, FullRingPassesCountsAndLetsTheNextRequestResync) {
  start({.ring_bytes = 4096});
  Conversation talk;
  lab->tc_out(talk.syn_ack());
  std::uint32_t at = 0;
  for (; lab->counters().records_lost[PW_RECORD_CAPTURE] == 0 && at < 100 * 1000; at += 1000)
    EXPECT_EQ(lab->xdp(talk.send(at, request(1000))).action, kPass);
  EXPECT_EQ(lab->counters().records_lost[PW_RECORD_CAPTURE], 1u);
  EXPECT_EQ(lab->records().size(), at / 1000 - 1);
  lab->xdp(talk.send(at, request(1000)));
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].head.flags, PW_RECORD_PROVEN | PW_RECORD_ANCHORED | PW_RECORD_RESYNC);
}

TEST_F(Transport, MissingRingIsCounted) {
  lab->set([](pw_settings& s) {
    s.ring_workers = 1;
    s.ring_groups = 1000;  // indexes past the array, unless this is CPU 0
    s.hash_seed[0] = 1;
  });
  lab->set([](pw_settings& s) { s.ring_workers = 16; });
  for (std::uint32_t i = 1; i < 40; ++i)
    EXPECT_EQ(lab->xdp(proven_request("203.0.113." + std::to_string(i))).action, kPass);
  const auto lost = lab->counters().records_lost[PW_RECORD_CAPTURE];
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(lab->records().size() + lost, 39u);
}

TEST_F(Transport, SourcesSpreadOverWorkersAndEachStaysWithOne) {
  start({.rings = 4});
  lab->set([](pw_settings& s) { s.ring_workers = 4; });
  std::set<std::uint32_t> used;
  for (int host = 1; host < 60; ++host) {
    const std::string client = "203.0.113." + std::to_string(host);
    std::set<std::uint32_t> of_this_source;
    for (std::uint16_t port = 1; port <= 3; ++port) {
      Conversation talk;
      talk.client = client;
      talk.client_port = port;
      lab->tc_out(talk.syn_ack());
      lab->xdp(talk.send(0, request(60)));
      lab->tc_out(talk.answer(0, 60, "HTTP/1.1 200 OK\r\n\r\n"));
    }
    for (const auto& record : lab->records()) of_this_source.insert(record.ring);
    EXPECT_EQ(of_this_source.size(), 1u) << client;
    used.merge(of_this_source);
  }
  EXPECT_EQ(used.size(), 4u);
}

TEST_F(Transport, Ipv6AddressesOfOneSourceShareAWorker) {
  start({.rings = 8});
  lab->set([](pw_settings& s) { s.ring_workers = 8; });
  for (int host = 1; host < 40; ++host) {
    lab->xdp(proven_request("2001:db8:7:7::" + std::to_string(host), 60, Family::kIpv6));
  }
  std::set<std::uint32_t> used;
  for (const auto& record : lab->records()) used.insert(record.ring);
  EXPECT_EQ(used.size(), 1u);
}

TEST_F(Transport, ReaderIsWokenOnlyWhenItAsked) {
  lab->xdp(proven_request("203.0.113.1"));
  EXPECT_FALSE(lab->woken(0)) << "no one asked";
  lab->set_need_wake(0, 1);
  lab->xdp(proven_request("203.0.113.2"));
  EXPECT_EQ(lab->need_wake(0), 0u);
  EXPECT_TRUE(lab->woken(10000));
  lab->xdp(proven_request("203.0.113.3"));
  EXPECT_EQ(lab->records().size(), 3u);
}

}  // namespace
}  // namespace probewall::test
