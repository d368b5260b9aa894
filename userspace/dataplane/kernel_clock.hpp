// SPDX-License-Identifier: Apache-2.0
// The kernel's clocks that records and block entries use.
#pragma once

#include <time.h>

#include <cstdint>

namespace probewall {

/// CLOCK_MONOTONIC: pw_record.time_ns.
inline std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// CLOCK_BOOTTIME: pw_block_entry.expires_s.
inline std::uint32_t boottime_seconds() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

/// The same clock, finer: ends are counted from here, or a ban would end up to a second early.
inline std::int64_t boottime_us() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace probewall
