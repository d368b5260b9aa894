// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace probewall {

using ByteSpan = std::span<const std::byte>;

inline std::string_view as_text(ByteSpan b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
inline ByteSpan as_byte_span(std::string_view s) {
  return std::as_bytes(std::span{s.data(), s.size()});
}

/// TCP sequence arithmetic (RFC 9293, 3.4): modulo 2^32, so compare by signed distance.
constexpr std::int32_t seq_distance(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}
constexpr bool seq_before(std::uint32_t a, std::uint32_t b) { return seq_distance(a, b) > 0; }
constexpr bool seq_at_or_before(std::uint32_t a, std::uint32_t b) {
  return seq_distance(a, b) >= 0;
}

}  // namespace probewall
