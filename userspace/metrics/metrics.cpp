// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>

#include "metrics/metrics_state.hpp"

namespace probewall {

using namespace metrics;

namespace {

/// Growth since the last reading; a smaller reading means the source began anew at 0.
std::uint64_t take_growth(std::uint64_t& last, std::uint64_t now) {
  const std::uint64_t growth = now >= last ? now - last : now;
  last = now;
  return growth;
}

void add(Counter* counter, std::uint64_t growth) {
  if (growth != 0) counter->Increment(static_cast<double>(growth));
}

}  // namespace

Metrics::Metrics(const Options& options) : state_(std::make_unique<State>(options)) {}
Metrics::~Metrics() = default;

void Metrics::add_rules(const std::vector<std::string>& rules) {
  for (const auto& rule : rules) state_->add_rule(rule);
}

void Metrics::set_kernel(std::string_view name, const pw_counters& sum) {
  State& s = *state_;
  State::Interface& i = s.interface(name);
  for (std::size_t v = 0; v < PW_VERDICT_COUNT; ++v) {
    for (std::size_t f = 0; f < PW_FAMILY_COUNT; ++f) {
      std::uint64_t last = i.last.packets[v][f];
      add(i.packets[v][f], take_growth(last, sum.packets[v][f]));
    }
    std::uint64_t last = i.last.bytes[v];
    add(i.bytes[v], take_growth(last, sum.bytes[v]));
  }
  const auto take = [](auto& counters, const __u64* before, const __u64* now) {
    for (std::size_t n = 0; n < counters.size(); ++n) {
      std::uint64_t last = before[n];
      const auto growth = take_growth(last, now[n]);
      if (counters[n] != nullptr) add(counters[n], growth);
    }
  };
  take(s.parse_errors, i.last.parse_errors, sum.parse_errors);
  take(s.llm_packets, i.last.llm_packets, sum.llm_packets);
  take(s.ring_events, i.last.records, sum.records);
  take(s.ring_lost, i.last.records_lost, sum.records_lost);
  take(s.kernel_events, i.last.events, sum.events);
  i.last = sum;
}

void Metrics::set_pipeline(const PipelineStats& stats) {
  State& s = *state_;
  s.flows_active->Set(static_cast<double>(stats.flows_active));
  s.sources_active->Set(static_cast<double>(stats.sources_active));
  add(s.flows, take_growth(s.last_pipeline.flows_total, stats.flows_total));
  add(s.records, take_growth(s.last_pipeline.records_total, stats.records_total));
}

void Metrics::set_attached(std::string_view name, bool native, bool attached) {
  State::Interface& i = state_->interface(name);
  i.native->Set(attached && native ? 1 : 0);
  i.generic->Set(attached && !native ? 1 : 0);
}

void Metrics::set_enforcing(bool on) { state_->enforcing->Set(on ? 1 : 0); }
void Metrics::set_answers_missing(bool missing) { state_->answers_missing->Set(missing ? 1 : 0); }

void Metrics::set_bans(std::uint64_t active, std::uint64_t enforced) {
  state_->bans_active->Set(static_cast<double>(active));
  state_->bans_enforced->Set(static_cast<double>(enforced));
}

void Metrics::set_map(MapName map, std::uint64_t entries, std::uint64_t max_entries) {
  if (map >= MapName::kCount) return;
  state_->map_entries[index_of(map)]->Set(static_cast<double>(entries));
  state_->map_max[index_of(map)]->Set(static_cast<double>(max_entries));
}

void Metrics::set_exposed_servers(std::uint64_t count) {
  state_->exposed->Set(static_cast<double>(count));
}

void Metrics::set_feed(std::string_view feed, std::uint64_t entries, double loaded_at_unix_s) {
  auto known = state_->feeds.find(feed);
  if (known == state_->feeds.end()) {
    const std::map<std::string, std::string> label{{"feed", std::string{feed}}};
    known = state_->feeds
                .emplace(feed, std::pair{&state_->feed_entries.Add(label),
                                         &state_->feed_loaded.Add(label)})
                .first;
  }
  known->second.first->Set(static_cast<double>(entries));
  known->second.second->Set(loaded_at_unix_s);
}

void Metrics::set_config_reload(bool successful, double at_unix_s) {
  state_->reload_ok->Set(successful ? 1 : 0);
  if (successful) state_->reload_time->Set(at_unix_s);
}

void Metrics::config_reload(bool successful, double at_unix_s) {
  set_config_reload(successful, at_unix_s);
  (successful ? state_->reloads : state_->reloads_failed)->Increment();
}

void Metrics::set_threshold(double points) { state_->threshold->Set(points); }

void Metrics::request(std::uint8_t service, Api api) {
  if (service < PW_SERVICE_COUNT && api < Api::kCount)
    state_->requests[service][index_of(api)]->Increment();
}

void Metrics::detection(std::string_view rule) {
  const std::lock_guard lock(state_->rules_mutex);
  auto known = state_->rules.find(rule);
  if (known == state_->rules.end()) known = state_->rules.find(std::string_view{"other"});
  known->second->Increment();
}

void Metrics::response(std::uint8_t service, int status) {
  if (service >= PW_SERVICE_COUNT) return;
  const std::size_t code_class =
      status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100 - 1) : 5;
  state_->responses[service][code_class]->Increment();
}

void Metrics::ban(std::uint8_t origin) {
  if (origin < PW_ORIGIN_COUNT) state_->bans[origin]->Increment();
}

void Metrics::unban(UnbanReason reason) {
  if (reason < UnbanReason::kCount) state_->unbans[index_of(reason)]->Increment();
}

void Metrics::suppressed(Suppressed reason, std::uint64_t count) {
  if (reason < Suppressed::kCount) add(state_->suppressed[index_of(reason)], count);
}

void Metrics::loss(Loss what, std::uint64_t count) {
  if (what >= Loss::kCount) return;
  add(state_->losses[index_of(what)], count);
  if (what == Loss::kFlowEvictedCapacity) add(state_->evicted_capacity, count);
  if (what == Loss::kFlowEvictedTimeout) add(state_->evicted_timeout, count);
}

void Metrics::records_lost(std::uint64_t count) { add(state_->perf_lost, count); }

void Metrics::reaction(const Reaction& r) {
  State& s = *state_;
  s.reaction->Observe(r.total);
  s.queue->Observe(r.queue);
  s.judge->Observe(r.judge);
  s.table->Observe(r.table);
  s.proof_wait->Observe(r.proof_wait);
}

void Metrics::connections_ended(std::uint64_t count, bool could_not) {
  add(could_not ? state_->not_ended : state_->ended, count);
}

void Metrics::event_written(EventOutput output, std::uint64_t count) {
  if (output < EventOutput::kCount) add(state_->written[index_of(output)], count);
}

void Metrics::event_dropped(EventOutput output, std::uint64_t count) {
  if (output < EventOutput::kCount) add(state_->dropped[index_of(output)], count);
}

void Metrics::storage_failed() { state_->storage_errors->Increment(); }

std::uint64_t Metrics::storage_errors() const {
  return static_cast<std::uint64_t>(state_->storage_errors->Value());
}

void Metrics::guard_refused(std::string_view reason) {
  const auto known = std::find(kRefusals.begin(), kRefusals.end(), reason);
  const auto index =
      known != kRefusals.end() ? known - kRefusals.begin() : std::ptrdiff_t{kRefusals.size() - 1};
  state_->refusals[static_cast<std::size_t>(index)]->Increment();
}

void Metrics::api_request() { state_->api_requests->Increment(); }

std::string Metrics::render() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace probewall
