// SPDX-License-Identifier: Apache-2.0
#include "core/decode/record.hpp"

#include <cstring>

namespace probewall {

const char* to_string(Malformed m) {
  switch (m) {
    case Malformed::kShort:
      return "short";
    case Malformed::kVersion:
      return "version";
    case Malformed::kType:
      return "type";
    case Malformed::kLengthMismatch:
      return "length_mismatch";
  }
  return "unknown";
}

tl::expected<RecordView, Malformed> decode_record(ByteSpan record) {
  if (record.size() < sizeof(pw_record)) return tl::unexpected(Malformed::kShort);
  RecordView view{};
  std::memcpy(&view.header, record.data(), sizeof view.header);
  if (view.header.abi_version != PW_ABI_VERSION) return tl::unexpected(Malformed::kVersion);
  if (view.header.type < PW_RECORD_CAPTURE || view.header.type >= PW_RECORD_TYPE_COUNT) {
    return tl::unexpected(Malformed::kType);
  }
  const std::size_t cap_len = view.header.cap_len;
  const bool carries_bytes =
      view.header.type == PW_RECORD_CAPTURE || view.header.type == PW_RECORD_RESPONSE;
  if (cap_len > PW_CAP_MAX || cap_len > record.size() - sizeof(pw_record) ||
      (carries_bytes && cap_len > view.header.payload_len)) {
    return tl::unexpected(Malformed::kLengthMismatch);
  }
  view.payload = record.subspan(sizeof(pw_record), cap_len);
  return view;
}

}  // namespace probewall
