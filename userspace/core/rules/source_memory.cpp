// SPDX-License-Identifier: Apache-2.0
#include "core/rules/source_memory.hpp"

#include <algorithm>
#include <cmath>

namespace probewall::rules {
namespace {

constexpr double kTrustPerHour = 10;
constexpr double kTrustMax = 100;
constexpr std::uint32_t kTrustLasts = 30 * 24;  ///< hours without use after which it is gone

/// Hours since the epoch, from 1.
std::uint32_t trust_hour_of(std::uint32_t now_ds) { return now_ds / 36'000 + 1; }

std::uint32_t age(std::uint32_t then, std::uint32_t now) { return now > then ? now - then : 0; }

}  // namespace

void SourceMemory::remember(const Fact& fact, std::uint16_t index, std::uint32_t hash,
                            std::uint32_t now_ds) {
  const std::uint32_t kept = (hash ^ hash >> 24) & 0xffffff;
  std::uint32_t count = 0;
  FactEntry* oldest = nullptr;
  for (FactEntry& entry : facts_) {
    if (entry.fact != index) continue;
    if (entry.hash == kept) {
      entry.seen_ds = std::max(entry.seen_ds, now_ds);
      return;
    }
    ++count;
    if (oldest == nullptr || entry.seen_ds < oldest->seen_ds) oldest = &entry;
  }
  const bool stale = oldest != nullptr && age(oldest->seen_ds, now_ds) > fact.keep_ds;
  const FactEntry fresh{index, kept, now_ds};
  if (oldest != nullptr && (count >= fact.capacity || stale)) {
    *oldest = fresh;
  } else {
    facts_.push_back(fresh);
  }
}

std::uint32_t SourceMemory::distinct(std::uint16_t fact, std::uint32_t within_ds,
                                     std::uint32_t now_ds) const {
  std::uint32_t count = 0;
  for (const FactEntry& entry : facts_) {
    if (entry.fact == fact && age(entry.seen_ds, now_ds) <= within_ds) ++count;
  }
  return count;
}

double SourceMemory::points_at(const RulePoints& entry, std::uint32_t now_ds, double half_life_ds) {
  const std::uint32_t since = age(entry.fired_ds, now_ds);
  if (since == 0) return entry.points();
  return entry.points() * std::exp2(-static_cast<double>(since) / half_life_ds);
}

double SourceMemory::score_at(std::uint32_t now_ds, double half_life_ds) const {
  double sum = 0;
  for (const RulePoints& entry : rules_) sum += points_at(entry, now_ds, half_life_ds);
  return sum;
}

void SourceMemory::earn_trust(std::uint32_t now_ds) {
  const std::uint32_t hour = trust_hour_of(now_ds);
  if (hour == trust_hour_) return;
  if (trust_hours_ > 0 && hour - trust_hour_ > kTrustLasts) trust_hours_ = 0;
  trust_hour_ = hour;
  if (trust_hours_ < 1000) ++trust_hours_;
}

double SourceMemory::trust_bonus(std::uint32_t now_ds) const {
  if (trust_hours_ == 0 || trust_hour_of(now_ds) > trust_hour_ + kTrustLasts) return 0;
  // The first hour is no history yet.
  const double hours = trust_hours_ > 1 ? trust_hours_ - 1 : 0;
  return std::min(kTrustMax, hours * kTrustPerHour);
}

RulePoints* SourceMemory::find_rule(std::uint16_t rule) {
  RulePoints* found = std::find_if(rules_.begin(), rules_.end(),
                                   [&](const RulePoints& entry) { return entry.rule == rule; });
  return found == rules_.end() ? nullptr : found;
}

RulePoints* SourceMemory::rule_entry(std::uint16_t rule) {
  if (RulePoints* known = find_rule(rule)) return known;
  return rules_.push_back({rule, 0, 0}) ? rules_.end() - 1 : nullptr;
}

void SourceMemory::renumber(const std::vector<std::uint16_t>& fact_map,
                            const std::vector<std::uint16_t>& rule_map) {
  facts_.shrink(std::remove_if(facts_.begin(), facts_.end(), [&](FactEntry& entry) {
    const std::uint16_t to = fact_map[entry.fact];
    entry.fact = to & 0xff;
    return to == kGone;
  }));
  rules_.shrink(std::remove_if(rules_.begin(), rules_.end(), [&](RulePoints& entry) {
    entry.rule = rule_map[entry.rule];
    return entry.rule == kGone;
  }));
}

}  // namespace probewall::rules
