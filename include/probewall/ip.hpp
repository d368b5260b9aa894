// SPDX-License-Identifier: Apache-2.0
// Addresses and prefixes. IPv4 is kept IPv4-mapped in 16 bytes, as in abi/common.h.
#pragma once

#include <array>
#include <bit>
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

  static IpAddress from_v4(std::uint32_t host_order) {
    return of_words({0, network_order(0xffff00000000ull | host_order)});
  }
  static IpAddress from_abi(const pw_addr& a) {
    IpAddress out;
    std::memcpy(out.bytes.data(), a.bytes, sizeof a.bytes);
    return out;
  }
  /// Dotted quad or RFC 4291 text, no brackets, no zone. nullopt: not an address.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const {
    const auto [first, last] = words();
    return first == 0 && network_order(last) >> 32 == 0xffff;
  }
  /// Only when is_v4().
  std::uint32_t v4_host_order() const {
    return static_cast<std::uint32_t>(network_order(words()[1]));
  }
  pw_addr to_abi() const {
    pw_addr a{};
    std::memcpy(a.bytes, bytes.data(), sizeof a.bytes);
    return a;
  }
  std::string to_string() const;

  /// The first and the last eight bytes as they lie in memory: compared and hashed as two words.
  std::array<std::uint64_t, 2> words() const {
    std::array<std::uint64_t, 2> out;
    std::memcpy(out.data(), bytes.data(), sizeof out);
    return out;
  }
  bool operator==(const IpAddress& other) const {
    const auto a = words(), b = other.words();
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
  }
  std::strong_ordering operator<=>(const IpAddress& other) const {
    const auto a = words(), b = other.words();
    const std::size_t word = a[0] == b[0] ? 1 : 0;
    return network_order(a[word]) <=> network_order(b[word]);
  }
  static IpAddress of_words(const std::array<std::uint64_t, 2>& words) {
    IpAddress out;
    std::memcpy(out.bytes.data(), words.data(), sizeof words);
    return out;
  }
  /// From the order of words() to a number that compares as the address does, and back.
  static std::uint64_t network_order(std::uint64_t word) {
    return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
  }
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

/// The 128-bit product of two words, folded. The multiplications of a key's parts do not wait for
/// each other, as those of hash_bytes() do.
inline std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Multiply-fold over 8-byte words: quick, and every bit of the input reaches the top bits.
inline std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0) {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint64_t h = seed ^ (size * 0x9e3779b97f4a7c15ull);
  const auto mix = [&h](std::uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
  };
  if (size >= 64) {  // two chains that do not wait for each other
    std::uint64_t other = std::rotl(h, 32);
    for (std::uint64_t words[4]; size >= sizeof words; size -= sizeof words, p += sizeof words) {
      std::memcpy(words, p, sizeof words);
      h = fold_product(h ^ words[0], words[1] ^ 0xff51afd7ed558ccdull);
      other = fold_product(other ^ words[2], words[3] ^ 0xd6e8feb86659fd93ull);
    }
    mix(other);
  }
  std::uint64_t word = 0;
  for (; size >= sizeof word; size -= sizeof word, p += sizeof word) {
    std::memcpy(&word, p, sizeof word);
    mix(word);
  }
  if (size > 0) {
    word = 0;
    std::memcpy(&word, p, size);
    mix(word);
  }
  h *= 0xc4ceb9fe1a85ec53ull;
  return h ^ (h >> 29);
}

inline std::uint64_t hash_address(const IpAddress& address, std::uint64_t seed = 0) {
  const auto [first, last] = address.words();
  const std::uint64_t h = fold_product(first ^ 0x9e3779b97f4a7c15ull ^ seed,
                                       last ^ 0xc4ceb9fe1a85ec53ull ^ std::rotl(seed, 32));
  return fold_product(h ^ 0xff51afd7ed558ccdull, 0x9e3779b97f4a7c15ull ^ seed);
}

inline std::uint64_t hash_flow(const FlowKey& key, std::uint64_t seed = 0) {
  const auto [client0, client1] = key.client.words();
  const auto [server0, server1] = key.server.words();
  const std::uint64_t ports = std::uint64_t{key.client_port} << 16 | key.server_port;
  const std::uint64_t client =
      fold_product(client0 ^ 0x9e3779b97f4a7c15ull ^ seed, client1 ^ 0xc4ceb9fe1a85ec53ull ^ ports);
  const std::uint64_t server =
      fold_product(server0 ^ 0xff51afd7ed558ccdull ^ ports, server1 ^ 0xd6e8feb86659fd93ull ^ seed);
  return fold_product(client ^ seed, std::rotl(server, 32) ^ 0x9e3779b97f4a7c15ull);
}

}  // namespace probewall

template <>
struct std::hash<probewall::IpAddress> {
  using is_avalanching = void;
  std::size_t operator()(const probewall::IpAddress& a) const noexcept {
    return probewall::hash_address(a);
  }
};
template <>
struct std::hash<probewall::IpPrefix> {
  using is_avalanching = void;
  std::size_t operator()(const probewall::IpPrefix& p) const noexcept {
    return probewall::hash_address(p.address, p.length + 1u);
  }
};
template <>
struct std::hash<probewall::FlowKey> {
  using is_avalanching = void;
  std::size_t operator()(const probewall::FlowKey& k) const noexcept {
    return probewall::hash_flow(k);
  }
};
