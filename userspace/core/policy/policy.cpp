// SPDX-License-Identifier: Apache-2.0
#include "core/policy/policy.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <vector>

#include "core/rules/rule_set.hpp"

namespace probewall {
namespace {

/// 48 bits of milliseconds and 80 hashed bits in Crockford's base 32: ids sort by time as text.
std::string make_id(Timestamp time, std::uint64_t seed, std::uint64_t counter) {
  constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const std::uint64_t words[2] = {seed, counter};
  const std::uint64_t high = hash_bytes(words, sizeof words, 1);
  const std::uint64_t low = hash_bytes(words, sizeof words, 2);
  std::string id(26, '0');
  std::uint64_t ms = to_ns(time) / 1'000'000 & 0xffffffffffffull;
  for (int i = 9; i >= 0; --i, ms >>= 5) id[static_cast<std::size_t>(i)] = kDigits[ms & 31];
  for (std::size_t i = 0; i < 8; ++i) id[10 + i] = kDigits[high >> (5 * i) & 31];
  for (std::size_t i = 0; i < 8; ++i) id[18 + i] = kDigits[low >> (5 * i) & 31];
  return id;
}

struct BanHistory {
  std::uint32_t bans = 0;
  Timestamp last{};           ///< start of the last ban
  Timestamp until{};          ///< end of the ban in force, or of the last one
  bool active = false;        ///< `until` means a ban that nobody lifted
  bool limited_only = false;  ///< that ban limits the rate: a block may follow before it ends
};

}  // namespace

class Policy::State {
 public:
  explicit State(const PolicyConfig& config) : config_(config) {}

  bool is_due(const Verdict& verdict) const {
    if (verdict.score < config_.threshold + verdict.threshold_bonus) return false;
    // Without new evidence an old score alone must not ban again when a ban has just expired.
    return std::any_of(verdict.detections.begin(), verdict.detections.end(),
                       [](const Detection& d) { return !d.shadow && d.points > 0; });
  }

  std::optional<Decision> decide(const Verdict& verdict, const IpPrefix& source,
                                 const IpPrefix& scored, Timestamp time, std::uint64_t request_id,
                                 bool proven) {
    suppressed_.reset();
    if (!is_due(verdict)) return std::nullopt;
    const double blocking = verdict.score - verdict.limiting / 2;
    const bool blocks = blocking >= config_.threshold + verdict.threshold_bonus;
    const Action action = blocks ? Action::kBlock : Action::kRateLimit;
    const auto found = history_.find(source);
    if (found != history_.end() && found->second.active && time < found->second.until &&
        (!blocks || !found->second.limited_only)) {
      return std::nullopt;
    }
    if (!proven && config_.require_proof) {
      suppressed_ = Suppressed::kUnproven;
      return std::nullopt;
    }
    BanHistory& entry = entry_for(source);
    // A ban longer ago than the longest ban there is says nothing any more.
    if (entry.bans > 0 && time - entry.last > config_.max_ban) entry.bans = 0;
    ++entry.bans;
    const Duration duration = ban_length(entry.bans);
    entry.last = time;
    entry.until = time + duration;
    entry.active = true;
    entry.limited_only = !blocks;

    Decision d = describe(verdict, source, scored, time, request_id);
    d.action = config_.enforce ? action : Action::kObserve;
    d.duration = duration;
    d.proven = proven;
    d.level = entry.bans;
    return d;
  }

  std::optional<Decision> limit(const Verdict& verdict, const Request& request,
                                const IpPrefix& target, Duration duration) {
    suppressed_.reset();
    const auto found = history_.find(target);
    if (found != history_.end() && found->second.active &&
        request.proven_time < found->second.until) {
      return std::nullopt;
    }
    Decision d = describe(verdict, target, request.source, request.proven_time, request.id);
    d.action = config_.enforce ? Action::kRateLimit : Action::kObserve;
    d.duration = duration;
    d.proven = request.proven;
    d.reasons = {{"rate.requests", 0}};
    d.aims = {Aim::kComputeTheft};
    return d;
  }

