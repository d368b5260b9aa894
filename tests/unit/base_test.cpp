// SPDX-License-Identifier: Apache-2.0
// What everything else stands on: addresses, prefixes, and the memory of large tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>

#include "probewall/ip.hpp"
#include "probewall/large_pages.hpp"

namespace probewall {
namespace {

IpAddress random_address(std::mt19937_64& random) {
  if (random() % 2 == 0) return IpAddress::from_v4(static_cast<std::uint32_t>(random()));
  return IpAddress::of_words({random(), random()});
}

TEST(IpAddress, ComparesAsItsBytesDo) {
  std::mt19937_64 random{7};
  for (int i = 0; i < 2000; ++i) {
    const IpAddress a = random_address(random);
    IpAddress b = random_address(random);
    if (i % 3 == 0) {
      b = a;
      b.bytes[random() % 16] ^= static_cast<std::uint8_t>(random() % 2);
    }
    EXPECT_EQ(a < b, a.bytes < b.bytes);
    EXPECT_EQ(a == b, a.bytes == b.bytes);
  }
}

TEST(IpAddress, IPv4IsMappedAndComesBack) {
  const IpAddress a = IpAddress::from_v4(0xc6336407);
  EXPECT_EQ(a.to_string(), "198.51.100.7");
  EXPECT_TRUE(a.is_v4());
  EXPECT_EQ(a.v4_host_order(), 0xc6336407u);
  EXPECT_EQ(a, *IpAddress::parse("::ffff:198.51.100.7"));
  EXPECT_FALSE(IpAddress::parse("::fffe:198.51.100.7")->is_v4());
  EXPECT_FALSE(IpAddress::parse("1::ffff:198.51.100.7")->is_v4());
}

TEST(IpPrefix, ClearsTheHostBitsOfEveryLength) {
  std::mt19937_64 random{11};
  for (int i = 0; i < 2000; ++i) {
    const IpAddress address = random_address(random);
    const unsigned width = address.is_v4() ? 32 : 128;
    const unsigned length = static_cast<unsigned>(random() % (width + 1));
    const IpPrefix prefix = IpPrefix::of(address, length);
    const unsigned kept = length + (128 - width);
    for (unsigned bit = 0; bit < 128; ++bit) {
      const unsigned there = prefix.address.bytes[bit / 8] >> (7 - bit % 8) & 1;
      const unsigned was = address.bytes[bit / 8] >> (7 - bit % 8) & 1;
      ASSERT_EQ(there, bit < kept ? was : 0u) << address.to_string() << "/" << length;
    }
    EXPECT_TRUE(prefix.contains(address));
  }
}

TEST(FlowHash, TellsBothDirectionsAndNeighboursApart) {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (std::uint32_t host = 0; host < 32; ++host) {
    for (std::uint16_t port = 1000; port < 1032; ++port) {
      const FlowKey key{IpAddress::from_v4(0x0a000000 + host), IpAddress::from_v4(0x0a0000ff), port,
                        80};
      seen.insert(hash_flow(key));
      seen.insert(hash_flow({key.server, key.client, key.server_port, key.client_port}));
      made += 2;
    }
  }
  EXPECT_EQ(seen.size(), made);
  EXPECT_NE(hash_flow({}, 1), hash_flow({}, 2)) << "the seed counts";
}

TEST(PagedVector, ElementsStayWhereTheyAreAndAreDestroyed) {
  int alive = 0;
  struct Counted {
    std::string text;
    int* alive = nullptr;
    ~Counted() {
      if (alive != nullptr) --*alive;
    }
  };
  {
    PagedVector<Counted> list;
    Counted* first = nullptr;
    const std::size_t n = 3 * (kLargePage / sizeof(Counted)) + 5;
    for (std::size_t i = 0; i < n; ++i) {
      Counted& made = list.emplace_back();
      made.text = std::to_string(i) + " is longer than what a string keeps inside";
      made.alive = &alive;
      ++alive;
      if (i == 0) first = &made;
    }
    ASSERT_EQ(list.size(), n);
    EXPECT_EQ(first, &list[0]);
    for (std::size_t i = 0; i < n; i += 997)
      EXPECT_TRUE(list[i].text.starts_with(std::to_string(i)));
  }
  EXPECT_EQ(alive, 0);
}

TEST(LargePages, AContainerGrowsAcrossTheBoundary) {
  std::vector<std::uint64_t, LargePages<std::uint64_t>> list;
  for (std::uint64_t i = 0; i < 600'000; ++i) list.push_back(i);
  for (std::uint64_t i = 0; i < list.size(); i += 1009) ASSERT_EQ(list[i], i);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(list.data()) % kLargePage, 0u);
}

}  // namespace
}  // namespace probewall
