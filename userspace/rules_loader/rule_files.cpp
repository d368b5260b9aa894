// SPDX-License-Identifier: Apache-2.0
#include "rules_loader/rule_files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace probewall {

Result<std::vector<RuleText>> read_rule_files(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> paths;
  if (std::filesystem::is_regular_file(directory, error)) {
    paths.push_back(directory);
  } else {
    for (const auto& entry : std::filesystem::directory_iterator{directory, error}) {
      if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
    }
  }
  if (error) return fail(error.value(), "read rules from " + directory);
  if (paths.empty())
    return fail(ExitStatus::kConfigInvalid, directory + " holds no *.yaml rule file");
  std::sort(paths.begin(), paths.end());
  if (paths.size() > kMaxRuleFiles)
    return fail(ExitStatus::kConfigInvalid, directory + " holds too many rule files");
  std::vector<RuleText> texts;
  std::size_t bytes = 0;
  for (const auto& path : paths) {
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fail(error.value(), "read " + path);
    bytes += size;
    if (bytes > kMaxRuleBytes)
      return fail(ExitStatus::kConfigInvalid, path + ": all rules together exceed 16 MiB");
    std::ifstream file{path, std::ios::binary};
    std::string text(size, '\0');
    if (!file.read(text.data(), static_cast<std::streamsize>(size)))
      return fail(errno, "read " + path);
    texts.push_back({path, std::move(text)});
  }
  return texts;
}

}  // namespace probewall
