// SPDX-License-Identifier: Apache-2.0
// What is remembered about one source: a bounded list of values, points per rule, totals, trust.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rules/compiled.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall::rules {

/// Time in tenths of a second since the table's epoch: 4 bytes last for 13 years.
struct FactEntry {
  std::uint32_t hash = 0;
  std::uint32_t seen_ds = 0;
  std::uint16_t fact = 0;
};

struct RulePoints {
  float points = 0;
  std::uint32_t fired_ds = 0;
  std::uint16_t rule = 0;
};

class SourceMemory {
 public:
  IpPrefix source;
  std::uint32_t first_ds = 0;
  std::uint32_t last_ds = 0;
  std::uint32_t requests = 0;
  std::uint32_t answered = 0;
  std::uint32_t failed = 0;  ///< of the answered ones, status 400 and above
  std::vector<RulePoints> rules;

  /// Notes that `fact` had this value. Over the fact's capacity the value seen longest ago goes.
  void remember(const Fact& fact, std::uint16_t index, std::uint32_t hash, std::uint32_t now_ds);
  /// Values of `fact` seen at or after `now_ds - within_ds`.
  std::uint32_t distinct(std::uint16_t fact, std::uint32_t within_ds, std::uint32_t now_ds) const;

  /// Points left of `rule` at `now_ds`.
  double points_at(const RulePoints& entry, std::uint32_t now_ds, double half_life_ds) const;
  double score_at(std::uint32_t now_ds, double half_life_ds) const;
  RulePoints* find_rule(std::uint16_t rule);

  void forget() {
    rules.clear();
    facts_.clear();
  }

  // Trust: see README.md.
  std::uint32_t trust_hour = 0;  ///< last hour (since the epoch) that earned trust
  std::uint16_t trust_hours = 0;
  bool trust_proven = false;  ///< the server was seen refusing outsiders

  /// Renumbers facts and rules after a change of rules; kGone drops the entry.
  static constexpr std::uint16_t kGone = 0xffff;
  void renumber(const std::vector<std::uint16_t>& fact_map,
                const std::vector<std::uint16_t>& rule_map);

  // Place in the table's lists, see source_table.cpp.
  std::uint32_t slot = 0;
  std::uint32_t newer = 0xffffffff;
  std::uint32_t older = 0xffffffff;
  std::uint8_t list = 0;
  bool used = false;

 private:
  std::vector<FactEntry> facts_;
};

}  // namespace probewall::rules
