// SPDX-License-Identifier: Apache-2.0
#include "core/rules/rule_set.hpp"

#include "core/rules/compiled.hpp"
#include "core/rules/compiler.hpp"

namespace probewall {

RuleSet::RuleSet(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
RuleSet::~RuleSet() = default;

Result<std::shared_ptr<const RuleSet>> RuleSet::compile(const std::vector<RuleText>& files,
                                                        const std::vector<std::string>& disabled,
                                                        const std::vector<std::string>& shadow) {
  try {
    std::unique_ptr<const Compiled> compiled = rules::Compiler{}.compile(files, disabled, shadow);
    return std::shared_ptr<const RuleSet>(new RuleSet(std::move(compiled)));
  } catch (const rules::CompileError& e) {
    return fail(ExitStatus::kConfigInvalid, e.message);
  }
}

std::vector<RuleInfo> RuleSet::list() const {
  std::vector<RuleInfo> out;
  for (const rules::Rule& rule : compiled_->rules) out.push_back(rule.info);
  return out;
}

}  // namespace probewall
