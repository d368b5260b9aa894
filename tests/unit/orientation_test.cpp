// SPDX-License-Identifier: Apache-2.0
// Which way a packet of a capture file went, when every port is judged.
#include "cli/orientation.hpp"

#include <gtest/gtest.h>

namespace probewall {
namespace {

constexpr std::uint16_t kServerPort = 8000;

PacketView packet_of(std::uint32_t connection, bool from_client, std::uint8_t flags) {
  PacketView p;
  p.kind = PacketKind::kTcp;
  p.flags = flags;
  p.src = IpAddress::from_v4(0xc6120000u + connection);
  p.dst = IpAddress::from_v4(0x0a4d000au);
  p.src_port = static_cast<std::uint16_t>(20'000 + connection % 40'000);
  p.dst_port = kServerPort;
  if (!from_client) {
    std::swap(p.src, p.dst);
    std::swap(p.src_port, p.dst_port);
  }
  return p;
}

TEST(Orientation, ThousandsOfOpenConnectionsKeepTheDirectionTheirHandshakesTold) {
  constexpr std::uint32_t kConnections = 4000;
  const std::vector<pw_port> ports(65536);
  Orientation orientation(ports, /*all=*/true);
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    orientation.of(packet_of(i, true, tcp_flag::kSyn));
    orientation.of(packet_of(i, false, tcp_flag::kSyn | tcp_flag::kAck));
  }

  for (std::uint32_t i = 0; i < kConnections; ++i) {
    ASSERT_EQ(orientation.of(packet_of(i, true, tcp_flag::kAck)), Direction::kFromClient) << i;
    ASSERT_EQ(orientation.of(packet_of(i, false, tcp_flag::kAck)), Direction::kFromServer) << i;
  }
}

TEST(Orientation, ForgedSynDoesNotTurnAnAnsweredConnectionRound) {
  const std::vector<pw_port> ports(65536);
  Orientation orientation(ports, /*all=*/true);
  orientation.of(packet_of(7, true, tcp_flag::kSyn));
  orientation.of(packet_of(7, false, tcp_flag::kSyn | tcp_flag::kAck));

  orientation.of(packet_of(7, false, tcp_flag::kSyn));

  EXPECT_EQ(orientation.of(packet_of(7, true, tcp_flag::kAck)), Direction::kFromClient);
}

}  // namespace
}  // namespace probewall
