// SPDX-License-Identifier: Apache-2.0
// Text for people: safe on a terminal, with units they read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace probewall::cli {

/// `text` with everything a terminal acts on shown as \xNN or \u{NNNN}: C0, DEL, C1, bidirectional
/// controls, bytes that are not UTF-8. At most `max_bytes` of the input; the cut shows as "...".
std::string sanitize(std::string_view text, std::size_t max_bytes = SIZE_MAX);

/// 1234567 -> "1,234,567"
std::string with_commas(std::uint64_t number);
/// 100 -> "100", 12.5 -> "12.5"
std::string points(double value);
/// "9m42s", the two largest units only: "3d4h".
std::string short_time(std::uint64_t seconds);

/// Colours only on a terminal and without NO_COLOR (https://no-color.org).
enum class Colour { kBold, kRed, kGreen, kYellow };
std::string coloured(std::string_view text, Colour colour);

}  // namespace probewall::cli