  /// A decision without what is to be done.
  Decision describe(const Verdict& verdict, const IpPrefix& source, const IpPrefix& scored,
                    Timestamp time, std::uint64_t request_id) {
    Decision d;
    d.id = make_id(time, config_.id_seed, ++counter_);
    d.handle = static_cast<std::uint32_t>(hash_bytes(d.id.data(), d.id.size()) >> 32);
    if (d.handle == 0) d.handle = 1;
    d.source = source;
    d.scored = scored;
    if (!config_.enforce) suppressed_ = Suppressed::kObserve;
    d.time = time;
    d.score = verdict.score;
    d.reasons = verdict.reasons;
    d.aims = verdict.aims;
    d.requests_seen = verdict.requests_seen;
    d.request_id = request_id;
    return d;
  }

  Duration ban_length(std::uint32_t level) const {
    const double longest = static_cast<double>(config_.max_ban.count());
    const double length = static_cast<double>(config_.first_ban.count()) *
                          std::pow(std::max(1.0, config_.factor), std::min(level - 1, 64u));
    return Duration{static_cast<Duration::rep>(std::min(length, longest))};
  }

  BanHistory& entry_for(const IpPrefix& source) {
    if (!history_.contains(source) && history_.size() >= std::max(8u, config_.max_history))
      shrink();
    return history_[source];
  }

  /// Forgets the eighth whose last ban is oldest; amortised constant per ban.
  void shrink() {
    std::vector<std::pair<Timestamp, IpPrefix>> order;
    order.reserve(history_.size());
    for (const auto& [source, entry] : history_) order.emplace_back(entry.last, source);
    const auto cut = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 8 + 1);
    std::nth_element(order.begin(), cut, order.end());
    for (auto it = order.begin(); it != cut; ++it) history_.erase(it->second);
  }

  void reconfigure(const PolicyConfig& config) {
    config_.threshold = config.threshold;
    config_.first_ban = config.first_ban;
    config_.factor = config.factor;
    config_.max_ban = config.max_ban;
  }

  PolicyConfig config_;
  boost::unordered_flat_map<IpPrefix, BanHistory, std::hash<IpPrefix>> history_;
  std::uint64_t counter_ = 0;
  std::optional<Suppressed> suppressed_;
};

Policy::Policy(const PolicyConfig& config) : state_(std::make_unique<State>(config)) {}
Policy::~Policy() = default;

std::optional<Decision> Policy::decide(const Verdict& verdict, const Request& request,
                                       const std::optional<IpPrefix>& target) {
  return state_->decide(verdict, target.value_or(request.source), request.source,
                        request.proven_time, request.id, request.proven);
}

std::optional<Decision> Policy::decide(const Verdict& verdict, const Response& response,
                                       const Request* last, const std::optional<IpPrefix>& target) {
  const bool proven = last == nullptr || last->proven;
  return state_->decide(verdict, target.value_or(response.source), response.source, response.time,
                        response.request_id, proven);
}

bool Policy::is_due(const Verdict& verdict) const { return state_->is_due(verdict); }

std::optional<Decision> Policy::limit(const Verdict& verdict, const Request& request,
                                      const IpPrefix& target, Duration duration) {
  return state_->limit(verdict, request, target, duration);
}

std::optional<Suppressed> Policy::last_suppressed() const { return state_->suppressed_; }

void Policy::reconfigure(const PolicyConfig& config) { state_->reconfigure(config); }

void Policy::restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last) {
  if (bans == 0) return;
  BanHistory& entry = state_->entry_for(source);
  entry.bans = std::max(entry.bans, bans);
  entry.last = std::max(entry.last, last);
}

void Policy::forget_ban(const IpPrefix& source) {
  const auto found = state_->history_.find(source);
  if (found == state_->history_.end() || !found->second.active) return;
  found->second.active = false;
  if (found->second.bans > 0) --found->second.bans;
  if (found->second.bans == 0) state_->history_.erase(found);
}

std::uint32_t Policy::bans(const IpPrefix& source) const {
  const auto found = state_->history_.find(source);
  return found == state_->history_.end() ? 0 : found->second.bans;
}

bool Policy::banned(const IpPrefix& source, Timestamp now) const {
  const auto found = state_->history_.find(source);
  return found != state_->history_.end() && found->second.active && now < found->second.until;
}

std::uint64_t Policy::history_size() const { return state_->history_.size(); }

}  // namespace probewall
