// SPDX-License-Identifier: Apache-2.0
// Block and allow tables: bpf/block.bpf.h, allow.bpf.h and judge.bpf.h.
#include <random>
#include <set>

#include "conversation.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall::test {
namespace {

class Block : public FamilyTest {
 protected:
  /// A prefix of the client's family around the client.
  std::string around(unsigned v4_length, unsigned v6_length) const {
    const auto address = IpAddress::parse(talk().client).value();
    return IpPrefix::of(address, GetParam() == Family::kIpv4 ? v4_length : v6_length).to_string();
  }
  std::string self() const { return around(32, 128); }
  std::string wide() const { return around(8, 32); }
  std::string middle() const { return around(24, 64); }
  std::uint32_t to_llm() { return lab->xdp(talk().syn()).action; }
  std::uint32_t to_port(std::uint16_t port) { return lab->xdp(talk(port).syn()).action; }
  std::uint64_t count(pw_verdict verdict) const {
    return lab->verdicts(verdict, talk().abi_family());
  }
  static Packet with_destination_options(int headers) {
    Packet packet = Ethernet{} / Ipv6{};
    for (int i = 0; i < headers; ++i) packet.add(Ipv6Ext{.type = 60});
    return packet;
  }
  std::uint32_t soon() const { return boottime_seconds() + 1000; }
  std::uint32_t past() const { return boottime_seconds(); }
};

TEST_P(Block, NothingBlockedPasses) {
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_PASS), 1u);
}

TEST_P(Block, SingleAddressDropsByOrigin) {
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR, soon());
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(count(PW_VERDICT_DROP_BAN), 1u);
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_FEED);
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(count(PW_VERDICT_DROP_FEED), 1u);
}

TEST_P(Block, PrefixDropsEveryPortByDefault) {
  lab->block(wide(), PW_ACTION_DROP, PW_ORIGIN_FLEET);
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(to_port(443), kDrop);
  EXPECT_EQ(count(PW_VERDICT_DROP_BAN), 2u);
}

TEST_P(Block, ZeroLengthPrefixCoversEveryone) {
  lab->block(around(0, 0), PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(to_llm(), kDrop);
}

TEST_P(Block, NeighboursOfABlockedAddressPass) {
  Conversation neighbour = talk();
  neighbour.client = GetParam() == Family::kIpv4 ? "198.51.100.6" : "2001:db8:1::6";
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(lab->xdp(neighbour.syn()).action, kPass);
}

TEST_P(Block, OnlyTheSourceIsLookedUp) {
  lab->block(talk().server, PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(to_llm(), kPass);
}

TEST_P(Block, ExpiredSingleAddressPasses) {
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR, past());
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_PASS), 1u);
}

TEST_P(Block, ExpiredPrefixDoesNotHideAShorterLiveOne) {
  lab->block(wide(), PW_ACTION_DROP, PW_ORIGIN_OPERATOR, soon());
  lab->block(middle(), PW_ACTION_DROP, PW_ORIGIN_FEED, past());
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR, past());
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(count(PW_VERDICT_DROP_BAN), 1u);
}

TEST_P(Block, AllPrefixesExpiredPass) {
  for (unsigned i = 1; i < 32; ++i)
    lab->block(around(i, i * 4), PW_ACTION_DROP, PW_ORIGIN_FEED, past());
  lab->block(around(0, 0), PW_ACTION_DROP, PW_ORIGIN_FEED, past());
  EXPECT_EQ(to_llm(), kPass);
}

TEST_P(Block, EveryNestedPrefixIsReachedWhenLongerOnesExpired) {
  const unsigned width = GetParam() == Family::kIpv4 ? 32 : 128;
  for (unsigned i = 1; i < width; ++i)
    lab->block(around(i, i), PW_ACTION_DROP, PW_ORIGIN_FEED, past());
  lab->block(around(0, 0), PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(to_llm(), kDrop);
}

TEST_P(Block, TagNeverHidesADrop) {
  lab->block(self(), PW_ACTION_TAG, PW_ORIGIN_FEED, soon(), PW_TAG_FEED);
  lab->block(middle(), PW_ACTION_TAG, PW_ORIGIN_FEED, soon(), PW_TAG_FEED);
  lab->block(wide(), PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  EXPECT_EQ(to_llm(), kDrop);
}

TEST_P(Block, TagPassesAndCounts) {
  lab->block(self(), PW_ACTION_TAG, PW_ORIGIN_FEED, soon(), PW_TAG_FEED);
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_TAGGED), 1u);
}

