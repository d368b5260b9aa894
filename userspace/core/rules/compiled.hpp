// SPDX-License-Identifier: Apache-2.0
// A rule set after compilation: flat tables that evaluation only reads.
#pragma once

#include "core/rules/compiled_types.hpp"
#include "core/rules/name_table.hpp"
#include "core/rules/plan.hpp"

namespace probewall {

class RuleSet::Compiled {
 public:
  std::vector<rules::SetInfo> sets;
  std::vector<rules::LabelInfo> labels;
  std::array<rules::SubjectPatterns, rules::kSubjects> subjects;
  rules::NameTable headers;      ///< names that rules mention; slots are those of header masks
  rules::NameTable field_names;  ///< fields that rules name: values of others may be left out
  std::vector<rules::Fact> facts;
  std::vector<rules::Rule> rules;
  rules::Plan plan;
};

}  // namespace probewall
