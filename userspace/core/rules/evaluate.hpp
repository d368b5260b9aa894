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
/// Not for kKeySources, which is not about one source.
bool holds(const SourceCondition& condition, const SourceMemory& source, std::uint32_t now_ds);

}  // namespace probewall::rules
