// SPDX-License-Identifier: Apache-2.0
#include "core/rules/compiler.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/rules/references.hpp"

namespace probewall::rules {
namespace {

const std::vector<std::string> kAims{"endpoint-discovery", "fingerprinting", "open-access",
                                     "compute-theft",      "data-or-action", "malware-backend"};
const std::vector<std::string> kFactValues{"request", "server",       "port",     "endpoint",
                                           "path",    "target",       "key",      "auth-style",
                                           "model",   "user-agent",   "prompt",   "rpc-method",
                                           "body",    "header-shape", "url-host", "status"};
constexpr std::uint32_t kMaxFactCapacity = 64;
constexpr std::size_t kMaxRules = 4096;
constexpr std::size_t kMaxFacts = 256;
constexpr double kMaxScore = 1000;

std::uint32_t deciseconds(Duration d) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::milliseconds>(d).count() / 100));
}

std::vector<std::string> references(const Reader& read, const YamlNode& list) {
  std::vector<std::string> out;
  for (const YamlNode* word : read.words(list)) {
    if (!is_reference(word->text)) {
      read.error(*word,
                 fmt::format("'{}' is no reference; allowed: {}", word->text, kReferenceForms));
    }
    out.push_back(full_reference(word->text));
  }
  return out;
}

}  // namespace

const std::vector<std::string>& subject_words() {
  static const std::vector<std::string> words{
      "path",  "target",     "user-agent", "prompt", "speech", "system", "model",
      "field", "rpc-method", "client",     "body",   "answer", "header"};
  return words;
}

bool matches_whole(Subject subject) {
  return subject == Subject::kPath || subject == Subject::kModel ||
         subject == Subject::kRpcMethod || subject == Subject::kClient;
}

const std::vector<std::string>& method_words() {
  static const std::vector<std::string> words{"GET",    "POST",  "HEAD",    "OPTIONS", "PUT",
                                              "DELETE", "PATCH", "CONNECT", "TRACE",   "other"};
  return words;
}

std::unique_ptr<RuleSet::Compiled> Compiler::compile(const std::vector<RuleText>& texts,
                                                     const std::vector<std::string>& disabled,
                                                     const std::vector<std::string>& shadow,
                                                     PatternDatabase::Target target) {
  out_ = std::make_unique<RuleSet::Compiled>();
  std::vector<File> files;
  for (const RuleText& text : texts) {
    files.push_back({text.name, read_yaml(text)});
    if (files.back().root.kind == YamlNode::Kind::kNull) continue;
    Reader(text.name).expect_keys(files.back().root, "a rule file", {"sets", "facts", "rules"});
  }
  // Sets of every file come first, then facts, then rules, so that files may use each other.
  for (file_index_ = 0; file_index_ < files.size(); ++file_index_) {
    add_sets(files[file_index_], file_index_);
  }
  for (file_index_ = 0; file_index_ < files.size(); ++file_index_) add_facts(files[file_index_]);
  for (file_index_ = 0; file_index_ < files.size(); ++file_index_) add_rules(files[file_index_]);
  finish_facts();
  apply_choice(disabled, shadow);
  build_plan(*out_);
  build_databases(files, target);
  return std::move(out_);
}

void Compiler::unique_id(const Reader& read, const YamlNode& node, std::set<std::string>& seen,
                         std::string_view what) {
  const std::string& id = read.text(node);
  const bool plain = !id.empty() && id.size() <= 64 &&
                     id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == id.npos;
  if (!plain) read.error(node, fmt::format("a {} id is 1 to 64 of a-z, 0-9 and '-'", what));
  if (!seen.insert(id).second) read.error(node, fmt::format("{} '{}' is defined twice", what, id));
}

std::uint16_t Compiler::new_set(std::string id, Subject subject) {
  SetInfo set;
  set.id = std::move(id);
  set.subject = subject;
  set.first_label = static_cast<std::uint32_t>(out_->labels.size());
  out_->sets.push_back(std::move(set));
  return static_cast<std::uint16_t>(out_->sets.size() - 1);
}

std::uint32_t Compiler::new_label(std::uint16_t set, std::string name) {
  out_->labels.push_back({std::move(name), set});
  ++out_->sets[set].label_count;
  return static_cast<std::uint32_t>(out_->labels.size() - 1);
}

void Compiler::add_pattern(std::uint32_t label, Subject subject, const YamlNode& pattern,
                           std::vector<std::string> names) {
  const auto s = static_cast<std::size_t>(subject);
  regexes_[s].push_back(pattern_to_regex(pattern.text, matches_whole(subject)));
  out_->subjects[s].patterns.push_back({label, std::move(names), pattern.line, file_index_});
}

void Compiler::add_sets(const File& file, std::uint32_t) {
  const YamlNode* sets = file.root.find("sets");
  if (sets == nullptr) return;
  const Reader read{file.name};
  if (sets->kind != YamlNode::Kind::kList) read.error(*sets, "sets must be a list");
  for (const YamlNode& node : sets->items) add_set(read, node, file_index_);
}

