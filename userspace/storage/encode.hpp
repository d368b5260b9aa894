// SPDX-License-Identifier: Apache-2.0
// Lists in one text column: length-prefixed, so that bytes from the wire need no escaping.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"

namespace probewall::storage {

/// "5:hello0:": each entry's length in bytes, a colon, its bytes.
std::string encode_list(const std::vector<std::string>& entries);
/// Stops at the first byte that does not fit the form; what came before is returned.
std::vector<std::string> decode_list(std::string_view text);

std::string encode_reasons(const std::vector<Reason>& reasons);
std::vector<Reason> decode_reasons(std::string_view text);
std::string encode_aims(const std::vector<Aim>& aims);
std::vector<Aim> decode_aims(std::string_view text);

}  // namespace probewall::storage
