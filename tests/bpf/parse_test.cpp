// SPDX-License-Identifier: Apache-2.0
// Every branch of bpf/parse.bpf.h: packets in, verdict and counters out.
#include "conversation.hpp"

namespace probewall::test {
namespace {

class Parse : public KernelTest {
 protected:
  /// A source blocked by address shows whether the address was found, whatever lies above it.
  void block_both_clients() {
    lab->block("198.51.100.7", PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
    lab->block("2001:db8:1::7", PW_ACTION_DROP, PW_ORIGIN_OPERATOR);
  }
  std::uint64_t errors(pw_parse_error layer) const { return lab->counters().parse_errors[layer]; }
  /// An LLM packet was understood down to its TCP port.
  bool reaches_llm_port(const Frame& frame) {
    const auto before = lab->counters().llm_packets[PW_SERVICE_OLLAMA];
    EXPECT_EQ(lab->xdp(frame).action, kPass);
    return lab->counters().llm_packets[PW_SERVICE_OLLAMA] == before + 1;
  }
};

TEST_F(Parse, ShortFrameIsAnEthernetError) {
  // The kernel's test run takes no less than an Ethernet header; 14 bytes of IPv4 type are cut in
  // IP.
  const Frame frame = (Ethernet{.ether_type = 0x0800} / Payload{""}).build_padded(14);
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(errors(PW_PARSE_IP), 1u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_MALFORMED, PW_FAMILY_OTHER), 1u);
}

TEST_F(Parse, OtherEtherTypesPassAndCount) {
  const Frame frame = (Ethernet{.ether_type = 0x0806} / Payload{std::string(46, 0)}).build();
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_PASS, PW_FAMILY_OTHER), 1u);
  EXPECT_EQ(lab->counters().bytes[PW_VERDICT_PASS], 60u);
}

TEST_F(Parse, PlainIpv4AndIpv6ReachThePort) {
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Ipv4{} / Tcp{}).build()));
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Ipv6{} / Tcp{}).build()));
}

TEST_F(Parse, OneAndTwoVlanTagsOfEitherTypeReachThePort) {
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Vlan{} / Ipv4{} / Tcp{}).build()));
  EXPECT_TRUE(
      reaches_llm_port((Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / Ipv4{} / Tcp{}).build()));
  EXPECT_TRUE(
      reaches_llm_port((Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / Ipv6{} / Tcp{}).build()));
}

TEST_F(Parse, ThirdVlanTagIsCountedAndPassed) {
  const Frame frame = (Ethernet{} / Vlan{} / Vlan{} / Vlan{} / Ipv4{} / Tcp{}).build();
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(errors(PW_PARSE_VLAN), 1u);
}

TEST_F(Parse, CutVlanTagIsCountedAndPassed) {
  const Frame frame = (Ethernet{.ether_type = 0x8100} / Payload{"ab"}).build();
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(errors(PW_PARSE_VLAN), 1u);
}

TEST_F(Parse, Ipv4OptionsAreSteppedOver) {
  for (std::size_t words = 1; words <= 10; ++words) {
    const Ipv4 ip{.options = std::vector<std::uint8_t>(words * 4, 1)};
    EXPECT_TRUE(reaches_llm_port((Ethernet{} / ip / Tcp{}).build())) << words;
  }
}

TEST_F(Parse, BrokenIpv4HeadersAreCountedAndPassed) {
  const std::vector<Ipv4> broken{
      {.version = 5}, {.ihl = 4}, {.total_length = 19}, {.total_length = 41}, {.total_length = 0}};
  for (const auto& ip : broken) {
    EXPECT_EQ(lab->xdp((Ethernet{} / ip / Tcp{}).build()).action, kPass);
  }
  EXPECT_EQ(errors(PW_PARSE_IP), broken.size());
  EXPECT_EQ(lab->verdicts(PW_VERDICT_MALFORMED, PW_FAMILY_OTHER), broken.size());
}

