// SPDX-License-Identifier: Apache-2.0
// Every number Probewall exports, with fixed label sets that exist at 0 from the start. No label
// value comes from the wire: they are enumerators, interface names and rule ids.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/pipeline/pipeline.hpp"
#include "probewall/abi/counters.h"

namespace probewall {

/// Where a ban's reaction time went, in seconds. `total` = queue + judge + table.
struct Reaction {
  double total =
      0;  ///< kernel timestamp of the packet that completed the evidence -> table written
  double queue = 0;       ///< ... -> the worker has the record
  double judge = 0;       ///< -> the decision is made
  double table = 0;       ///< -> the guard has written the table
  double proof_wait = 0;  ///< request's last needed byte -> its proof; not part of `total`
};

/// Label values of unbans_total.
enum class UnbanReason : std::uint8_t { kOperator, kExpired, kFlushed, kCount };
/// Label values of map_entries and map_max_entries.
enum class MapName : std::uint8_t {
  kBlockV4,
  kBlockV6,
  kBlockPrefixV4,
  kBlockPrefixV6,
  kBlock,
  kAllow,
  kFlows,
  kSources,
  kServers,
  kCount
};
/// Label values of events_dropped_total and events_written_total.
enum class EventOutput : std::uint8_t { kFile, kSocket, kCount };

/// Updates come from the worker's thread; render() may run in any thread at any time.
class Metrics {
 public:
  struct Options {
    std::string version;
    std::string revision;                 ///< of the source; empty: "unknown"
    std::vector<std::string> interfaces;  ///< names from the configuration
    std::vector<std::string> rules;       ///< ids of the rule set; others count as "other"
    double threshold = 100;
  };
  explicit Metrics(const Options& options);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// After a reload: ids not seen before start at 0, old ones stay. At most 2048 in all.
  void add_rules(const std::vector<std::string>& rules);

  /// Sums of one interface's pw_counters. Adds what grew since the last call, so exported counters
  /// stay monotonic even when the map was made anew.
  void set_kernel(std::string_view interface, const pw_counters& sum);
  /// The same for the core's gauges and counters.
  void set_pipeline(const PipelineStats& stats);
  void set_attached(std::string_view interface, bool native, bool attached);
  void set_enforcing(bool on);
  void set_answers_missing(bool missing);
  void set_bans(std::uint64_t active, std::uint64_t enforced);
  void set_map(MapName map, std::uint64_t entries, std::uint64_t max_entries);
  void set_exposed_servers(std::uint64_t count);
  void set_feed(std::string_view feed, std::uint64_t entries, double loaded_at_unix_s);
  /// The configuration read at the start counts as a success, too, but as no reload.
  void set_config_reload(bool successful, double at_unix_s);
  void config_reload(bool successful, double at_unix_s);
  void set_threshold(double points);

  void request(std::uint8_t service, Api api);
  void detection(std::string_view rule);
  void response(std::uint8_t service, int status);
  void ban(std::uint8_t origin);  ///< enum pw_block_origin
  void unban(UnbanReason reason);
  void suppressed(Suppressed reason, std::uint64_t count = 1);
  void loss(Loss what, std::uint64_t count);  ///< also flows_evicted_total for evictions
  void records_lost(std::uint64_t count);     ///< records the perf buffer dropped
  void reaction(const Reaction& reaction);
  void connections_ended(std::uint64_t count, bool could_not);
  void event_written(EventOutput output, std::uint64_t count = 1);
  void event_dropped(EventOutput output, std::uint64_t count = 1);
  void storage_failed();
  std::uint64_t storage_errors() const;  ///< any thread
  void guard_refused(
      std::string_view reason);  ///< the guard's refusals; unknown reasons count as "failed"
  void api_request();

  /// Prometheus text format 0.0.4.
  std::string render() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace probewall
