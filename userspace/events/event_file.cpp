// SPDX-License-Identifier: Apache-2.0
#include "events/event_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace probewall {
namespace {

constexpr std::size_t kGather = 64 * 1024;

Result<int> open_path(const std::string& path) {
  if (path == "-") return STDOUT_FILENO;
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return fail(errno, "open event file " + path);
  return fd;
}

}  // namespace

EventFile::EventFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
  pending_.reserve(kGather + 8192);
}

Result<EventFile> EventFile::open(const std::string& path) {
  const auto fd = open_path(path);
  if (!fd) return tl::unexpected(fd.error());
  return EventFile{path, *fd};
}

EventFile::EventFile(EventFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      pending_(std::move(other.pending_)),
      lost_lines_(other.lost_lines_),
      last_errno_(other.last_errno_) {
  other.pending_.clear();
}

EventFile& EventFile::operator=(EventFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(pending_, other.pending_);
  std::swap(lost_lines_, other.lost_lines_);
  std::swap(last_errno_, other.last_errno_);
  return *this;
}

EventFile::~EventFile() {
  if (fd_ < 0) return;
  flush();
  if (fd_ != STDOUT_FILENO) ::close(fd_);
}

void EventFile::write(std::string_view lines) {
  pending_ += lines;
  if (pending_.size() >= kGather) flush();
}

bool EventFile::flush() {
  std::string_view left = pending_;
  while (!left.empty()) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      last_errno_ = errno;
      lost_lines_ += static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
      break;
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  pending_.clear();
  return left.empty();
}

Result<void> EventFile::reopen() {
  flush();
  const auto fd = open_path(path_);
  if (!fd) return tl::unexpected(fd.error());
  if (fd_ != STDOUT_FILENO) ::close(fd_);
  fd_ = *fd;
  return {};
}

}  // namespace probewall
