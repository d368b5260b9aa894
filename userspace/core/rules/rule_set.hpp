// SPDX-License-Identifier: Apache-2.0
// Rules as data: YAML text compiled once into an immutable set. The language:
// userspace/rules/README.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/policy/policy.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// One rule file: its text, and its name for errors.
struct RuleText {
  std::string name;
  std::string text;
};

struct RuleInfo {
  double score = 0;
  bool shadow = false;
  bool many_sources = false;  ///< looks at other sources too (key_sources)
  std::string id;
  std::vector<Aim> aims;
  std::string description;
  std::vector<std::string> references;
};

class RuleSet {
 public:
  /// Errors say file, line, what was wrong and the nearest known word (ExitStatus::kConfigInvalid).
  static Result<std::shared_ptr<const RuleSet>> compile(
      const std::vector<RuleText>& files, const std::vector<std::string>& disabled = {},
      const std::vector<std::string>& shadow = {});
  /// The rules built into the program (userspace/rules/*.yaml).
  static const std::vector<RuleText>& builtin();
  ~RuleSet();
  std::vector<RuleInfo> list() const;

  class Compiled;
  const Compiled& compiled() const { return *compiled_; }

 private:
  explicit RuleSet(std::unique_ptr<const Compiled> compiled);
  std::unique_ptr<const Compiled> compiled_;
};

/// What scoring one proven request or answer produced.
struct Verdict {
  std::vector<Detection> detections;
  double score = 0;  ///< the source's score now, decayed, in half points
  /// The part of the score that rules with the action rate-limit gave: half as good for a block.
  double limiting = 0;
  /// What the score is made of, largest first, and the aims of that, in order; only after
  /// SourceTable::explain(), as few verdicts are acted upon.
  std::vector<Reason> reasons;
  std::vector<Aim> aims;
  std::uint64_t requests_seen = 0;  ///< proven requests of this source, this one included
  double threshold_bonus = 0;       ///< earned trust: policy adds it to its threshold; bounded
};

/// Source history and scoring over time. Bounded: `max_sources`, oldest and least suspicious out
/// first.
class SourceTable {
 public:
  SourceTable(std::shared_ptr<const RuleSet> rules, const PolicyConfig& policy,
              std::uint32_t max_sources);
  ~SourceTable();
  /// Scores a proven request (time = proven_time). Conflicting requests are remembered, not scored.
  Verdict on_request(const Request& request);
  /// Scores what an answer adds (status patterns, model not found, list-then-generate).
  Verdict on_response(const Response& response);
  /// Fills reasons and aims as they were at `time`, that of the verdict. Without detections nothing
  /// new is to be explained, and they stay empty.
  void explain(Verdict& verdict, const IpPrefix& source, Timestamp time) const;
  /// Keeps the sources' memory; what belongs to rules and facts that are gone is dropped.
  void set_rules(std::shared_ptr<const RuleSet> rules);
  /// Forgets a source's score and memory (the operator lifted its ban); trust stays.
  void forget(const IpPrefix& source);
  SourceReport report(const IpPrefix& source, Timestamp now) const;
  std::vector<SourceReport> top(std::size_t n, Timestamp now) const;
  std::uint64_t size() const;
  std::uint64_t evicted() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
