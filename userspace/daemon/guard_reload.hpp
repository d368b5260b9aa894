// SPDX-License-Identifier: Apache-2.0
// Takes over changed configuration and rule files while running, all or nothing. The guard reads
// the files (a helper thread), the worker compiles the rules; only when both are content does
// anything change.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/reload.hpp"
#include "core/rules/rule_set.hpp"
#include "daemon/background.hpp"
#include "daemon/guard_protocol.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

class Guard;
using LoadConfig = std::function<Result<Config>()>;

struct ReloadOutcome {
  std::optional<Error> error;        ///< nothing changed; says why
  std::uint64_t rules = 0;           ///< in force now
  std::vector<std::string> changed;  ///< settings that took effect; "rules": the rule files
  std::vector<std::string> restart;  ///< changed settings that need a restart
};

class GuardReload {
 public:
  using OnDone = std::function<void(const ReloadOutcome&)>;

  /// `configured`: the configuration as it was read, before anything was filled in.
  static Result<std::unique_ptr<GuardReload>> make(Guard& guard, const Config& configured);

  /// Begins a reload, or, while one runs, another one after it: the files may have changed since.
  /// `on_done` (may be empty) runs in the loop's thread, at once when the reload cannot begin.
  void start(OnDone on_done);
  void on_prepared(const guard::Wish& wish);
  void on_worker_gone();
  void tick();

 private:
  struct Files {
    Config config;
    std::vector<RuleText> rules;
  };
  enum class Step { kIdle, kReading, kPreparing };

  GuardReload(Guard& guard, const Config& configured) : guard_(guard), configured_(configured) {}
  void read();
  void on_read(Result<Files> files);
  Result<void> hand_over();
  Result<void> apply(const Config& next);
  Result<void> apply_feed(const Config& next);
  void finish(std::optional<Error> error);

  Guard& guard_;
  Config configured_;
  std::unique_ptr<Background> reader_;
  Step step_ = Step::kIdle;
  std::vector<OnDone> running_, next_;
  bool again_ = false;  ///< `next_` may be empty: a signal has nobody to tell
  ReloadPlan plan_;
  std::vector<RuleText> rules_;
  UniqueFd answer_;
  std::uint32_t serial_ = 0;
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t rule_count_ = 0;
};

/// One line for a log: what happened and what follows.
std::string describe(const ReloadOutcome& outcome);

}  // namespace probewall
