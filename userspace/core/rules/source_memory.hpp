// SPDX-License-Identifier: Apache-2.0
// What is remembered about one source: a bounded list of values, points per rule, totals, trust.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/rules/compiled_types.hpp"
#include "core/rules/small_array.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall::rules {

/// Time in tenths of a second since the table's epoch: 4 bytes last for 13 years. 24 bits of a
/// value's hash: among the 64 values a fact keeps at most, one in 8,000 sources loses one.
struct FactEntry {
  std::uint32_t fact : 8;  ///< kMaxFacts fit
  std::uint32_t hash : 24;
  std::uint32_t seen_ds;
};

struct RulePoints {
  std::uint16_t rule = 0;
  std::uint16_t scaled = 0;  ///< points at fired_ds, in units of 1/64
  std::uint32_t fired_ds = 0;

  static constexpr double kScale = 64;
  void set_points(double points) {
    scaled = static_cast<std::uint16_t>(std::lround(points * kScale));
  }
  double points() const { return scaled / kScale; }
};

class SourceMemory {
 public:
  IpPrefix source;
  // Place in the table's lists, see source_list.hpp.
  std::uint8_t list = 0;
  bool used = false;
  std::uint32_t newer = 0xffffffff;
  std::uint32_t older = 0xffffffff;

  std::uint32_t first_ds = 0;
  std::uint32_t last_ds = 0;
  std::uint32_t requests = 0;
  std::uint32_t answered = 0;
  std::uint32_t failed = 0;  ///< of the answered ones, status 400 and above

  /// Notes that `fact` had this value. Over the fact's capacity the value seen longest ago goes.
  void remember(const Fact& fact, std::uint16_t index, std::uint32_t hash, std::uint32_t now_ds);
  /// Values of `fact` seen at or after `now_ds - within_ds`.
  std::uint32_t distinct(std::uint16_t fact, std::uint32_t within_ds, std::uint32_t now_ds) const;

  /// Points left of `rule` at `now_ds`.
  static double points_at(const RulePoints& entry, std::uint32_t now_ds, double half_life_ds);
  double score_at(std::uint32_t now_ds, double half_life_ds) const;
  /// Ordinary use that counts, at most once an hour; see README.md.
  void earn_trust(std::uint32_t now_ds);
  void lose_trust() { trust_hours_ = 0; }
  /// Points that the threshold is raised by.
  double trust_bonus(std::uint32_t now_ds) const;
  RulePoints* find_rule(std::uint16_t rule);
  /// The rule's entry, made when there is none; nullptr when the source has too many.
  RulePoints* rule_entry(std::uint16_t rule);
  const SmallArray<RulePoints>& rules() const { return rules_; }

  void forget() {
    rules_.clear();
    facts_.clear();
  }
  /// Heap memory this source holds.
  std::size_t heap_bytes() const { return rules_.heap_bytes() + facts_.heap_bytes(); }

  /// Renumbers facts and rules after a change of rules; kGone drops the entry.
  static constexpr std::uint16_t kGone = 0xffff;
  void renumber(const std::vector<std::uint16_t>& fact_map,
                const std::vector<std::uint16_t>& rule_map);

 private:
  std::uint32_t trust_hour_ = 0;   ///< last hour (since the epoch) that earned trust
  std::uint16_t trust_hours_ = 0;  ///< how many did
  SmallArray<RulePoints> rules_;
  SmallArray<FactEntry> facts_;
};

}  // namespace probewall::rules
