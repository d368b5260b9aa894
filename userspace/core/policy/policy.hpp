// SPDX-License-Identifier: Apache-2.0
// Score, proof, history and time -> Decision. No clock, no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "probewall/ip.hpp"
#include "probewall/time.hpp"

namespace probewall {

struct PolicyConfig {
  bool enforce = true;  ///< false: every decision has action kObserve
  double threshold = 100;
  Duration first_ban = std::chrono::minutes{10};
  double factor = 4;  ///< each further ban is this much longer
  Duration max_ban = std::chrono::hours{24 * 30};
  Duration score_half_life = std::chrono::hours{1};
  bool require_proof = true;
  std::uint64_t id_seed = 0;        ///< makes decision ids of several workers or runs differ
  std::uint32_t rate_requests = 0;  ///< per source and second; 0: no limit
  std::uint32_t rate_burst = 1;
  std::uint32_t max_history = 1u << 17;  ///< sources whose bans are remembered; oldest out first
};

/// What is known about one source, for `why` and `sources top`.
struct SourceReport {
  IpPrefix source;
  double score = 0;
  std::vector<Reason> reasons;
  std::uint64_t requests = 0;
  Timestamp first_seen{};
  Timestamp last_seen{};
  double threshold_bonus = 0;  ///< earned trust, as in Verdict
  std::uint32_t bans = 0;      ///< filled from Policy::bans(), not by the SourceTable
};

struct Verdict;  // core/rules/rule_set.hpp

/// Turns verdicts into at most one decision per source and ban. Bounded by `max_history`.
/// Same calls with the same values give the same decisions, ids included.
class Policy {
 public:
  explicit Policy(const PolicyConfig& config);
  ~Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  /// A decision when new evidence brought the source's score to its threshold (configured value
  /// plus Verdict::threshold_bonus) and the source is not banned already. With `require_proof` an
  /// unproven request decides nothing (last_suppressed() == kUnproven). In observe mode the
  /// decision has action kObserve and last_suppressed() is kObserve; it comes once per would-be
  /// ban.
  /// `target`: whom to ban when not all of request.source. Each target has a history of its own.
  std::optional<Decision> decide(const Verdict& verdict, const Request& request,
                                 const std::optional<IpPrefix>& target = {});
  /// The same for what an answer added. Answers are read on proven flows only. `last`: the request
  /// answered, when still known.
  std::optional<Decision> decide(const Verdict& verdict, const Response& response,
                                 const Request* last, const std::optional<IpPrefix>& target = {});
  /// False: decide() would say nothing, whoever the target.
  bool is_due(const Verdict& verdict) const;
  /// A rate-limit decision about `target` for `duration`, unless it is banned. Never counts as a
  /// ban.
  std::optional<Decision> limit(const Verdict& verdict, const Request& request,
                                const IpPrefix& target, Duration duration);
  /// What the last call of decide() or limit() held back, if anything.
  std::optional<Suppressed> last_suppressed() const;

  /// Takes over threshold and ban lengths for decisions from now on; the rest stays as it was.
  void reconfigure(const PolicyConfig& config);
  /// A source's earlier bans (from storage): the next one escalates from there.
  void restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last);
  /// The ban was lifted or refused: the source counts as not banned, and that ban as never made.
  void forget_ban(const IpPrefix& source);
  std::uint32_t bans(const IpPrefix& source) const;
  bool banned(const IpPrefix& source, Timestamp now) const;
  std::uint64_t history_size() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
