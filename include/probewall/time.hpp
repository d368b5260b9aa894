// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace probewall {

/// The clock of records: CLOCK_MONOTONIC in the daemon, the capture file's Unix time in replay.
/// Core never reads it; it only compares what records carry.
struct RecordClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<RecordClock>;
  static constexpr bool is_steady = true;
};

using Timestamp = RecordClock::time_point;
using Duration = std::chrono::nanoseconds;

constexpr Timestamp timestamp_from_ns(std::uint64_t ns) {
  return Timestamp{Duration{static_cast<std::int64_t>(ns)}};
}
constexpr std::uint64_t to_ns(Timestamp t) {
  return static_cast<std::uint64_t>(t.time_since_epoch().count());
}

}  // namespace probewall