void Compiler::add_set(const Reader& read, const YamlNode& node, std::uint32_t) {
  read.expect_keys(node, "a set", {"id", "on", "names", "patterns", "labels", "description"});
  const YamlNode* id = node.find("id");
  const YamlNode* on = node.find("on");
  if (id == nullptr || on == nullptr) read.error(node, "a set needs 'id' and 'on'");
  unique_id(read, *id, set_names_, "set");
  const auto subject = static_cast<Subject>(read.one_of(*on, "subject", subject_words()));
  std::vector<std::string> names;
  if (const YamlNode* list = node.find("names")) {
    if (subject != Subject::kField) read.error(*list, "'names' goes with 'on: field' only");
    for (const std::string& name : read.texts(*list)) names.push_back(lower_case(name));
    for (const std::string& name : names) out_->field_names.add(name);
  }
  const YamlNode* patterns = node.find("patterns");
  const YamlNode* labels = node.find("labels");
  if ((patterns == nullptr) == (labels == nullptr)) {
    read.error(node, "a set has either 'patterns' or 'labels'");
  }
  const std::uint16_t set = new_set(id->text, subject);
  if (patterns != nullptr) {
    const std::uint32_t label = new_label(set, "");
    for (const YamlNode* p : read.words(*patterns)) add_pattern(label, subject, *p, names);
    return;
  }
  if (labels->kind != YamlNode::Kind::kMap || labels->entries.empty()) {
    read.error(*labels, "labels must be a map from label to patterns");
  }
  for (const auto& [name, list] : labels->entries) {
    const std::uint32_t label = new_label(set, name.text);
    for (const YamlNode* p : read.words(list)) add_pattern(label, subject, *p, names);
  }
}

void Compiler::add_facts(const File& file) {
  const YamlNode* facts = file.root.find("facts");
  if (facts == nullptr) return;
  const Reader read{file.name};
  if (facts->kind != YamlNode::Kind::kList) read.error(*facts, "facts must be a list");
  for (const YamlNode& node : facts->items) {
    read.expect_keys(node, "a fact", {"id", "value", "when", "answer", "description"});
    const YamlNode* id = node.find("id");
    const YamlNode* value = node.find("value");
    if (id == nullptr || value == nullptr) read.error(node, "a fact needs 'id' and 'value'");
    unique_id(read, *id, fact_names_, "fact");
    Fact fact;
    fact.id = id->text;
    constexpr std::string_view kLabelPrefix = "label ";
    if (read.text(*value).starts_with(kLabelPrefix)) {
      const std::string set = value->text.substr(kLabelPrefix.size());
      const auto found = std::find_if(out_->sets.begin(), out_->sets.end(),
                                      [&](const SetInfo& s) { return s.id == set; });
      if (found == out_->sets.end()) read.unknown(*value, "set", set, set_ids());
      fact.value = FactValue::kLabel;
      fact.set = static_cast<std::uint16_t>(found - out_->sets.begin());
    } else {
      fact.value = static_cast<FactValue>(read.one_of(*value, "fact value", kFactValues));
    }
    if (const YamlNode* when = node.find("when")) fact.when = request_conditions(read, *when, 0);
    if (const YamlNode* answer = node.find("answer")) {
      fact.on_answer = true;
      fact.answer = answer_conditions(read, *answer);
    }
    if (fact.value == FactValue::kStatus && !fact.on_answer) {
      read.error(*value, "the value 'status' needs an 'answer' part");
    }
    if (out_->facts.size() == kMaxFacts) read.error(node, "too many facts (256)");
    out_->facts.push_back(std::move(fact));
  }
}

