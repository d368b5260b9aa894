// SPDX-License-Identifier: Apache-2.0
// What the pinned kernel state and the decision store say when the daemon is dead. As root.
#pragma once

#include <cstdint>
#include <optional>

#include "config/config.hpp"
#include "control/api_types.hpp"
#include "probewall/result.hpp"

namespace probewall::cli {

Result<ApiStatus> offline_status(const Config& config);
Result<ApiWhy> offline_why(const Config& config, const IpAddress& ip);
/// All of them, in prefix order.
Result<ApiBans> offline_bans(const Config& config);
/// True: it was there.
Result<bool> offline_delete(const Config& config, const IpPrefix& prefix);
Result<std::uint64_t> offline_flush(const Config& config);

}  // namespace probewall::cli
