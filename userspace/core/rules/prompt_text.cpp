// SPDX-License-Identifier: Apache-2.0
#include "core/rules/prompt_text.hpp"

#include <algorithm>
#include <array>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace probewall::rules {
namespace {

enum Special : std::uint8_t { kPlain = 0, kSpace = 1, kDropped = 2, kLead = 4, kQuote = 8 };

/// What each byte may need; most need nothing.
constexpr std::array<std::uint8_t, 256> kSpecial = [] {
  std::array<std::uint8_t, 256> t{};
  for (const unsigned char c : {' ', '\t', '\r', '\n'}) t[c] = kSpace;
  t[static_cast<unsigned char>('\'')] = kDropped;
  t[static_cast<unsigned char>('`')] = kDropped | kQuote;
  t[static_cast<unsigned char>('"')] = kQuote;
  t[static_cast<unsigned char>('>')] = kQuote;
  t[0xe2] = kLead | kQuote;  // first byte of the typographic marks
  return t;
}();

std::uint8_t special(char c) { return kSpecial[static_cast<unsigned char>(c)]; }

#if defined(__SSE2__)
/// How many of 16 bytes behind `before` stay as they are: single spaces do.
std::size_t staying(__m128i block, char before) {
  const auto has = [&](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
  const __m128i changed = _mm_or_si128(
      _mm_or_si128(_mm_or_si128(has('\t'), has('\r')), _mm_or_si128(has('\n'), has('`'))),
      _mm_or_si128(has('\''), has('\xe2')));
  const auto spaces = static_cast<unsigned>(_mm_movemask_epi8(has(' ')));
  const unsigned behind_space = spaces << 1 | (before == ' ' ? 1u : 0u);
  const auto mask = static_cast<unsigned>(_mm_movemask_epi8(changed)) | (spaces & behind_space);
  return static_cast<std::size_t>(std::countr_zero(mask | 1u << 16));
}
#endif

}  // namespace

void normalise_prompt(std::string_view text, std::string& out) {
  out.resize(text.size());
  char* to = out.data();
  char* const begin = to;
  for (std::size_t i = 0; i < text.size(); ++i) {
#if defined(__SSE2__)
    while (text.size() - i >= 16) {
      const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
      const std::size_t n = staying(block, to == begin ? ' ' : to[-1]);
      // There is room: what was left out so far stands between `to` and the end.
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
      to += n;
      i += n;
      if (n < 16) break;
    }
    if (i == text.size()) break;
#endif
    const char c = text[i];
    const std::uint8_t kind = special(c) & (kSpace | kDropped | kLead);
    if (kind == kPlain) {
      *to++ = c;
    } else if (kind == kSpace) {
      if (to != begin && to[-1] != ' ') *to++ = ' ';
    } else if (kind == kLead) {
      if (text.substr(i, 3) == "\xe2\x80\x99") {  // the typographic apostrophe
        i += 2;
      } else {
        *to++ = c;
      }
    }
  }
  while (to != begin && to[-1] == ' ') --to;
  out.resize(static_cast<std::size_t>(to - begin));
}

bool may_quote(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (special(c) & kQuote) != 0; });
}

void without_quotes(std::string_view text, std::string& out) {
  out.clear();
  char closing = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (closing == 0 && (special(c) & kQuote) == 0) {
      out += c;
    } else if (closing != 0) {
      if (c != closing) continue;
      closing = 0;
      out += ' ';
    } else if (c == '"' || c == '`') {
      closing = c;
    } else if (text.substr(i, 3) == "\xe2\x80\x9c") {
      closing = '\x9d';  // last byte of the closing typographic mark
    } else if (c == '>' && line_start) {
      closing = '\n';
    } else {
      out += c;
    }
  }
}

}  // namespace probewall::rules
