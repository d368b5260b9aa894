// SPDX-License-Identifier: Apache-2.0
// The gate's bits of IPv6, without a kernel.
#include "dataplane/block_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace probewall {
namespace {

struct GateTest : testing::Test {
  std::array<__u64, 16> words{};
  std::array<__u64, 32> nets{};
  GateBits gate{words.data(), nets.data(), 10};

  bool is_set(unsigned bit) const { return (words[bit / 64] >> (bit % 64) & 1) != 0; }
  void set_net(unsigned bit, bool on) {
    set_bit(nets.data(), bit * 2 + 1, on);
    gate.net_changed(bit * 2 + 1);
  }
};

TEST_F(GateTest, BitStaysUntilTheLastAddressBehindItIsGone) {
  gate.add(77);
  gate.add(77);
  gate.drop(77);
  EXPECT_TRUE(is_set(77));
  gate.drop(77);
  EXPECT_FALSE(is_set(77));
}

TEST_F(GateTest, AddressAndPrefixEachKeepTheBitThatBothNeed) {
  gate.add(5);
  set_net(5, true);
  gate.drop(5);
  EXPECT_TRUE(is_set(5));
  gate.add(5);
  set_net(5, false);
  EXPECT_TRUE(is_set(5));
  gate.drop(5);
  EXPECT_FALSE(is_set(5));
}

TEST_F(GateTest, NeighboursInTheWordStayWhenOneGoes) {
  for (const unsigned bit : {0u, 7u, 8u, 63u, 64u}) gate.add(bit);
  set_net(9, true);
  gate.drop(8);
  for (const unsigned bit : {0u, 7u, 9u, 63u, 64u}) EXPECT_TRUE(is_set(bit)) << bit;
  EXPECT_FALSE(is_set(8));
}

TEST_F(GateTest, MoreAddressesThanCanBeCountedKeepTheirBit) {
  for (int i = 0; i < 1000; ++i) gate.add(3);
  for (int i = 0; i < 999; ++i) gate.drop(3);
  EXPECT_TRUE(is_set(3));
}

TEST_F(GateTest, PublishSetsWhatIsDueAndClearsTheRest) {
  words.fill(~0ull);
  gate.count(200);
  nets[31] = 4;
  gate.publish();
  EXPECT_TRUE(is_set(200));
  EXPECT_TRUE(is_set(15 * 64 + 32 + 1));
  EXPECT_EQ(std::ranges::count(words, 0u), 14);
}

}  // namespace
}  // namespace probewall
