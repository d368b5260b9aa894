// SPDX-License-Identifier: Apache-2.0
#include "daemon/recorder.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/http/shown_text.hpp"
#include "daemon/clocks.hpp"
#include "daemon/log.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

/// Method and path, not the target: a query may hold a key. So may any text.
std::string request_line(const Request& r) {
  std::string line = r.head.method + ' ' + r.head.path;
  const auto agent = r.head.user_agent();
  if (!agent.empty()) {
    line += "  (";
    line += agent;
    line += ')';
  }
  if (!r.llm.model.empty()) line += "  model " + r.llm.model;
  return without_keys(line);
}

Timestamp now() { return timestamp_from_ns(monotonic_ns()); }

}  // namespace

Recorder::Recorder(const EventOptions& options, Metrics& metrics, EventTail& tail)
    : metrics_(metrics), tail_(tail), formatter_(options) {}

void Recorder::emit(std::string_view line) {
  tail_.push(line.substr(0, line.size() - 1));
  metrics_.event_written(EventOutput::kSocket);
  if (!file_) return;
  if (pending_.size() + line.size() > kMaxPending) {
    ++dropped_lines_;
    return;
  }
  pending_ += line;
  ++pending_lines_;
}

void Recorder::request(const Request& request) {
  const std::lock_guard lock{mutex_};
  requests_.fetch_add(1, std::memory_order_relaxed);
  metrics_.request(request.service, request.api);
  if (request.proven) memory_.remember(request.source, request_line(request));
  emit(formatter_.request(request));
}

void Recorder::response(const Response& response) {
  const std::lock_guard lock{mutex_};
  metrics_.response(response.service, response.status);
  emit(formatter_.response(response));
}

void Recorder::detection(const Detection& detection, const Request& request) {
  const std::lock_guard lock{mutex_};
  detections_.fetch_add(1, std::memory_order_relaxed);
  metrics_.detection(detection.rule);
  emit(formatter_.detection(detection, request));
}

void Recorder::decision(const Decision& decision, const DecisionOutcome& outcome) {
  const std::lock_guard lock{mutex_};
  emit(formatter_.decision(decision, outcome));
}

void Recorder::operator_decision(const Decision& decision, std::string_view note) {
  const std::lock_guard lock{mutex_};
  emit(formatter_.ordered(decision, "operator", note));
}

void Recorder::exposure(const Exposure& exposure) {
  // A server's clients are spread over the threads, and each thread finds out for itself.
  constexpr Duration kOnce = std::chrono::minutes{10};
  const std::lock_guard lock{mutex_};
  if (told_.size() >= kToldServers) told_.clear();
  auto& told = told_[{exposure.server, exposure.port}];
  if (exposure.access <= told.access && exposure.time - told.at < kOnce) return;
  told = {exposure.access, exposure.time};
  emit(formatter_.exposure(exposure));
}

void Recorder::suppressed(Suppressed reason, std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  metrics_.suppressed(reason, count);
}

void Recorder::unblock(const IpPrefix& source, std::string_view why, UnbanReason reason) {
  const std::lock_guard lock{mutex_};
  metrics_.unban(reason);
  emit(formatter_.unblock(now(), source, why));
}

void Recorder::loss(Loss what, std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  metrics_.loss(what, count);
  losses_[static_cast<std::size_t>(what)] += count;
}

void Recorder::other_loss(const std::string& what, std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  other_losses_[what] += count;
}

std::vector<std::string> Recorder::last_requests(const IpPrefix& source) const {
  const std::lock_guard lock{mutex_};
  return memory_.lines(source);
}

void Recorder::set_file(EventFile file) { file_ = std::move(file); }

void Recorder::write_out() {
  std::uint64_t lines = 0, dropped = 0;
  {
    const std::lock_guard lock{mutex_};
    writing_.clear();
    writing_.swap(pending_);
    lines = std::exchange(pending_lines_, 0);
    dropped = std::exchange(dropped_lines_, 0);
  }
  if (!file_ || (lines == 0 && dropped == 0)) return;
  // Outside the lock: a slow disk must not hold up a capture thread.
  file_->write(writing_);
  file_->flush();
  const auto lost = file_->lost_lines() - file_lost_;
  file_lost_ = file_->lost_lines();
  say_file_problem();
  const std::lock_guard lock{mutex_};
  metrics_.event_written(EventOutput::kFile, lines - std::min(lines, lost));
  metrics_.event_dropped(EventOutput::kFile, lost + dropped);
  if (lost + dropped > 0) other_losses_["event_lines"] += lost + dropped;
}

void Recorder::tick_second() {
  const std::lock_guard lock{mutex_};
  formatter_.set_wall_offset(wall_offset_ns());
  const auto at = now();
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (const auto count = std::exchange(losses_[i], 0); count > 0) {
      emit(formatter_.loss(at, to_string(static_cast<Loss>(i)), count));
    }
  }
  for (const auto& [what, count] : std::exchange(other_losses_, {})) {
    emit(formatter_.loss(at, what, count));
  }
}

void Recorder::set_prompt(PromptPrivacy prompt) {
  const std::lock_guard lock{mutex_};
  formatter_.set_prompt(prompt);
}

/// Once, until it changes.
void Recorder::say_file_problem() {
  const auto& problem = file_->problem();
  if (problem == file_said_) return;
  log_line(problem.empty() ? "events are written again"
                           : "events are not written: " + problem + "; this is tried again");
  file_said_ = problem;
}

std::string Recorder::look_after_file() {
  if (!file_) return {};
  if (!file_->is_open()) [[maybe_unused]]
    const auto opened = file_->reopen();
  say_file_problem();
  return file_->problem();
}

void Recorder::reopen_file() {
  if (!file_) return;
  write_out();
  if (auto done = file_->reopen(); !done)
    log_line("event file not opened again: " + done.error().message);
}

}  // namespace probewall
