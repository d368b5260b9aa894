// SPDX-License-Identifier: Apache-2.0
// Appends JSON to a string that is reused from line to line. Text from the wire is hostile: what
// comes out is valid UTF-8 without control characters, whatever went in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "probewall/ip.hpp"

namespace probewall {

inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// Appends `text` as a JSON string with its quotes, at most `max_code_points` of it. Invalid UTF-8
/// becomes U+FFFD (one for each byte that fits nowhere); C0, DEL, C1, U+2028/2029 and bidirectional
/// controls are written as \uXXXX, so that neither a terminal nor a log viewer acts on them.
void append_json_string(std::string& out, std::string_view text,
                        std::size_t max_code_points = kNoLimit);
/// Rounded to hundredths, shortest form, kept within +-10^12; never exponent, NaN or infinity.
void append_json_number(std::string& out, double value);
void append_json_uint(std::string& out, std::uint64_t value);
void append_json_int(std::string& out, std::int64_t value);
void append_ip(std::string& out, const IpAddress& address);
void append_prefix(std::string& out, const IpPrefix& prefix);

/// RFC 3339, UTC, microseconds, from nanoseconds since the Unix epoch. Keeps the last second's
/// text: neighbouring events share it.
class TimeAppender {
 public:
  void append(std::string& out, std::int64_t unix_ns);

 private:
  std::int64_t second_ = INT64_MIN;
  char text_[20] = {};  ///< "2025-12-30T00:00:00."
};

}  // namespace probewall
