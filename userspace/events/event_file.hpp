// SPDX-License-Identifier: Apache-2.0
// Where event lines go: a file that is appended to, or standard output. Lines are gathered and
// written whole, so that readers never see half a line of two writers mixed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "probewall/result.hpp"

namespace probewall {

/// `errno_value` says that the file system takes nothing now, and may later.
bool unstorable(int errno_value);

/// Owns its descriptor (not standard output's). Not thread-safe.
class EventFile {
 public:
  /// `path`: appended to, created 0640; "-": standard output.
  static Result<EventFile> open(const std::string& path);
  /// One that cannot be made for now because of `problem` (unstorable()): lines are lost and counted
  /// until reopen() finds it.
  static EventFile later(const std::string& path, const Error& problem);
  EventFile(EventFile&& other) noexcept;
  EventFile& operator=(EventFile&& other) noexcept;
  ~EventFile();  ///< flushes

  /// Takes one or more whole lines. Written when 64 KiB are gathered, or by flush().
  void write(std::string_view lines);
  /// False when bytes could not be written: they are dropped and counted, never waited for.
  bool flush();
  /// Opens the path again, for log rotation. On failure the old file stays in use.
  Result<void> reopen();
  /// Lines lost because writing failed.
  std::uint64_t lost_lines() const { return lost_lines_; }
  /// Why lines are lost now, naming the file; empty: they are not.
  const std::string& problem() const { return problem_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  EventFile(std::string path, int fd);
  void take_back(std::string_view torn);
  std::string path_;
  int fd_ = -1;
  std::string pending_;
  std::uint64_t lost_lines_ = 0;
  std::string problem_;
};

}  // namespace probewall
