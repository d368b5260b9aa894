// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "probewall/abi/records.h"
#include "probewall/bytes.hpp"

namespace probewall {

/// Cuts the slack behind a record: the ring reserves by size class and perf pads to 8 bytes. A
/// record that claims more than is there stays as it is; the decoder calls it malformed.
inline ByteSpan record_span(ByteSpan raw) {
  if (raw.size() < sizeof(pw_record)) return raw;
  std::uint16_t cap_len = 0;
  std::memcpy(&cap_len, raw.data() + offsetof(pw_record, cap_len), sizeof cap_len);
  const std::size_t wanted = sizeof(pw_record) + cap_len;
  return wanted <= raw.size() ? raw.first(wanted) : raw;
}

/// When the packet was seen, on CLOCK_MONOTONIC; 0 for what is too short to be a record.
inline std::uint64_t record_time(ByteSpan raw) {
  std::uint64_t time = 0;
  static_assert(offsetof(pw_record, time_ns) == 0);
  if (raw.size() >= sizeof time) std::memcpy(&time, raw.data(), sizeof time);
  return time;
}

}  // namespace probewall
