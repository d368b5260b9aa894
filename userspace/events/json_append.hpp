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

/// The same for the lines of the event log: write at `at` and return what is behind the last byte.
/// The caller has room for the most they write.
char* put_json_string(char* at, std::string_view text, std::size_t max_code_points = kNoLimit);
constexpr std::size_t json_string_bound(std::string_view text) { return 6 * text.size() + 2; }
char* put_json_number(char* at, double value);       ///< at most kNumberBound bytes
char* put_uint(char* at, std::uint64_t value);       ///< at most kNumberBound bytes
char* put_int(char* at, std::int64_t value);         ///< at most kNumberBound bytes
char* put_ip(char* at, const IpAddress& address);    ///< at most kPrefixBound bytes
char* put_prefix(char* at, const IpPrefix& prefix);  ///< at most kPrefixBound bytes
inline constexpr std::size_t kNumberBound = 32, kPrefixBound = 64;

/// RFC 3339, UTC, microseconds, from nanoseconds since the Unix epoch. Keeps the last second's
/// text: neighbouring events share it.
class TimeAppender {
 public:
  void append(std::string& out, std::int64_t unix_ns);
  char* put(char* at, std::int64_t unix_ns);  ///< kSize bytes
  static constexpr std::size_t kSize = 27;

 private:
  std::int64_t second_ = INT64_MIN;
  char text_[20] = {};  ///< "2025-12-30T00:00:00."
};

}  // namespace probewall