TEST_P(Block, AllowBeatsBlock) {
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  lab->allow(middle(), PW_ALLOW_ALL);
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_ALLOWLISTED), 1u);
}

TEST_P(Block, AllowAloneCountsAsPass) {
  lab->allow(middle(), PW_ALLOW_ALL);
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_PASS), 1u);
}

TEST_P(Block, SshScopeSavesOnlyTheSshPort) {
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  lab->allow(self(), PW_ALLOW_SSH_PORT);
  EXPECT_EQ(to_port(22), kPass);
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(count(PW_VERDICT_ALLOWLISTED), 1u);
}

TEST_P(Block, SshScopeDoesNotHideAWiderAllow) {
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  lab->allow(self(), PW_ALLOW_SSH_PORT);
  lab->allow(around(0, 0), PW_ALLOW_ALL);
  EXPECT_EQ(to_llm(), kPass);
}

TEST_P(Block, LlmScopeDropsOnlyLlmAndDecoyPorts) {
  lab->set([](pw_settings& s) { s.llm_scope_only = 1; });
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(to_llm(), kDrop);
  EXPECT_EQ(to_port(8000), kDrop);
  EXPECT_EQ(to_port(443), kPass);
  EXPECT_EQ(count(PW_VERDICT_PASS), 1u);
}

TEST_P(Block, LlmScopeDropsWhatMayHideAnLlmPort) {
  const bool v4 = GetParam() == Family::kIpv4;
  const std::string tcp_start(8, 0);  // ports and sequence number: no whole header
  const Packet ip6 = Ethernet{} / Ipv6{};
  const std::vector<Packet> hidden =
      v4 ? std::vector<Packet>{Ethernet{} / Ipv4{.fragment = 0x2000, .protocol = 6} /
                                   Payload{tcp_start},
                               Ethernet{} / Ipv4{.fragment = 0x0001, .protocol = 6} /
                                   Payload{tcp_start},
                               Ethernet{} / Ipv4{} / Tcp{.doff = 4}}
         : std::vector<Packet>{
               Packet{ip6} / Ipv6Fragment{.more = true, .next_header = 6} / Payload{tcp_start},
               Packet{ip6} / Ipv6Fragment{.offset = 1, .next_header = 6} / Payload{tcp_start},
               Packet{ip6} / Ipv6Fragment{.more = true, .next_header = 60} / Payload{"abc"},
               with_destination_options(7) / Tcp{}};
  const Packet udp = v4 ? Ethernet{} / Ipv4{.fragment = 0x2000} / Udp{} : Packet{ip6} / Udp{};
  const auto action = [&](const Packet& packet) { return lab->xdp(packet.build()).action; };
  lab->set([](pw_settings& s) { s.llm_scope_only = 1; });
  for (const Packet& packet : hidden) EXPECT_EQ(action(packet), kPass);

  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);

  for (const Packet& packet : hidden) EXPECT_EQ(action(packet), kDrop);
  EXPECT_EQ(count(PW_VERDICT_DROP_BAN), hidden.size());
  EXPECT_EQ(action(udp), kPass);
  lab->allow(self(), PW_ALLOW_ALL);
  for (const Packet& packet : hidden) EXPECT_EQ(action(packet), kPass);
}

TEST_P(Block, ObserveModePassesAndCountsWouldDrop) {
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  EXPECT_EQ(to_llm(), kPass);
  EXPECT_EQ(count(PW_VERDICT_WOULD_DROP), 1u);
  EXPECT_EQ(count(PW_VERDICT_PASS), 0u);
}

TEST_P(Block, ObserveModeStillCaptures) {
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  lab->xdp(talk().send(0, request(100)));
  EXPECT_EQ(lab->records().size(), 1u);
}

