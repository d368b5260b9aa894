// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "core/rules/rule_set.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// read_rule_files() of rules.directory; empty: the built-in rules are asked for.
Result<std::vector<RuleText>> read_rules(const Config& config);

/// Compiles what read_rules() gave, without the rules that `config` disables.
Result<std::shared_ptr<const RuleSet>> compile_rules(const Config& config,
                                                     const std::vector<RuleText>& texts);

/// Both in one.
Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config);

/// The same, together with those of `added` (a file or a directory): a file of that name takes the
/// place of one that is there, others come on top.
Result<std::shared_ptr<const RuleSet>> load_rules_with(const Config& config,
                                                       const std::string& added);

}  // namespace probewall
