// SPDX-License-Identifier: Apache-2.0
// ASCII helpers: no locale, no allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace probewall {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// equals_lower() of eight bytes: they may differ in bit 0x20, and only where a letter is wanted.
inline bool eight_equal_lower(const char* text, const char* lower) {
  constexpr std::uint64_t kEach = 0x0101010101010101ull;
  std::uint64_t a = 0, b = 0;
  std::memcpy(&a, text, sizeof a);
  std::memcpy(&b, lower, sizeof b);
  const std::uint64_t low = b & kEach * 0x7f;
  const std::uint64_t from_a = low + kEach * (0x80 - 'a');
  const std::uint64_t beyond_z = low + kEach * (0x7f - 'z');
  const std::uint64_t letters = from_a & ~beyond_z & ~b & kEach * 0x80;
  return ((a ^ b) & ~(letters >> 2)) == 0;
}

/// Compares without case; `lower` must already be lower case.
constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  const std::size_t size = text.size();
  if (size != lower.size()) return false;
  if (!std::is_constant_evaluated() && size >= 8) {
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if (!eight_equal_lower(text.data() + i, lower.data() + i)) return false;
    }
    return eight_equal_lower(text.data() + size - 8, lower.data() + size - 8);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (ascii_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

/// Offset of the first of the characters at or after `pos`; npos without one. Unlike
/// find_first_of(), no call for each character of the text.
template <char... kWanted>
constexpr std::size_t find_any(std::string_view text, std::size_t pos = 0) {
  for (; pos < text.size(); ++pos) {
    if (((text[pos] == kWanted) || ...)) return pos;
  }
  return std::string_view::npos;
}

/// Without the spaces and tabs at both ends. A blank text gives an empty view into it.
constexpr std::string_view trim_blank(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

/// Whether `text` holds `lower_needle` (lower case) in any case.
inline bool contains_lower(std::string_view text, std::string_view lower_needle) {
  const auto at = std::search(text.begin(), text.end(), lower_needle.begin(), lower_needle.end(),
                              [](char a, char b) { return ascii_lower(a) == b; });
  return at != text.end();
}

}  // namespace probewall
