// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_supervisor.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/log.hpp"
#include "dataplane/kernel_clock.hpp"

namespace probewall {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{10'000};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSteadyNs = 60 * kSecond;  ///< ran this long: the pause starts over
constexpr std::uint64_t kHealthyNs = 5 * kSecond;  ///< a heartbeat comes every second
constexpr std::uint64_t kHungNs = 15 * kSecond;

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

WorkerSupervisor::WorkerSupervisor(EventLoop& loop, const WorkerDescriptors& descriptors,
                                   Handlers handlers)
    : loop_(loop), descriptors_(descriptors), handlers_(std::move(handlers)) {}

Result<void> WorkerSupervisor::start() {
  auto worker = WorkerProcess::start(
      loop_, handlers_.boot(), descriptors_, [this](const guard::Wish& wish) { on_wish(wish); },
      [this](int status) { on_exit(status); });
  if (!worker) return tl::unexpected(worker.error());
  worker_ = std::move(*worker);
  ready_ = false;
  started_ns_ = heartbeat_ns_ = monotonic_ns();
  return {};
}

bool WorkerSupervisor::healthy() const {
  return ready() && monotonic_ns() - heartbeat_ns_ < kHealthyNs;
}

void WorkerSupervisor::on_wish(const guard::Wish& wish) {
  switch (static_cast<guard::WishType>(wish.type)) {
    case guard::WishType::kReady:
      if (ready_) return;
      ready_ = ever_ready_ = true;
      heartbeat_ns_ = monotonic_ns();
      return handlers_.on_ready();
    case guard::WishType::kHeartbeat:
      heartbeat_ns_ = monotonic_ns();
      return;
    default:
      if (ready_) handlers_.on_wish(wish);
  }
}

void WorkerSupervisor::on_exit(int status) {
  const auto now = monotonic_ns();
  worker_.reset();
  ready_ = false;
  if (stopping_) return;
  if (!ever_ready_) return handlers_.on_first_failed(status);
  handlers_.on_gone();
  if (now - started_ns_ > kSteadyNs) pause_ = kFirstPause;
  log_line("worker " + describe_status(status) + "; blocks hold, starting another in " +
           std::to_string(pause_.count()) + " ms");
  restart_at_ns_ = now + static_cast<std::uint64_t>(std::chrono::nanoseconds{pause_}.count());
  pause_ = std::min(pause_ * 2, kLongestPause);
  ++restarts_;
}

void WorkerSupervisor::tick() {
  if (stopping_) return;
  const auto now = monotonic_ns();
  if (worker_ && now - heartbeat_ns_ > (ready_ ? kHungNs : 12 * kHungNs)) {
    log_line("worker makes no progress: killed");
    heartbeat_ns_ = now;
    kill(worker_->pid(), SIGKILL);  // its end comes by the pidfd
  }
  if (!worker_ && ever_ready_ && now >= restart_at_ns_) {
    if (auto started = start(); !started) {
      log_line("worker not started: " + started.error().message);
      restart_at_ns_ = now + static_cast<std::uint64_t>(std::chrono::nanoseconds{pause_}.count());
    }
  }
}

void WorkerSupervisor::stop(milliseconds patience) {
  stopping_ = true;
  if (worker_) worker_->stop(patience);
  worker_.reset();
}

}  // namespace probewall
