// SPDX-License-Identifier: Apache-2.0
// Words of the rule language: values with units, and helpful errors for misspelt ones.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/rules/yaml_node.hpp"
#include "probewall/time.hpp"

namespace probewall::rules {

/// The known word with the smallest edit distance, or "" when none is near (more than half wrong).
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);
std::string lower_case(std::string_view text);

/// Inclusive bounds, as `{at_least: 3, at_most: 9}` or a bare number (exactly).
struct Range {
  std::int64_t low = std::numeric_limits<std::int64_t>::min();
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  bool contains(std::int64_t value) const { return value >= low && value <= high; }
};

/// Typed reading of one file's nodes. Every member throws CompileError that names file and line.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  [[noreturn]] void error(const YamlNode& at, std::string_view what) const;
  /// "unknown WHAT 'word'; did you mean 'near'?", with all known words when none is near.
  [[noreturn]] void unknown(const YamlNode& at, std::string_view what, std::string_view word,
                            const std::vector<std::string>& known) const;
  /// `node` must be a map whose keys are all in `known`.
  void expect_keys(const YamlNode& node, std::string_view what,
                   const std::vector<std::string>& known) const;
  /// Index of the word in `known`.
  std::size_t one_of(const YamlNode& node, std::string_view what,
                     const std::vector<std::string>& known) const;
  const std::string& text(const YamlNode& node) const;
  std::int64_t integer(const YamlNode& node) const;
  double number(const YamlNode& node) const;
  bool boolean(const YamlNode& node) const;
  Duration duration(const YamlNode& node) const;  ///< "500ms", "30s", "10m", "2h", "7d"
  Range range(const YamlNode& node) const;
  /// A word or a list of words.
  std::vector<const YamlNode*> words(const YamlNode& node) const;
  std::vector<std::string> texts(const YamlNode& node) const;

 private:
  std::string file_;
};

}  // namespace probewall::rules
