// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "config/config.hpp"
#include "core/rules/rule_set.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// The texts of rules.directory's *.yaml files in name order; empty: the built-in rules are asked
/// for. At most kMaxRuleFiles files and kMaxRuleBytes together.
Result<std::vector<RuleText>> read_rules(const Config& config);
inline constexpr std::size_t kMaxRuleFiles = 1024, kMaxRuleBytes = 16u << 20;

/// Compiles what read_rules() gave, without the rules that `config` disables.
Result<std::shared_ptr<const RuleSet>> compile_rules(const Config& config,
                                                     const std::vector<RuleText>& texts);

/// Both in one.
Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config);

}  // namespace probewall
