// SPDX-License-Identifier: Apache-2.0
// What the pinned kernel state and the decision store say when the daemon is dead. As root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/context.hpp"
#include "config/config.hpp"
#include "control/api_types.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall::cli {

/// Whether a command that could not reach the daemon may show the pinned state: what to say about
/// that, or `unreachable` when it hangs, refuses or one is no root.
Result<std::string> may_read_pins(const Context& context, const Error& unreachable);
/// The same for changing it; another Error when a daemon runs on these pins all the same (its
/// socket lies elsewhere, or it is starting), as it would not hear of what is changed. Keep the
/// lock while working.
Result<UniqueFd> take_pins(const Context& context, const Error& unreachable);

Result<ApiStatus> offline_status(const Config& config);
Result<ApiWhy> offline_why(const Config& config, const IpAddress& ip);
/// All of them, in prefix order.
Result<ApiBans> offline_bans(const Config& config);
struct Deletion {
  bool was_there = false;
  std::optional<IpPrefix> still;  ///< a wider entry that blocks it as before
};
Result<Deletion> offline_delete(const Config& config, const IpPrefix& prefix);
Result<std::uint64_t> offline_flush(const Config& config);

}  // namespace probewall::cli
