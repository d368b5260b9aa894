// SPDX-License-Identifier: Apache-2.0
// The gate's bits, without a kernel.
#include "dataplane/block_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace probewall {
namespace {

struct GateTest : testing::Test {
  std::array<__u64, 16> words{}, nets{};
  GateBits bits{words.data(), nets.data(), 10};

  bool is_set(unsigned bit) const { return (words[bit / 64] >> (bit % 64) & 1) != 0; }
  void set_net(unsigned bit, bool on) {
    set_bit(nets.data(), bit, on);
    bits.refresh(bit / 64);
  }
};

TEST_F(GateTest, BitStaysUntilTheLastAddressBehindItIsGone) {
  bits.add(77);
  bits.add(77);
  bits.drop(77);
  EXPECT_TRUE(is_set(77));
  bits.drop(77);
  EXPECT_FALSE(is_set(77));
}

TEST_F(GateTest, AddressAndPrefixEachKeepTheBitThatBothNeed) {
  bits.add(5);
  set_net(5, true);
  bits.drop(5);
  EXPECT_TRUE(is_set(5));
  bits.add(5);
  set_net(5, false);
  EXPECT_TRUE(is_set(5));
  bits.drop(5);
  EXPECT_FALSE(is_set(5));
}

TEST_F(GateTest, NeighboursInTheWordStayWhenOneGoes) {
  for (const unsigned bit : {0u, 7u, 8u, 63u, 64u}) bits.add(bit);
  set_net(9, true);
  bits.drop(8);
  for (const unsigned bit : {0u, 7u, 9u, 63u, 64u}) EXPECT_TRUE(is_set(bit)) << bit;
  EXPECT_FALSE(is_set(8));
}

TEST_F(GateTest, MoreAddressesThanCanBeCountedKeepTheirBit) {
  for (int i = 0; i < 1000; ++i) bits.add(3);
  for (int i = 0; i < 999; ++i) bits.drop(3);
  EXPECT_TRUE(is_set(3));
}

TEST_F(GateTest, PublishSetsWhatIsDueAndClearsTheRest) {
  words.fill(~0ull);
  bits.count(200);
  nets[15] = 4;
  bits.publish();
  EXPECT_TRUE(is_set(200));
  EXPECT_TRUE(is_set(15 * 64 + 2));
  EXPECT_EQ(std::ranges::count(words, 0u), 14);
}

}  // namespace
}  // namespace probewall
