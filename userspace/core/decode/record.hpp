// SPDX-License-Identifier: Apache-2.0
// One record of abi/records.h, checked before anything else looks at it.
#pragma once

#include <tl/expected.hpp>

#include "probewall/abi/records.h"
#include "probewall/bytes.hpp"
#include "probewall/time.hpp"

namespace probewall {

/// Why a record is not what it claims to be.
enum class Malformed : std::uint8_t {
  kShort,           ///< smaller than the header
  kVersion,         ///< another PW_ABI_VERSION
  kType,            ///< not an enum pw_record_type
  kLengthMismatch,  ///< cap_len runs past the record, past payload_len or past PW_CAP_MAX
};
const char* to_string(Malformed m);

/// A checked record. `header` is a copy, so unaligned input is fine; `payload` (cap_len bytes)
/// views into the record and dies with it.
struct RecordView {
  pw_record header;
  ByteSpan payload;

  Timestamp time() const { return timestamp_from_ns(header.time_ns); }
  bool has(pw_record_flag flag) const { return (header.flags & flag) != 0; }
};

/// Reads the record at the start of `record`. Bytes after cap_len are allowed: perf records are
/// padded to 8 bytes and ring records are reserved by size class.
tl::expected<RecordView, Malformed> decode_record(ByteSpan record);

}  // namespace probewall
