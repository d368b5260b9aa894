// SPDX-License-Identifier: Apache-2.0
// Answers the control server's questions from what the worker knows.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/api_source.hpp"
#include "daemon/capture_thread.hpp"
#include "daemon/worker_boot.hpp"
#include "storage/decision_store.hpp"

namespace probewall {

/// The store, and who may touch it: the main thread writes, API threads read.
struct SharedStore {
  std::mutex mutex;
  std::optional<DecisionStore> store;  ///< absent: could not be opened
};

class ApiAnswers final : public ApiSource {
 public:
  /// All must outlive it.
  ApiAnswers(const WorkerBoot& boot, Recorder& recorder, Metrics& metrics, const DecisionDesk& desk,
             const GuardMirror& mirror, const CounterView& counters, SharedStore& store,
             const std::vector<std::unique_ptr<CaptureThread>>& threads)
      : boot_(boot),
        recorder_(recorder),
        metrics_(metrics),
        desk_(desk),
        mirror_(mirror),
        counters_(counters),
        store_(store),
        threads_(threads),
        config_(std::make_shared<const Config>(boot.config)) {}

  Result<ApiStatus> status() override;
  Result<ApiWhy> why(const IpAddress& ip) override;
  Result<ApiBans> bans(const std::optional<IpPrefix>& after, std::size_t limit) override;
  Result<std::vector<ApiAllow>> allow() override;
  Result<std::vector<ApiSourceRow>> sources(std::size_t limit) override;
  Result<std::vector<ApiServerRow>> servers() override;
  Result<std::string> config_toml() override;
  std::string metrics_text() override;

  /// Brings gauges and kernel counters of the metrics up to date. Any thread.
  void refresh_metrics();
  /// Shown by status. Any thread.
  void add_warning(std::string warning) {
    const std::lock_guard lock{storage_mutex_};
    warnings_.push_back(std::move(warning));
  }

  /// Servers' answers are not seen (AnswerWatch). Any thread.
  void set_answers_missing(bool missing) { answers_missing_ = missing; }

  /// Why the guard's files / decisions are not stored; empty: they are. Any thread.
  void set_guard_storage(std::string problem);
  void set_store_problem(std::string problem);
  void set_event_problem(std::string problem);

  /// A ban was refused as a block table was full. Any thread.
  void add_table_full() { ++table_full_; }

  // After a reload; any thread.
  void set_config(const Config& config);
  void set_reload(ApiReload reload);

 private:
  std::size_t exposed_servers() const;
  void warn_of_failures(std::vector<std::string>& warnings) const;
  SourceReport report(const IpPrefix& source) const;
  std::optional<StoredDecision> stored(const IpPrefix& source, std::uint32_t handle);
  /// The reason kept in the store: an entry that was there before this worker has none.
  std::string operator_note(const IpPrefix& prefix, const MirrorBan& ban);
  ApiDecision decision_of(const StoredDecision& row) const;

  std::shared_ptr<const Config> config() const;

  const WorkerBoot& boot_;  ///< all but `config`, which the main thread changes
  Recorder& recorder_;
  Metrics& metrics_;
  const DecisionDesk& desk_;
  const GuardMirror& mirror_;
  const CounterView& counters_;
  SharedStore& store_;
  const std::vector<std::unique_ptr<CaptureThread>>& threads_;
  std::vector<std::string> warnings_;
  std::atomic<bool> answers_missing_ = false;
  std::atomic<std::uint64_t> table_full_ = 0;
  mutable std::mutex config_mutex_;
  std::shared_ptr<const Config> config_;
  std::optional<ApiReload> reload_;  ///< the last one
  mutable std::mutex storage_mutex_;
  std::string guard_storage_, store_problem_, event_problem_;
};

/// PROBEWALL_VERSION of the build.
const char* version();

}  // namespace probewall
