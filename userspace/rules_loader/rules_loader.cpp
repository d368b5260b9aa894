// SPDX-License-Identifier: Apache-2.0
#include "rules_loader/rules_loader.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace probewall {
namespace {

Result<std::vector<RuleText>> read_directory(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator{directory, error}) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
  }
  if (error) return fail(error.value(), "read rules from " + directory);
  if (paths.empty())
    return fail(ExitStatus::kConfigInvalid, directory + " holds no *.yaml rule file");
  std::sort(paths.begin(), paths.end());
  std::vector<RuleText> texts;
  for (const auto& path : paths) {
    std::ifstream file{path};
    std::ostringstream text;
    if (!(text << file.rdbuf())) return fail(errno, "read " + path);
    texts.push_back({path, text.str()});
  }
  return texts;
}

}  // namespace

Result<std::shared_ptr<const RuleSet>> load_rules(const Config& config) {
  auto disabled = config.rules.disabled;
  if (config.rules.directory.empty()) {
    if (!config.feeds.seed || config.feeds.seed_action != FeedAction::kBlock) {
      disabled.emplace_back("seed-address");
    }
    return RuleSet::compile(RuleSet::builtin(), disabled, config.rules.shadow);
  }
  const auto texts = read_directory(config.rules.directory);
  if (!texts) return tl::unexpected(texts.error());
  return RuleSet::compile(*texts, disabled, config.rules.shadow);
}

}  // namespace probewall
