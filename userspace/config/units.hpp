// SPDX-License-Identifier: Apache-2.0
// Durations and sizes as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace probewall {

inline constexpr std::chrono::hours kLongestDuration{10000 * 24};

enum class DurationFault { kNoDuration, kTooLong };

/// "90" (seconds), "500ms", "10m", "1h30m", "30d", "2w". Units in any order, each at most once.
/// At most kLongestDuration.
tl::expected<std::chrono::nanoseconds, DurationFault> read_duration(std::string_view text);
/// nullopt: not a duration, or too long.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
/// The largest units that say it exactly: "10m", "1h30m", "30d", "1s500ms", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

/// "4096", "4k", "64KiB", "32M", "1GiB": powers of 1024, with or without "B" or "iB".
std::optional<std::uint64_t> parse_size(std::string_view text);
/// "64MiB", "4KiB", "1000".
std::string format_size(std::uint64_t bytes);

/// The word of `known` with the fewest edits from `word`, if that is at most a third of its letters
/// (and at least one edit is always allowed); empty: none is near.
template <typename Words>
std::string nearest_word(std::string_view word, const Words& known);

/// Levenshtein distance with neighbouring letters swapped counted as one edit.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <typename Words>
std::string nearest_word(std::string_view word, const Words& known) {
  std::string best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace probewall
