// SPDX-License-Identifier: Apache-2.0
#include "daemon/capture_thread.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/event_loop.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

constexpr std::uint64_t kBatch = 512;
constexpr int kTickMs = 100;
constexpr std::uint64_t kTickNs = 100'000'000;

}  // namespace

Result<std::unique_ptr<CaptureThread>> CaptureThread::open(const MakeReader& make_reader) {
  UniqueFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake) return fail(errno, "create eventfd");
  std::unique_ptr<CaptureThread> made{new CaptureThread{std::move(wake)}};
  auto* self = made.get();
  auto reader = make_reader([self](ByteSpan record) { self->on_record(record); },
                            [self](std::uint64_t count) { self->on_lost(count); });
  if (!reader) return tl::unexpected(reader.error());
  self->reader_ = std::move(*reader);
  return made;
}

CaptureThread::~CaptureThread() { stop(); }

void CaptureThread::prepare(const PipelineConfig& config, std::shared_ptr<const RuleSet> rules,
                            CaptureContext context) {
  context_.emplace(std::move(context));
  PipelineSink& sink = *this;
  pipeline_ = std::make_unique<Pipeline>(config, std::move(rules), sink);
}

void CaptureThread::start() {
  thread_ = std::thread{[this] { run(); }};
}

void CaptureThread::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void CaptureThread::run() {
  pollfd watched[] = {{reader_->poll_fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  std::uint64_t next_tick = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    poll(watched, 2, kTickMs);
    {
      const std::lock_guard lock{mutex_};
      reader_->drain(kBatch);
    }
    if (monotonic_ns() < next_tick) continue;
    tick();
    next_tick = monotonic_ns() + kTickNs;
  }
}

void CaptureThread::tick() {
  const std::lock_guard lock{mutex_};
  read_ns_ = monotonic_ns();
  ticking_ = true;
  pipeline_->on_tick(timestamp_from_ns(read_ns_));
  ticking_ = false;
}

void CaptureThread::on_record(ByteSpan record) {
  read_ns_ = monotonic_ns();
  pipeline_->on_record(record);
}

void CaptureThread::on_lost(std::uint64_t count) {
  context_->recorder.with_metrics([count](Metrics& metrics) { metrics.records_lost(count); });
  context_->recorder.other_loss("perf_records", count);
}

void CaptureThread::on_request(const Request& request) {
  context_->recorder.request(request);
  if (!request.timed_out || !request.proven || !context_->mirror.enforcing()) return;
  guard::Wish wish;
  wish.type = static_cast<std::uint32_t>(guard::WishType::kEndFlow);
  wish.flow = request.flow.to_abi();
  if (!context_->send(wish)) context_->recorder.other_loss("guard_wishes", 1);
}

void CaptureThread::on_response(const Response& response) { context_->recorder.response(response); }

void CaptureThread::on_detection(const Detection& detection, const Request& request) {
  context_->recorder.detection(detection, request);
}

void CaptureThread::on_decision(const Decision& decision, const Request& request) {
  DecisionTiming timing;
  timing.decided_ns = monotonic_ns();
  timing.read_ns = read_ns_;
  // Evidence that is a time-out is complete when the clock says so, not when the last packet came.
  const auto complete = std::max({request.time, request.proven_time, decision.time});
  timing.evidence_ns = ticking_ ? read_ns_ : to_ns(complete);
  if (request.proven_time > request.time) {
    timing.proof_wait_ns = static_cast<std::uint64_t>((request.proven_time - request.time).count());
  }
  if (!context_->desk.submit(decision, timing, context_->mirror.enforcing())) {
    pipeline_->refuse_ban(decision.source);
  }
}

void CaptureThread::on_suppressed(Suppressed reason, const IpPrefix&) {
  context_->recorder.suppressed(reason);
}

void CaptureThread::on_loss(Loss what, std::uint64_t count) {
  context_->recorder.loss(what, count);
}

void CaptureThread::on_skip(std::uint32_t slot, std::uint32_t tag, std::uint32_t resume) {
  context_->skip.store(slot, tag, resume);
}

PipelineStats CaptureThread::stats() const {
  const std::lock_guard lock{mutex_};
  return pipeline_->stats();
}

SourceReport CaptureThread::report(const IpPrefix& source) const {
  const std::lock_guard lock{mutex_};
  return pipeline_->report(source, timestamp_from_ns(monotonic_ns()));
}

std::vector<SourceReport> CaptureThread::top_sources(std::size_t n) const {
  const std::lock_guard lock{mutex_};
  return pipeline_->top_sources(n, timestamp_from_ns(monotonic_ns()));
}

void CaptureThread::restore_history(const IpPrefix& source, std::uint32_t bans, Timestamp last) {
  const std::lock_guard lock{mutex_};
  pipeline_->restore_history(source, bans, last);
}

void CaptureThread::forget_ban(const IpPrefix& source) {
  const std::lock_guard lock{mutex_};
  pipeline_->forget_ban(source);
}

void CaptureThread::refuse_ban(const IpPrefix& source) {
  const std::lock_guard lock{mutex_};
  pipeline_->refuse_ban(source);
}

void CaptureThread::reconfigure(std::shared_ptr<const RuleSet> rules, const PolicyConfig& policy,
                                const std::vector<IpPrefix>& inside) {
  const std::lock_guard lock{mutex_};
  pipeline_->set_rules(std::move(rules));
  pipeline_->set_policy(policy);
  pipeline_->set_inside(inside);
}

std::vector<ServerReport> CaptureThread::servers() const {
  const std::lock_guard lock{mutex_};
  return pipeline_->servers(timestamp_from_ns(monotonic_ns()));
}

std::vector<ServerAddress> CaptureThread::exposed_servers() const {
  const std::lock_guard lock{mutex_};
  return pipeline_->exposed_servers(timestamp_from_ns(monotonic_ns()));
}

void CaptureThread::on_exposure(const Exposure& exposure) { context_->recorder.exposure(exposure); }

}  // namespace probewall
