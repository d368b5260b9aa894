// SPDX-License-Identifier: Apache-2.0
// Everything the worker tells the world: event lines, metrics, the last requests of each source.
// Capture threads only format into memory; the main thread writes files.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/event_tail.hpp"
#include "core/events.hpp"
#include "core/servers/server_registry.hpp"
#include "daemon/request_memory.hpp"
#include "events/event_file.hpp"
#include "events/event_formatter.hpp"
#include "metrics/metrics.hpp"

namespace probewall {

class Recorder {
 public:
  /// `tail` and `metrics` must outlive the recorder.
  Recorder(const EventOptions& options, Metrics& metrics, EventTail& tail);

  // Any thread.
  void request(const Request& request);
  void response(const Response& response);
  void detection(const Detection& detection, const Request& request);
  void decision(const Decision& decision, const DecisionOutcome& outcome);
  /// A decision that an operator made, at `decision.time`; `note`: his reason, or empty.
  void operator_decision(const Decision& decision, std::string_view note);
  /// Says once what several threads notice.
  void exposure(const Exposure& exposure);
  void suppressed(Suppressed reason, std::uint64_t count = 1);
  void unblock(const IpPrefix& source, std::string_view why, UnbanReason reason);
  void loss(Loss what, std::uint64_t count);
  /// Losses outside the core, by a name of ours; counted for the `loss` event only.
  void other_loss(const std::string& what, std::uint64_t count);
  /// Runs `update` with the metrics locked: several threads update them.
  template <typename Update>
  void with_metrics(Update update) {
    const std::lock_guard lock{mutex_};
    update(metrics_);
  }

  std::vector<std::string> last_requests(const IpPrefix& source) const;
  std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }
  std::uint64_t detections() const { return detections_.load(std::memory_order_relaxed); }

  // Main thread.
  /// Without a file, lines go to the tail only.
  void set_file(EventFile file);
  void write_out();
  /// Writes at most one `loss` event a kind, and sets the wall clock's offset anew. Once a second.
  void tick_second();
  void reopen_file();
  /// Opens a file that could not be made before. What keeps lines from the file now, or nothing.
  std::string look_after_file();
  void set_prompt(PromptPrivacy prompt);

 private:
  void emit(std::string_view line);
  void say_file_problem();

  struct Told {
    Access access = Access::kNone;
    Timestamp at{};
  };

  static constexpr std::size_t kMaxPending = 8u << 20;
  static constexpr std::size_t kRememberedSources = 8192;
  static constexpr std::size_t kToldServers = 8192;

  mutable std::mutex mutex_;
  Metrics& metrics_;
  EventTail& tail_;
  EventFormatter formatter_;
  RequestMemory memory_{kRememberedSources};
  std::string pending_;  // lines for the file
  std::uint64_t pending_lines_ = 0, dropped_lines_ = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Loss::kCount)> losses_{};
  std::map<std::string, std::uint64_t> other_losses_;
  std::map<ServerAddress, Told> told_;  ///< exposures
  std::atomic<std::uint64_t> requests_{0}, detections_{0};

  std::optional<EventFile> file_;  // main thread's
  std::string writing_;
  std::uint64_t file_lost_ = 0;
  std::string file_said_;
};

}  // namespace probewall
