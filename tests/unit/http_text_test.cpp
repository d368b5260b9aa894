// SPDX-License-Identifier: Apache-2.0
// Comparing names without case.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "core/http/text.hpp"

namespace probewall {
namespace {

TEST(EqualsLower, SaysWhatAComparisonByCharacterSays) {
  std::mt19937_64 random{11};
  const auto by_character = [](std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char a, char b) { return ascii_lower(a) == b; });
  };
  std::size_t equal = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string lower(random() % 24, 'x');
    for (char& c : lower) c = ascii_lower(static_cast<char>(random()));
    std::string text = lower;
    for (char& c : text) {  // upper case, and bytes that differ in the same bit but are no letters
      if (random() % 2 == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    if (!text.empty() && random() % 4 == 0) {
      text[random() % text.size()] ^= static_cast<char>(random() % 2 == 0 ? 0x20 : random() & 0xff);
    }
    ASSERT_EQ(equals_lower(text, lower), by_character(text, lower)) << text << " / " << lower;
    equal += equals_lower(text, lower);
  }
  EXPECT_GT(equal, 10000u);
}

}  // namespace
}  // namespace probewall
