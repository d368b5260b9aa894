// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace probewall {

/// A fixed number of threads over a bounded queue. All threads exist once the constructor returns,
/// so that a seccomp filter set afterwards need not allow more.
class WorkerPool {
 public:
  WorkerPool(unsigned threads, std::size_t max_waiting);
  ~WorkerPool();  ///< runs what waits, then joins

  /// Waits while the queue is full: new connections then queue in the kernel's backlog.
  void submit(std::function<void()> job);
  void close();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t max_waiting_;
  bool closed_ = false;
};

}  // namespace probewall