TEST_P(Block, EveryPacketIsCountedOnceWithItsBytes) {
  const auto frame = talk().syn();
  lab->block(self(), PW_ACTION_DROP, PW_ORIGIN_DETECTOR);
  for (int i = 0; i < 5; ++i) lab->xdp(frame);
  const auto counters = lab->counters();
  std::uint64_t packets = 0;
  for (const auto& row : counters.packets)
    for (const auto n : row) packets += n;
  EXPECT_EQ(packets, 5u);
  EXPECT_EQ(counters.bytes[PW_VERDICT_DROP_BAN], 5 * frame.size());
}

PROBEWALL_BOTH_FAMILIES(Block);

class BlockTableTwin : public KernelTest {};

pw_block_entry drop_for_good() {
  pw_block_entry entry{};
  entry.expires_s = PW_NEVER_EXPIRES;
  entry.action = PW_ACTION_DROP;
  return entry;
}

TEST_F(BlockTableTwin, RefusesEntriesWithoutAction) {
  const auto put = lab->blocks().put(IpPrefix::parse("203.0.113.9").value(), {});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().errno_value, EINVAL);
}

TEST_F(BlockTableTwin, PutGetRemoveAndListAgree) {
  auto& table = lab->blocks();
  const std::vector<std::string> texts{"203.0.113.9/32",  "203.0.113.0/24", "10.0.0.0/8",
                                       "2001:db8::9/128", "2001:db8::/32",  "2001:db8::/64"};
  for (const auto& text : texts) lab->block(text, PW_ACTION_DROP, PW_ORIGIN_FEED, 42);

  std::vector<std::string> listed;
  ASSERT_TRUE(table.for_each([&](const BlockRecord& r) {
    listed.push_back(r.prefix.to_string());
    EXPECT_EQ(r.entry.prefix_len, r.prefix.length);
    return true;
  }));
  EXPECT_EQ(std::set(listed.begin(), listed.end()), std::set(texts.begin(), texts.end()));

  EXPECT_EQ(table.get(IpPrefix::parse("10.0.0.0/8").value()).value()->expires_s, 42u);
  EXPECT_FALSE(table.get(IpPrefix::parse("10.0.0.0/9").value()).value().has_value());
  EXPECT_FALSE(table.get(IpPrefix::parse("203.0.113.8").value()).value().has_value());
  EXPECT_TRUE(table.remove(IpPrefix::parse("10.0.0.0/8").value()).value());
  EXPECT_FALSE(table.remove(IpPrefix::parse("10.0.0.0/8").value()).value());
  EXPECT_EQ(table.flush().value(), texts.size() - 1);
  EXPECT_EQ(table.flush().value(), 0u);
}

TEST_F(BlockTableTwin, SweepRemovesWhatExpiredAndNothingElse) {
  lab->block("203.0.113.1", PW_ACTION_DROP, PW_ORIGIN_FEED, 100);
  lab->block("203.0.113.2", PW_ACTION_DROP, PW_ORIGIN_FEED, 101);
  lab->block("203.0.113.3", PW_ACTION_DROP, PW_ORIGIN_FEED, PW_NEVER_EXPIRES);
  lab->block("2001:db8::/48", PW_ACTION_DROP, PW_ORIGIN_FEED, 99);
  std::set<std::string> removed;
  const auto count =
      lab->blocks().sweep(100, [&](const BlockRecord& r) { removed.insert(r.prefix.to_string()); });
  EXPECT_EQ(count.value(), 2u);
  EXPECT_EQ(removed, (std::set<std::string>{"203.0.113.1/32", "2001:db8::/48"}));
}

TEST_F(BlockTableTwin, ListsMoreThanOneBatch) {
  for (std::uint32_t i = 0; i < 8000; ++i) {
    ASSERT_TRUE(
        lab->blocks().put(IpPrefix::of(IpAddress::from_v4(0x0a000000 + i), 32), drop_for_good()));
  }
  std::set<IpPrefix> seen;
  ASSERT_TRUE(
      lab->blocks().for_each([&](const BlockRecord& r) { return seen.insert(r.prefix).second; }));
  EXPECT_EQ(seen.size(), 8000u);
}

TEST_F(BlockTableTwin, FullTablesSayNoSpace) {
  start({.block_entries = 16});
  const auto fill = [&](auto&& prefix) {
    for (std::uint32_t i = 0; i < 64; ++i) {
      const auto written = lab->blocks().put(prefix(i), drop_for_good());
      if (!written) return written.error().errno_value;
    }
    return 0;
  };
  EXPECT_EQ(
      fill([](std::uint32_t i) { return IpPrefix::of(IpAddress::from_v4(0x0a000000 + i), 32); }),
      ENOSPC);
  EXPECT_EQ(fill([](std::uint32_t i) { return IpPrefix::of(IpAddress::from_v4(i << 8), 24); }),
            ENOSPC);
}

