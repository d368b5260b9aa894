// SPDX-License-Identifier: Apache-2.0
#include "core/llm/json_text.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/http/percent.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace probewall {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_special(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

void append_utf8(std::uint32_t cp, std::string& out) {
  if (cp < 0x80) {
    out += static_cast<char>(cp);
  } else if (cp < 0x800) {
    out += static_cast<char>(0xC0 | (cp >> 6));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else if (cp < 0x10000) {
    out += static_cast<char>(0xE0 | (cp >> 12));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (cp >> 18));
    out += static_cast<char>(0x80 | ((cp >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((cp >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  }
}

/// Four hex digits at `pos`, or -1.
std::int32_t read_hex4(std::string_view text, std::size_t pos) {
  if (text.size() - pos < 4) return -1;
  std::int32_t v = 0;
  for (std::size_t i = pos; i < pos + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    v = v * 16 + digit;
  }
  return v;
}

/// Appends what `\uXXXX` at `pos` (of the first digit) stands for; returns the position after it.
std::size_t unescape_unicode(std::string_view text, std::size_t pos, std::string& out,
                             bool& malformed) {
  const std::int32_t first = read_hex4(text, pos);
  if (first < 0) {
    if (text.size() - pos < 4) return text.size();  // cut inside the escape: nothing to say yet
    malformed = true;
    out += kReplacement;
    return pos;
  }
  pos += 4;
  if (first >= 0xD800 && first < 0xDC00) {
    const bool follows = text.size() - pos >= 6 && text[pos] == '\\' && text[pos + 1] == 'u';
    const std::int32_t second = follows ? read_hex4(text, pos + 2) : -1;
    if (second >= 0xDC00 && second < 0xE000) {
      append_utf8(0x10000u + ((static_cast<std::uint32_t>(first) - 0xD800u) << 10) +
                      (static_cast<std::uint32_t>(second) - 0xDC00u),
                  out);
      return pos + 6;
    }
    out += kReplacement;
    return pos;
  }
  if (first >= 0xDC00 && first < 0xE000) {
    out += kReplacement;
  } else {
    append_utf8(static_cast<std::uint32_t>(first), out);
  }
  return pos;
}

char simple_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

/// Length of the valid UTF-8 sequence at `pos`; 0: invalid; -1: cut by the end of the text.
int utf8_length(std::string_view s, std::size_t pos) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned lead = byte(pos);
  if (lead < 0x80) return 1;
  const int n = lead >= 0xC2 && lead < 0xE0   ? 2
                : lead >= 0xE0 && lead < 0xF0 ? 3
                : lead >= 0xF0 && lead < 0xF5 ? 4
                                              : 0;
  for (int i = 1; i < n; ++i) {
    if (pos + static_cast<std::size_t>(i) >= s.size()) return -1;
    const unsigned c = byte(pos + static_cast<std::size_t>(i));
    unsigned low = 0x80, high = 0xBF;
    if (i == 1) {  // overlong forms, surrogates, above U+10FFFF
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    }
    if (c < low || c > high) return 0;
  }
  return n;
}

/// How many plain ASCII bytes follow from `pos` on.
std::size_t ascii_run(std::string_view s, std::size_t pos) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080ull;
  std::size_t i = pos;
#if defined(__SSE2__)
  for (; i + 16 <= s.size(); i += 16) {
    const auto* const at = reinterpret_cast<const __m128i*>(s.data() + i);
    if (_mm_movemask_epi8(_mm_loadu_si128(at)) != 0) break;
  }
#endif
  for (; i + 8 <= s.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, s.data() + i, 8);
    if ((word & kHighBits) != 0) break;
  }
  while (i < s.size() && static_cast<unsigned char>(s[i]) < 0x80) ++i;
  return i - pos;
}

/// find_string_special(); `ascii` becomes false when a byte before that is not.
inline std::size_t find_special(std::string_view text, std::size_t pos, bool& ascii) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control = _mm_set1_epi8(0x1f);
  while (text.size() - pos >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + pos));
    const __m128i hit =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(block, control), block));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
    const auto high = static_cast<unsigned>(_mm_movemask_epi8(block));
    if (mask != 0) {
      if ((high & (mask - 1) & ~mask) != 0) ascii = false;
      return pos + static_cast<std::size_t>(std::countr_zero(mask));
    }
    if (high != 0) ascii = false;
    pos += 16;
  }
#endif
  for (; pos < text.size() && !is_special(text[pos]); ++pos) {
    if (static_cast<unsigned char>(text[pos]) >= 0x80) ascii = false;
  }
  return pos;
}

}  // namespace

std::size_t find_string_special(std::string_view text, std::size_t pos) {
  bool ascii = true;
  return find_special(text, pos, ascii);
}

StringEnd skip_json_string(std::string_view text, std::size_t pos) {
  StringEnd end;
  while ((pos = find_string_special(text, pos)) < text.size()) {
    if (text[pos] == '"') {
      end.pos = pos + 1;
      return end;
    }
    end.plain = false;
    if (text[pos] == '\\') {
      ++pos;
    } else {
      end.malformed = true;
    }
    if (pos < text.size()) ++pos;
  }
  end.pos = text.size();
  end.finished = false;
  return end;
}

