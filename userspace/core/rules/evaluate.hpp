// SPDX-License-Identifier: Apache-2.0
// Conditions against one request, one answer, one source's memory.
#pragma once

#include "core/rules/compiled.hpp"
#include "core/rules/features.hpp"
#include "core/rules/source_memory.hpp"

namespace probewall::rules {

struct AnswerFeatures {
  const Response* response = nullptr;
  LabelBits labels;
  bool model_not_found = false;  ///< 404, or 400 that says so, to a request that named a model
};

bool holds(const Condition& condition, const Features& features);
bool holds(const Condition& condition, const AnswerFeatures& answer);
bool holds(const SourceCondition& condition, const SourceMemory& source, std::uint32_t now_ds);

/// The values a fact takes from this request (none: nothing to remember). Only FactValue::kStatus
/// is known later, from the answer.
void fact_values(const RuleSet::Compiled& rules, const Fact& fact, const Features& features,
                 std::vector<std::uint32_t>& out);

}  // namespace probewall::rules
