// SPDX-License-Identifier: Apache-2.0
#include "events/json_append.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace probewall {
namespace {

constexpr char kHex[] = "0123456789abcdef";

/// Bytes that are copied as they are: printable ASCII but quote and backslash.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x7f; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_u(char* at, std::uint32_t code_point) {
  const char text[6] = {'\\',
                        'u',
                        kHex[code_point >> 12 & 15],
                        kHex[code_point >> 8 & 15],
                        kHex[code_point >> 4 & 15],
                        kHex[code_point & 15]};
  return put(at, {text, sizeof text});
}

char* put_ascii(char* at, unsigned char c) {
  switch (c) {
    case '"':
      return put(at, "\\\"");
    case '\\':
      return put(at, "\\\\");
    case '\n':
      return put(at, "\\n");
    case '\r':
      return put(at, "\\r");
    case '\t':
      return put(at, "\\t");
    default:
      return put_u(at, c);
  }
}

struct CodePoint {
  std::uint32_t value = 0;
  unsigned size = 0;  ///< 0: not UTF-8
};

/// The code point at the start of `s` (first byte >= 0x80) by RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF.
CodePoint decode_utf8(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  const unsigned size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || s.size() < size) return {};
  std::uint32_t value = first & (0xffu >> (size + 1));
  for (unsigned i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, size};
}

/// Code points that terminals and log viewers act on.
bool acts_on_viewer(std::uint32_t c) {
  return (c >= 0x80 && c <= 0x9f) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/// Returns how many bytes of `rest` were used up.
std::size_t put_multibyte(char*& at, std::string_view rest) {
  const CodePoint c = decode_utf8(rest);
  if (c.size == 0) {
    at = put(at, "\xef\xbf\xbd");
    return 1;
  }
  at = acts_on_viewer(c.value) ? put_u(at, c.value) : put(at, rest.substr(0, c.size));
  return c.size;
}

/// Copies the plain bytes at the start of `text`; returns how many.
std::size_t put_plain(char* at, std::string_view text) {
  std::size_t i = 0;
#if defined(__SSE2__)
  const __m128i control = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; text.size() - i >= 16; i += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
    const __m128i special =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)),
                     _mm_cmpeq_epi8(block, del));
    // Signed: bytes from 0x80 on are smaller than any.
    const __m128i plain = _mm_andnot_si128(special, _mm_cmpgt_epi8(block, control));
    if (_mm_movemask_epi8(plain) != 0xffff) break;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at + i), block);
  }
#endif
  for (; i < text.size() && kPlain[static_cast<unsigned char>(text[i])]; ++i) at[i] = text[i];
  return i;
}

/// "0" to "255" and their lengths.
struct Octets {
  char text[256][3];
  std::uint8_t size[256];
};
constexpr Octets kOctets = [] {
  Octets out{};
  for (unsigned n = 0; n < 256; ++n) {
    std::uint8_t size = 0;
    if (n >= 100) out.text[n][size++] = static_cast<char>('0' + n / 100);
    if (n >= 10) out.text[n][size++] = static_cast<char>('0' + n / 10 % 10);
    out.text[n][size++] = static_cast<char>('0' + n % 10);
    out.size[n] = size;
  }
  return out;
}();

/// Appends what `put_at` writes, at most `bound` bytes.
template <typename PutAt>
void append_bounded(std::string& out, std::size_t bound, PutAt put_at) {
  const std::size_t before = out.size();
  out.resize(before + bound);
  const char* const end = put_at(out.data() + before);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace

char* put_json_string(char* at, std::string_view text, std::size_t max_code_points) {
  *at++ = '"';
  std::size_t i = 0;
  while (i < text.size() && max_code_points > 0) {
    const std::size_t plain = put_plain(at, text.substr(i, max_code_points));
    at += plain;
    i += plain;
    max_code_points -= plain;
    if (i == text.size() || max_code_points == 0) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      at = put_ascii(at, c);
      ++i;
    } else {
      i += put_multibyte(at, text.substr(i));
    }
    --max_code_points;
  }
  *at++ = '"';
  return at;
}

char* put_json_number(char* at, double value) {
  if (!std::isfinite(value)) value = 0;
  value = std::clamp(std::round(value * 100) / 100, -1e12, 1e12);
  if (value == std::trunc(value)) return put_int(at, static_cast<std::int64_t>(value));
  return fmt::format_to_n(at, kNumberBound, "{}", value).out;
}

char* put_uint(char* at, std::uint64_t value) {
  return std::to_chars(at, at + kNumberBound, value).ptr;
}

char* put_int(char* at, std::int64_t value) {
  return std::to_chars(at, at + kNumberBound, value).ptr;
}

char* put_ip(char* at, const IpAddress& address) {
  if (!address.is_v4()) return put(at, address.to_string());
  for (std::size_t i = 12; i < 16; ++i) {
    if (i > 12) *at++ = '.';
    std::memcpy(at, kOctets.text[address.bytes[i]], 3);
    at += kOctets.size[address.bytes[i]];
  }
  return at;
}

char* put_prefix(char* at, const IpPrefix& prefix) {
  at = put_ip(at, prefix.address);
  *at++ = '/';
  return put_uint(at, prefix.length);
}

void append_json_string(std::string& out, std::string_view text, std::size_t max_code_points) {
  append_bounded(out, json_string_bound(text),
                 [&](char* at) { return put_json_string(at, text, max_code_points); });
}

void append_json_number(std::string& out, double value) {
  append_bounded(out, kNumberBound, [&](char* at) { return put_json_number(at, value); });
}

void append_json_uint(std::string& out, std::uint64_t value) {
  append_bounded(out, kNumberBound, [&](char* at) { return put_uint(at, value); });
}

void TimeAppender::append(std::string& out, std::int64_t unix_ns) {
  append_bounded(out, kSize, [&](char* at) { return put(at, unix_ns); });
}

char* TimeAppender::put(char* at, std::int64_t unix_ns) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  std::int64_t second = unix_ns / kNsPerSecond;
  std::int64_t rest = unix_ns % kNsPerSecond;
  if (rest < 0) {
    rest += kNsPerSecond;
    --second;
  }
  if (second != second_) {
    second_ = second;
    const std::chrono::sys_seconds at{std::chrono::seconds{second}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    char text[48];
    const auto end = fmt::format_to_n(
        text, sizeof text, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        time.hours().count(), time.minutes().count(), time.seconds().count());
    // 64-bit nanoseconds reach from 1677 to 2262, so the year has four digits.
    std::memcpy(text_, text, std::min<std::size_t>(end.size, sizeof text_));
  }
  std::memcpy(at, text_, sizeof text_);
  std::int64_t us = rest / 1000;
  for (std::size_t i = kSize - 2; i >= sizeof text_; --i, us /= 10) {
    at[i] = static_cast<char>('0' + us % 10);
  }
  at[kSize - 1] = 'Z';
  return at + kSize;
}

}  // namespace probewall
