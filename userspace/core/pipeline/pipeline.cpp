// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/pipeline.hpp"

#include <algorithm>
#include <utility>

#include "core/flow/request_assembler.hpp"
#include "core/pipeline/recent_requests.hpp"
#include "core/policy/request_rate.hpp"

namespace probewall {
namespace {

constexpr std::size_t kRecentRequests = 4096;
/// What unproven requests would have scored is only counted, so it gets a small table of its own:
/// forged packets must not push honest sources out of the real one.
constexpr std::uint32_t kUnprovenSources = 1024;
/// Only sources that send several requests in one segment are counted here.
constexpr std::uint32_t kRateSources = 16384;

AssemblerConfig assembler_config(const PipelineConfig& c) {
  AssemblerConfig a;
  a.bytes_per_request = c.bytes_per_request;
  a.limit_body_bytes = c.limit_body_bytes;
  a.request_time = c.request_time;
  a.flow_idle = c.flow_idle;
  a.max_flows = c.max_flows;
  a.ipv6_prefix = c.ipv6_prefix;
  a.require_proof = c.require_proof;
  a.key_hash_secret = c.key_hash_secret;
  return a;
}

/// require_proof is one setting; policy must not see another value than the assembler.
PolicyConfig policy_config(const PipelineConfig& c) {
  PolicyConfig p = c.policy;
  p.require_proof = c.require_proof;
  return p;
}

}  // namespace

class Pipeline::Impl final : public AssemblerSink {
 public:
  Impl(const PipelineConfig& config, std::shared_ptr<const RuleSet> rules, PipelineSink& sink)
      : config_(config),
        policy_config_(policy_config(config)),
        rules_(std::move(rules)),
        sink_(sink),
        sources_(rules_, policy_config_, config.max_sources),
        policy_(policy_config_),
        rate_(config.policy.rate_requests, config.policy.rate_burst,
              std::min(kRateSources, config.max_sources)),
        recent_(kRecentRequests),
        assembler_(assembler_config(config), *this) {
    servers_.set_inside(config.inside);
  }

  void on_request(Request&& request) override;
  void on_response(Response&& response) override;
  void on_loss(Loss what, std::uint64_t count) override { sink_.on_loss(what, count); }
  void on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) override {
    sink_.on_skip(slot, tag, resume);
  }

  void count_evicted_sources() {
    const std::uint64_t evicted = sources_.evicted();
    if (evicted > evicted_seen_) sink_.on_loss(Loss::kSourceEvicted, evicted - evicted_seen_);
    evicted_seen_ = evicted;
    const std::uint64_t servers = servers_.evicted();
    if (servers > servers_evicted_) sink_.on_loss(Loss::kServerEvicted, servers - servers_evicted_);
    servers_evicted_ = servers;
  }
  void set_rules(std::shared_ptr<const RuleSet> rules) {
    rules_ = std::move(rules);
    sources_.set_rules(rules_);
    if (unproven_) unproven_->set_rules(rules_);
  }

  const PipelineConfig config_;
  PolicyConfig policy_config_;
  std::shared_ptr<const RuleSet> rules_;
  PipelineSink& sink_;
  SourceTable sources_;
  std::unique_ptr<SourceTable> unproven_;  ///< made when first needed
  Policy policy_;
  RequestRate rate_;
  RecentRequests recent_;
  ServerRegistry servers_;
  RequestAssembler assembler_;
  std::uint64_t requests_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t evicted_seen_ = 0;
  std::uint64_t servers_evicted_ = 0;

  /// `source` as requests are scored: a ban may concern a part of it.
  IpPrefix scored(const IpPrefix& source) const {
    const IpPrefix whole = source_of(source.address, config_.ipv6_prefix);
    return whole.length < source.length ? whole : source;
  }

 private:
  void count_unproven(const Request& request);
  void check_rate(const Verdict& verdict, const Request& request);
  /// Whom a ban would concern; a verdict that is acted upon gets its reasons. When that is a part
  /// of the source, the source's evidence is forgotten with the ban: the rest of it shall not be
  /// banned for what one address did.
  IpPrefix target(Verdict& verdict, const IpPrefix& source, const FlowKey& flow, Timestamp time) {
    if (!policy_.is_due(verdict)) return source;
    sources_.explain(verdict, source, time);
    return sink_.ban_target(source, flow.client);
  }
  void publish(const std::vector<Detection>& detections, const std::optional<Decision>& decision,
               const Request& request);
};

void Pipeline::Impl::on_request(Request&& request) {
  ++requests_;
  request.over_limit = request.head.content_length.value_or(0) > config_.limit_body_bytes;
  sink_.on_request(request);
  if (!request.proven && config_.require_proof) return count_unproven(request);
  recent_.remember(request);
  Verdict verdict = sources_.on_request(request);
  // Nobody knows which of the conflicting bytes the server took: shown, never held against anyone.
  if (request.conflicting) return;
  const IpPrefix whom = target(verdict, request.source, request.flow, request.proven_time);
  publish(verdict.detections, policy_.decide(verdict, request, whom), request);
  if (whom != request.source) sources_.forget(request.source);
  check_rate(verdict, request);
}

