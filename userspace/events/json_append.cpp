// SPDX-License-Identifier: Apache-2.0
#include "events/json_append.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>

namespace probewall {
namespace {

constexpr char kHex[] = "0123456789abcdef";

/// Bytes that are copied as they are: printable ASCII but quote and backslash.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x7f; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

void append_u(std::string& out, std::uint32_t code_point) {
  const char text[6] = {'\\',
                        'u',
                        kHex[code_point >> 12 & 15],
                        kHex[code_point >> 8 & 15],
                        kHex[code_point >> 4 & 15],
                        kHex[code_point & 15]};
  out.append(text, sizeof text);
}

void append_ascii(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      append_u(out, c);
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

std::size_t append_multibyte(std::string& out, std::string_view rest) {
  const CodePoint c = decode_utf8(rest);
  if (c.size == 0) {
    out += "\xef\xbf\xbd";
    return 1;
  }
  if (acts_on_viewer(c.value)) {
    append_u(out, c.value);
  } else {
    out.append(rest.data(), c.size);
  }
  return c.size;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text, std::size_t max_code_points) {
  out += '"';
  std::size_t i = 0;
  while (i < text.size() && max_code_points > 0) {
    const std::size_t begin = i;
    const std::size_t stop = text.size() - i > max_code_points ? i + max_code_points : text.size();
    while (i < stop && kPlain[static_cast<unsigned char>(text[i])]) ++i;
    out.append(text.data() + begin, i - begin);
    max_code_points -= i - begin;
    if (i == text.size() || max_code_points == 0) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      append_ascii(out, c);
      ++i;
    } else {
      i += append_multibyte(out, text.substr(i));
    }
    --max_code_points;
  }
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) value = 0;
  value = std::clamp(std::round(value * 100) / 100, -1e12, 1e12);
  if (value == std::trunc(value)) return append_json_int(out, static_cast<std::int64_t>(value));
  fmt::format_to(std::back_inserter(out), "{}", value);
}

void append_json_uint(std::string& out, std::uint64_t value) {
  const fmt::format_int text{value};
  out.append(text.data(), text.size());
}

void append_json_int(std::string& out, std::int64_t value) {
  const fmt::format_int text{value};
  out.append(text.data(), text.size());
}

void append_ip(std::string& out, const IpAddress& address) {
  if (!address.is_v4()) {
    out += address.to_string();
    return;
  }
  for (std::size_t i = 12; i < 16; ++i) {
    if (i > 12) out += '.';
    append_json_uint(out, address.bytes[i]);
  }
}

void append_prefix(std::string& out, const IpPrefix& prefix) {
  append_ip(out, prefix.address);
  out += '/';
  append_json_uint(out, prefix.length);
}

void TimeAppender::append(std::string& out, std::int64_t unix_ns) {
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
  out.append(text_, sizeof text_);
  char micros[7];
  std::int64_t us = rest / 1000;
  for (int i = 5; i >= 0; --i, us /= 10) micros[i] = static_cast<char>('0' + us % 10);
  micros[6] = 'Z';
  out.append(micros, sizeof micros);
}

}  // namespace probewall
