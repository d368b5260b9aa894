// SPDX-License-Identifier: Apache-2.0
// Keeps a worker alive: starts it, notices when it dies or hangs, starts it again with a growing
// pause. Blocks are in the kernel and hold meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/event_loop.hpp"
#include "daemon/worker_process.hpp"

namespace probewall {

class WorkerSupervisor {
 public:
  struct Handlers {
    std::function<WorkerBoot()> boot;  ///< as things stand when a worker starts
    std::function<void()> on_ready;
    std::function<void()> on_gone;  ///< a worker that was ready ended
    WorkerProcess::OnWish on_wish;  ///< all but kReady and kHeartbeat
    /// The first worker ended before it was ready: the daemon cannot start. `status`: its exit
    /// status.
    std::function<void(int status)> on_first_failed;
  };

  WorkerSupervisor(EventLoop& loop, const WorkerDescriptors& descriptors, Handlers handlers);

  Result<void> start();
  /// Call it about every 100 ms.
  void tick();
  void stop(std::chrono::milliseconds patience);

  bool ready() const { return worker_ && ready_; }
  bool ever_ready() const { return ever_ready_; }
  /// Ready, and its loop made progress lately.
  bool healthy() const;
  pid_t pid() const { return worker_ ? worker_->pid() : -1; }
  std::uint32_t restarts() const { return restarts_; }
  WorkerProcess* process() { return worker_.get(); }
  void send(const guard::Note& note) {
    if (ready()) worker_->send(note);
  }
  void send(const guard::Note& note, std::vector<UniqueFd> fds) {
    if (ready()) worker_->send(note, std::move(fds));
  }

 private:
  void on_wish(const guard::Wish& wish);
  void on_exit(int status);

  EventLoop& loop_;
  const WorkerDescriptors& descriptors_;
  Handlers handlers_;
  std::unique_ptr<WorkerProcess> worker_;
  bool ready_ = false, ever_ready_ = false, stopping_ = false;
  std::uint32_t restarts_ = 0;
  std::uint64_t started_ns_ = 0, heartbeat_ns_ = 0, restart_at_ns_ = 0;
  std::chrono::milliseconds pause_{200};
};

}  // namespace probewall
