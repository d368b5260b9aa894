// SPDX-License-Identifier: Apache-2.0
// From YAML trees to RuleSet::Compiled. Every error is a CompileError naming file and line.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/rules/compiled.hpp"
#include "core/rules/words.hpp"
#include "core/rules/yaml_node.hpp"

namespace probewall::rules {

class Compiler {
 public:
  /// `disabled`, `shadow`: rule ids of the configuration; unknown ones are errors.
  std::unique_ptr<RuleSet::Compiled> compile(
      const std::vector<RuleText>& files, const std::vector<std::string>& disabled,
      const std::vector<std::string>& shadow,
      PatternDatabase::Target target = PatternDatabase::Target::kThisMachine);
  /// After compile(): the expressions of each subject's database.
  const std::array<std::vector<std::string>, kSubjects>& regexes() const { return regexes_; }

 private:
  struct File {
    std::string name;
    YamlNode root;
  };

  // compiler.cpp: the order of things
  void add_sets(const File& file, std::uint32_t index);
  void add_set(const Reader& read, const YamlNode& node, std::uint32_t file);
  void add_facts(const File& file);
  void add_rules(const File& file);
  void apply_choice(const std::vector<std::string>& disabled,
                    const std::vector<std::string>& shadow);
  void add_pattern(std::uint32_t label, Subject subject, const YamlNode& pattern,
                   std::vector<std::string> names);
  void build_databases(const std::vector<File>& files, PatternDatabase::Target target);
  void finish_facts();
  void unique_id(const Reader& read, const YamlNode& node, std::set<std::string>& seen,
                 std::string_view what);

  // compile_conditions.cpp: `when`, `answer` and `source`
  Condition request_conditions(const Reader& read, const YamlNode& node, int depth);
  Condition answer_conditions(const Reader& read, const YamlNode& node);
  std::vector<SourceCondition> source_conditions(const Reader& read, const YamlNode& node);
  SourceCondition source_condition(const Reader& read, const YamlNode& node);
  Condition request_condition(const Reader& read, const std::string& key, const YamlNode& value,
                              int depth);
  Condition group(const Reader& read, Test test, const YamlNode& list, int depth);
  Condition inline_patterns(const Reader& read, Subject subject, const YamlNode& value);
  Condition set_references(const Reader& read, const YamlNode& value, bool answer);
  Condition header_conditions(const Reader& read, const YamlNode& value);
  Condition body_conditions(const Reader& read, const YamlNode& value);
  Condition field_conditions(const Reader& read, const YamlNode& value);
  Condition status_condition(const Reader& read, const YamlNode& value);
  Condition mask_condition(const Reader& read, Test test, const YamlNode& value,
                           std::string_view what, const std::vector<std::string>& known);
  static Condition auth_condition(const Reader& read, const YamlNode& value);
  std::uint32_t header_slot(const Reader& read, const YamlNode& at, const std::string& name);
  std::uint64_t header_mask(const Reader& read, const YamlNode& names);
  std::uint32_t new_label(std::uint16_t set, std::string name);
  std::uint16_t new_set(std::string id, Subject subject);
  std::vector<std::string> set_ids() const;
  std::uint16_t fact_index(const Reader& read, const YamlNode& word) const;

  std::unique_ptr<RuleSet::Compiled> out_;
  std::array<std::vector<std::string>, kSubjects> regexes_;
  std::set<std::string> set_names_, fact_names_, rule_names_;
  std::map<std::string, Condition> conditions_;  ///< named `conditions`
  std::uint32_t file_index_ = 0;
};

}  // namespace probewall::rules
