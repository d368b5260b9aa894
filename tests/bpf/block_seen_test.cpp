// SPDX-License-Identifier: Apache-2.0
// The prefilter's bits of single addresses, without a kernel.
#include "dataplane/block_seen.hpp"

#include <gtest/gtest.h>

#include <array>

namespace probewall {
namespace {

/// A hash whose bit, of 2^10, is `bit`.
constexpr std::uint64_t at(std::uint64_t bit) { return bit << 54; }

bool is_set(const std::array<__u64, 16>& words, unsigned bit) {
  return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

TEST(SeenBits, BitStaysUntilTheLastAddressBehindItIsGone) {
  SeenBits bits{10};
  std::array<__u64, 16> words{};
  bits.add(at(77), words.data());
  bits.add(at(77) + 1, words.data());
  bits.drop(at(77), words.data());
  EXPECT_TRUE(is_set(words, 77));
  bits.drop(at(77) + 1, words.data());
  EXPECT_FALSE(is_set(words, 77));
}

TEST(SeenBits, MoreAddressesThanCanBeCountedKeepTheirBit) {
  SeenBits bits{10};
  std::array<__u64, 16> words{};
  for (int i = 0; i < 1000; ++i) bits.add(at(3), words.data());
  for (int i = 0; i < 999; ++i) bits.drop(at(3), words.data());
  EXPECT_TRUE(is_set(words, 3));
}

TEST(SeenBits, PublishKeepsForeignBitsOnlyWhenAsked) {
  SeenBits bits{10};
  bits.count(at(5));
  std::array<__u64, 16> words{};
  words[15] = 4;
  bits.publish(words.data(), words.size(), true);
  EXPECT_TRUE(is_set(words, 5));
  EXPECT_EQ(words[15], 4u);
  bits.publish(words.data(), words.size(), false);
  EXPECT_TRUE(is_set(words, 5));
  EXPECT_EQ(words[15], 0u);
}

TEST(SeenBits, FewerBitsThanMemoryLeaveTheRestClear) {
  SeenBits bits{6};
  bits.count(1ull << 58);
  std::array<__u64, 16> words{};
  words.fill(~0ull);
  bits.publish(words.data(), words.size(), false);
  EXPECT_EQ(words[0], 2u);
  for (std::size_t i = 1; i < words.size(); ++i) EXPECT_EQ(words[i], 0u);
}

}  // namespace
}  // namespace probewall
