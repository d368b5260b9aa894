// SPDX-License-Identifier: Apache-2.0
// The guard's end of one worker: fork and exec, the socket pair, and the notes that wait for room.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/event_loop.hpp"
#include "daemon/guard_protocol.hpp"
#include "daemon/worker_boot.hpp"
#include "dataplane/unique_fd.hpp"

namespace probewall {

class WorkerProcess {
 public:
  using OnWish = std::function<void(const guard::Wish&)>;
  /// `status` as waitpid gives it.
  using OnExit = std::function<void(int status)>;

  /// Starts /proc/self/exe as a worker that inherits the descriptors of worker_boot.hpp, standard
  /// input, output and error, and nothing else. Callbacks run in the loop's thread.
  static Result<std::unique_ptr<WorkerProcess>> start(EventLoop& loop, const WorkerBoot& boot,
                                                      const WorkerDescriptors& descriptors,
                                                      OnWish on_wish, OnExit on_exit);
  /// Kills a worker that still runs and waits for its end.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Sends now or, when the socket is full, in order later. At most kMaxWaiting notes wait; what
  /// comes on top is dropped and counted.
  void send(const guard::Note& note) { send(note, {}); }
  /// The same with descriptors for the worker.
  void send(const guard::Note& note, std::vector<UniqueFd> fds);
  std::uint64_t notes_dropped() const { return dropped_; }
  /// Room for a bulk sender: true while few notes wait.
  bool has_room() const { return waiting_.size() < kMaxWaiting / 4; }
  /// Closes the socket, which tells the worker to end, and waits up to `patience` before SIGKILL.
  void stop(std::chrono::milliseconds patience);

 private:
  WorkerProcess(EventLoop& loop, OnWish on_wish, OnExit on_exit);
  Result<void> spawn(const WorkerBoot& boot, const WorkerDescriptors& descriptors);
  void on_socket(std::uint32_t events);
  void read_wishes();
  void flush();
  void close_socket();
  void reap(bool block);

  static constexpr std::size_t kMaxWaiting = 65536;
  static constexpr int kWishesPerTurn = 256;

  EventLoop& loop_;
  OnWish on_wish_;
  OnExit on_exit_;
  UniqueFd socket_;
  UniqueFd pidfd_;
  pid_t pid_ = -1;
  struct Outgoing {
    guard::Note note;
    std::vector<UniqueFd> fds;
  };
  /// False: no room in the socket, or the worker is gone.
  bool send_now(const Outgoing& out);

  std::deque<Outgoing> waiting_;
  std::uint64_t dropped_ = 0;
};

}  // namespace probewall
