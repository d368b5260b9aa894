// SPDX-License-Identifier: Apache-2.0
// Rule files from disk, for the programs and for the build, which compiles the shipped ones.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/rules/rule_set.hpp"
#include "probewall/result.hpp"

namespace probewall {

inline constexpr std::size_t kMaxRuleFiles = 1024, kMaxRuleBytes = 16u << 20;

/// The texts of a directory's *.yaml files in name order, or of one file, each named by its path.
/// At least one and at most kMaxRuleFiles files, kMaxRuleBytes together.
Result<std::vector<RuleText>> read_rule_files(const std::string& directory);

}  // namespace probewall
