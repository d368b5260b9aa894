// SPDX-License-Identifier: Apache-2.0
// The text that `bans export` writes and `bans import` reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/api_types.hpp"
#include "probewall/result.hpp"

namespace probewall::cli {

struct BanLine {
  IpPrefix prefix;
  std::optional<std::int64_t> until_us;  ///< unset: for good
  std::string reason;
};

/// A line is a prefix, then optionally a time (RFC 3339, "forever", or a duration from now such as
/// "1h") and a reason; or a JSON object {source, until, note}. nullopt: empty or a comment (#).
/// `now_us`: Unix microseconds, for durations.
Result<std::optional<BanLine>> parse_ban_line(std::string_view line, std::int64_t now_us);

/// "2026-01-07T08:09:10Z", with or without a fraction. nullopt: not such a time.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace probewall::cli
