// SPDX-License-Identifier: Apache-2.0
// The API's values as JSON text (api.md).
#pragma once

#include <string>
#include <vector>

#include "control/api_types.hpp"
#include "probewall/result.hpp"

namespace probewall {

std::string to_json(const ApiStatus& status);
std::string to_json(const ApiWhy& why);
std::string to_json(const ApiBans& bans);
std::string to_json(const ApiBan& ban);
std::string to_json(const std::vector<ApiAllow>& allow);
std::string to_json(const std::vector<ApiServerRow>& servers);
std::string to_json(const std::vector<ApiSourceRow>& sources);
/// {"error": "..."}
std::string error_json(std::string_view message);
/// {"toml": "..."}
std::string config_json(std::string_view toml);

/// "2026-01-07T08:09:10.123456Z"
std::string rfc3339(std::int64_t unix_us);
/// enum pw_block_origin: "detector", "feed", "fleet", "operator".
const char* origin_name(std::uint8_t origin);
/// enum pw_block_action: "block", "tag", "rate-limit", "none".
const char* block_action_name(std::uint8_t action);

}  // namespace probewall
