// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>

namespace probewall {

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll{epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return fail(errno, "create epoll descriptor");
  return EventLoop{std::move(epoll)};
}

Result<void> EventLoop::add(int fd, std::uint32_t events, OnReady on_ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(errno, "watch a descriptor");
  }
  callbacks_[fd] = std::make_shared<OnReady>(std::move(on_ready));
  return {};
}

void EventLoop::modify(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  callbacks_.erase(fd);
}

Result<void> EventLoop::every(std::chrono::milliseconds period, std::function<void()> on_tick) {
  UniqueFd timer{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  if (!timer) return fail(errno, "create timer");
  itimerspec spec{};
  spec.it_interval.tv_sec = period.count() / 1000;
  spec.it_interval.tv_nsec = period.count() % 1000 * 1'000'000;
  spec.it_value = spec.it_interval;
  if (timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) return fail(errno, "start timer");
  const int fd = timer.get();
  auto added = add(fd, EPOLLIN, [fd, on_tick = std::move(on_tick)](std::uint32_t) {
    std::uint64_t expirations = 0;
    if (::read(fd, &expirations, sizeof expirations) > 0) on_tick();
  });
  if (!added) return added;
  timers_.push_back(std::move(timer));
  return {};
}

Result<void> EventLoop::run() {
  while (!stopped_) {
    if (auto round = run_once(std::chrono::milliseconds{-1}); !round) return round;
  }
  return {};
}

Result<void> EventLoop::run_once(std::chrono::milliseconds timeout) {
  std::array<epoll_event, 32> ready;
  const int n =
      epoll_wait(epoll_.get(), ready.data(), ready.size(), static_cast<int>(timeout.count()));
  if (n < 0) {
    if (errno == EINTR) return {};
    return fail(errno, "wait for events");
  }
  for (int i = 0; i < n && !stopped_; ++i) {
    const auto found = callbacks_.find(ready[static_cast<std::size_t>(i)].data.fd);
    if (found == callbacks_.end()) continue;  // removed by an earlier callback of this round
    const auto callback = found->second;
    (*callback)(ready[static_cast<std::size_t>(i)].events);
  }
  return {};
}

}  // namespace probewall
