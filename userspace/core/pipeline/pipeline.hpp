// SPDX-License-Identifier: Apache-2.0
// The whole middle: records in, requests, detections and decisions out. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/events.hpp"
#include "core/policy/policy.hpp"
#include "core/rules/rule_set.hpp"
#include "core/servers/server_registry.hpp"
#include "probewall/bytes.hpp"
#include "probewall/time.hpp"

namespace probewall {

struct PipelineConfig {
  std::uint32_t bytes_per_request = 4096;  ///< head and body prefix kept per request
  std::uint64_t limit_body_bytes = 64ull << 20;
  Duration request_time = std::chrono::seconds{
      60};  ///< a request that takes longer is given out as timed_out; 0: never
  Duration flow_idle = std::chrono::minutes{10};
  std::uint32_t max_flows = 65536;
  std::uint32_t max_sources = 1u << 18;
  unsigned ipv6_prefix = 64;
  bool require_proof = true;
  std::array<std::uint8_t, 16> key_hash_secret{};  ///< keys the hash of API keys
  std::vector<IpPrefix> inside;  ///< whose use without a key is no exposure of a server
  PolicyConfig policy;
};

/// Numbers for metrics; gauges and monotonic counters of this pipeline.
struct PipelineStats {
  std::uint64_t flows_active = 0;
  std::uint64_t sources_active = 0;
  std::uint64_t flows_total = 0;
  std::uint64_t requests_total = 0;
  std::uint64_t records_total = 0;
  std::uint64_t servers_known = 0;
};

/// One worker's core. Not thread-safe; owns all its state, every table bounded by `config`.
class Pipeline {
 public:
  Pipeline(const PipelineConfig& config, std::shared_ptr<const RuleSet> rules, PipelineSink& sink);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Takes one record (abi/records.h). Hostile or cut records are counted, never fatal.
  void on_record(ByteSpan record);
  /// Lets time pass: request and flow time-outs. `now` on the records' clock, never backwards.
  void on_tick(Timestamp now);
  /// End of input: what is half-read is given out as truncated (replay).
  void finish(Timestamp now);

  void set_rules(std::shared_ptr<const RuleSet> rules);
  /// Threshold and ban lengths from now on; scores and history stay.
  void set_policy(const PolicyConfig& policy);
  void set_inside(const std::vector<IpPrefix>& inside);
  /// Tells policy how many bans a source had before (restored from storage).
  void restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last);
  /// The operator lifted the ban: the source is not banned, and its score begins anew (otherwise
  /// its next request would ban it again).
  void forget_ban(const IpPrefix& source);
  /// The ban could not be made (allowed address, guard's refusal): as if it was never decided; the
  /// source's score stays. Both may be called from within a PipelineSink call.
  void refuse_ban(const IpPrefix& source);

  PipelineStats stats() const;
  /// A source's current score and reasons, for `why`; score 0 when unknown.
  SourceReport report(const IpPrefix& source, Timestamp now) const;
  /// The most suspicious sources, at most `n`, highest score first.
  std::vector<SourceReport> top_sources(std::size_t n, Timestamp now) const;
  /// Servers whose answers were seen, in no order.
  std::vector<ServerReport> servers(Timestamp now) const;
  std::vector<ServerAddress> exposed_servers(Timestamp now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace probewall
