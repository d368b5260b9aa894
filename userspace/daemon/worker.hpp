// SPDX-License-Identifier: Apache-2.0
// The unprivileged process: reads the rings, runs the core, asks the guard for bans, serves
// control.sock, metrics and the decoy ports. It opens everything first, then gives up its rights,
// then reads the first byte from the wire.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "control/api_server.hpp"
#include "daemon/answer_watch.hpp"
#include "daemon/api_answers.hpp"
#include "daemon/background.hpp"
#include "daemon/decoy_server.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/guard_policy.hpp"
#include "daemon/privileges.hpp"
#include "daemon/worker_boot.hpp"

namespace probewall {

class Worker {
 public:
  /// Runs a worker on the inherited descriptors (worker_boot.hpp) until the guard goes or stops it.
  static Result<void> run();

 private:
  Worker(WorkerBoot boot, EventLoop loop);

  // worker_start.cpp: in this order
  Result<void> open_dataplane();
  Result<void> open_outputs();
  Result<void> bind_sockets();
  Result<void> become_harmless();
  void open_store();
  void open_store_again();
  Result<void> start();
  PolicyConfig policy_config(const Config& config) const;
  PipelineConfig pipeline_config(unsigned thread) const;
  void restore_history();

  // worker.cpp
  void on_guard();
  bool receive(guard::Note& note, std::vector<UniqueFd>& fds);
  void on_note(const guard::Note& note);
  void on_unbanned(const guard::Note& note);
  void on_retelling(const guard::Note& note);
  void tell_unbanned(const IpPrefix& prefix, std::uint32_t reason);
  void store_unbanned(const std::optional<IpPrefix>& prefix, std::uint32_t reason);
  void enforce_observed();
  void on_signal();
  void tick_fast();
  void tick_second();
  void store_rows();
  void count_refusal(guard::Refusal reason);
  bool send(const guard::Wish& wish);
  void stop();

  // worker_reload.cpp
  void on_prepare(std::uint32_t serial, std::vector<UniqueFd> fds);
  void on_commit(std::uint32_t serial);
  void on_reloaded(const guard::Note& note, const std::vector<UniqueFd>& fds);

  /// New configuration and compiled rules, waiting for the guard's word.
  struct Prepared {
    std::uint32_t serial = 0;
    Config config;
    std::shared_ptr<const RuleSet> rules;
  };

  WorkerBoot boot_;
  EventLoop loop_;
  UniqueFd guard_;
  UniqueFd signals_;
  WorkerIdentity identity_;
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<Background> compiler_;
  std::optional<Prepared> prepared_;
  std::unique_ptr<SkipWriter> skip_;
  std::unique_ptr<CounterView> counters_;
  AnswerWatch answer_watch_;
  std::vector<std::unique_ptr<CaptureThread>> threads_;
  std::array<std::uint8_t, 16> secret_{};
  std::unique_ptr<Metrics> metrics_;
  EventTail tail_;
  std::unique_ptr<Recorder> recorder_;
  GuardMirror mirror_;
  SharedStore store_;
  bool store_missing_ = false;
  std::uint32_t seconds_ = 0;
  std::optional<EventFile> event_file_;  ///< until the recorder has it
  std::unique_ptr<DecisionDesk> desk_;
  std::unique_ptr<ApiAnswers> answers_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<DecoyServer> decoys_;
  std::array<std::uint64_t, GuardPolicy::kRefusalKinds> refusals_{};
  std::uint64_t kernel_lost_ = UINT64_MAX;  ///< not looked yet
  bool storage_complained_ = false;
};

}  // namespace probewall
