// SPDX-License-Identifier: Apache-2.0
// One TCP conversation as packets, in either address family.
#pragma once

#include <string>

#include "kernel_lab.hpp"

namespace probewall::test {

enum class Family { kIpv4, kIpv6 };

inline Packet ip_packet(Family family, const std::string& src, const std::string& dst) {
  if (family == Family::kIpv4) return Ethernet{} / Ipv4{.src = src, .dst = dst};
  return Ethernet{} / Ipv6{.src = src, .dst = dst};
}

struct Conversation {
  Family family = Family::kIpv4;
  std::string client = family == Family::kIpv4 ? "198.51.100.7" : "2001:db8:1::7";
  std::string server = family == Family::kIpv4 ? "192.0.2.1" : "2001:db8:2::1";
  std::uint16_t client_port = 40000;
  std::uint16_t server_port = 11434;
  std::uint32_t client_isn = 1000;
  std::uint32_t server_isn = 900000;

  std::uint32_t c(std::uint32_t offset) const { return client_isn + 1 + offset; }
  std::uint32_t s(std::uint32_t offset) const { return server_isn + 1 + offset; }

  FlowKey key() const {
    return {IpAddress::parse(client).value(), IpAddress::parse(server).value(), client_port,
            server_port};
  }
  pw_family abi_family() const { return family == Family::kIpv4 ? PW_FAMILY_IPV4 : PW_FAMILY_IPV6; }

  /// Raw sequence numbers; offsets into the streams are what most tests use instead.
  Frame from_client_raw(std::uint32_t seq, std::uint32_t ack, std::uint8_t flags,
                        const std::string& payload = "") const {
    return (ip_packet(family, client, server) /
            Tcp{.sport = client_port,
                .dport = server_port,
                .seq = seq,
                .ack = ack,
                .flags = flags} /
            Payload{payload})
        .build();
  }
  Frame from_server_raw(std::uint32_t seq, std::uint32_t ack, std::uint8_t flags,
                        const std::string& payload = "") const {
    return (ip_packet(family, server, client) /
            Tcp{.sport = server_port,
                .dport = client_port,
                .seq = seq,
                .ack = ack,
                .flags = flags} /
            Payload{payload})
        .build();
  }

  Frame syn() const { return from_client_raw(client_isn, 0, kSyn); }
  Frame syn_ack() const { return from_server_raw(server_isn, client_isn + 1, kSyn | kAck); }
  /// Client payload at stream offset `at`, acknowledging `acked` bytes of the server.
  Frame send(std::uint32_t at, const std::string& payload, std::uint32_t acked = 0,
             std::uint8_t flags = kAck | kPsh) const {
    return from_client_raw(c(at), s(acked), flags, payload);
  }
  /// The server acknowledges `acked` client bytes; own stream at `at`.
  Frame answer(std::uint32_t at, std::uint32_t acked, const std::string& payload = "",
               std::uint8_t flags = kAck) const {
    return from_server_raw(s(at), c(acked), flags, payload);
  }
};

/// Runs each test in both families.
class FamilyTest : public KernelTest, public ::testing::WithParamInterface<Family> {
 protected:
  Conversation talk(std::uint16_t server_port = 11434) const {
    return Conversation{.family = GetParam(), .server_port = server_port};
  }
};

inline std::string family_name(const ::testing::TestParamInfo<Family>& info) {
  return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
}
#define PROBEWALL_BOTH_FAMILIES(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(Both, suite, ::testing::Values(Family::kIpv4, Family::kIpv6), \
                           family_name)

inline constexpr std::uint32_t kPass = 2, kDrop = 1;  // XDP_PASS, XDP_DROP

/// A request of exactly `size` bytes.
inline std::string request(std::size_t size) {
  std::string text = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n";
  text.resize(size, 'x');
  return text;
}

}  // namespace probewall::test
