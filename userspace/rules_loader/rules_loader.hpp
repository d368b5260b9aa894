// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/config.hpp"
#include "core/rules/rule_set.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// The rules `config` asks for: the built-in ones, or the *.yaml files of rules.directory in name
/// order.
Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config);

}  // namespace probewall
