// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

inline Result<void> watch_readable(int epoll_fd, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) return fail(errno, "epoll_ctl");
  return {};
}

/// Keeps a reader's poll_fd readable while records wait that the kernel will not announce again.
class MoreSignal {
 public:
  static Result<MoreSignal> in(int epoll_fd) {
    MoreSignal signal;
    signal.fd_ = UniqueFd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!signal.fd_) return fail(errno, "eventfd");
    if (auto added = watch_readable(epoll_fd, signal.fd_.get()); !added) {
      return tl::unexpected(added.error());
    }
    return signal;
  }
  void raise() {
    const std::uint64_t one = 1;
    raised_ = write(fd_.get(), &one, sizeof one) == sizeof one || raised_;
  }
  void clear() {
    if (!raised_) return;  // the usual case costs no system call
    std::uint64_t count = 0;
    raised_ = read(fd_.get(), &count, sizeof count) != sizeof count && errno != EAGAIN;
  }

 private:
  UniqueFd fd_;
  bool raised_ = false;
};

}  // namespace probewall
