// SPDX-License-Identifier: Apache-2.0
// What the configuration means to the core: the same for the live daemon and for replay.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "core/pipeline/pipeline.hpp"

namespace probewall {

/// Without secrets and seeds, which the daemon adds.
PipelineConfig core_settings(const Config& config);
PolicyConfig policy_settings(const Config& config);
/// PipelineConfig::inside: `inside`, `allow` and `trusted_proxies`.
std::vector<IpPrefix> inside_of(const Config& config);

}  // namespace probewall
