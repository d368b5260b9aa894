// SPDX-License-Identifier: Apache-2.0
#include "daemon/decision_desk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/clocks.hpp"
#include "daemon/guard_mirror.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr std::uint64_t kEndedPatienceNs = 200'000'000;
constexpr std::uint64_t kAnswerPatienceNs = 5'000'000'000;

std::uint8_t kernel_action(Action action) {
  switch (action) {
    case Action::kBlock:
      return PW_ACTION_DROP;
    case Action::kRateLimit:
      return PW_ACTION_RATE_LIMIT;
    case Action::kTag:
      return PW_ACTION_TAG;
    case Action::kObserve:
      return PW_ACTION_NONE;
  }
  return PW_ACTION_NONE;
}

guard::Wish wish_for(const Decision& decision) {
  guard::Wish wish;
  wish.type = static_cast<std::uint32_t>(guard::WishType::kBan);
  wish.handle = decision.handle;
  std::memcpy(wish.address, decision.source.address.bytes.data(), sizeof wish.address);
  wish.prefix_len = decision.source.length;
  wish.action = kernel_action(decision.action);
  wish.proven = decision.proven ? 1 : 0;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(decision.duration).count();
  wish.seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(1, seconds));
  return wish;
}

double seconds_between(std::uint64_t from_ns, std::uint64_t to_ns) {
  return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) * 1e-9 : 0;
}

Reaction reaction_of(const DecisionTiming& t, std::uint64_t written_ns) {
  Reaction r;
  r.queue = seconds_between(t.evidence_ns, t.read_ns);
  r.judge = seconds_between(t.read_ns, t.decided_ns);
  r.table = seconds_between(t.decided_ns, written_ns);
  r.total = seconds_between(t.evidence_ns, written_ns);
  r.proof_wait = static_cast<double>(t.proof_wait_ns) * 1e-9;
  return r;
}

}  // namespace

bool DecisionDesk::submit(Decision decision, const DecisionTiming& timing, bool enforcing) {
  const std::lock_guard lock{mutex_};
  decision.handle = next_handle_++;
  if (next_handle_ == 0) next_handle_ = 1;  // 0 means no decision
  if (!enforcing) {
    if (decision.action == Action::kBlock && observed_.size() < kMaxObserved)
      observed_[decision.source] = decision;
    decision.action = Action::kObserve;
    recorder_.suppressed(Suppressed::kObserve);
    recorder_.decision(decision, {});
    queue_row(decision);
    return true;
  }
  if (pending_.size() >= kMaxPending || !send_(wish_for(decision))) {
    recorder_.suppressed(Suppressed::kRate);
    recorder_.other_loss("guard_wishes", 1);
    remember_refusal(decision, guard::Refusal::kRate);
    return false;
  }
  const auto handle = decision.handle;
  pending_[handle] = Pending{std::move(decision), timing, 0, monotonic_ns(), {}};
  return true;
}

void DecisionDesk::on_granted(const guard::Note& note) {
  const std::lock_guard lock{mutex_};
  const auto found = pending_.find(note.handle);
  if (found == pending_.end()) return;
  auto& pending = found->second;
  refused_.erase(pending.decision.source);
  const bool fresh = pending.timing.evidence_ns != 0;
  const auto reaction = reaction_of(pending.timing, note.time_ns);
  if (fresh) pending.outcome.reaction_us = reaction.total * 1e6;
  pending.deadline_ns = monotonic_ns() + kEndedPatienceNs;
  recorder_.with_metrics([&](Metrics& metrics) {
    if (fresh) metrics.reaction(reaction);
    if (pending.decision.action == Action::kBlock) metrics.ban(PW_ORIGIN_DETECTOR);
  });
  if (pending.decision.action != Action::kBlock) {  // nothing ends, nobody will report
    finish(pending);
    pending_.erase(found);
  }
}

std::optional<IpPrefix> DecisionDesk::on_refused(const guard::Note& note) {
  const std::lock_guard lock{mutex_};
  const auto found = pending_.find(note.handle);
  if (found == pending_.end()) return std::nullopt;
  const auto source = found->second.decision.source;
  remember_refusal(found->second.decision, static_cast<guard::Refusal>(note.reason));
  pending_.erase(found);
  return source;
}

void DecisionDesk::remember_refusal(const Decision& decision, guard::Refusal reason) {
  if (!refused_.contains(decision.source)) {
    while (refused_order_.size() >= kMaxRefused) {
      refused_.erase(refused_order_.front());
      refused_order_.pop_front();
    }
    refused_order_.push_back(decision.source);
  }
  refused_[decision.source] = {wall_us(), decision.score, reason};
}

