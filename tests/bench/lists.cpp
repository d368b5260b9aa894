// SPDX-License-Identifier: Apache-2.0
#include "bench/lists.hpp"

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstring>

#include "bench/bench_abi.h"

namespace probewall::bench {
namespace {

// Indexes from here on are never handed out as blocked addresses.
constexpr std::uint32_t kBenignFrom = 1u << 30;

/// A bijection of the 32-bit numbers (the finalizer of MurmurHash3): no address comes twice.
constexpr std::uint32_t mix(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// Addresses the stack would throw away by itself, or that mean this host.
bool special(std::uint32_t v4) {
  const std::uint32_t net = v4 >> 24;
  return net == 0 || net == 10 || net == 127 || net >= 224 || (v4 >> 17) == (0xc6120000u >> 17);
}

IpAddress v6_at(std::uint32_t index) {
  const std::array<std::uint32_t, 4> words{0x20000000u | (mix(index) >> 4),
                                           mix(index ^ 0x5bd1e995u), index, mix(index + 77)};
  IpAddress out;
  for (std::size_t i = 0; i < out.bytes.size(); ++i)
    out.bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

/// Calls `take` for one candidate after the other, until it has taken `count`.
template <typename Take>
void fill_v4(std::uint32_t from, std::uint32_t count, Take take) {
  for (std::uint32_t i = from; count > 0; ++i) {
    const std::uint32_t address = mix(i);
    if (!special(address) && take(IpAddress::from_v4(address))) --count;
  }
}
template <typename Take>
void fill_v6(std::uint32_t from, std::uint32_t count, Take take) {
  for (std::uint32_t i = from; count > 0; ++i) {
    if (take(v6_at(i))) --count;
  }
}

unsigned length_v4(std::uint32_t index) {
  const std::uint32_t r = mix(index + 12345) % 100;
  if (r < 60) return 24;
  constexpr std::array<unsigned char, 40> rest{
      22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23, 20, 20,
      20, 20, 20, 20, 16, 16, 28, 28, 28, 28, 26, 26, 26, 26, 29, 29, 29, 21, 21, 21};
  return rest[r - 60];
}
unsigned length_v6(std::uint32_t index) {
  constexpr std::array<unsigned char, 10> lengths{48, 48, 48, 32, 64, 56, 48, 44, 40, 32};
  return lengths[mix(index + 999) % lengths.size()];
}

using PrefixSet =
    boost::unordered_flat_set<IpPrefix, decltype([](const IpPrefix& p) {
                                return hash_bytes(p.address.bytes.data(), 16, p.length);
                              })>;

template <typename Fill, typename Length>
std::vector<IpPrefix> prefixes(std::uint32_t count, Fill fill, Length length) {
  std::vector<IpPrefix> out;
  PrefixSet seen;
  out.reserve(count);
  std::uint32_t index = 0;
  fill(1u << 29, count, [&](const IpAddress& a) {
    const IpPrefix prefix = IpPrefix::of(a, length(index++));
    if (!seen.insert(prefix).second) return false;
    out.push_back(prefix);
    return true;
  });
  return out;
}

template <typename Fill>
std::vector<IpAddress> benign(std::uint32_t count, const std::vector<IpPrefix>& blocked,
                              Fill fill) {
  PrefixSet set{blocked.begin(), blocked.end()};
  std::array<bool, 129> used{};
  for (const IpPrefix& p : blocked) used[p.length] = true;
  std::vector<IpAddress> out;
  out.reserve(count);
  fill(kBenignFrom, count, [&](const IpAddress& a) {
    for (unsigned length = 0; length < used.size(); ++length) {
      if (used[length] && set.contains(IpPrefix::of(a, length))) return false;
    }
    out.push_back(a);
    return true;
  });
  return out;
}

constexpr auto kFillV4 = [](auto from, auto count, auto take) { fill_v4(from, count, take); };
constexpr auto kFillV6 = [](auto from, auto count, auto take) { fill_v6(from, count, take); };

template <typename Fill>
std::vector<IpAddress> blocked(std::uint32_t count, Fill fill) {
  std::vector<IpAddress> out;
  out.reserve(count);
  fill(1, count, [&](const IpAddress& a) {
    out.push_back(a);
    return true;
  });
  return out;
}

}  // namespace

std::vector<IpAddress> blocked_v4(std::uint32_t count) { return blocked(count, kFillV4); }
std::vector<IpAddress> blocked_v6(std::uint32_t count) { return blocked(count, kFillV6); }
std::vector<IpPrefix> prefixes_v4(std::uint32_t count) {
  return prefixes(count, kFillV4, length_v4);
}
std::vector<IpPrefix> prefixes_v6(std::uint32_t count) {
  return prefixes(count, kFillV6, length_v6);
}
std::vector<IpAddress> benign_v4(std::uint32_t count, const std::vector<IpPrefix>& prefixes) {
  return benign(count, prefixes, kFillV4);
}
std::vector<IpAddress> benign_v6(std::uint32_t count, const std::vector<IpPrefix>& prefixes) {
  return benign(count, prefixes, kFillV6);
}

std::vector<IpAddress> inside(const std::vector<IpPrefix>& prefixes) {
  std::vector<IpAddress> out;
  out.reserve(prefixes.size());
  for (const IpPrefix& prefix : prefixes) {
    out.push_back(prefix.address);
    out.back().bytes[15] |= 5;  // host bits of every length used
  }
  return out;
}

std::vector<IpAddress> spread(const std::vector<IpAddress>& list) {
  std::vector<IpAddress> out;
  out.reserve(BENCH_SOURCES);
  // An odd factor permutes the numbers below a power of two.
  for (std::uint32_t i = 0; i < BENCH_SOURCES; ++i)
    out.push_back(list[(i * 2654435761u) % BENCH_SOURCES % list.size()]);
  return out;
}

}  // namespace probewall::bench
