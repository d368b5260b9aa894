// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>

#include "daemon/event_loop.hpp"
#include "dataplane/kernel_clock.hpp"
#include "probewall/time.hpp"

namespace probewall {

inline std::int64_t wall_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
inline std::int64_t wall_us() { return wall_ns() / 1000; }

/// Unix time minus the records' clock. Read anew now and then: the wall clock is set, and drifts.
inline std::int64_t wall_offset_ns() {
  return wall_ns() - static_cast<std::int64_t>(monotonic_ns());
}

/// Turns times of records into Unix time, as the two clocks stood when it was made.
class RecordToWall {
 public:
  std::int64_t us(Timestamp t) const {
    return std::int64_t{t.time_since_epoch().count()} / 1000 + offset_us_;
  }

 private:
  std::int64_t offset_us_ = wall_offset_ns() / 1000;
};

}  // namespace probewall
