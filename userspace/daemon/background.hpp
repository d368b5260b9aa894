// SPDX-License-Identifier: Apache-2.0
// One helper thread for slow work, so that the guard's loop answers wishes in microseconds.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "daemon/event_loop.hpp"
#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

class Background {
 public:
  /// Run in the loop's thread when the work is done.
  using Done = std::function<void()>;
  /// Run in the helper thread; must only touch what is its own or thread-safe.
  using Work = std::function<Done()>;

  /// At most `max_queued` pieces of work wait.
  static Result<std::unique_ptr<Background>> start(EventLoop& loop, std::size_t max_queued);
  ~Background();  ///< drops what waits, joins the thread
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// False: the queue is full, the work will not be done.
  bool post(Work work);

 private:
  Background(EventLoop& loop, UniqueFd wake, std::size_t max_queued);
  void run();
  void deliver();

  EventLoop& loop_;
  UniqueFd wake_;
  std::size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Work> waiting_;
  std::deque<Done> done_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace probewall
