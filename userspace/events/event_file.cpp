// SPDX-License-Identifier: Apache-2.0
#include "events/event_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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

bool unstorable(int errno_value) {
  return errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EROFS ||
         errno_value == EIO;
}

EventFile::EventFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {
  pending_.reserve(kGather + 8192);
}

Result<EventFile> EventFile::open(const std::string& path) {
  const auto fd = open_path(path);
  if (!fd) return tl::unexpected(fd.error());
  return EventFile{path, *fd};
}

EventFile EventFile::later(const std::string& path, const Error& problem) {
  EventFile file{path, -1};
  file.problem_ = problem.message;
  return file;
}

EventFile::EventFile(EventFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      pending_(std::exchange(other.pending_, {})),
      lost_lines_(other.lost_lines_),
      problem_(std::move(other.problem_)) {}

EventFile& EventFile::operator=(EventFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(pending_, other.pending_);
  std::swap(lost_lines_, other.lost_lines_);
  std::swap(problem_, other.problem_);
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

/// Takes the start of a line that did not fit back out, so that every line is whole. Standard
/// output is not ours to cut.
void EventFile::take_back(std::string_view torn) {
  if (fd_ == STDOUT_FILENO || torn.empty()) return;
  const auto end = ::lseek(fd_, 0, SEEK_END);
  if (end < static_cast<off_t>(torn.size())) return;  // no regular file
  [[maybe_unused]] const int done = ::ftruncate(fd_, end - static_cast<off_t>(torn.size()));
}

bool EventFile::flush() {
  if (pending_.empty()) return true;
  std::string_view left = pending_;
  while (!left.empty() && fd_ >= 0) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      problem_ = "write " + (path_ == "-" ? "to standard output" : "event file " + path_) + ": " +
                 std::strerror(errno);
      const auto written = std::string_view{pending_}.substr(0, pending_.size() - left.size());
      take_back(written.substr(written.rfind('\n') + 1));  // npos + 1: all of it
      break;
    }
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  const bool whole = left.empty();
  if (whole) problem_.clear();
  lost_lines_ += static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
  pending_.clear();
  return whole;
}

Result<void> EventFile::reopen() {
  flush();
  const auto fd = open_path(path_);
  if (!fd) return tl::unexpected(fd.error());
  if (fd_ >= 0 && fd_ != STDOUT_FILENO) ::close(fd_);
  fd_ = *fd;
  problem_.clear();
  return {};
}

}  // namespace probewall
