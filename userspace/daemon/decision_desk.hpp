// SPDX-License-Identifier: Apache-2.0
// Carries decisions to the guard and puts together what became of them: granted or refused, how
// fast, how many connections ended. Then they are events, metrics and rows of the store.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/events.hpp"
#include "daemon/guard_protocol.hpp"
#include "daemon/recorder.hpp"
#include "storage/decision_store.hpp"

namespace probewall {

/// Moments on the records' clock, nanoseconds.
struct DecisionTiming {
  /// The kernel saw the packet that completed the evidence; 0: long ago, no reaction to measure.
  std::uint64_t evidence_ns = 0;
  std::uint64_t read_ns = 0;  ///< the worker had its record
  std::uint64_t decided_ns = 0;
  std::uint64_t proof_wait_ns = 0;  ///< before evidence_ns: last needed byte -> its proof
};

/// A ban that was due and not made.
struct RefusedBan {
  std::int64_t at_us = 0;  ///< Unix time
  double score = 0;
  guard::Refusal reason = guard::Refusal::kNone;
};

class DecisionDesk {
 public:
  /// False: the guard's socket takes no more.
  using Send = std::function<bool(const guard::Wish&)>;

  DecisionDesk(Recorder& recorder, Send send) : recorder_(recorder), send_(std::move(send)) {}

  // Any thread.
  /// New decisions get handles from `handle` on.
  void skip_handles(std::uint32_t handle) {
    const std::lock_guard lock{mutex_};
    next_handle_ = std::max(next_handle_, handle);
  }
  /// Asks the guard, or only records the decision when `enforcing` is false. False: it could not be
  /// asked; the source counts as not banned.
  bool submit(Decision decision, const DecisionTiming& timing, bool enforcing);
  /// What became of a decision made lately.
  std::optional<DecisionOutcome> outcome(std::uint32_t handle) const;
  /// The last ban of `source` that was refused, unless one was granted since.
  std::optional<RefusedBan> refused(const IpPrefix& source) const;
  /// Decisions made in observe mode that would still be in force at `now`, shortened to the rest;
  /// forgets them. They are made for real when enforcing starts.
  std::vector<Decision> take_observed(Timestamp now);

  // Main thread.
  void on_granted(const guard::Note& note);
  /// The source whose ban was refused; nothing when the note fits no pending decision.
  std::optional<IpPrefix> on_refused(const guard::Note& note);
  void on_ended(const guard::Note& note);
  /// Writes an operator's ban as an event, and keeps it with its reason over restarts: a row of the
  /// store like any decision.
  void on_operator_ban(const guard::Note& note, bool enforcing);
  /// Writes decisions whose connections nobody reported about in time.
  void expire(std::uint64_t now_ns);
  /// Rows that wait to be stored.
  std::vector<StoredDecision> take_rows();

 private:
  struct Pending {
    Decision decision;
    DecisionTiming timing;
    std::uint64_t deadline_ns = 0;  ///< 0: not granted yet
    std::uint64_t asked_ns = 0;
    DecisionOutcome outcome;
  };
  void finish(const Pending& pending);
  void queue_row(const Decision& decision);
  void queue_row(StoredDecision row);
  void remember_refusal(const Decision& decision, guard::Refusal reason);
  void remember(std::uint32_t handle, const DecisionOutcome& outcome);

  static constexpr std::size_t kMaxRows = 16384;
  static constexpr std::size_t kMaxOutcomes = 4096;
  static constexpr std::size_t kMaxRefused = 4096;
  static constexpr std::size_t kMaxObserved = 65536;
  static constexpr std::size_t kMaxPending = 16384;

  Recorder& recorder_;
  Send send_;
  mutable std::mutex mutex_;
  std::uint32_t next_handle_ = 1;
  std::unordered_map<std::uint32_t, Pending> pending_;
  std::unordered_map<std::uint32_t, DecisionOutcome> outcomes_;
  std::deque<std::uint32_t> outcome_order_;
  std::unordered_map<IpPrefix, Decision> observed_;
  std::unordered_map<IpPrefix, RefusedBan> refused_;
  std::deque<IpPrefix> refused_order_;  ///< of refused_; may name granted ones
  std::vector<StoredDecision> rows_;
};

}  // namespace probewall