TEST_F(Parse, BrokenIpv6HeadersAreCountedAndPassed) {
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{.version = 4} / Tcp{}).build()).action, kPass);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{.payload_length = 21} / Tcp{}).build()).action, kPass);
  EXPECT_EQ(
      lab->xdp((Ethernet{.ether_type = 0x86dd} / Payload{std::string(39, 0x60)}).build()).action,
      kPass);
  EXPECT_EQ(errors(PW_PARSE_IP), 3u);
}

TEST_F(Parse, UpToSixExtensionHeadersAreSteppedOver) {
  Packet packet = Ethernet{} / Ipv6{};
  for (const std::uint8_t type : {0, 60, 43, 60, 51, 135})
    packet.add(Ipv6Ext{.type = type, .units = 2});
  EXPECT_TRUE(reaches_llm_port((packet / Tcp{}).build()));
}

TEST_F(Parse, SeventhExtensionHeaderIsCountedAndAddressRulesHold) {
  Packet packet = Ethernet{} / Ipv6{};
  for (int i = 0; i < 7; ++i) packet.add(Ipv6Ext{.type = 60});
  const Frame frame = (packet / Tcp{}).build();
  EXPECT_FALSE(reaches_llm_port(frame));
  EXPECT_EQ(errors(PW_PARSE_EXT_HEADER), 1u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_MALFORMED, PW_FAMILY_IPV6), 1u);
  block_both_clients();
  EXPECT_EQ(lab->xdp(frame).action, kDrop);
}

TEST_F(Parse, CutExtensionHeaderIsCounted) {
  const Frame frame = (Ethernet{} / Ipv6{.next_header = 60} / Payload{"abc"}).build();
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(errors(PW_PARSE_EXT_HEADER), 1u);
}

TEST_F(Parse, ExtensionHeaderThatPointsPastTheEndIsATcpError) {
  const Frame frame =
      (Ethernet{} / Ipv6{.next_header = 60} / Payload{std::string("\x06\xff") + std::string(30, 0)})
          .build();
  EXPECT_EQ(lab->xdp(frame).action, kPass);
  EXPECT_EQ(errors(PW_PARSE_TCP), 1u);
}

TEST_F(Parse, OtherProtocolsGetAddressRulesOnly) {
  const Frame udp4 = (Ethernet{} / Ipv4{} / Udp{.dport = 11434} / Payload{"x"}).build();
  const Frame udp6 = (Ethernet{} / Ipv6{} / Udp{.dport = 11434} / Payload{"x"}).build();
  EXPECT_FALSE(reaches_llm_port(udp4));
  EXPECT_FALSE(reaches_llm_port(udp6));
  EXPECT_EQ(lab->verdicts(PW_VERDICT_PASS, PW_FAMILY_IPV4), 1u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_PASS, PW_FAMILY_IPV6), 1u);
  block_both_clients();
  EXPECT_EQ(lab->xdp(udp4).action, kDrop);
  EXPECT_EQ(lab->xdp(udp6).action, kDrop);
}

TEST_F(Parse, LaterFragmentsGetAddressRulesOnly) {
  const Frame v4 = (Ethernet{} / Ipv4{.fragment = 0x2010} / Tcp{}).build();
  const Frame v6 = (Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 3} / Tcp{}).build();
  EXPECT_FALSE(reaches_llm_port(v4));
  EXPECT_FALSE(reaches_llm_port(v6));
  EXPECT_EQ(lab->event(PW_EVENT_FRAGMENT), 2u);
  block_both_clients();
  EXPECT_EQ(lab->xdp(v4).action, kDrop);
  EXPECT_EQ(lab->xdp(v6).action, kDrop);
}

TEST_F(Parse, FirstFragmentsAndAtomicFragmentsShowTheirPorts) {
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Ipv4{.fragment = 0x2000} / Tcp{}).build()));
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Ipv6{} / Ipv6Fragment{.more = true} / Tcp{}).build()));
  EXPECT_TRUE(reaches_llm_port((Ethernet{} / Ipv6{} / Ipv6Fragment{} / Tcp{}).build()));
  EXPECT_EQ(lab->event(PW_EVENT_FRAGMENT), 0u);
}

