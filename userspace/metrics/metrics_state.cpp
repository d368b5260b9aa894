// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics_state.hpp"

#include <chrono>

namespace probewall {

using namespace metrics;
using Labels = std::map<std::string, std::string>;

namespace {

constexpr std::size_t kMaxRules = 2048;

// 20 us to 1 s, dense below 1 ms, where the reaction is expected to be.
const Histogram::BucketBoundaries kReactionBuckets{
    20e-6,  40e-6,  60e-6,  80e-6,  100e-6, 125e-6, 150e-6, 175e-6, 200e-6,
    250e-6, 300e-6, 400e-6, 500e-6, 600e-6, 800e-6, 1e-3,   1.5e-3, 2e-3,
    3e-3,   5e-3,   10e-3,  20e-3,  50e-3,  100e-3, 250e-3, 1.0};
// A proof waits for the server's acknowledgment: up to delayed-ACK and round-trip times.
const Histogram::BucketBoundaries kProofBuckets{50e-6,  100e-6, 250e-6, 500e-6, 1e-3,
                                                2.5e-3, 5e-3,   10e-3,  25e-3,  40e-3,
                                                60e-3,  100e-3, 250e-3, 1.0,    5.0};

/// One counter per label value, all there from the start.
template <std::size_t N>
Counters<N> one_each(prometheus::Family<Counter>& family, const char* label,
                     const std::array<const char*, N>& values, Labels others = {}) {
  Counters<N> counters{};
  for (std::size_t i = 0; i < N; ++i) {
    others[label] = values[i];
    counters[i] = &family.Add(others);
  }
  return counters;
}

template <std::size_t N, typename E>
std::array<const char*, N> names_of() {
  std::array<const char*, N> names{};
  for (std::size_t i = 0; i < N; ++i) names[i] = to_string(static_cast<E>(i));
  return names;
}

}  // namespace

Metrics::State::State(const Options& options)
    : packets(counter("packets_total", "Packets by what XDP did with them.")),
      bytes(counter("bytes_total", "Bytes of packets by what XDP did with them.")),
      detections(counter("detections_total", "Rule matches on proven requests.")),
      attached(gauge("xdp_attached", "1 when the XDP program is attached in this mode.")),
      feed_entries(gauge("feed_entries", "Entries in force from a feed.")),
      feed_loaded(gauge("feed_last_success_timestamp_seconds", "When a feed was last loaded.")) {
  gauge("build_info", "Always 1; the labels say what runs.")
      .Add({{"version", options.version},
            {"revision", options.revision.empty() ? "unknown" : options.revision}})
      .Set(1);
  gauge("start_time_seconds", "When the worker started, Unix time.")
      .Add({})
      .Set(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
               .count());
  for (const auto& name : options.interfaces) (void)interface(name);
  add_rule("other");
  for (const auto& rule : options.rules) add_rule(rule);
  make_core(options);
  make_bans();
  make_outputs();
}

void Metrics::State::make_core(const Options& options) {
  llm_packets = one_each(
      counter("llm_packets_total", "TCP packets to LLM ports, by the port's usual product."),
      "service", kServices);
  parse_errors =
      one_each(counter("parse_errors_total", "Packets that could not be parsed; they were passed."),
               "layer", kParseLayers);
  auto& ring = counter("ring_events_total", "Records the kernel handed to user space.");
  auto& lost = counter("ring_lost_total", "Records lost because ring or perf buffer was full.");
  for (std::size_t i = 1; i < kRecordTypes.size(); ++i) {
    ring_events[i] = &ring.Add({{"kind", kRecordTypes[i]}});
    ring_lost[i] = &lost.Add({{"kind", kRecordTypes[i]}});
  }
  ring_events[0] = ring_lost[0] = nullptr;
  perf_lost = &lost.Add({{"kind", "perf"}});
  kernel_events = one_each(counter("kernel_events_total", "What else the kernel programs counted."),
                           "event", kKernelEvents);

  auto& request = counter("requests_total",
                          "Requests put together, by the port's usual product and the API spoken.");
  auto& response = counter("responses_total",
                           "Answers seen, by the port's usual product and class of status code.");
  for (std::size_t s = 0; s < kServices.size(); ++s) {
    requests[s] = one_each(request, "api", names_of<kApis, Api>(), {{"service", kServices[s]}});
    responses[s] = one_each(response, "code_class", kCodeClasses, {{"service", kServices[s]}});
  }
  records = &counter("records_total", "Records the core took in.").Add({});
  flows = &counter("flows_total", "Connections followed since start.").Add({});
  flows_active = &gauge("flows_active", "Connections followed now.").Add({});
  sources_active = &gauge("sources_active", "Sources whose history is kept.").Add({});
  auto& evicted = counter("flows_evicted_total", "Connections forgotten before they ended.");
  evicted_capacity = &evicted.Add({{"reason", "capacity"}});
  evicted_timeout = &evicted.Add({{"reason", "timeout"}});
  losses = one_each(counter("loss_total", "Input the core could not use, by kind."), "what",
                    names_of<kLosses, Loss>());
  threshold = &gauge("block_threshold_score", "Score from which a source is banned.").Add({});
  threshold->Set(options.threshold);
}

void Metrics::State::make_bans() {
  bans = one_each(counter("bans_total", "Bans made, by who asked for them."), "origin", kOrigins);
  suppressed =
      one_each(counter("bans_suppressed_total", "Bans that were due and not made, by reason."),
               "reason", names_of<kSuppressions, Suppressed>());
  unbans =
      one_each(counter("unbans_total", "Bans that ended, by reason."), "reason", kUnbanReasons);
  refusals = one_each(
      counter("guard_refused_total", "Wishes of the worker that the guard refused, by reason."),
      "reason", kRefusals);
  bans_active = &gauge("bans_active", "Bans in force according to the daemon.").Add({});
  bans_enforced = &gauge("bans_enforced", "Entries in force in the kernel's block tables.").Add({});
  enforcing = &gauge("enforcing", "1: blocked packets are dropped; 0: only counted.").Add({});
  answers_missing = &gauge("answers_missing",
                           "1: clients' packets are seen and no server's, so nothing is judged.")
                         .Add({});
  exposed =
      &gauge("exposed_servers", "LLM servers that answered an outsider without a key.").Add({});
  auto& connections = counter("connections_ended_total",
                              "Connections of banned sources, by whether they could be ended.");
  ended = &connections.Add({{"result", "ended"}});
  not_ended = &connections.Add({{"result", "could_not"}});
  auto& entries = gauge("map_entries", "Entries in a kernel table.");
  auto& maximum = gauge("map_max_entries", "Entries a kernel table can hold.");
  for (std::size_t i = 0; i < kMaps.size(); ++i) {
    map_entries[i] = &entries.Add({{"map", kMaps[i]}});
    map_max[i] = &maximum.Add({{"map", kMaps[i]}});
  }
  reaction = &histogram(
      "reaction_seconds",
      "From the kernel's timestamp of the packet that completed the evidence to the table written.",
      kReactionBuckets);
  queue =
      &histogram("reaction_queue_seconds",
                 "Part of the reaction: packet seen to record in the worker.", kReactionBuckets);
  judge = &histogram("reaction_judge_seconds", "Part of the reaction: record to decision.",
                     kReactionBuckets);
  table = &histogram("reaction_table_seconds", "Part of the reaction: decision to table written.",
                     kReactionBuckets);
  proof_wait = &histogram("proof_wait_seconds",
                          "From a deciding request's last needed byte to the proof of its address.",
                          kProofBuckets);
}

void Metrics::State::make_outputs() {
  written =
      one_each(counter("events_written_total", "Events given out, by output."), "output", kOutputs);
  dropped =
      one_each(counter("events_dropped_total", "Events that could not be given out, by output."),
               "output", kOutputs);
  storage_errors = &counter("storage_errors_total", "Decisions that could not be stored.").Add({});
  api_requests =
      &counter("api_requests_total", "Requests answered on control socket and metrics address.")
           .Add({});
  reload_ok = &gauge("config_last_reload_successful",
                     "1 when the last read of the configuration succeeded.")
                   .Add({});
  reload_time = &gauge("config_last_reload_success_timestamp_seconds",
                       "When the configuration in force was read.")
                     .Add({});
  auto& outcomes = counter("config_reloads_total", "Reloads of configuration and rules.");
  reloads = &outcomes.Add({{"result", "success"}});
  reloads_failed = &outcomes.Add({{"result", "failure"}});
}

Metrics::State::Interface& Metrics::State::interface(std::string_view name) {
  const auto known = interfaces.find(name);
  if (known != interfaces.end()) return known->second;
  Interface& made = interfaces[std::string{name}];
  const std::string label{name};
  for (std::size_t v = 0; v < kVerdicts.size(); ++v) {
    made.packets[v] =
        one_each(packets, "family", kFamilies, {{"interface", label}, {"verdict", kVerdicts[v]}});
  }
  made.bytes = one_each(bytes, "verdict", kVerdicts, {{"interface", label}});
  made.native = &attached.Add({{"interface", label}, {"mode", "native"}});
  made.generic = &attached.Add({{"interface", label}, {"mode", "generic"}});
  return made;
}

void Metrics::State::add_rule(const std::string& rule) {
  const std::lock_guard lock(rules_mutex);
  if (rules.size() < kMaxRules && !rules.contains(rule))
    rules[rule] = &detections.Add({{"rule", rule}});
}

}  // namespace probewall
