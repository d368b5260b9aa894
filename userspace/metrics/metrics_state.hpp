// SPDX-License-Identifier: Apache-2.0
// The series behind Metrics, looked up once. Only metrics*.cpp include this.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <mutex>

#include "metrics/label_names.hpp"

namespace probewall {

namespace metrics {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

template <std::size_t N>
using Counters = std::array<Counter*, N>;

template <typename E>
constexpr std::size_t index_of(E e) {
  return static_cast<std::size_t>(e);
}

inline constexpr std::size_t kApis = index_of(Api::kCount);
inline constexpr std::size_t kLosses = index_of(Loss::kCount);
inline constexpr std::size_t kSuppressions = index_of(Suppressed::kCount);

}  // namespace metrics

struct Metrics::State {
  explicit State(const Options& options);

  prometheus::Family<metrics::Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter()
        .Name(std::string{"probewall_"} + name)
        .Help(help)
        .Register(registry);
  }
  prometheus::Family<metrics::Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge()
        .Name(std::string{"probewall_"} + name)
        .Help(help)
        .Register(registry);
  }
  metrics::Histogram& histogram(const char* name, const char* help,
                                const metrics::Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram()
        .Name(std::string{"probewall_"} + name)
        .Help(help)
        .Register(registry)
        .Add({}, buckets);
  }

  struct Interface {
    pw_counters last{};
    std::array<metrics::Counters<PW_FAMILY_COUNT>, PW_VERDICT_COUNT> packets{};
    metrics::Counters<PW_VERDICT_COUNT> bytes{};
    metrics::Gauge* native = nullptr;
    metrics::Gauge* generic = nullptr;
  };
  Interface& interface(std::string_view name);
  void add_rule(const std::string& rule);
  void make_core(const Options& options);
  void make_bans();
  void make_outputs();

  prometheus::Registry registry;
  std::mutex rules_mutex;  // guards `rules` between add_rules() and detection(): reload may come
                           // from elsewhere
  std::map<std::string, Interface, std::less<>> interfaces;
  std::map<std::string, metrics::Counter*, std::less<>> rules;
  std::map<std::string, std::pair<metrics::Gauge*, metrics::Gauge*>, std::less<>> feeds;
  PipelineStats last_pipeline;

  prometheus::Family<metrics::Counter>&packets, &bytes, &detections;
  prometheus::Family<metrics::Gauge>&attached, &feed_entries, &feed_loaded;
  metrics::Counters<PW_SERVICE_COUNT> llm_packets;
  metrics::Counters<PW_PARSE_COUNT> parse_errors;
  metrics::Counters<PW_RECORD_TYPE_COUNT> ring_events, ring_lost;
  metrics::Counters<PW_EVENT_COUNT> kernel_events;
  metrics::Counter* perf_lost = nullptr;

  std::array<metrics::Counters<metrics::kApis>, PW_SERVICE_COUNT> requests;
  std::array<metrics::Counters<metrics::kCodeClasses.size()>, PW_SERVICE_COUNT> responses;
  metrics::Counter *records = nullptr, *flows = nullptr, *evicted_capacity = nullptr,
                   *evicted_timeout = nullptr;
  metrics::Gauge *flows_active = nullptr, *sources_active = nullptr;
  metrics::Counters<metrics::kLosses> losses;

  metrics::Counters<PW_ORIGIN_COUNT> bans;
  metrics::Counters<metrics::kSuppressions> suppressed;
  metrics::Counters<metrics::index_of(UnbanReason::kCount)> unbans;
  metrics::Counters<metrics::kRefusals.size()> refusals;
  metrics::Gauge *bans_active = nullptr, *bans_enforced = nullptr, *enforcing = nullptr,
                 *answers_missing = nullptr, *exposed = nullptr;
  metrics::Counter *ended = nullptr, *not_ended = nullptr;
  std::array<metrics::Gauge*, metrics::index_of(MapName::kCount)> map_entries{}, map_max{};
  metrics::Histogram *reaction = nullptr, *queue = nullptr, *judge = nullptr, *table = nullptr,
                     *proof_wait = nullptr;

  metrics::Counters<metrics::index_of(EventOutput::kCount)> written, dropped;
  metrics::Counter *storage_errors = nullptr, *api_requests = nullptr;
  metrics::Gauge *reload_ok = nullptr, *reload_time = nullptr, *threshold = nullptr;
  metrics::Counter *reloads = nullptr, *reloads_failed = nullptr;
};

}  // namespace probewall