void Pipeline::Impl::check_rate(const Verdict& verdict, const Request& request) {
  if (!rate_.exceeded(request.source, request.proven_time, request.pipelined)) return;
  const auto target = sink_.ban_target(request.source, request.flow.client);
  publish({}, policy_.limit(verdict, request, target, RequestRate::kLimitedFor), request);
}

void Pipeline::Impl::on_response(Response&& response) {
  sink_.on_response(response);
  if (const Request* asked = recent_.find(response.request_id)) {
    if (const auto exposure = servers_.on_response(*asked, response)) sink_.on_exposure(*exposure);
  }
  Verdict verdict = sources_.on_response(response);
  if (verdict.detections.empty()) return;
  const Request* last = recent_.find(response.request_id);
  if (last != nullptr && last->conflicting) return;
  const IpPrefix whom = target(verdict, response.source, response.flow, response.time);
  const std::optional<Decision> decision = policy_.decide(verdict, response, last, whom);
  if (whom != response.source) sources_.forget(response.source);
  if (last != nullptr) return publish(verdict.detections, decision, *last);
  Request unknown;
  unknown.id = response.request_id;
  unknown.time = unknown.proven_time = response.time;
  unknown.flow = response.flow;
  unknown.source = response.source;
  unknown.proven = true;  // answers are read on proven flows only
  publish(verdict.detections, decision, unknown);
}

void Pipeline::Impl::publish(const std::vector<Detection>& detections,
                             const std::optional<Decision>& decision, const Request& request) {
  const std::optional<Suppressed> suppressed = policy_.last_suppressed();
  for (const Detection& detection : detections) sink_.on_detection(detection, request);
  if (suppressed) sink_.on_suppressed(*suppressed, request.source);
  if (decision) sink_.on_decision(*decision, request);
}

void Pipeline::Impl::count_unproven(const Request& request) {
  if (!unproven_) {
    unproven_ = std::make_unique<SourceTable>(rules_, policy_config_,
                                              std::min(kUnprovenSources, config_.max_sources));
  }
  const Verdict verdict = unproven_->on_request(request);
  if (!verdict.detections.empty() && verdict.score >= policy_config_.threshold) {
    sink_.on_suppressed(Suppressed::kUnproven, request.source);
  }
}

Pipeline::Pipeline(const PipelineConfig& config, std::shared_ptr<const RuleSet> rules,
                   PipelineSink& sink)
    : impl_(std::make_unique<Impl>(config, std::move(rules), sink)) {}
Pipeline::~Pipeline() = default;

void Pipeline::on_record(ByteSpan record) {
  ++impl_->records_;
  impl_->assembler_.on_record(record);
}

void Pipeline::on_tick(Timestamp now) {
  impl_->assembler_.on_tick(now);
  impl_->count_evicted_sources();
}

void Pipeline::finish(Timestamp now) {
  impl_->assembler_.finish(now);
  impl_->count_evicted_sources();
}

void Pipeline::set_rules(std::shared_ptr<const RuleSet> rules) {
  impl_->set_rules(std::move(rules));
}

void Pipeline::set_policy(const PolicyConfig& policy) {
  impl_->policy_config_.threshold = policy.threshold;
  impl_->policy_.reconfigure(policy);
  impl_->rate_.set_limits(policy.rate_requests, policy.rate_burst);
}

void Pipeline::set_inside(const std::vector<IpPrefix>& inside) {
  impl_->servers_.set_inside(inside);
}

std::vector<ServerReport> Pipeline::servers(Timestamp now) const {
  return impl_->servers_.list(now);
}

std::vector<ServerAddress> Pipeline::exposed_servers(Timestamp now) const {
  return impl_->servers_.exposed(now);
}

void Pipeline::restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last) {
  impl_->policy_.restore_history(source, bans, last);
}

void Pipeline::forget_ban(const IpPrefix& source) {
  impl_->policy_.forget_ban(source);
  impl_->sources_.forget(impl_->scored(source));
}

void Pipeline::refuse_ban(const IpPrefix& source) { impl_->policy_.forget_ban(source); }

PipelineStats Pipeline::stats() const {
  PipelineStats s;
  s.flows_active = impl_->assembler_.flows_active();
  s.flows_total = impl_->assembler_.flows_total();
  s.sources_active = impl_->sources_.size();
  s.requests_total = impl_->requests_;
  s.records_total = impl_->records_;
  s.servers_known = impl_->servers_.size();
  return s;
}

SourceReport Pipeline::report(const IpPrefix& source, Timestamp now) const {
  SourceReport report = impl_->sources_.report(source, now);
  report.bans = impl_->policy_.bans(source);
  return report;
}

std::vector<SourceReport> Pipeline::top_sources(std::size_t n, Timestamp now) const {
  std::vector<SourceReport> top = impl_->sources_.top(n, now);
  for (SourceReport& report : top) report.bans = impl_->policy_.bans(report.source);
  return top;
}

}  // namespace probewall
