// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace probewall {

/// Bits of enum pw_allow_reason in words: "default gateway, DNS server".
std::string describe_allow_reason(std::uint8_t reason);

}  // namespace probewall