TEST_F(Parse, TcpFragmentsAreDroppedOnRequestAndOthersAreNot) {
  lab->set([](pw_settings& s) { s.drop_fragments = 1; });
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv4{.fragment = 0x2000} / Tcp{}).build()).action, kDrop);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv4{.fragment = 0x0010} / Tcp{}).build()).action, kDrop);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 3} / Tcp{}).build()).action,
            kDrop);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_DROP_FRAGMENT, PW_FAMILY_IPV4), 2u);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{} / Ipv6Fragment{.more = true} / Tcp{}).build()).action,
            kDrop);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_DROP_FRAGMENT, PW_FAMILY_IPV6), 2u);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv4{.fragment = 0x2000} / Udp{}).build()).action, kPass);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{} / Ipv6Fragment{} / Tcp{}).build()).action, kPass);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv4{.fragment = 0x4000} / Tcp{}).build()).action, kPass);
}

TEST_F(Parse, FragmentDropRespectsAllowTableAndObserveMode) {
  lab->set([](pw_settings& s) { s.drop_fragments = 1; });
  lab->allow("198.51.100.0/24", PW_ALLOW_ALL);
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv4{.fragment = 0x2000} / Tcp{}).build()).action, kPass);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_ALLOWLISTED, PW_FAMILY_IPV4), 1u);
  lab->set([](pw_settings& s) { s.enforcing = 0; });
  EXPECT_EQ(lab->xdp((Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 3} / Tcp{}).build()).action,
            kPass);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_WOULD_DROP, PW_FAMILY_IPV6), 1u);
}

TEST_F(Parse, BrokenTcpHeadersAreCountedAndAddressRulesHold) {
  const Frame short_header =
      (Ethernet{} / Ipv4{.protocol = 6} / Payload{std::string(19, 0)}).build();
  const Frame doff_small = (Ethernet{} / Ipv4{} / Tcp{.doff = 4}).build();
  const Frame doff_large = (Ethernet{} / Ipv6{} / Tcp{.doff = 6}).build();
  for (const auto& frame : {short_header, doff_small, doff_large})
    EXPECT_FALSE(reaches_llm_port(frame));
  EXPECT_EQ(errors(PW_PARSE_TCP), 3u);
  EXPECT_EQ(lab->verdicts(PW_VERDICT_MALFORMED, PW_FAMILY_IPV4), 2u);
  block_both_clients();
  EXPECT_EQ(lab->xdp(doff_small).action, kDrop);
  EXPECT_EQ(lab->xdp(doff_large).action, kDrop);
  EXPECT_EQ(errors(PW_PARSE_TCP), 5u);
}

TEST_F(Parse, EthernetPaddingIsNoPayload) {
  const Frame frame = (Ethernet{} / Ipv4{} / Tcp{}).build_padded(60);
  EXPECT_TRUE(reaches_llm_port(frame));
  EXPECT_EQ(lab->event(PW_EVENT_UNPROVEN), 0u);
}

TEST_F(Parse, PayloadBehindOptionsAndPaddingIsFoundExactly) {
  const Frame frame = (Ethernet{} / Vlan{} / Ipv4{.options = {1, 1, 1, 1}} /
                       Tcp{.options = std::vector<std::uint8_t>(12, 1)} / Payload{"hi"})
                          .build_padded(100);
  lab->xdp(frame);
  const auto records = lab->records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].bytes, "hi");
  EXPECT_EQ(records[0].head.payload_len, 2u);
}

TEST_F(Parse, EveryPrefixOfAPacketPasses) {
  const Frame whole =
      (Ethernet{} / Vlan{} / Ipv6{} / Ipv6Ext{.type = 60} / Tcp{} / Payload{"GET /"}).build();
  for (std::size_t size = 14; size < whole.size(); ++size) {
    EXPECT_EQ(lab->xdp(Frame(whole.begin(), whole.begin() + static_cast<long>(size))).action,
              kPass);
  }
  const auto counters = lab->counters();
  EXPECT_EQ(counters.packets[PW_VERDICT_MALFORMED][PW_FAMILY_OTHER], whole.size() - 14);
}

}  // namespace
}  // namespace probewall::test
