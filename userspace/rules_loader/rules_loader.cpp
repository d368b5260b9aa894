// SPDX-License-Identifier: Apache-2.0
#include "rules_loader/rules_loader.hpp"

#include "rules_loader/rule_files.hpp"

namespace probewall {

Result<std::vector<RuleText>> read_rules(const Config& config) {
  if (config.rules.directory.empty()) return std::vector<RuleText>{};
  return read_rule_files(config.rules.directory);
}

Result<std::shared_ptr<const RuleSet>> compile_rules(const Config& config,
                                                     const std::vector<RuleText>& texts) {
  if (!texts.empty()) return RuleSet::compile(texts, config.rules.disabled, config.rules.shadow);
  auto disabled = config.rules.disabled;
  if (!config.feeds.seed || config.feeds.seed_action != FeedAction::kBlock) {
    disabled.emplace_back("seed-address");
  }
  return RuleSet::compile(RuleSet::builtin(), disabled, config.rules.shadow);
}

Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config) {
  const auto texts = read_rules(config);
  if (!texts) return tl::unexpected(texts.error());
  return compile_rules(config, *texts);
}

}  // namespace probewall
