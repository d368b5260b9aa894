// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/decode/record.hpp"

namespace probewall {
namespace {

/// A record's bytes at an odd address, as a perf buffer may deliver them.
class Bytes {
 public:
  Bytes(const pw_record& header, std::string_view payload)
      : store_(1 + sizeof header + payload.size()) {
    std::memcpy(store_.data() + 1, &header, sizeof header);
    std::memcpy(store_.data() + 1 + sizeof header, payload.data(), payload.size());
  }
  ByteSpan span() const { return ByteSpan{store_}.subspan(1); }

 private:
  std::vector<std::byte> store_;
};

pw_record capture(std::uint16_t cap_len, std::uint32_t payload_len) {
  pw_record h{};
  h.type = PW_RECORD_CAPTURE;
  h.abi_version = PW_ABI_VERSION;
  h.cap_len = cap_len;
  h.payload_len = payload_len;
  h.time_ns = 1234;
  return h;
}

TEST(DecodeRecord, ReadsHeaderAndBytesFromAnUnalignedRecord) {
  const Bytes record{capture(5, 9), "hello"};
  const auto view = decode_record(record.span());
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(as_text(view->payload), "hello");
  EXPECT_EQ(view->header.payload_len, 9u);
  EXPECT_EQ(view->time(), timestamp_from_ns(1234));
}

TEST(DecodeRecord, AllowsPaddingAfterTheBytes) {
  const Bytes record{capture(5, 5), "helloPADDING"};
  const auto view = decode_record(record.span());
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(as_text(view->payload), "hello");
}

TEST(DecodeRecord, RejectsEveryPrefixOfARecord) {
  const Bytes record{capture(5, 5), "hello"};
  for (std::size_t n = 0; n < record.span().size(); ++n) {
    const auto view = decode_record(record.span().first(n));
    ASSERT_FALSE(view.has_value()) << n;
    EXPECT_EQ(view.error(), n < sizeof(pw_record) ? Malformed::kShort : Malformed::kLengthMismatch);
  }
}

TEST(DecodeRecord, RejectsAnotherAbiVersion) {
  pw_record h = capture(0, 0);
  h.abi_version = PW_ABI_VERSION + 1;
  EXPECT_EQ(decode_record(Bytes{h, ""}.span()).error(), Malformed::kVersion);
}

TEST(DecodeRecord, RejectsUnknownTypes) {
  for (const int type : {0, int{PW_RECORD_TYPE_COUNT}, 255}) {
    pw_record h = capture(0, 0);
    h.type = static_cast<__u8>(type);
    EXPECT_EQ(decode_record(Bytes{h, ""}.span()).error(), Malformed::kType);
  }
}

TEST(DecodeRecord, RejectsMoreCapturedBytesThanTheSegmentHad) {
  EXPECT_EQ(decode_record(Bytes{capture(5, 4), "hello"}.span()).error(),
            Malformed::kLengthMismatch);
}

TEST(DecodeRecord, RejectsMoreBytesThanTheKernelEverWrites) {
  const std::string big(PW_CAP_MAX + 1, 'x');
  EXPECT_EQ(decode_record(Bytes{capture(PW_CAP_MAX + 1, 20000), big}.span()).error(),
            Malformed::kLengthMismatch);
}

}  // namespace
}  // namespace probewall
