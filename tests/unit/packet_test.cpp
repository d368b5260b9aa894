// SPDX-License-Identifier: Apache-2.0
#include "core/decode/packet.hpp"

#include <gtest/gtest.h>

#include "unit/frame_builder.hpp"

namespace probewall {
namespace {

using testing::ethernet_frame;
using testing::ip_bytes;
using testing::Segment;

PacketView parse(const std::string& frame, const FrameInfo& info = {}) {
  return parse_packet(as_byte_span(frame), info);
}

/// A copy of the frame in its own heap block, so that the address sanitizer sees each read past it.
PacketView parse_exactly(std::string_view frame) {
  const std::vector<char> copy(frame.begin(), frame.end());
  PacketView v = parse_packet(std::as_bytes(std::span{copy}));
  v.payload = {};
  return v;
}

Segment v6_segment() {
  Segment s;
  s.src = "2001:db8:1::7";
  s.dst = "2001:db8::1";
  s.payload = "GET / HTTP/1.1\r\n";
  return s;
}

TEST(ParsePacket, ReadsEveryFieldOfATcpSegment) {
  Segment s;
  s.seq = 0x01020304;
  s.ack = 0xa0b0c0d0;
  s.flags = 0x18;
  s.tcp_options = std::string("\x01\x01\x08\x0a\0\0\0\1\0\0\0\2", 12);
  s.payload = "GET / HTTP/1.1\r\n";
  const std::string frame = ethernet_frame(s);

  const PacketView v = parse(frame);

  ASSERT_EQ(v.kind, PacketKind::kTcp);
  EXPECT_EQ(v.family, PW_FAMILY_IPV4);
  EXPECT_EQ(v.src.to_string(), "198.51.100.7");
  EXPECT_EQ(v.dst.to_string(), "192.0.2.1");
  EXPECT_EQ(v.src_port, 40000);
  EXPECT_EQ(v.dst_port, 8000);
  EXPECT_EQ(v.seq, 0x01020304u);
  EXPECT_EQ(v.ack, 0xa0b0c0d0u);
  EXPECT_TRUE(v.has(tcp_flag::kAck));
  EXPECT_FALSE(v.has(tcp_flag::kSyn));
  EXPECT_EQ(as_text(v.payload), s.payload);
  EXPECT_EQ(v.payload_len, s.payload.size());
}

TEST(ParsePacket, LeavesEthernetPaddingOutOfThePayload) {
  Segment s;
  s.payload = "hi";
  s.trailer = std::string(10, 'x');
  const std::string frame = ethernet_frame(s);
  EXPECT_EQ(as_text(parse(frame).payload), "hi");
}

TEST(ParsePacket, ReadsThroughIpOptionsAndTwoVlanTags) {
  Segment s;
  s.payload = "hi";
  s.ip_options = std::string("\x94\x04\0\0", 4);
  s.vlan = std::string("\x88\xa8\0\x05\x81\0\0\x06", 8);
  const std::string frame = ethernet_frame(s);
  const PacketView v = parse(frame);
  ASSERT_EQ(v.kind, PacketKind::kTcp);
  EXPECT_EQ(as_text(v.payload), "hi");
}

TEST(ParsePacket, CallsAThirdVlanTagMalformed) {
  Segment s;
  s.vlan = std::string("\x81\0\0\x01\x81\0\0\x02\x81\0\0\x03", 12);
  const PacketView v = parse(ethernet_frame(s));
  EXPECT_EQ(v.kind, PacketKind::kMalformed);
  EXPECT_EQ(v.error, PW_PARSE_VLAN);
}

TEST(ParsePacket, RefusesADataOffsetInsideTheTcpHeaderOrBeyondThePacket) {
  for (const int doff : {0, 4, 6, 15}) {
    Segment s;
    s.doff = doff;
    const PacketView v = parse(ethernet_frame(s));
    EXPECT_EQ(v.kind, PacketKind::kMalformed) << doff;
    EXPECT_EQ(v.error, PW_PARSE_TCP) << doff;
    EXPECT_EQ(v.family, PW_FAMILY_IPV4) << "the address is known all the same";
  }
}

TEST(ParsePacket, RefusesAnIpLengthLongerThanTheFrame) {
  Segment s;
  s.payload = "hi";
  s.length_field = 43;
  const PacketView v = parse(ethernet_frame(s));
  EXPECT_EQ(v.kind, PacketKind::kMalformed);
  EXPECT_EQ(v.error, PW_PARSE_IP);
}

TEST(ParsePacket, TakesAZeroIpLengthAsOffloadOnlyWhenAsked) {
  Segment s;
  s.payload = "hi";
  s.length_field = 0;
  const std::string frame = ethernet_frame(s);
  EXPECT_EQ(parse(frame).kind, PacketKind::kMalformed);
  const PacketView v = parse(frame, {LinkType::kEthernet, 0, true});
  ASSERT_EQ(v.kind, PacketKind::kTcp);
  EXPECT_EQ(as_text(v.payload), "hi");
}

TEST(ParsePacket, TellsFirstAndLaterFragmentsApart) {
  Segment s;
  s.payload = "hi";
  s.ipv4_fragment = 0x2000;  // more fragments, offset 0
  const std::string first = ethernet_frame(s);
  EXPECT_EQ(parse(first).kind, PacketKind::kTcp);
  EXPECT_TRUE(parse(first).tcp_fragment);
  s.ipv4_fragment = 0x0003;
  const PacketView later = parse(ethernet_frame(s));
  EXPECT_EQ(later.kind, PacketKind::kFragment);
  EXPECT_TRUE(later.tcp_fragment);
  EXPECT_EQ(later.src.to_string(), "198.51.100.7");
}

TEST(ParsePacket, WalksSixExtensionHeadersAndNoSeventh) {
  for (const int count : {1, 6, 7}) {
    Segment s = v6_segment();
    s.first_extension = 60;
    for (int i = 0; i < count; ++i) {
      s.extensions += i + 1 < count ? '\x3c' : '\x06';
      s.extensions += std::string(7, '\0');
    }
    const std::string frame = ethernet_frame(s);
    const PacketView v = parse(frame);
    if (count <= 6) {
      ASSERT_EQ(v.kind, PacketKind::kTcp) << count;
      EXPECT_EQ(as_text(v.payload), s.payload);
    } else {
      EXPECT_EQ(v.kind, PacketKind::kMalformed);
      EXPECT_EQ(v.error, PW_PARSE_EXT_HEADER);
    }
  }
}

TEST(ParsePacket, ReadsTheAuthenticationHeaderInItsOwnUnits) {
  Segment s = v6_segment();
  s.first_extension = 51;
  s.extensions = std::string("\x06\x04\0\0\0\0\0\1\0\0\0\2", 12) + std::string(12, 'i');
  const std::string frame = ethernet_frame(s);
  const PacketView v = parse(frame);
  ASSERT_EQ(v.kind, PacketKind::kTcp);
  EXPECT_EQ(as_text(v.payload), s.payload);
}

TEST(ParsePacket, CallsAnIpv6FragmentWithAnOffsetAFragment) {
  Segment s = v6_segment();
  s.first_extension = 44;
  s.extensions = std::string("\x06\0\0\x09\0\0\0\1", 8);
  const PacketView v = parse(ethernet_frame(s));
  EXPECT_EQ(v.kind, PacketKind::kFragment);
  EXPECT_TRUE(v.tcp_fragment);
}

TEST(ParsePacket, ReadsEveryLinkTypeOfCaptureFiles) {
  Segment s;
  s.payload = "hi";
  const std::string ip = ip_bytes(s);
  const std::string sll = std::string(14, '\0') + std::string("\x08\0", 2) + ip;
  const std::string sll2 = std::string("\x08\0", 2) + std::string(18, '\0') + ip;
  const std::string null = std::string("\x02\0\0\0", 4) + ip;
  const std::string loop = std::string("\0\0\0\x02", 4) + ip;
  EXPECT_EQ(as_text(parse(ip, {LinkType::kRawIp}).payload), "hi");
  EXPECT_EQ(as_text(parse(sll, {LinkType::kLinuxSll}).payload), "hi");
  EXPECT_EQ(as_text(parse(sll2, {LinkType::kLinuxSll2}).payload), "hi");
  EXPECT_EQ(as_text(parse(null, {LinkType::kNull}).payload), "hi");
  EXPECT_EQ(as_text(parse(loop, {LinkType::kNull}).payload), "hi");
}

TEST(ParsePacket, KnowsTheTrueLengthOfAPayloadThatASnapLengthCut) {
  Segment s;
  s.payload = std::string(1000, 'a');
  const std::string frame = ethernet_frame(s);
  const std::string cut = frame.substr(0, 100);
  const PacketView v = parse(cut, {LinkType::kEthernet, static_cast<std::uint32_t>(frame.size())});
  ASSERT_EQ(v.kind, PacketKind::kTcp);
  EXPECT_EQ(v.payload_len, 1000u);
  EXPECT_EQ(v.payload.size(), 46u);
}

TEST(ParsePacket, SurvivesEveryPrefixAndEveryByteOfAFrameChanged) {
  Segment s = v6_segment();
  s.first_extension = 0;
  s.extensions = std::string("\x2b\0\1\4\0\0\0\0\x06\0\0\0\0\0\0\0", 16);
  s.vlan = std::string("\x81\0\0\x01", 4);
  const std::string frame = ethernet_frame(s);
  ASSERT_EQ(parse(frame).kind, PacketKind::kTcp);
  std::size_t whole = 0;
  for (std::size_t n = 0; n < frame.size(); ++n) {
    whole += parse_exactly(std::string_view{frame}.substr(0, n)).kind == PacketKind::kTcp;
    for (int value = 0; value < 256; ++value) {
      std::string changed = frame;
      changed[n] = static_cast<char>(value);
      const PacketView v = parse(changed);
      ASSERT_LE(v.payload.size(), frame.size());
    }
  }
  EXPECT_EQ(whole, 0u) << "a shorter frame than the IP length says is malformed";
}

}  // namespace
}  // namespace probewall