TEST_F(BlockTableTwin, ReadOnlyHandleReadsAndCannotWrite) {
  lab->block("203.0.113.1", PW_ACTION_DROP, PW_ORIGIN_FEED);
  auto reader = BlockTable::open(lab->pin_directory(), true);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->match(IpAddress::parse("203.0.113.1").value(), 1).value().has_value());
  EXPECT_FALSE(reader->remove(IpPrefix::parse("203.0.113.1").value()));
}

TEST_F(BlockTableTwin, OpenWithoutPinsSaysWhich) {
  const auto table = BlockTable::open("/nonexistent", true);
  ASSERT_FALSE(table);
  EXPECT_NE(table.error().message.find("/nonexistent/v1/pw_block_front4"), std::string::npos);
}

/// What the kernel did, in terms of the entry it must have seen.
std::uint8_t action_seen(KernelLab& lab, const Frame& frame) {
  const auto before = lab.counters();
  lab.xdp(frame);
  const auto after = lab.counters();
  const auto grew = [&](pw_verdict v) {
    return after.packets[v][PW_FAMILY_IPV4] + after.packets[v][PW_FAMILY_IPV6] !=
           before.packets[v][PW_FAMILY_IPV4] + before.packets[v][PW_FAMILY_IPV6];
  };
  if (grew(PW_VERDICT_DROP_BAN) || grew(PW_VERDICT_DROP_FEED)) return PW_ACTION_DROP;
  return grew(PW_VERDICT_TAGGED) ? PW_ACTION_TAG : PW_ACTION_NONE;
}

TEST_F(BlockTableTwin, MatchAgreesWithTheKernelForRandomTables) {
  std::mt19937 random{20260101};
  const auto pick = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  // Few different bits, so that prefixes nest and addresses hit them.
  const auto address = [&](bool v4) {
    if (v4) return IpAddress::from_v4(0xc6336400u | pick(2) << 12 | pick(2) << 9 | pick(8));
    auto a = IpAddress::parse("2001:db8::").value();
    a.bytes[5] = static_cast<std::uint8_t>(pick(2));
    a.bytes[7] = static_cast<std::uint8_t>(pick(2));
    a.bytes[15] = static_cast<std::uint8_t>(pick(4));
    return a;
  };
  const std::uint32_t now = boottime_seconds();
  int hits = 0;
  for (int step = 0; step < 4000; ++step) {
    const bool v4 = pick(2) == 0;
    const auto width = v4 ? 32u : 128u;
    const auto prefix = IpPrefix::of(address(v4), pick(4) == 0 ? width : pick(width + 1));
    if (pick(3) == 0) {
      ASSERT_TRUE(lab->blocks().remove(prefix));
    } else {
      const std::uint32_t expires[] = {now - 100, now + 100000, PW_NEVER_EXPIRES, now - 100};
      pw_block_entry entry{};
      entry.expires_s = expires[pick(4)];
      entry.action = static_cast<std::uint8_t>(PW_ACTION_DROP + pick(2));  // or tag
      entry.tag_bits = PW_TAG_FEED;
      ASSERT_TRUE(lab->blocks().put(prefix, entry));
    }
    if (step % 400 == 399) {
      ASSERT_TRUE(lab->blocks().flush());
    }
    const auto probe = address(pick(2) == 0);
    const auto match = lab->blocks().match(probe, now).value();
    const std::uint8_t expected = match ? match->entry.action : std::uint8_t{PW_ACTION_NONE};
    Conversation talk{.family = probe.is_v4() ? Family::kIpv4 : Family::kIpv6};
    talk.client = probe.to_string();
    ASSERT_EQ(action_seen(*lab, talk.syn()), expected)
        << "step " << step << ", " << talk.client << ", "
        << (match ? match->prefix.to_string() : "no entry");
    hits += expected != PW_ACTION_NONE;
  }
  EXPECT_GT(hits, 500);
}

}  // namespace
}  // namespace probewall::test
