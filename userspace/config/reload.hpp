// SPDX-License-Identifier: Apache-2.0
// Which settings of a changed configuration a running daemon can take over.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace probewall {

struct ReloadPlan {
  Config next;                       ///< `running`, with each live setting as `wanted` has it
  std::vector<std::string> changed;  ///< keys of live settings that differ
  std::vector<std::string> restart;  ///< keys that differ and wait for a restart
};

/// Error (ExitStatus::kConfigInvalid): the live settings of `wanted` contradict settings of
/// `running` that only a restart changes.
Result<ReloadPlan> plan_reload(const Config& running, const Config& wanted);

}  // namespace probewall
