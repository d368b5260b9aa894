// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace probewall {

using HashSecret = std::array<std::uint8_t, 16>;

/// SipHash-2-4 of `text` under `secret`: keyed, so that a hash in a log cannot be looked up.
std::uint64_t sip_hash(std::string_view text, const HashSecret& secret);

/// The same as 16 hex digits; empty for an empty key.
std::string key_hash(std::string_view key, const HashSecret& secret);

}  // namespace probewall
