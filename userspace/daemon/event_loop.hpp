// SPDX-License-Identifier: Apache-2.0
// One thread's epoll loop: descriptors with callbacks, and a coarse tick.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

class EventLoop {
 public:
  using OnReady = std::function<void(std::uint32_t epoll_events)>;

  static Result<EventLoop> create();

  /// Calls `on_ready` when `fd` has one of `events` (EPOLLIN...). The caller keeps owning `fd` and
  /// removes it before closing it. Callbacks may add and remove descriptors, their own too.
  Result<void> add(int fd, std::uint32_t events, OnReady on_ready);
  void modify(int fd, std::uint32_t events);
  void remove(int fd);

  /// Calls `on_tick` every `period`; missed ticks are one tick.
  Result<void> every(std::chrono::milliseconds period, std::function<void()> on_tick);

  /// Runs until stop() is called from a callback.
  Result<void> run();
  /// One round: waits up to `timeout` and runs what is ready.
  Result<void> run_once(std::chrono::milliseconds timeout);
  void stop() { stopped_ = true; }

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
  // Shared, so that a callback which removes itself stays alive until it returns.
  std::unordered_map<int, std::shared_ptr<OnReady>> callbacks_;
  std::vector<UniqueFd> timers_;
  bool stopped_ = false;
};

}  // namespace probewall