std::optional<RefusedBan> DecisionDesk::refused(const IpPrefix& source) const {
  const std::lock_guard lock{mutex_};
  const auto found = refused_.find(source);
  if (found == refused_.end()) return std::nullopt;
  return found->second;
}

void DecisionDesk::on_operator_ban(const guard::Note& note, bool enforcing) {
  const std::string reason{note.text, strnlen(note.text, sizeof note.text)};
  Decision decision;
  decision.source = decision.scored = prefix_of(note);
  decision.action = enforcing ? Action::kBlock : Action::kObserve;
  decision.time = timestamp_from_ns(monotonic_ns());
  if (note.seconds != guard::kForGood) decision.duration = std::chrono::seconds{note.seconds};
  decision.proven = false;  // an operator needs no proof
  recorder_.operator_decision(decision, reason);
  StoredDecision row;
  row.source = decision.source;
  row.origin = note.origin;
  row.made_at_us = wall_us();
  row.until_us = note.seconds == guard::kForGood
                     ? INT64_MAX
                     : row.made_at_us + static_cast<std::int64_t>(note.seconds) * 1'000'000;
  row.note = reason;
  const std::lock_guard lock{mutex_};
  queue_row(std::move(row));
}

void DecisionDesk::on_ended(const guard::Note& note) {
  const std::lock_guard lock{mutex_};
  const bool could_not = note.count == guard::kNotEnded;
  recorder_.with_metrics(
      [&](Metrics& metrics) { metrics.connections_ended(could_not ? 0 : note.count, could_not); });
  const auto found = pending_.find(note.handle);
  if (found == pending_.end() || found->second.deadline_ns == 0) return;
  if (!could_not) found->second.outcome.connections_ended = note.count;
  finish(found->second);
  pending_.erase(found);
}

void DecisionDesk::expire(std::uint64_t now_ns) {
  const std::lock_guard lock{mutex_};
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto& p = it->second;
    if (p.deadline_ns != 0 && now_ns >= p.deadline_ns) {
      finish(p);
      it = pending_.erase(it);
    } else if (p.deadline_ns == 0 && now_ns > p.asked_ns + kAnswerPatienceNs) {
      recorder_.other_loss("guard_answers", 1);
      it = pending_.erase(it);
    } else {
      ++it;
    }
  }
}

void DecisionDesk::finish(const Pending& pending) {
  recorder_.decision(pending.decision, pending.outcome);
  remember(pending.decision.handle, pending.outcome);
  queue_row(pending.decision);
}

void DecisionDesk::remember(std::uint32_t handle, const DecisionOutcome& outcome) {
  outcomes_[handle] = outcome;
  outcome_order_.push_back(handle);
  if (outcome_order_.size() > kMaxOutcomes) {
    outcomes_.erase(outcome_order_.front());
    outcome_order_.pop_front();
  }
}

void DecisionDesk::queue_row(StoredDecision row) {
  if (rows_.size() >= kMaxRows) {
    recorder_.with_metrics([](Metrics& metrics) { metrics.storage_failed(); });
    recorder_.other_loss("stored_decisions", 1);
    return;
  }
  rows_.push_back(std::move(row));
}

void DecisionDesk::queue_row(const Decision& d) {
  const auto made_us = RecordToWall{}.us(d.time);
  StoredDecision row;
  row.handle = d.handle;
  row.id = d.id;
  row.source = d.source;
  row.action = d.action;
  row.origin = PW_ORIGIN_DETECTOR;
  row.made_at_us = made_us;
  row.until_us =
      made_us + std::chrono::duration_cast<std::chrono::microseconds>(d.duration).count();
  row.score = d.score;
  row.reasons = d.reasons;
  row.aims = d.aims;
  row.requests_seen = d.requests_seen;
  row.evidence = recorder_.last_requests(d.scored);
  row.level = d.level;
  row.proven = d.proven;
  queue_row(std::move(row));
}

std::vector<StoredDecision> DecisionDesk::take_rows() {
  const std::lock_guard lock{mutex_};
  return std::exchange(rows_, {});
}

std::optional<DecisionOutcome> DecisionDesk::outcome(std::uint32_t handle) const {
  const std::lock_guard lock{mutex_};
  const auto found = outcomes_.find(handle);
  if (found == outcomes_.end()) return std::nullopt;
  return found->second;
}

std::vector<Decision> DecisionDesk::take_observed(Timestamp now) {
  const std::lock_guard lock{mutex_};
  std::vector<Decision> running;
  for (auto& [source, decision] : std::exchange(observed_, {})) {
    const auto end = decision.time + decision.duration;
    if (end <= now) continue;
    running.push_back(decision);
    running.back().time = now;
    running.back().duration = end - now;
  }
  return running;
}

}  // namespace probewall
