// SPDX-License-Identifier: Apache-2.0
// What was decided and why, kept on disk so that `why` answers after a restart or a crash, and bans
// escalate over restarts. SQLite in WAL mode: a committed row survives kill -9.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "probewall/ip.hpp"
#include "probewall/result.hpp"

namespace probewall {

inline constexpr std::int64_t kForever = INT64_MAX;

/// One decision as stored. Times are Unix microseconds (wall clock): unlike the kernel's expiry
/// they are for people. Every text is bounded on the way in; bytes from the wire stay as they came.
struct StoredDecision {
  std::uint32_t handle = 0;  ///< in the kernel's block entry
  std::string id;            ///< Decision::id
  IpPrefix source;
  Action action = Action::kBlock;
  std::uint8_t origin = 0;  ///< enum pw_block_origin
  std::int64_t made_at_us = 0;
  std::int64_t until_us = 0;  ///< kForever: no end
  double score = 0;
  std::vector<Reason> reasons;
  std::vector<Aim> aims;
  std::uint64_t requests_seen = 0;
  std::vector<std::string>
      evidence;  ///< first lines of the last requests, keys never included; at most 8 of 512 bytes
  std::uint32_t level = 1;
  bool proven = true;
  std::string note;  ///< the operator's reason, or the feed's name
  std::optional<std::int64_t> unblocked_at_us;
  std::string unblock_reason;  ///< "operator", "flushed", ...
};

/// How often a source was banned before, for escalation.
struct BanHistory {
  IpPrefix source;
  std::uint32_t bans = 0;
  std::int64_t last_at_us = 0;
};

struct StoreOptions {
  std::uint32_t max_decisions = 100000;  ///< rows kept; the oldest go first
  std::uint32_t max_history = 1u << 18;  ///< sources whose ban count is remembered
  bool read_only = false;                ///< look-ups only, nothing is created or repaired
};

/// Not thread-safe. Open it as the user who writes it: files belong to whoever creates them.
class DecisionStore {
 public:
  /// Opens or creates `<directory>/decisions.db`. A corrupt file is moved aside to
  /// `decisions.db.corrupt-<unix seconds>` and a fresh one made; `warnings()` says so. A file of a
  /// newer Probewall is an error. read_only: a missing file is an Error with ENOENT.
  static Result<DecisionStore> open(const std::string& directory, const StoreOptions& options = {});
  DecisionStore(DecisionStore&&) noexcept;
  DecisionStore& operator=(DecisionStore&&) noexcept;
  ~DecisionStore();

  /// Stores one decision (about 20 microseconds) and counts it as a ban of its source when its
  /// action is kBlock or kRateLimit and its origin the detector. The oldest rows over the bound go.
  Result<void> append(const StoredDecision& decision);
  /// Marks the running decisions of exactly `source` as lifted. Returns how many.
  Result<std::uint32_t> mark_unblocked(const IpPrefix& source, std::int64_t at_us,
                                       const std::string& reason);
  /// The same for every running decision (flush).
  Result<std::uint32_t> mark_all_unblocked(std::int64_t at_us, const std::string& reason);

  Result<std::optional<StoredDecision>> by_handle(std::uint32_t handle) const;
  /// The newest decision about exactly `source`.
  Result<std::optional<StoredDecision>> latest_for(const IpPrefix& source) const;
  /// The newest first.
  Result<std::vector<StoredDecision>> recent(std::uint32_t limit) const;

  /// Decisions in force at `now_us` that were not lifted, the newest first, at most `limit`.
  Result<std::vector<StoredDecision>> running(std::int64_t now_us, std::uint32_t limit) const;

  /// Sources with earlier bans, the most recent first, at most `limit`.
  Result<std::vector<BanHistory>> ban_history(std::uint32_t limit) const;
  /// One more than the newest stored handle, never 0.
  Result<std::uint32_t> next_handle() const;

  /// What opening had to repair, one line each.
  const std::vector<std::string>& warnings() const;

 private:
  struct State;
  explicit DecisionStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace probewall