std::string_view view_json_string(std::string_view text, std::size_t pos, std::size_t limit,
                                  std::string& scratch, StringEnd& end) {
  // Most strings are plain and short: one look, no copy.
  bool ascii = true;
  const std::size_t first = find_special(text, pos, ascii);
  if (first < text.size() && text[first] == '"' && first - pos <= limit && ascii) {
    end.pos = first + 1;
    return text.substr(pos, first - pos);
  }
  end = read_json_string(text, pos, limit, scratch);
  return scratch;
}

StringEnd read_json_string(std::string_view text, std::size_t pos, std::size_t limit,
                           std::string& out) {
  StringEnd end;
  end.finished = false;
  out.clear();
  const std::size_t stop = limit + 8;  // room for a last character; cut at a boundary below
  bool ascii = true;                   // what stands there unescaped
  for (;;) {
    const auto special = find_special(text, pos, ascii);
    if (out.size() < stop) out += text.substr(pos, std::min(special - pos, stop - out.size()));
    pos = special;
    if (pos == text.size()) break;
    const char c = text[pos++];
    if (c == '"') {
      end.finished = true;
      break;
    }
    end.plain = false;
    if (c != '\\') {  // a raw control character: no JSON, but some readers take it
      end.malformed = true;
      if (out.size() < stop) out += c;
      continue;
    }
    if (pos == text.size()) break;
    const char escape = text[pos++];
    if (out.size() >= stop) continue;
    if (escape == 'u') {
      pos = unescape_unicode(text, pos, out, end.malformed);
    } else {
      out += simple_escape(escape);
      ascii = ascii && static_cast<unsigned char>(escape) < 0x80;
    }
  }
  end.pos = pos;
  // Only bytes sent as they are can be invalid: escapes give whole characters.
  if (ascii) {
    cut_utf8(out, limit);
  } else {
    make_valid_utf8(out, limit);
  }
  return end;
}

void make_valid_utf8(std::string& text, std::size_t limit) {
  if (ascii_run(text, 0) == text.size()) {
    if (text.size() > limit) text.resize(limit);
    return;
  }
  std::string out;
  out.reserve(std::min(text.size(), limit));
  std::size_t pos = 0;
  while (pos < text.size()) {
    const std::size_t run = ascii_run(text, pos);
    if (run > 0) {
      const std::size_t n = std::min(run, limit - out.size());
      out.append(text, pos, n);
      if (n < run) break;
      pos += run;
      continue;
    }
    const int n = utf8_length(text, pos);
    if (n < 0) break;
    const std::string_view piece =
        n == 0 ? kReplacement : std::string_view{text}.substr(pos, static_cast<std::size_t>(n));
    if (out.size() + piece.size() > limit) break;
    out += piece;
    pos += n == 0 ? 1 : static_cast<std::size_t>(n);
  }
  text = std::move(out);
}

std::string_view utf8_prefix(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

void cut_utf8(std::string& text, std::size_t limit) {
  text.resize(utf8_prefix(text, limit).size());
}

std::optional<std::int64_t> small_integer(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  if (word.empty() || word.size() > 15) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

std::size_t JsonEnd::feed(std::string_view piece) {
  std::size_t pos = 0;
  while (pos < piece.size()) {
    switch (state_) {
      case State::kNotJson:
        return npos;
      case State::kBefore: {
        // White space and the three bytes of a byte order mark may stand before the document.
        const char c = piece[pos++];
        const bool passes = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\xEF' ||
                            c == '\xBB' || c == '\xBF';
        if (c == '{' || c == '[') {
          depth_ = 1;
          state_ = State::kInside;
        } else if (!passes) {
          state_ = State::kNotJson;
        }
        break;
      }
      case State::kInside: {
        pos = pass_structure(piece, pos);
        if (depth_ == 0) return pos;
        break;
      }
      case State::kString:
        pos = find_string_special(piece, pos);
        if (pos == piece.size()) return npos;
        if (piece[pos] == '"') state_ = State::kInside;
        if (piece[pos] == '\\') state_ = State::kEscape;
        ++pos;
        break;
      case State::kEscape:
        ++pos;
        state_ = State::kString;
        break;
    }
  }
  return npos;
}

/// Goes on behind the next quote, or the bracket that closes the document.
std::size_t JsonEnd::pass_structure(std::string_view piece, std::size_t pos) {
  while (pos < piece.size()) {
    const char c = piece[pos++];
    if (c == '"') {
      state_ = State::kString;
      return pos;
    }
    // '[' and ']' differ from '{' and '}' in one bit.
    const char bracket = static_cast<char>(c | 0x20);
    if (bracket == '{') ++depth_;
    if (bracket == '}' && --depth_ == 0) return pos;
  }
  return pos;
}

}  // namespace probewall
