// SPDX-License-Identifier: Apache-2.0
#include "daemon/background.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/priority.hpp"

namespace probewall {

Result<std::unique_ptr<Background>> Background::start(EventLoop& loop, std::size_t max_queued) {
  UniqueFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake) return fail(errno, "create eventfd");
  std::unique_ptr<Background> made{new Background{loop, std::move(wake), max_queued}};
  auto* self = made.get();
  if (auto added = loop.add(self->wake_.get(), EPOLLIN, [self](std::uint32_t) { self->deliver(); });
      !added) {
    return tl::unexpected(added.error());
  }
  self->thread_ = std::thread{[self] { self->run(); }};
  return made;
}

Background::Background(EventLoop& loop, UniqueFd wake, std::size_t max_queued)
    : loop_(loop), wake_(std::move(wake)), max_queued_(max_queued) {}

Background::~Background() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  arrived_.notify_all();
  if (thread_.joinable()) thread_.join();
  loop_.remove(wake_.get());
}

bool Background::post(Work work) {
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.size() >= max_queued_) return false;
    waiting_.push_back(std::move(work));
  }
  arrived_.notify_one();
  return true;
}

void Background::run() {
  run_in_turn();
  for (;;) {
    Work work;
    {
      std::unique_lock lock{mutex_};
      arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Done done = work();
    {
      const std::lock_guard lock{mutex_};
      done_.push_back(std::move(done));
    }
    const std::uint64_t one = 1;
    // Cannot fail short of 2^64 wake-ups; the loop reads them all at once.
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }
}

void Background::deliver() {
  std::uint64_t count = 0;
  if (::read(wake_.get(), &count, sizeof count) < 0) return;
  std::deque<Done> done;
  {
    const std::lock_guard lock{mutex_};
    done.swap(done_);
  }
  for (auto& d : done) {
    if (d) d();
  }
}

}  // namespace probewall
