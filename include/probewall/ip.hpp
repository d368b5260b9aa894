// SPDX-License-Identifier: Apache-2.0
// Addresses and prefixes. IPv4 is kept IPv4-mapped in 16 bytes, as in abi/common.h.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "probewall/abi/common.h"

namespace probewall {

/// An IPv4 or IPv6 address in network order, IPv4 as ::ffff:a.b.c.d.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress from_v4(std::uint32_t host_order);
  static IpAddress from_abi(const pw_addr& a);
  /// Dotted quad or RFC 4291 text, no brackets, no zone. nullopt: not an address.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  std::uint32_t v4_host_order() const;  ///< only when is_v4()
  pw_addr to_abi() const;
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// A prefix with its host bits cleared. `length` counts in the address's own family: 0..32 for
/// IPv4, 0..128 for IPv6.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// Clears the host bits.
  static IpPrefix of(const IpAddress& address, unsigned length);
  /// "198.51.100.7", "198.51.100.0/24", "2001:db8::/32". A bare address is /32 or /128.
  static std::optional<IpPrefix> parse(std::string_view text);

  bool is_v4() const { return address.is_v4(); }
  bool is_single() const { return length == (is_v4() ? 32 : 128); }
  bool contains(const IpAddress& a) const;
  bool contains(const IpPrefix& other) const;
  bool overlaps(const IpPrefix& other) const;
  std::string to_string() const;  ///< always with "/length"

  auto operator<=>(const IpPrefix&) const = default;
};

/// A source as scores, budgets and bans know it: IPv4 /32, IPv6 /`ipv6_prefix` (64 by default).
inline IpPrefix source_of(const IpAddress& a, unsigned ipv6_prefix) {
  return IpPrefix::of(a, a.is_v4() ? 32 : ipv6_prefix);
}

/// One TCP connection seen from the client; ports in host order.
struct FlowKey {
  IpAddress client;
  IpAddress server;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;

  static FlowKey from_abi(const pw_flow_key& k);
  pw_flow_key to_abi() const;
  auto operator<=>(const FlowKey&) const = default;
};

inline std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0) {
  // Multiply-fold over 8-byte words: quick, and every bit of the input reaches the top bits.
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint64_t h = seed ^ (size * 0x9e3779b97f4a7c15ull);
  while (size > 0) {
    std::uint64_t w = 0;
    const std::size_t n = size < 8 ? size : 8;
    std::memcpy(&w, p, n);
    h = (h ^ w) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
    p += n;
    size -= n;
  }
  h *= 0xc4ceb9fe1a85ec53ull;
  return h ^ (h >> 29);
}

}  // namespace probewall

template <>
struct std::hash<probewall::IpAddress> {
  std::size_t operator()(const probewall::IpAddress& a) const noexcept {
    return probewall::hash_bytes(a.bytes.data(), a.bytes.size());
  }
};
template <>
struct std::hash<probewall::IpPrefix> {
  std::size_t operator()(const probewall::IpPrefix& p) const noexcept {
    return probewall::hash_bytes(p.address.bytes.data(), p.address.bytes.size(), p.length + 1u);
  }
};
template <>
struct std::hash<probewall::FlowKey> {
  std::size_t operator()(const probewall::FlowKey& k) const noexcept {
    const std::uint64_t ports = (std::uint64_t{k.client_port} << 16) | k.server_port;
    return probewall::hash_bytes(k.server.bytes.data(), 16,
                                 probewall::hash_bytes(k.client.bytes.data(), 16, ports));
  }
};
