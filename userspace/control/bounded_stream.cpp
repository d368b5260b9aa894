// SPDX-License-Identifier: Apache-2.0
#include "control/bounded_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace probewall {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

BoundedStream::BoundedStream(int fd) : fd_(fd), deadline_(steady_clock::now() + kRequestTime) {}

bool BoundedStream::wait_for(short events, milliseconds time) const {
  pollfd waiter{fd_, events, 0};
  int ready = 0;
  do {
    ready = poll(&waiter, 1, static_cast<int>(std::max<milliseconds::rep>(time.count(), 0)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && (waiter.revents & events) != 0;
}

bool BoundedStream::is_readable() const {
  return begin_ < end_ || wait_for(POLLIN, milliseconds{0});
}

bool BoundedStream::is_writable() const {
  // A peer that closed has nothing to say any more and everything to hear: look for its end.
  char byte = 0;
  const ssize_t n = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
  return wait_for(POLLOUT, kWriteStall);
}

bool BoundedStream::fill() {
  if (taken_ >= kMaxRequest) return false;
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now());
  if (left.count() <= 0 || !wait_for(POLLIN, left)) return false;
  ssize_t n = 0;
  do {
    n = recv(fd_, buffer_.data(), std::min(buffer_.size(), kMaxRequest - taken_), 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  taken_ += static_cast<std::size_t>(n);
  begin_ = 0;
  end_ = static_cast<std::size_t>(n);
  return true;
}

ssize_t BoundedStream::read(char* out, std::size_t size) {
  if (begin_ == end_ && !fill()) return -1;
  const std::size_t n = std::min(size, end_ - begin_);
  std::memcpy(out, buffer_.data() + begin_, n);
  begin_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t BoundedStream::write(const char* data, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t n = send(fd_, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      if (!wait_for(POLLOUT, kWriteStall)) return -1;
    } else if (n < 0 && errno != EINTR) {
      return -1;
    }
  }
  return static_cast<ssize_t>(sent);
}

void BoundedStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();  // answers do not depend on who asks
  port = 0;
}

void BoundedStream::get_local_ip_and_port(std::string& ip, int& port) const {
  get_remote_ip_and_port(ip, port);
}

}  // namespace probewall
