// SPDX-License-Identifier: Apache-2.0
// A rule file as a plain tree with line numbers. The YAML library is known to yaml_node.cpp only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/rules/rule_set.hpp"

namespace probewall::rules {

struct YamlEntry;

struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;  ///< from 1
  std::string text;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  ///< in file order; keys are scalars

  /// nullptr when absent or when this is no map.
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode first, second;
};

/// Thrown inside core/rules while compiling, turned into a Result by RuleSet::compile().
struct CompileError {
  std::string message;
};

/// Throws CompileError with "file:line: ..." for broken YAML, duplicate keys, and trees of more
/// than kMaxNodes nodes (aliases can blow a small file up).
YamlNode read_yaml(const RuleText& file);
inline constexpr std::size_t kMaxNodes = 200'000;

}  // namespace probewall::rules
