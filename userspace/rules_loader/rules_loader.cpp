// SPDX-License-Identifier: Apache-2.0
#include "rules_loader/rules_loader.hpp"

#include <algorithm>
#include <filesystem>

#include "rules_loader/rule_files.hpp"

namespace probewall {
namespace {

/// `message` of a compilation, led by "file:line:column: " when a setting of `config` is to blame.
std::string with_place(const Config& config, const std::string& message) {
  const auto& at = message.starts_with("rules.disabled:") ? config.rules.disabled_at
                   : message.starts_with("rules.shadow:") ? config.rules.shadow_at
                                                          : std::string{};
  return at.empty() ? message : at + ": " + message;
}

Result<std::shared_ptr<const RuleSet>> compile(const Config& config,
                                               const std::vector<RuleText>& texts, bool builtin) {
  auto disabled = config.rules.disabled;
  if (builtin && (!config.feeds.seed || config.feeds.seed_action != FeedAction::kBlock)) {
    disabled.emplace_back("seed-address");
  }
  auto rules = RuleSet::compile(texts, disabled, config.rules.shadow);
  if (!rules) rules.error().message = with_place(config, rules.error().message);
  return rules;
}

}  // namespace

Result<std::vector<RuleText>> read_rules(const Config& config) {
  if (config.rules.directory.empty()) return std::vector<RuleText>{};
  return read_rule_files(config.rules.directory);
}

Result<std::shared_ptr<const RuleSet>> compile_rules(const Config& config,
                                                     const std::vector<RuleText>& texts) {
  return compile(config, texts.empty() ? RuleSet::builtin() : texts, texts.empty());
}

Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config) {
  const auto texts = read_rules(config);
  if (!texts) return tl::unexpected(texts.error());
  return compile_rules(config, *texts);
}

Result<std::shared_ptr<const RuleSet>> load_rules_with(const Config& config,
                                                       const std::string& added) {
  auto texts = read_rules(config);
  if (!texts) return tl::unexpected(texts.error());
  const bool builtin = texts->empty();
  if (builtin) *texts = RuleSet::builtin();
  auto more = read_rule_files(added);
  if (!more) return tl::unexpected(more.error());
  const auto name = [](const RuleText& text) {
    return std::filesystem::path{text.name}.filename();
  };
  for (RuleText& one : *more) {
    std::erase_if(*texts, [&](const RuleText& text) { return name(text) == name(one); });
    texts->push_back(std::move(one));
  }
  return compile(config, *texts, builtin);
}

}  // namespace probewall
