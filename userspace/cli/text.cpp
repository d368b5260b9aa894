// SPDX-License-Identifier: Apache-2.0
#include "cli/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "config/units.hpp"

namespace probewall::cli {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  ///< 0: not UTF-8
};

CodePoint decode(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xc2 || first > 0xf4) return {};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (s.size() < size) return {};
  std::uint32_t value = first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t kSmallest[5] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, size};
}

bool acts_on_terminal(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

bool colours_wanted() {
  static const bool wanted = [] {
    const char* no = std::getenv("NO_COLOR");
    return (no == nullptr || *no == '\0') && isatty(STDOUT_FILENO) == 1;
  }();
  return wanted;
}

}  // namespace

std::string sanitize(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    const CodePoint c = decode(text.substr(i));
    const std::size_t size = c.size == 0 ? 1 : c.size;
    if (i + size > max_bytes) return out + "...";
    if (c.size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    } else if (!acts_on_terminal(c.value)) {
      out += text.substr(i, size);
    } else if (c.value < 0x80) {
      out += c.value == '\n'   ? "\\n"
             : c.value == '\t' ? "\\t"
             : c.value == '\r' ? "\\r"
                               : fmt::format("\\x{:02x}", c.value);
    } else {
      out += fmt::format("\\u{{{:04x}}}", c.value);
    }
    i += size;
  }
  return out;
}

std::string with_commas(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string points(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string short_time(std::uint64_t seconds) {
  const std::uint64_t unit = seconds >= 86400 ? 3600 : seconds >= 3600 ? 60 : 1;
  return format_duration(std::chrono::seconds{seconds - seconds % unit});
}

std::string coloured(std::string_view text, Colour colour) {
  if (!colours_wanted()) return std::string{text};
  const char* code = colour == Colour::kBold    ? "1"
                     : colour == Colour::kRed   ? "31"
                     : colour == Colour::kGreen ? "32"
                                                : "33";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace probewall::cli