void Compiler::add_rules(const File& file) {
  const YamlNode* rules = file.root.find("rules");
  if (rules == nullptr) return;
  const Reader read{file.name};
  if (rules->kind != YamlNode::Kind::kList) read.error(*rules, "rules must be a list");
  for (const YamlNode& node : rules->items) {
    read.expect_keys(node, "a rule",
                     {"id", "description", "aims", "references", "score", "max", "cooldown", "once",
                      "shadow", "action", "when", "unless", "answer", "source"});
    const YamlNode* id = node.find("id");
    const YamlNode* score = node.find("score");
    const YamlNode* aims = node.find("aims");
    if (id == nullptr || score == nullptr || aims == nullptr) {
      read.error(node, "a rule needs 'id', 'aims' and 'score'");
    }
    unique_id(read, *id, rule_names_, "rule");
    Rule rule;
    rule.info.id = id->text;
    rule.info.score = read.number(*score);
    if (!(rule.info.score > 0 && rule.info.score <= kMaxScore)) {
      read.error(*score, "a score is above 0 and at most 1000");
    }
    for (const YamlNode* aim : read.words(*aims)) {
      rule.info.aims.push_back(static_cast<Aim>(read.one_of(*aim, "aim", kAims) + 1));
    }
    if (const YamlNode* text = node.find("description")) rule.info.description = read.text(*text);
    if (const YamlNode* list = node.find("references"))
      rule.info.references = references(read, *list);
    if (const YamlNode* flag = node.find("shadow")) rule.info.shadow = read.boolean(*flag);
    if (const YamlNode* flag = node.find("once")) rule.once = read.boolean(*flag);
    if (const YamlNode* action = node.find("action")) {
      const bool block = read.one_of(*action, "action", {"block", "rate-limit"}) == 0;
      rule.action = block ? Action::kBlock : Action::kRateLimit;
    }
    rule.max_points = rule.info.score;
    if (const YamlNode* max = node.find("max")) {
      rule.max_points = read.number(*max);
      if (!(rule.max_points >= rule.info.score && rule.max_points <= kMaxScore)) {
        read.error(*max, "max is at least the score and at most 1000");
      }
    }
    // A rule at its ceiling only refreshes its points; once a minute is often enough to show.
    rule.cooldown_ds = rule.max_points > rule.info.score ? 0 : 600;
    if (const YamlNode* time = node.find("cooldown")) {
      rule.cooldown_ds = deciseconds(read.duration(*time));
    }
    if (const YamlNode* when = node.find("when")) rule.when = request_conditions(read, *when, 0);
    if (const YamlNode* unless = node.find("unless")) {
      Condition both, negated;
      negated.test = Test::kNot;
      negated.children.push_back(request_conditions(read, *unless, 0));
      both.children.push_back(std::move(rule.when));
      both.children.push_back(std::move(negated));
      rule.when = std::move(both);
    }
    if (const YamlNode* answer = node.find("answer")) {
      rule.on_request = false;
      rule.on_answer = true;
      rule.answer = answer_conditions(read, *answer);
    }
    if (const YamlNode* source = node.find("source")) {
      rule.source = source_conditions(read, *source);
    }
    for (const SourceCondition& c : rule.source)
      rule.info.many_sources |= c.test == SourceTest::kKeySources;
    const bool looks = node.find("when") || node.find("answer") || node.find("source");
    if (!looks)
      read.error(node, "a rule needs 'when', 'answer' or 'source': this one always matches");
    for (const SourceCondition& c : rule.source) {
      if (c.test == SourceTest::kFailureRatio) rule.on_answer = true;
      if (c.test == SourceTest::kDistinct && out_->facts[c.fact].on_answer) rule.on_answer = true;
    }
    if (out_->rules.size() == kMaxRules) read.error(node, "too many rules (4096)");
    out_->rules.push_back(std::move(rule));
  }
}

/// A fact keeps as many values, for as long, as the most demanding condition needs.
void Compiler::finish_facts() {
  for (const Rule& rule : out_->rules) {
    for (const SourceCondition& c : rule.source) {
      if (c.test != SourceTest::kDistinct) continue;
      Fact& fact = out_->facts[c.fact];
      const std::int64_t bound = c.range.high < kMaxFactCapacity ? c.range.high + 1 : c.range.low;
      const auto least = static_cast<std::uint32_t>(std::max<std::int64_t>(bound, 1));
      const std::uint32_t need = c.ratio > 0 ? kMaxFactCapacity : least;  // a share needs them all
      fact.capacity = std::max(fact.capacity, need);
      fact.keep_ds = std::max(fact.keep_ds, c.within_ds);
    }
  }
}

void Compiler::apply_choice(const std::vector<std::string>& disabled,
                            const std::vector<std::string>& shadow) {
  const std::vector<std::string> known{rule_names_.begin(), rule_names_.end()};
  const auto check = [&](const std::vector<std::string>& ids, std::string_view key) {
    for (const std::string& id : ids) {
      if (rule_names_.contains(id)) continue;
      const std::string near = nearest_word(id, known);
      throw CompileError{
          fmt::format("{}: unknown rule '{}'{}", key, id,
                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near))};
    }
  };
  check(disabled, "rules.disabled");
  check(shadow, "rules.shadow");
  const auto has = [](const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  std::erase_if(out_->rules, [&](const Rule& r) { return has(disabled, r.info.id); });
  for (Rule& rule : out_->rules) {
    if (has(shadow, rule.info.id)) rule.info.shadow = true;
  }
}

void Compiler::build_databases(const std::vector<File>& files, PatternDatabase::Target target) {
  for (std::size_t s = 0; s < kSubjects; ++s) {
    PatternDatabase::Bad bad;
    SubjectPatterns& subject = out_->subjects[s];
    const bool built =
        subject.db.take_prebuilt(regexes_[s]) || subject.db.compile(regexes_[s], &bad, target);
    if (built && s != static_cast<std::size_t>(Subject::kField)) continue;
    if (built &&
        (subject.joined.take_prebuilt(regexes_[s], PatternDatabase::Lines::kMany) ||
         subject.joined.compile(regexes_[s], &bad, target, PatternDatabase::Lines::kMany))) {
      continue;
    }
    const PatternInfo& pattern = subject.patterns[bad.index];
    throw CompileError{
        fmt::format("{}:{}: bad pattern: {}", files[pattern.file].name, pattern.line, bad.message)};
  }
}

std::vector<std::string> Compiler::set_ids() const {
  return {set_names_.begin(), set_names_.end()};
}

}  // namespace probewall::rules
