// SPDX-License-Identifier: Apache-2.0
#include "core/rules/source_memory.hpp"

#include <algorithm>
#include <cmath>

namespace probewall::rules {
namespace {

std::uint32_t age(std::uint32_t then, std::uint32_t now) { return now > then ? now - then : 0; }

}  // namespace

void SourceMemory::remember(const Fact& fact, std::uint16_t index, std::uint32_t hash,
                            std::uint32_t now_ds) {
  std::uint32_t count = 0;
  FactEntry* oldest = nullptr;
  for (FactEntry& entry : facts_) {
    if (entry.fact != index) continue;
    if (entry.hash == hash) {
      entry.seen_ds = std::max(entry.seen_ds, now_ds);
      return;
    }
    ++count;
    if (oldest == nullptr || entry.seen_ds < oldest->seen_ds) oldest = &entry;
  }
  if (count >= fact.capacity ||
      (oldest != nullptr && age(oldest->seen_ds, now_ds) > fact.keep_ds)) {
    oldest->hash = hash;
    oldest->seen_ds = now_ds;
    return;
  }
  facts_.push_back({hash, now_ds, index});
}

std::uint32_t SourceMemory::distinct(std::uint16_t fact, std::uint32_t within_ds,
                                     std::uint32_t now_ds) const {
  std::uint32_t count = 0;
  for (const FactEntry& entry : facts_) {
    if (entry.fact == fact && age(entry.seen_ds, now_ds) <= within_ds) ++count;
  }
  return count;
}

double SourceMemory::points_at(const RulePoints& entry, std::uint32_t now_ds,
                               double half_life_ds) const {
  return entry.points * std::exp2(-static_cast<double>(age(entry.fired_ds, now_ds)) / half_life_ds);
}

double SourceMemory::score_at(std::uint32_t now_ds, double half_life_ds) const {
  double sum = 0;
  for (const RulePoints& entry : rules) sum += points_at(entry, now_ds, half_life_ds);
  return sum;
}

RulePoints* SourceMemory::find_rule(std::uint16_t rule) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const RulePoints& entry) { return entry.rule == rule; });
  return found == rules.end() ? nullptr : &*found;
}

void SourceMemory::renumber(const std::vector<std::uint16_t>& fact_map,
                            const std::vector<std::uint16_t>& rule_map) {
  for (FactEntry& entry : facts_) entry.fact = fact_map[entry.fact];
  std::erase_if(facts_, [](const FactEntry& entry) { return entry.fact == kGone; });
  for (RulePoints& entry : rules) entry.rule = rule_map[entry.rule];
  std::erase_if(rules, [](const RulePoints& entry) { return entry.rule == kGone; });
}

}  // namespace probewall::rules
